//! What ends, and in how many days.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::accept::{Expiries, TlsMaterial, Validity};
use crate::config::Config;
use crate::doctor::finding::Finding;
use crate::identity::registry::Registry;

const CERTIFICATE: &str = "certificate";
const LIST: &str = "revocation-list";
const AUTHORITY: &str = "authority";
const KEY_SET: &str = "key-set";

/// An authority takes long to be replaced: everybody who trusts it has to be told.
const AUTHORITY_NOTICE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A key set that was not fetched for so long may lack its issuer's keys.
const KEY_SET_OLD: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The registry and when certificates and lists end, as far as they can be read.
pub(super) fn read(config: &Config, base: &Path) -> (Option<Registry>, Option<Expiries>) {
    let registry = Registry::load(&config.registry, base, &config.jurisdictions).ok();
    let expiries = registry.as_ref().and_then(|registry| {
        let material = TlsMaterial::read(&config.tls, base).ok()?;
        Expiries::of(&material, registry).ok()
    });
    (registry, expiries)
}

/// Looks at every end there is, whether or not the whole holds.
pub(super) fn ends(
    config: &Config,
    base: &Path,
    (registry, expiries): (Option<&Registry>, Option<&Expiries>),
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = key_sets(config, base, now);
    let Some(registry) = registry else { return findings };
    if let Some(expiries) = expiries {
        findings.push(judge_own(expiries.own, now));
        findings.extend(expiries.lists.iter().map(|(authority, term)| judge_list(authority, *term, now)));
        if expiries.lists.is_empty() {
            findings.push(Finding::warn(LIST, "there is none: revocation is not checked", "set tls.revocation_lists"));
        }
    }
    findings.extend(registry.authority_ends().map(|(authority, ends)| judge_authority(authority, ends, now)));
    findings
}

fn judge_own(own: Validity, now: Timestamp) -> Finding {
    let found = format!("the gateway's own ends in {}", days(own.ends, now));
    if own.ends <= now {
        Finding::fail(CERTIFICATE, "the gateway's own has ended", "renew it: nobody can connect")
    } else if own.is_late(now) {
        Finding::warn(CERTIFICATE, found, "renew it, then send SIGHUP")
    } else {
        Finding::ok(CERTIFICATE, found)
    }
}

fn judge_list(authority: &str, term: Option<Validity>, now: Timestamp) -> Finding {
    const ADVICE: &str = "fetch the newest list, then send SIGHUP: without a current one its agencies are refused";
    match term {
        None => Finding::warn(LIST, format!("{authority} has none"), ADVICE),
        Some(term) if term.ends <= now || now < term.begins => {
            Finding::warn(LIST, format!("that of {authority} is not current"), ADVICE)
        }
        Some(term) if term.is_late(now) => {
            Finding::warn(LIST, format!("that of {authority} ends in {}", days(term.ends, now)), ADVICE)
        }
        Some(term) => Finding::ok(LIST, format!("that of {authority} ends in {}", days(term.ends, now))),
    }
}

fn judge_authority(authority: &str, ends: Timestamp, now: Timestamp) -> Finding {
    const ADVICE: &str = "ask whoever runs it for its next certificate";
    if ends <= now {
        Finding::warn(AUTHORITY, format!("the certificate of {authority} has ended"), ADVICE)
    } else {
        let found = format!("the certificate of {authority} ends in {}", days(ends, now));
        let late = ends.duration_since(now) < AUTHORITY_NOTICE;
        if late { Finding::warn(AUTHORITY, found, ADVICE) } else { Finding::ok(AUTHORITY, found) }
    }
}

/// A key set has no end of its own (RFC 7517). Its age says whether anybody still fetches it.
fn key_sets(config: &Config, base: &Path, now: Timestamp) -> Vec<Finding> {
    // A directory that cannot be read is a finding of its own.
    let agencies = config.registry.all_agencies(base).unwrap_or_else(|_| config.registry.agencies.clone());
    let sets = agencies.iter().filter_map(|agency| Some((&agency.id, agency.token.as_ref()?.jwks.as_ref()?)));
    let judge = |(agency, path): (&_, &_)| {
        let written = fs::metadata(base.join(path)).and_then(|about| about.modified()).ok()?;
        let age = now.duration_since(Timestamp::try_from(written).ok()?);
        let found = format!("that of {agency} is {} days old, and has no end of its own", age.as_hours() / 24);
        Some(if age > KEY_SET_OLD {
            Finding::warn(KEY_SET, found, "fetch it again from the issuer, then restart")
        } else {
            Finding::ok(KEY_SET, found)
        })
    };
    sets.filter_map(judge).collect()
}

fn days(ends: Timestamp, now: Timestamp) -> String {
    let left = ends.duration_since(now);
    match left.as_hours() / 24 {
        0 => format!("{} hours", left.as_hours()),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict::{Fail, Ok, Warn};

    fn at(day: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day)
    }

    /// A term of a hundred days that ends on a day.
    fn ending(day: i64) -> Validity {
        Validity { begins: at(day - 100), ends: at(day) }
    }

    #[test]
    fn what_ends_soon_is_said_before_it_does() {
        let now = at(1_000);
        let own = |day| judge_own(ending(day), now).verdict;
        assert_eq!([1_000, 1_001, 1_020, 1_021].map(own), [Fail, Warn, Warn, Ok]);
        let list = |term| judge_list("us-ny", term, now).verdict;
        let terms = [None, Some(ending(1_000)), Some(ending(1_101)), Some(ending(1_020)), Some(ending(1_021))];
        assert_eq!(terms.map(list), [Warn, Warn, Warn, Warn, Ok]);
        let authority = |day| judge_authority("us-ny", at(day), now).verdict;
        assert_eq!([1_000, 1_089, 1_090].map(authority), [Warn, Warn, Ok]);
        assert_eq!(judge_own(ending(1_041), now).found, "the gateway's own ends in 41 days");
        assert_eq!(days(now + SignedDuration::from_hours(7), now), "7 hours");
    }
}
