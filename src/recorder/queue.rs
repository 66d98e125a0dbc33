//! The bounded queue before a writer, and its handle. A write is answered only when it is durable.

pub(in crate::recorder) mod batch;
pub(in crate::recorder) mod error;
pub(in crate::recorder) mod handle;
pub(in crate::recorder) mod job;
pub(in crate::recorder) mod recorded;
pub(in crate::recorder) mod submission;
