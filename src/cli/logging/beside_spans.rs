//! The form of a line: the library can put the fields of spans into an object of their own, but not beside those of the
//! event, where whoever looks for all lines of one call would ask for them.

use std::fmt;

use serde_json::{Deserializer, Map, Value};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

type Fields = Map<String, Value>;

/// Lines in which the fields of spans stand beside those of the event. Of one name the event's own field is kept, else that of the
/// innermost span.
pub(super) struct BesideSpans(pub(super) Format<Json>);

impl<S, N> FormatEvent<S, N> for BesideSpans
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(spans) = context.event_scope() else { return self.0.format_event(context, writer, event) };
        let mut own = String::new();
        self.0.format_event(context, Writer::new(&mut own), event)?;
        let mut line: Fields = serde_json::from_str(&own).map_err(|_| fmt::Error)?;
        for span in spans {
            let extensions = span.extensions();
            let Some(recorded) = extensions.get::<FormattedFields<N>>() else { continue };
            for fields in Deserializer::from_str(recorded).into_iter::<Fields>() {
                for (name, value) in fields.map_err(|_| fmt::Error)? {
                    line.entry(name).or_insert(value);
                }
            }
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of a span, as one JSON object for each time that some were recorded. The library's own form would read all of
/// them back and write them anew whenever one is added, as every write adds its request id.
pub(super) struct AsRecorded(pub(super) JsonFields);

impl<'a> FormatFields<'a> for AsRecorded {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }
}
