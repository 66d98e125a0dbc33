//! The span of a call: whatever is logged about the call, by the network threads or by the writer, carries its fields. One
//! of them is the trace that the caller says it belongs to (W3C Trace Context).

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use http::{HeaderMap, Request};
use tracing::{Span, field};

use crate::audit::call;
use crate::identity::certificate::PeerIdentity;
use crate::random;
use crate::server::protocol::only;
use crate::traces::{self, TRACEPARENT};

/// Opens the span of a call. `method` is a word of ours, whatever path the caller asked for. The request id is added once it is
/// parsed.
///
/// Its level is ERROR: a span that is filtered out would be missing from the lines that are not.
pub(super) fn call_span<B>(method: &'static str, request: &Request<B>) -> Span {
    let given = Traceparent::of(request.headers());
    let trace = given.map(|given| given.trace).or_else(TraceId::drawn);
    if let Some(trace) = trace {
        call::note(|notes| notes.trace = Some(trace.to_string()));
    }
    // Fields are evaluated only if the span is enabled.
    let span = tracing::error_span!(
        "call",
        method,
        agency = request.extensions().get::<PeerIdentity>().map(|peer| field::display(&peer.agency)),
        request = field::Empty,
        trace = trace.map(field::display),
    );
    if let Some(TraceId(trace)) = trace {
        traces::continue_from(&span, trace.get(), given.map(|given| given.parent.get()));
    }
    span
}

/// The trace that a caller says its call belongs to, and its own span within it.
#[derive(Debug, Clone, Copy)]
struct Traceparent {
    trace: TraceId,
    parent: NonZeroU64,
}

impl Traceparent {
    /// What a caller names, if it names one that is well formed.
    fn of(headers: &HeaderMap) -> Option<Self> {
        only(headers, TRACEPARENT).and_then(Self::parse)
    }

    /// Reads a `traceparent` of version 00 (W3C Trace Context 3.2.2): `00-<trace id>-<parent id>-<flags>`. Anything else is
    /// no trace, so that nothing but 24 bytes in hexadecimal gets from a header any further.
    fn parse(traceparent: &str) -> Option<Self> {
        let (trace, rest) = traceparent.strip_prefix("00-")?.split_once('-')?;
        let (parent, flags) = rest.split_once('-')?;
        let parent = NonZeroU64::new(u64::try_from(lower_hex(parent, 16)?).ok()?)?;
        lower_hex(flags, 2)?;
        Some(Self { trace: TraceId(NonZeroU128::new(lower_hex(trace, 32)?)?), parent })
    }
}

/// The trace that a call belongs to. All zeroes are none (W3C Trace Context 3.2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TraceId(NonZeroU128);

impl TraceId {
    /// Drawn from the system's randomness and never from the seam of the recorder, whose draws are in the entries.
    fn drawn() -> Option<Self> {
        let mut bytes = [0; 16];
        random::fill(&mut bytes).ok()?;
        NonZeroU128::new(u128::from_be_bytes(bytes)).map(Self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The number that so many lower-case hexadecimal digits spell.
fn lower_hex(digits: &str, len: usize) -> Option<u128> {
    let all = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if all && digits.len() == len { u128::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        let given = Traceparent::of(&headers).map(|given| given.trace);
        given.or_else(TraceId::drawn).unwrap().to_string()
    }

    #[test]
    fn a_trace_is_taken_as_it_was_given() {
        for (given, trace) in [
            (GIVEN, TRACE),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", TRACE),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", TRACE),
            ("00-00000000000000000000000000000001-0000000000000001-00", "00000000000000000000000000000001"),
            ("00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01", "ffffffffffffffffffffffffffffffff"),
        ] {
            assert_eq!(of(&[given]), trace, "{given}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_no_trace_and_another_is_drawn() {
        for given in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-001",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            // Of another version, and of one that never will be.
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            // In capitals, in part or altogether.
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473A-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            // Nothing but zeroes.
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            // Too short, too long, and with what a number may begin with.
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "00-Zebulon Quackenbush-00f067aa0ba902b7-01",
        ] {
            let drawn = of(&[given]);
            assert_ne!(drawn, TRACE, "{given:?}");
            assert_eq!(lower_hex(&drawn, 32).map(|trace| trace == 0), Some(false), "{given:?}: {drawn}");
        }
    }

    #[test]
    fn of_two_neither_is_taken_and_no_trace_is_drawn_twice() {
        assert_ne!(of(&[GIVEN, GIVEN]), TRACE);
        assert_ne!(of(&[]), of(&[]));
    }
}
