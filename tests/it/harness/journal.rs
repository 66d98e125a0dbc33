//! Everything a gateway logs, kept to be asked about.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::harness::outcome::assert_nothing_personal;

/// Long enough for any line to be written; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) target: String,
    pub(crate) fields: BTreeMap<String, String>,
    /// Of the spans that it was logged within; of one name that of the innermost.
    pub(crate) spans: BTreeMap<String, String>,
}

impl Line {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

#[derive(Clone)]
pub(crate) struct Journal {
    lines: Arc<Mutex<Vec<Line>>>,
    len: watch::Sender<usize>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { lines: Arc::default(), len: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Where a gateway should log.
    pub(super) fn dispatch(&self) -> Dispatch {
        let wanted = Targets::new().with_target("audit", LevelFilter::TRACE).with_target("comity", LevelFilter::TRACE);
        Dispatch::new(Registry::default().with(self.clone().with_filter(wanted)))
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    /// The lines that say this.
    pub(crate) fn lines_with(&self, message: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.field("message").contains(message)).collect()
    }

    /// The audit lines so far.
    pub(crate) fn audited(&self) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.target == "audit").collect()
    }

    /// The audit lines after the first `from`, when there is at least one. A refused peer may know before it is written.
    pub(crate) async fn audited_after(&self, from: usize) -> Vec<Line> {
        let mut len = self.len.subscribe();
        let written = len.wait_for(|_| self.audited().len() > from);
        tokio::time::timeout(PATIENCE, written).await.expect("an audit line was not written").unwrap();
        self.audited().split_off(from)
    }

    /// No line of any target names a person.
    pub(crate) fn assert_nothing_personal(&self) {
        for line in self.lines() {
            assert_nothing_personal(&format!("{line:?}"));
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        values.record(context.span(id).unwrap().extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut spans = BTreeMap::new();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            spans.extend(span.extensions().get::<Fields>().unwrap().0.clone());
        }
        let line = Line { target: event.metadata().target().to_owned(), fields: fields.0, spans };
        self.lines.lock().unwrap().push(line);
        self.len.send_modify(|len| *len += 1);
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
