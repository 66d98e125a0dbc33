//! What spans and headers are called.

/// The target of the spans within a call. The log does not show them, since they say nothing that its lines do not.
pub const STEP: &str = "comity::step";
/// The header that says which trace a call belongs to (W3C Trace Context 3.2).
pub const TRACEPARENT: &str = "traceparent";
