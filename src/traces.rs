//! Traces: the spans of a call, sent to an OpenTelemetry collector over OTLP (gRPC), where one is named. One tree a call:
//!
//! * `call`, which begins where its caller says it does (W3C Trace Context) and ends with its status;
//! * `admit`: limits, authentication and the question who may call what;
//! * `queue`: what a write waits until the writer takes it;
//! * `gate`: the question to the law;
//! * `commit`: signing the heads, and the transaction, until it is on the disk;
//! * `deliver`: what is handed out, as the answer to a write or a page of an inbox.
//!
//! A span says which method, agency, request and case it is of, and how it ended: nothing else leaves ([`described`]).
//! Spans that a collector does not take in time are dropped. No call ever waits for one.
//!
//! Without the feature `otlp` nothing here does anything.

#[cfg(feature = "otlp")]
mod collector;
#[cfg(feature = "otlp")]
mod described;
mod destination;
#[cfg(not(feature = "otlp"))]
mod left_out;
#[cfg(feature = "otlp")]
mod linked;
mod names;

#[cfg(feature = "otlp")]
pub use collector::{Sending, layer};
pub use destination::{Destination, TracesError};
#[cfg(not(feature = "otlp"))]
pub use left_out::{Sending, continue_from, ended, inject, layer};
#[cfg(feature = "otlp")]
pub use linked::{continue_from, ended, inject};
pub use names::{STEP, TRACEPARENT};
