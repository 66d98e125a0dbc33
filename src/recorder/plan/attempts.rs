//! Deliveries accounted for before they are made: what is disclosed, and which entry a consumer is sent once more.

use jiff::Timestamp;

use crate::domain::ids::LogName;
use crate::domain::inbox::{EntryPosition, InboxConsumer, Refusal, SendDecision};
use crate::recorder::plan::Plan;
use crate::store::NewDisclosure;

/// Contents about to leave.
#[derive(Debug)]
pub struct Delivering {
    /// What leaves, and to whom.
    pub disclosure: NewDisclosure,
    /// The entry that is sent once more, where this is a consumer's next one.
    pub attempt: Option<Attempt>,
}

/// The next entry of a consumer.
#[derive(Debug)]
pub struct Attempt {
    /// Which consumer.
    pub whose: InboxConsumer,
    /// The entry.
    pub place: EntryPosition,
}

impl Attempt {
    /// Says once that an entry was parked: somebody must look at the consumer.
    pub(in crate::recorder) fn warn(&self) {
        let InboxConsumer { agency, jurisdiction, consumer } = &self.whose;
        let log = LogName { jurisdiction: jurisdiction.clone(), kind: self.place.log };
        let entry = log.entry(self.place.index);
        tracing::warn!(entry, %agency, %consumer, "an entry is parked: sent too often");
    }
}

impl Plan<'_> {
    /// Takes note of a try.
    pub(in crate::recorder) fn attempt(&mut self, attempt: &Attempt, now: Timestamp) -> Result<SendDecision, Refusal> {
        let Attempt { whose, place } = attempt;
        let inbox = self.loaded.inboxes.entry((whose.agency.clone(), whose.jurisdiction.clone())).or_default();
        let tried = inbox.consumer_mut(&whose.consumer, self.limits)?.try_entry(*place, self.limits, now);
        self.consumers.insert(whose.clone());
        Ok(tried)
    }
}
