//! A position in an inbox, as an opaque and authenticated text.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::ids::LogKind;
use crate::domain::inbox::{Consumer, InboxConsumer};

/// How far a consumer has read: entries before these positions were delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The position in the exchange log.
    pub exchange: u64,
    /// The position after the last entry of the exchange log that was for the agency.
    pub exchange_seen: u64,
    /// The position in the custody log; 0 for those who may not read it.
    pub custody: u64,
}

impl Cursor {
    /// The confirmed position of a consumer.
    pub fn confirmed(consumer: &Consumer) -> Self {
        Self { exchange: consumer.exchange, exchange_seen: consumer.exchange, custody: consumer.custody }
    }

    /// Whether this is the position that the consumer has confirmed.
    pub fn is_confirmed(&self, consumer: &Consumer) -> bool {
        (self.exchange, self.custody) == (consumer.exchange, consumer.custody)
    }

    pub(super) fn of(&self, kind: LogKind) -> u64 {
        match kind {
            LogKind::Exchange => self.exchange,
            LogKind::Custody => self.custody,
        }
    }

    pub(super) fn set(&mut self, kind: LogKind, position: u64) {
        match kind {
            LogKind::Exchange => self.exchange = position,
            LogKind::Custody => self.custody = position,
        }
    }
}

/// Seals cursors. Each is valid for one consumer of one agency in one jurisdiction.
#[derive(Clone)]
pub struct CursorKey(hmac::Key);

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(withheld)")
    }
}

const TAG_LEN: usize = 16;
const BODY_LEN: usize = 24;

impl CursorKey {
    /// Makes a key from 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Seals a cursor to be given out.
    pub fn seal(&self, whose: &InboxConsumer, cursor: Cursor) -> String {
        let numbers = [cursor.exchange, cursor.exchange_seen, cursor.custody];
        let mut bytes = numbers.map(u64::to_be_bytes).concat();
        let tag = hmac::sign(&self.0, &context(whose, &bytes));
        bytes.extend(tag.as_ref().iter().take(TAG_LEN));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens a cursor. `None` if it was not given to this consumer.
    pub fn open(&self, whose: &InboxConsumer, text: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY_LEN)?;
        let expected = hmac::sign(&self.0, &context(whose, body));
        let expected = expected.as_ref().get(..TAG_LEN)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(expected, tag).ok()?;
        let mut numbers = body.chunks_exact(8).map(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
        let mut next = || numbers.next().flatten();
        Some(Cursor { exchange: next()?, exchange_seen: next()?, custody: next()? })
    }
}

fn context(whose: &InboxConsumer, body: &[u8]) -> Vec<u8> {
    let InboxConsumer { agency, jurisdiction, consumer } = whose;
    let parts = [agency.as_str(), jurisdiction.as_str(), consumer.as_str()].map(str::as_bytes);
    [b"inbox cursor", parts.join(&0).as_slice(), body].join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_consumer_agency_and_jurisdiction_alone() {
        let key = CursorKey::new(&[3; 32]);
        let whose = |agency: &str, jurisdiction: &str, consumer: &str| InboxConsumer {
            agency: agency.parse().unwrap(),
            jurisdiction: jurisdiction.parse().unwrap(),
            consumer: consumer.parse().unwrap(),
        };
        let own = whose("us-ice", "us-ny", "default");
        let cursor = Cursor { exchange: 7, exchange_seen: 5, custody: 9 };
        let text = key.seal(&own, cursor);
        assert_eq!(key.open(&own, &text), Some(cursor));
        let others =
            [("us-cbp", "us-ny", "default"), ("us-ice", "us-tx", "default"), ("us-ice", "us-ny", "statistics")];
        for (agency, jurisdiction, consumer) in others {
            assert_eq!(key.open(&whose(agency, jurisdiction, consumer), &text), None);
        }
        assert_eq!(CursorKey::new(&[4; 32]).open(&own, &text), None);
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(&own, &String::from_utf8(bytes).unwrap()), None, "{at}");
        }
    }
}
