//! Why something cannot be taken to NIEM or back.

use crate::niem::names::MESSAGES;

/// Why something cannot be taken to NIEM or back. No variant says what a value was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NiemError {
    /// The method has no NIEM names.
    #[error("there are no NIEM names for this method; there are for {}", methods())]
    Method,
    /// A field of the request is not the caller's to say, or stands without the one that gives it its name.
    #[error("{0} has no NIEM name here: leave out what the gateway fills in")]
    Unnamed(String),
    /// A property of the document is none of the message.
    #[error("{0} is no property of this message")]
    Unknown(String),
    /// A value is not what its property takes.
    #[error("{path} must be {expected}")]
    Value {
        /// Where it stands.
        path: String,
        /// What is expected.
        expected: &'static str,
    },
    /// The document is not one message under the context of docs/niem.md.
    #[error("the document must have @context, as docs/niem.md gives it, and one message beside it")]
    Document,
}

fn methods() -> String {
    MESSAGES.iter().map(|message| message.method).collect::<Vec<_>>().join(", ")
}
