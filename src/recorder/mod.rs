//! The one writer per shard: receives what was admitted, drains what is there, makes one batch durable, then answers.
//!
//! Open [`handle`] to see how a write comes in, [`batch`] for the loop, [`plan`] for what a batch is made of.

mod activate;
mod answer;
mod batch;
mod confirm;
pub mod handle;
mod head;
mod jobs;
pub mod plan;
pub mod seams;
mod tries;

pub use activate::Activated;
pub use batch::{Heads, Parts, Recorder, RecorderConfig, RecorderError, Running, origin};
pub use handle::{Handle, Recorded, SubmitError};
pub use seams::{Clock, Entropy};
pub use tries::{Attempt, Delivering};
