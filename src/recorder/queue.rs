//! How a write reaches the writer: a bounded queue behind a handle, and an answer that waits for durability.

pub(in crate::recorder) mod batch;
pub(in crate::recorder) mod error;
pub(in crate::recorder) mod handle;
pub(in crate::recorder) mod job;
pub(in crate::recorder) mod recorded;
