//! Denials that come faster than their agency may cause lines are counted, so that a flood of them does not fill the disk.
//! Nothing is lost: of each peer, lines and counts together are its denials.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use jiff::Timestamp;

use crate::audit::record::Act;

/// Whom denials are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// An agency, by its certificate.
    Agency(String),
    /// An address, before its agency is known. Of IPv6, the network of 64 bits that one host may have.
    Address(IpAddr),
    /// Everybody for whom there is no room in the table.
    Others,
}

impl Source {
    /// The source that an address stands for.
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        })
    }
}

/// Most sources at once. Agencies are few; addresses are anybody's.
const SOURCES_MAX: usize = 4_096;

/// One denial in a bucket. A denial a second is one of these a microsecond.
const DENIAL: u64 = 1_000_000;

/// What one source may still cause, and what it caused beyond.
#[derive(Debug)]
struct Bucket {
    left: u64,
    at: Instant,
    counts: BTreeMap<String, u64>,
    since: Timestamp,
}

/// The denials of all sources.
#[derive(Debug)]
pub(super) struct Denials {
    per_s: u64,
    burst: u64,
    sources: HashMap<Source, Bucket>,
}

impl Denials {
    /// Allows each source so many lines a second.
    pub(super) fn new(per_s: u32, burst: u32) -> Self {
        let burst = u64::from(burst).saturating_mul(DENIAL);
        Self { per_s: per_s.into(), burst, sources: HashMap::new() }
    }

    /// Whether a denial may have a line of its own. If not, it was counted.
    pub(super) fn may_have_line(&mut self, source: Source, reason: &str, now: Instant) -> bool {
        let bucket = self.bucket(source, now);
        if let Some(left) = bucket.left.checked_sub(DENIAL) {
            bucket.left = left;
            return true;
        }
        count(bucket, reason);
        false
    }

    /// Counts a denial that has no line, whatever its source may cause.
    pub(super) fn count(&mut self, source: Source, reason: &str, now: Instant) {
        count(self.bucket(source, now), reason);
    }

    /// Writes the counts, a line for each source, and forgets those that were written.
    pub(super) fn write_out(&mut self, mut write: impl FnMut(&Act<'_>) -> bool) {
        for (source, bucket) in self.sources.iter_mut().filter(|(_, bucket)| !bucket.counts.is_empty()) {
            let (agency, peer) = match source {
                Source::Agency(agency) => (Some(agency.as_str()), None),
                Source::Address(address @ IpAddr::V4(_)) => (None, Some(address.to_string())),
                Source::Address(address @ IpAddr::V6(_)) => (None, Some(format!("{address}/64"))),
                Source::Others => (None, None),
            };
            let counts = &bucket.counts;
            if !write(&Act::Denials { agency, peer: peer.as_deref(), since: bucket.since, counts }) {
                return;
            }
            bucket.counts.clear();
        }
    }

    fn bucket(&mut self, source: Source, now: Instant) -> &mut Bucket {
        let (per_s, burst) = (self.per_s, self.burst);
        let source = if self.has_room_for(&source, now) { source } else { Source::Others };
        let new = || Bucket { left: burst, at: now, counts: BTreeMap::new(), since: Timestamp::UNIX_EPOCH };
        let bucket = self.sources.entry(source).or_insert_with(new);
        bucket.left = filled(bucket, per_s, burst, now);
        bucket.at = now;
        bucket
    }

    fn has_room_for(&mut self, source: &Source, now: Instant) -> bool {
        if self.sources.len() < SOURCES_MAX || self.sources.contains_key(source) {
            return true;
        }
        // A source that may cause as much as a new one, and has nothing to be written, is forgotten.
        let (per_s, burst) = (self.per_s, self.burst);
        self.sources.retain(|_, bucket| !bucket.counts.is_empty() || filled(bucket, per_s, burst, now) < burst);
        self.sources.len() < SOURCES_MAX
    }
}

fn count(bucket: &mut Bucket, reason: &str) {
    if bucket.counts.is_empty() {
        bucket.since = Timestamp::now();
    }
    if let Some(count) = bucket.counts.get_mut(reason) {
        *count = count.saturating_add(1);
    } else {
        bucket.counts.insert(reason.to_owned(), 1);
    }
}

fn filled(bucket: &Bucket, per_s: u64, burst: u64, now: Instant) -> u64 {
    let passed_us = u64::try_from(now.saturating_duration_since(bucket.at).as_micros()).unwrap_or(u64::MAX);
    bucket.left.saturating_add(passed_us.saturating_mul(per_s)).min(burst)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn agency(name: &str) -> Source {
        Source::Agency(name.to_owned())
    }

    /// What is written out: whose, and how many.
    fn written(denials: &mut Denials) -> Vec<(Option<String>, u64)> {
        let mut lines = Vec::new();
        denials.write_out(|line| {
            let Act::Denials { agency, counts, .. } = line else { return false };
            lines.push((agency.map(str::to_owned), counts.values().sum()));
            true
        });
        lines
    }

    #[test]
    fn above_the_rate_denials_are_counted_and_none_is_lost() {
        let begun = Instant::now();
        let mut denials = Denials::new(10, 100);
        let mut lines = 0;
        for ms in 0..2_000_u64 {
            let now = begun + Duration::from_millis(ms);
            lines += u64::from(denials.may_have_line(agency("a"), "NOT_FOUND", now));
        }
        // A burst, and ten in a second; the other agency is not touched by it.
        assert_eq!(lines, 119);
        assert!(denials.may_have_line(agency("b"), "NOT_FOUND", begun));
        assert_eq!(written(&mut denials), [(Some("a".to_owned()), 2_000 - lines)]);
        assert_eq!(written(&mut denials), [], "written once");
    }

    #[test]
    fn a_count_that_was_not_written_is_kept() {
        let mut denials = Denials::new(1, 1);
        denials.count(agency("a"), "NOT_FOUND", Instant::now());
        denials.write_out(|_| false);
        assert_eq!(written(&mut denials), [(Some("a".to_owned()), 1)]);
    }

    #[test]
    fn addresses_beyond_the_table_are_counted_together() {
        let now = Instant::now();
        let mut denials = Denials::new(1, 1);
        let total = u32::try_from(SOURCES_MAX).unwrap() * 3;
        let mut lines = 0;
        for number in 0..total {
            let source = Source::address(IpAddr::V4(number.into()));
            lines += u64::from(denials.may_have_line(source, "handshake_failed", now));
        }
        let counted: u64 = written(&mut denials).iter().map(|(_, count)| count).sum();
        assert_eq!(lines + counted, u64::from(total));
        assert!(lines <= u64::try_from(SOURCES_MAX).unwrap() + 1, "{lines}");
        // Those that are idle by then make room.
        let source = Source::address(IpAddr::V4(total.into()));
        assert!(denials.may_have_line(source, "handshake_failed", now + Duration::from_secs(2)));
    }

    #[test]
    fn one_network_of_ipv6_is_one_source() {
        let [a, b, c] = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"]
            .map(|address| Source::address(address.parse().unwrap()));
        assert_eq!(a, b);
        assert_ne!(a, c);
    }
}
