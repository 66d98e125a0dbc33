//! What a call submits to the writer.

use tokio::sync::oneshot;
use tracing::Span;

use crate::domain::command::Command;
use crate::domain::inbox::SendDecision;
use crate::domain::permit::Admitted;
use crate::recorder::plan::attempts::Delivering;
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::recorded::Recorded;
use crate::traces::STEP;

/// A write to record.
pub(in crate::recorder) type Writing = Submission<Admitted<Command>, Recorded>;
/// A disclosure to account for before it is made.
pub(in crate::recorder) type Disclosing = Submission<Delivering, SendDecision>;

type Outcome<A> = Result<A, SubmitError>;

/// Work for the writer, and the call that waits for it.
pub(in crate::recorder) struct Submission<W, A> {
    pub(in crate::recorder) work: Box<W>,
    pub(in crate::recorder) reply: oneshot::Sender<Outcome<A>>,
    /// The span of the call. What is logged about this submission alone is logged within it, on whichever thread.
    pub(in crate::recorder) span: Span,
    /// The step of waiting for the writer. Ends when it is dropped.
    queued: Span,
}

impl<W, A> Submission<W, A> {
    /// A submission of the call whose span is entered, and where its outcome will be.
    pub(in crate::recorder) fn new(work: W) -> (Self, oneshot::Receiver<Outcome<A>>) {
        let (reply, outcome) = oneshot::channel();
        let queued = tracing::trace_span!(target: STEP, "queue");
        (Self { work: Box::new(work), reply, span: Span::current(), queued }, outcome)
    }

    /// The writer has taken it from the queue.
    pub(in crate::recorder) fn taken(mut self) -> Self {
        self.queued = Span::none();
        self
    }
}
