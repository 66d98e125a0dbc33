//! The case mix: the shares and counts that a synthetic year is drawn from, read from TOML. Another mix changes every
//! table.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::demo::agencies::{self, FacilityKind};
use crate::domain::charge::{ChargeStatus, OffenceCategory};
use crate::domain::custody::{ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{DetainerBasis, DetainerForm, WarrantKind};

/// The built-in mix.
const BUILT_IN: &str = include_str!("mix.toml");
/// The most people in Texas, as a percentage of New York.
const TEXAS_PERCENT_MAX: u64 = 1_000;

/// Shares by key.
pub(super) type Shares<K> = BTreeMap<K, u64>;

/// All parameters. The words are those of the contract; mix.toml explains each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseMix {
    /// People in New York, by offence.
    pub(super) offences: Offences,
    /// Texas.
    pub(super) texas: Texas,
    /// The share of people that each agency holds.
    pub(super) custodians: BTreeMap<String, ByOutcome<u64>>,
    /// The requests.
    pub(super) requests: Requests,
    /// The status of the leading charge.
    pub(super) charges: ByFacilityKind<Shares<ChargeStatus>>,
    /// Detainers that end before any release.
    pub(super) besides: Besides,
    /// Circumstances of a person.
    pub(super) flags: Flags,
    /// Decisions of officers.
    pub(super) review: Review,
    /// How soon custodians answer.
    pub(super) answers: Answers,
    /// The reasons of releases, and their times.
    pub(super) releases: BTreeMap<ReleaseReason, Release>,
    /// The recipients of released people.
    pub(super) recipients: Shares<ReleaseRecipient>,
    /// The people whom the requesting agency picks up.
    pub(super) pick_ups: PickUps,
    /// Those who are not released.
    pub(super) outstanding: Outstanding,
    /// Detainers that the requester lifts.
    pub(super) lifts: Lifts,
}

/// One value for those still held and one for those released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByOutcome<T> {
    pub(super) outstanding: T,
    pub(super) released: T,
}

/// One value for state prisons and one for jails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByFacilityKind<T> {
    pub(super) prison: T,
    pub(super) jail: T,
}

impl<T> ByFacilityKind<T> {
    pub(super) fn of(&self, facility_kind: FacilityKind) -> &T {
        match facility_kind {
            FacilityKind::Prison => &self.prison,
            FacilityKind::Jail => &self.jail,
        }
    }
}

/// People by offence, for each outcome.
pub(super) type Offences = ByOutcome<OffenceCounts>;

/// People by offence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OffenceCounts {
    pub(super) total: u64,
    homicide: u64,
    assault: u64,
    burglary: u64,
    robbery: u64,
    drugs: u64,
    weapons: u64,
    sexual: u64,
}

impl OffenceCounts {
    fn named(&self) -> u64 {
        [self.homicide, self.assault, self.burglary, self.robbery, self.drugs, self.weapons, self.sexual].iter().sum()
    }

    fn of(&self, offence: OffenceCategory) -> u64 {
        match offence {
            OffenceCategory::Homicide => self.homicide,
            OffenceCategory::Assault => self.assault,
            OffenceCategory::Burglary => self.burglary,
            OffenceCategory::Robbery => self.robbery,
            OffenceCategory::Drugs => self.drugs,
            OffenceCategory::Weapons => self.weapons,
            OffenceCategory::Sexual => self.sexual,
            OffenceCategory::Other => self.total.saturating_sub(self.named()),
        }
    }

    /// `total` people by offence in these proportions. If `total` is the sum of the counts, these are the exact counts.
    pub(super) fn scaled(&self, total: u64) -> Shares<OffenceCategory> {
        let shares = OffenceCategory::ALL.iter().map(|offence| (*offence, self.of(*offence))).collect();
        apportion(total, &shares)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texas {
    percent_of_new_york: u64,
}

impl Texas {
    /// The number of people in Texas for a number in New York.
    pub(super) fn people(self, in_new_york: u64) -> u64 {
        in_new_york.saturating_mul(self.percent_of_new_york) / 100
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Requests {
    pub(super) forms: Shares<DetainerForm>,
    pub(super) bases: Shares<DetainerBasis>,
    pub(super) warrants: Shares<WarrantKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in every name")]
pub(super) struct Besides {
    pub(super) no_such_person_per_mille: u64,
    pub(super) identity_mismatch_per_mille: u64,
    pub(super) lifted_per_mille: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the unit stands last in every name")]
pub(super) struct Flags {
    pub(super) citizenship_claim_per_mille: u64,
    pub(super) proof_of_status_per_mille: u64,
    pub(super) juvenile_per_mille: u64,
    pub(super) victim_witness_per_mille: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    pub(super) notify: u64,
    pub(super) decline: u64,
    pub(super) pending: u64,
    pub(super) days_max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    pub(super) at_once_percent: u64,
    pub(super) hours_max: u64,
}

/// A reason of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// Its share in state prisons.
    prison: u64,
    /// Its share in jails.
    jail: u64,
    /// The shortest and the longest time after the detainer.
    pub(super) stay_hours: [u64; 2],
    pub(super) scheduled_percent: u64,
    /// The shortest and the longest time that a date is entered ahead.
    pub(super) lead_hours: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PickUps {
    pub(super) held_percent: u64,
    pub(super) noticed_percent: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outstanding {
    pub(super) scheduled_percent: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lifts {
    pub(super) after_release_percent: u64,
}

impl CaseMix {
    /// The mix of a file, or the built-in mix.
    pub(super) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Self::parse(BUILT_IN) };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a mix", path.display()))
    }

    /// Parses a mix and checks what the rest relies on.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mix: Self = toml::from_str(text)?;
        mix.check()?;
        Ok(mix)
    }

    /// The reasons of release with their shares in a kind of facility.
    pub(super) fn reasons(&self, facility_kind: FacilityKind) -> Shares<ReleaseReason> {
        let share = |release: &Release| match facility_kind {
            FacilityKind::Prison => release.prison,
            FacilityKind::Jail => release.jail,
        };
        self.releases.iter().map(|(reason, release)| (*reason, share(release))).collect()
    }

    fn check(&self) -> Result<()> {
        for (name, counts) in [("outstanding", self.offences.outstanding), ("released", self.offences.released)] {
            let (named, total) = (counts.named(), counts.total);
            ensure!(named <= total, "offences.{name}: the groups named add up to {named}, more than the total {total}");
            ensure!(total > 0, "offences.{name}.total must be more than 0");
        }
        let texas = self.texas.percent_of_new_york;
        ensure!(texas <= TEXAS_PERCENT_MAX, "texas.percent_of_new_york must be at most {TEXAS_PERCENT_MAX}");
        self.check_custodians()?;
        some("requests.forms", &self.requests.forms)?;
        some("requests.bases", &self.requests.bases)?;
        some("requests.warrants", &self.requests.warrants)?;
        some("charges.prison", &self.charges.prison)?;
        some("charges.jail", &self.charges.jail)?;
        some("recipients", &self.recipients)?;
        some("releases.*.prison", &self.reasons(FacilityKind::Prison))?;
        some("releases.*.jail", &self.reasons(FacilityKind::Jail))?;
        ensure!(
            !self.recipients.contains_key(&ReleaseRecipient::RequestingAgency),
            "recipients: the requesting agency's share follows from pick_ups"
        );
        ensure!(self.review.notify + self.review.decline + self.review.pending > 0, "review: no share is more than 0");
        ensure!((1..=180).contains(&self.review.days_max), "review.days_max must be between 1 and 180");
        ensure!((6..=4_000).contains(&self.answers.hours_max), "answers.hours_max must be between 6 and 4000");
        self.check_releases()?;
        self.check_limits()
    }

    fn check_custodians(&self) -> Result<()> {
        for id in self.custodians.keys() {
            if !agencies::CUSTODIANS.iter().any(|custodian| custodian.id == id) {
                let known: Vec<&str> = agencies::CUSTODIANS.iter().map(|custodian| custodian.id).collect();
                bail!("custodians.{id}: not a custodian of the demo, which are {}", known.join(", "));
            }
        }
        for jurisdiction in agencies::JURISDICTIONS {
            let of = |share: fn(&ByOutcome<u64>) -> u64| {
                let own = self.custodians.iter().filter(|(id, _)| id.starts_with(jurisdiction));
                own.map(|(_, shares)| share(shares)).sum::<u64>()
            };
            let both = of(|shares| shares.outstanding) > 0 && of(|shares| shares.released) > 0;
            ensure!(both, "custodians: in {jurisdiction} nobody holds anybody");
        }
        Ok(())
    }

    fn check_releases(&self) -> Result<()> {
        for (reason, release) in &self.releases {
            let reason = reason.word();
            for (name, [min, max]) in [("stay_hours", release.stay_hours), ("lead_hours", release.lead_hours)] {
                ensure!(min <= max, "releases.{reason}.{name}: the first must not be more than the second");
                ensure!(max <= 8_000, "releases.{reason}.{name}: at most 8000, since the year has 8760");
            }
            percent(&format!("releases.{reason}.scheduled_percent"), release.scheduled_percent)?;
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<()> {
        percent("answers.at_once_percent", self.answers.at_once_percent)?;
        percent("pick_ups.held_percent", self.pick_ups.held_percent)?;
        percent("pick_ups.noticed_percent", self.pick_ups.noticed_percent)?;
        percent("outstanding.scheduled_percent", self.outstanding.scheduled_percent)?;
        percent("lifts.after_release_percent", self.lifts.after_release_percent)?;
        for (name, per_mille) in [
            ("besides.no_such_person", self.besides.no_such_person_per_mille),
            ("besides.identity_mismatch", self.besides.identity_mismatch_per_mille),
            ("besides.lifted", self.besides.lifted_per_mille),
            ("flags.citizenship_claim", self.flags.citizenship_claim_per_mille),
            ("flags.proof_of_status", self.flags.proof_of_status_per_mille),
            ("flags.juvenile", self.flags.juvenile_per_mille),
            ("flags.victim_witness", self.flags.victim_witness_per_mille),
        ] {
            ensure!(per_mille <= 1_000, "{name}_per_mille must be at most 1000");
        }
        Ok(())
    }
}

fn some<K>(name: &str, shares: &Shares<K>) -> Result<()> {
    ensure!(shares.values().sum::<u64>() > 0, "{name}: no share is more than 0");
    Ok(())
}

fn percent(name: &str, percent: u64) -> Result<()> {
    ensure!(percent <= 100, "{name} must be at most 100");
    Ok(())
}

/// Divides a total by shares into whole parts. The largest remainders are rounded up (Hamilton's method), so the parts
/// add up to the total.
pub(super) fn apportion<K: Copy + Ord>(total: u64, shares: &Shares<K>) -> Shares<K> {
    let whole: u128 = shares.values().copied().map(u128::from).sum();
    if whole == 0 {
        return shares.keys().map(|key| (*key, 0)).collect();
    }
    let exact = |share: u64| u128::from(total) * u128::from(share);
    let floor = |share: u64| u64::try_from(exact(share) / whole).unwrap_or(total);
    let mut parts: Shares<K> = shares.iter().map(|(key, share)| (*key, floor(*share))).collect();
    let mut by_remainder: Vec<(u128, K)> = shares.iter().map(|(key, share)| (exact(*share) % whole, *key)).collect();
    // The largest remainder first; among equals the first key.
    by_remainder.sort_by(|(a, a_key), (b, b_key)| b.cmp(a).then(a_key.cmp(b_key)));
    let missing = total - parts.values().sum::<u64>();
    for (_, key) in by_remainder.into_iter().take(usize::try_from(missing).unwrap_or(usize::MAX)) {
        parts.entry(key).and_modify(|part| *part += 1);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_mix_has_the_counts_that_were_claimed() {
        let mix = CaseMix::read(None).unwrap();
        let outstanding = mix.offences.outstanding.scaled(7_113);
        assert_eq!(outstanding[&OffenceCategory::Homicide], 148);
        assert_eq!(outstanding[&OffenceCategory::Other], 5_361);
        let released = mix.offences.released.scaled(6_947);
        assert_eq!(released[&OffenceCategory::Assault], 2_509);
        assert_eq!(released[&OffenceCategory::Other], 3_006);
    }

    #[test]
    fn the_parts_always_add_up_to_the_total() {
        let mut draw = fastrand::Rng::with_seed(1);
        for _ in 0..2_000 {
            let shares: Shares<u64> = (0..draw.u64(1..12)).map(|key| (key, draw.u64(0..50) * draw.u64(0..2))).collect();
            let total = draw.u64(0..20_000);
            let parts = apportion(total, &shares);
            let expected = if shares.values().sum::<u64>() == 0 { 0 } else { total };
            assert_eq!(parts.values().sum::<u64>(), expected, "{shares:?} {total}");
            assert!(parts.iter().all(|(key, part)| shares[key] > 0 || *part == 0), "{shares:?} {total}");
        }
    }

    #[test]
    fn a_mix_that_cannot_be_played_is_refused_in_words() {
        fn check(from: &str, to: &str, expected: &str) {
            assert!(BUILT_IN.contains(from), "{from}");
            let error = format!("{:#}", CaseMix::parse(&BUILT_IN.replacen(from, to, 1)).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
        check("total = 7113", "total = 1", "offences.outstanding: the groups named add up to 1752");
        check("homicide = 148", "homicides = 148", "unknown field `homicides`");
        check("[custodians.us-ny-doccs]", "[custodians.us-ny-dox]", "custodians.us-ny-dox: not a custodian");
        check("i-247a = 93", "i-247b = 93", "i-247b");
        check("held_percent = 88", "held_percent = 101", "pick_ups.held_percent must be at most 100");
        check("stay_hours = [6, 96]", "stay_hours = [96, 6]", "releases.bail.stay_hours");
    }
}
