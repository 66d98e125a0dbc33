//! The inbox rules: how far an agency's consumers have confirmed, which entries are parked, and what a confirmation
//! covers.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::ids::{AgencyId, ConsumerId, JurisdictionId, LogKind};
use crate::domain::vocabulary::vocabulary;

/// How many entries a consumer's streams may pass over at a time. A consumer that cannot take more than that is itself
/// at fault, and passing over more would hide this.
const PARKED_MAX: usize = 64;

/// Limits of an agency's inbox in one jurisdiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Consumers.
    pub consumers_max: usize,
    /// Sends after which an entry is parked. 0: never.
    pub park_after_tries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { consumers_max: 16, park_after_tries: 5 }
    }
}

/// One consumer of one agency, in one jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxConsumer {
    /// The agency.
    pub agency: AgencyId,
    /// The jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// The consumer.
    pub consumer: ConsumerId,
}

/// The position of an entry in a jurisdiction: the log and the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPosition {
    /// The log.
    pub log: LogKind,
    /// The index.
    pub index: u64,
}

vocabulary! {
    /// The state of an entry that was sent and not yet confirmed in order.
    pub enum DeliveryState {
        /// Sent; sent again until it is confirmed.
        Tried = "tried",
        /// Sent too often. It is passed over until it is confirmed alone.
        Parked = "parked",
        /// Confirmed alone, while earlier entries are not. It is passed over and not sent again.
        Received = "received",
    }
}

/// The attempts to deliver one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// How often it was sent.
    pub tries: u32,
    /// When it was first sent.
    pub since: Timestamp,
    /// Its state.
    pub state: DeliveryState,
}

/// What to do with an entry that is about to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendDecision {
    /// Send it.
    Send,
    /// It was sent too often: it is parked now and passed over from now on.
    ParkedNow,
    /// Pass it over.
    PassOver,
}

/// A range of received entries in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The log.
    pub log: LogKind,
    /// The first index.
    pub from: u64,
    /// The index after the last.
    pub to: u64,
}

/// Why a confirmation changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The cursor is behind what the consumer has confirmed.
    #[error("the consumer has confirmed more than this cursor covers")]
    StaleCursor,
    /// The agency has reached its limit of consumers.
    #[error("the agency has as many consumers as it may have")]
    TooManyConsumers,
    /// Not parked for this consumer.
    #[error("the entry is not parked for this consumer")]
    NotParked,
}

/// A consumer: one system of an agency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consumer {
    /// Exchange log entries before this index were received, are parked, or are for others.
    pub exchange: u64,
    /// The same for the custody log.
    pub custody: u64,
    /// Entries that were sent and not yet confirmed in order.
    pub attempts: BTreeMap<EntryPosition, Attempt>,
}

impl Consumer {
    /// How far it has confirmed a log.
    pub fn position(&self, log: LogKind) -> u64 {
        match log {
            LogKind::Exchange => self.exchange,
            LogKind::Custody => self.custody,
        }
    }

    /// Entries that its streams pass over.
    pub fn passed_over(&self) -> impl Iterator<Item = EntryPosition> {
        let left_out = self.attempts.iter().filter(|(_, attempt)| match attempt.state {
            DeliveryState::Parked | DeliveryState::Received => true,
            DeliveryState::Tried => false,
        });
        left_out.map(|(position, _)| *position)
    }

    /// Entries that are parked.
    pub fn parked(&self) -> impl Iterator<Item = (EntryPosition, Attempt)> {
        self.attempts
            .iter()
            .filter(|(_, attempt)| attempt.state == DeliveryState::Parked)
            .map(|(position, attempt)| (*position, *attempt))
    }

    /// Decides whether to send an entry, and counts the attempt.
    pub fn try_entry(&mut self, position: EntryPosition, limits: Limits, now: Timestamp) -> SendDecision {
        let room = self.passed_over().count() < PARKED_MAX;
        let first = Attempt { tries: 0, since: now, state: DeliveryState::Tried };
        let attempt = self.attempts.entry(position).or_insert(first);
        match attempt.state {
            DeliveryState::Parked | DeliveryState::Received => SendDecision::PassOver,
            DeliveryState::Tried if room && limits.park_after_tries > 0 && attempt.tries >= limits.park_after_tries => {
                attempt.state = DeliveryState::Parked;
                SendDecision::ParkedNow
            }
            DeliveryState::Tried => {
                attempt.tries = attempt.tries.saturating_add(1);
                SendDecision::Send
            }
        }
    }

    /// Confirms everything before two positions except parked entries, and returns what was received.
    fn confirm(&mut self, exchange: u64, custody: u64) -> Result<Vec<Span>, Refusal> {
        if exchange < self.exchange || custody < self.custody {
            return Err(Refusal::StaleCursor);
        }
        let mut received = Vec::new();
        for (log, to) in [(LogKind::Exchange, exchange), (LogKind::Custody, custody)] {
            let mut from = self.position(log);
            let parked = self.parked().map(|(position, _)| position).filter(|position| position.log == log);
            for gap in
                parked.map(|position| position.index).filter(|index| (from..to).contains(index)).collect::<Vec<_>>()
            {
                received.push(Span { log, from, to: gap });
                from = gap.saturating_add(1);
            }
            received.push(Span { log, from, to });
        }
        received.retain(|span| span.from < span.to);
        (self.exchange, self.custody) = (exchange, custody);
        let owed = |position: &EntryPosition| match position.log {
            LogKind::Exchange => position.index >= exchange,
            LogKind::Custody => position.index >= custody,
        };
        self.attempts.retain(|position, attempt| owed(position) || attempt.state == DeliveryState::Parked);
        Ok(received)
    }

    /// Confirms one parked entry.
    fn confirm_parked(&mut self, position: EntryPosition) -> Result<Span, Refusal> {
        let confirmed = self.position(position.log);
        let attempt = self.attempts.get_mut(&position).filter(|attempt| attempt.state == DeliveryState::Parked);
        attempt.ok_or(Refusal::NotParked)?.state = DeliveryState::Received;
        if position.index < confirmed {
            self.attempts.remove(&position);
        }
        Ok(Span { log: position.log, from: position.index, to: position.index.saturating_add(1) })
    }
}

/// What a confirmation covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Entries received with it.
    pub received: Vec<Span>,
    /// It proves delivery of an exchange log entry that no consumer of the agency had received before.
    pub is_news: bool,
    /// Exchange log entries that are still parked, in order.
    pub parked: Vec<u64>,
}

/// The consumers of one agency in one jurisdiction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inbox(pub BTreeMap<ConsumerId, Consumer>);

impl Inbox {
    /// A consumer. One that never called starts at the beginning.
    pub fn consumer(&self, name: &ConsumerId) -> Consumer {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// A consumer to change. The first call makes it.
    pub fn consumer_mut(&mut self, name: &ConsumerId, limits: Limits) -> Result<&mut Consumer, Refusal> {
        if !self.0.contains_key(name) && self.0.len() >= limits.consumers_max {
            return Err(Refusal::TooManyConsumers);
        }
        Ok(self.0.entry(name.clone()).or_default())
    }

    /// Confirms everything before two positions. `seen` is just after the last exchange log entry that was for the
    /// agency: the entries from there to the position prove no delivery.
    pub fn confirm(
        &mut self,
        name: &ConsumerId,
        (exchange, seen, custody): (u64, u64, u64),
        limits: Limits,
    ) -> Result<Confirmed, Refusal> {
        let furthest = self.0.values().map(|consumer| consumer.exchange).max().unwrap_or_default();
        let elsewhere: Vec<EntryPosition> = self.parked_for_others(name).collect();
        let consumer = self.consumer_mut(name, limits)?;
        let received = consumer.confirm(exchange, custody)?;
        let covers = |position: &EntryPosition| {
            received.iter().any(|span| span.log == position.log && (span.from..span.to).contains(&position.index))
        };
        let of_exchange = |position: &&EntryPosition| position.log == LogKind::Exchange;
        let is_news = seen > furthest || elsewhere.iter().filter(of_exchange).any(covers);
        let parked = consumer.parked().map(|(position, _)| position).filter(|position| of_exchange(&position));
        let parked = parked.map(|position| position.index).filter(|index| *index < seen).collect();
        Ok(Confirmed { received, is_news, parked })
    }

    /// Confirms one parked entry.
    pub fn confirm_parked(&mut self, name: &ConsumerId, position: EntryPosition) -> Result<Confirmed, Refusal> {
        let elsewhere = self.0.iter().filter(|(other, _)| *other != name);
        let was_received = elsewhere.map(|(_, other)| other).any(|other| {
            position.index < other.position(position.log) && other.parked().all(|(parked, _)| parked != position)
        });
        let consumer = self.0.get_mut(name).ok_or(Refusal::NotParked)?;
        let received = vec![consumer.confirm_parked(position)?];
        Ok(Confirmed { received, is_news: position.log == LogKind::Exchange && !was_received, parked: Vec::new() })
    }

    fn parked_for_others(&self, name: &ConsumerId) -> impl Iterator<Item = EntryPosition> {
        let others = self.0.iter().filter(move |(other, _)| *other != name);
        others.flat_map(|(_, other)| other.parked()).map(|(position, _)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { consumers_max: 2, park_after_tries: 2 };

    fn name(text: &str) -> ConsumerId {
        text.parse().unwrap()
    }

    fn at(index: u64) -> EntryPosition {
        EntryPosition { log: LogKind::Exchange, index }
    }

    fn tries(inbox: &mut Inbox, consumer: &str, index: u64) -> SendDecision {
        let consumer = inbox.consumer_mut(&name(consumer), LIMITS).unwrap();
        consumer.try_entry(at(index), LIMITS, Timestamp::UNIX_EPOCH)
    }

    fn span(from: u64, to: u64) -> Span {
        Span { log: LogKind::Exchange, from, to }
    }

    /// Parked for `first`, which then confirms past it.
    fn with_a_gap() -> Inbox {
        let mut inbox = Inbox::default();
        assert_eq!(
            [0; 4].map(|_| tries(&mut inbox, "first", 3)),
            [SendDecision::Send, SendDecision::Send, SendDecision::ParkedNow, SendDecision::PassOver]
        );
        let confirmed = inbox.confirm(&name("first"), (9, 8, 0), LIMITS).unwrap();
        assert_eq!(confirmed, Confirmed { received: vec![span(0, 3), span(4, 9)], is_news: true, parked: vec![3] });
        inbox
    }

    #[test]
    fn a_confirmation_behind_what_was_confirmed_is_refused() {
        let mut inbox = Inbox::default();
        let mut check = |consumer: &str, positions, expected: Result<usize, Refusal>| {
            let confirmed = inbox.confirm(&name(consumer), positions, LIMITS);
            assert_eq!(confirmed.map(|confirmed| confirmed.received.len()), expected, "{consumer} {positions:?}");
        };
        check("first", (5, 4, 6), Ok(2));
        check("first", (5, 4, 6), Ok(0));
        check("first", (4, 4, 7), Err(Refusal::StaleCursor));
        check("first", (6, 6, 5), Err(Refusal::StaleCursor));
        check("second", (1, 1, 0), Ok(1));
        check("third", (9, 9, 9), Err(Refusal::TooManyConsumers));
        check("first", (6, 6, 6), Ok(1));
    }

    #[test]
    fn what_is_parked_is_received_by_itself_or_by_another_consumer() {
        let mut inbox = with_a_gap();
        let second = inbox.confirm(&name("second"), (3, 3, 0), LIMITS).unwrap();
        assert!(!second.is_news, "the first had all of it");
        let second = inbox.confirm(&name("second"), (4, 4, 0), LIMITS).unwrap();
        assert!(second.is_news, "the first did not have it");
        let late = inbox.confirm_parked(&name("first"), at(3)).unwrap();
        assert_eq!(late, Confirmed { received: vec![span(3, 4)], is_news: false, parked: Vec::new() });
        assert_eq!(inbox.confirm_parked(&name("first"), at(3)), Err(Refusal::NotParked));
        assert_eq!(inbox.confirm_parked(&name("nobody"), at(3)), Err(Refusal::NotParked));
    }

    #[test]
    fn what_was_received_by_itself_is_not_sent_again_before_its_turn() {
        let mut inbox = Inbox::default();
        for _ in 0..3 {
            tries(&mut inbox, "first", 3);
        }
        assert!(inbox.confirm_parked(&name("first"), at(3)).unwrap().is_news);
        assert_eq!(tries(&mut inbox, "first", 3), SendDecision::PassOver);
        assert_eq!(inbox.consumer(&name("first")).parked().count(), 0);
        inbox.confirm(&name("first"), (4, 4, 0), LIMITS).unwrap();
        assert_eq!(inbox.consumer(&name("first")).attempts, BTreeMap::new(), "forgotten when its turn has come");
    }

    #[test]
    fn tries_are_forgotten_when_the_entry_is_confirmed() {
        let mut inbox = Inbox::default();
        assert_eq!(tries(&mut inbox, "first", 3), SendDecision::Send);
        assert_eq!(tries(&mut inbox, "first", 7), SendDecision::Send);
        inbox.confirm(&name("first"), (4, 4, 0), LIMITS).unwrap();
        let attempts = inbox.consumer(&name("first")).attempts;
        assert_eq!(attempts.into_keys().collect::<Vec<_>>(), [at(7)]);
    }

    #[test]
    fn a_consumer_that_takes_nothing_is_not_relieved_of_everything() {
        let mut consumer = Consumer::default();
        for index in 0..200 {
            for _ in 0..4 {
                consumer.try_entry(at(index), LIMITS, Timestamp::UNIX_EPOCH);
            }
        }
        assert_eq!(consumer.parked().count(), PARKED_MAX);
        let never = Limits { park_after_tries: 0, ..LIMITS };
        let mut patient = Consumer::default();
        assert!((0..50).all(|_| patient.try_entry(at(1), never, Timestamp::UNIX_EPOCH) == SendDecision::Send));
    }
}
