//! Deliveries that are about to be made: the disclosure to account for, and the attempt to count.

use jiff::Timestamp;

use crate::domain::ids::LogName;
use crate::domain::inbox::{EntryPosition, InboxConsumer, Refusal, SendDecision};
use crate::recorder::plan::Plan;
use crate::store::NewDisclosure;

/// A delivery that is about to be made.
#[derive(Debug)]
pub struct Delivering {
    /// What is disclosed, and to whom.
    pub disclosure: NewDisclosure,
    /// The attempt, if the delivery begins with the next entry that a consumer has to confirm.
    pub attempt: Option<Attempt>,
}

/// An attempt to deliver the next entry that a consumer has to confirm.
#[derive(Debug)]
pub struct Attempt {
    /// The consumer.
    pub whose: InboxConsumer,
    /// The entry.
    pub position: EntryPosition,
}

impl Attempt {
    /// Warns that the entry was parked, so that somebody looks at the consumer.
    pub(in crate::recorder) fn warn(&self) {
        let InboxConsumer { agency, jurisdiction, consumer } = &self.whose;
        let log = LogName { jurisdiction: jurisdiction.clone(), kind: self.position.log };
        let entry = log.entry(self.position.index);
        tracing::warn!(entry, %agency, %consumer, "an entry is parked: sent too often");
    }
}

impl Plan<'_> {
    /// Counts an attempt, and decides whether the entry is sent.
    pub(in crate::recorder) fn attempt(&mut self, attempt: &Attempt, now: Timestamp) -> Result<SendDecision, Refusal> {
        let Attempt { whose, position } = attempt;
        let inbox = self.loaded.inboxes.entry((whose.agency.clone(), whose.jurisdiction.clone())).or_default();
        let tried = inbox.consumer_mut(&whose.consumer, self.limits)?.try_entry(*position, self.limits, now);
        self.consumers.insert(whose.clone());
        Ok(tried)
    }
}
