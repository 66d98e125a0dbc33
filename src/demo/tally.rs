//! Counts what a reader saw. Every client and the logs are counted the same way, so that their figures can be compared.

use std::collections::BTreeMap;

use crate::demo::agencies::CUSTODIANS;
use crate::demo::evidence::Entry;
use crate::domain::charge::OffenceCategory;
use crate::domain::custody::{ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{AnswerKind, DeclineGround, DetainerForm, Finding, LiftReason, WarrantKind};
use crate::wire::enums::from_wire;
use crate::wire::v1;
use crate::wire::v1::event::Event;

/// Notice in time to pick somebody up: 48 hours.
const IN_TIME_S: i64 = 48 * 3_600;

/// Detainers, as far as a reader was told of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    detainers: BTreeMap<String, Detainer>,
    /// Custodies opened.
    custodies: u64,
}

#[derive(Debug, Default)]
struct Detainer {
    custodian: &'static str,
    form: Option<DetainerForm>,
    warrant: Option<WarrantKind>,
    offence: Option<OffenceCategory>,
    finding: Option<Finding>,
    answer: Option<AnswerKind>,
    ground: Option<DeclineGround>,
    noticed: bool,
    told: ReleaseDisclosure,
    lead_s: Option<i64>,
    released: Option<(Option<ReleaseReason>, Option<ReleaseRecipient>)>,
    lifted: Option<LiftReason>,
}

/// What the requester was told of the release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ReleaseDisclosure {
    #[default]
    Nothing,
    /// Only that it took place.
    FactOnly,
    /// Also when, and to whom.
    InFull,
}

impl Tally {
    /// Counts an entry.
    pub(super) fn take(&mut self, entry: &Entry) {
        let Some(event) = &entry.event else { return };
        match event {
            Event::DetainerLodged(lodged) => self.lodged(&entry.resource, lodged),
            Event::DetainerAcknowledged(acknowledged) => {
                let found = acknowledged.acknowledgement.as_ref().and_then(|found| from_wire(found.finding));
                self.change(&entry.resource, |detainer| detainer.finding = found);
            }
            Event::DetainerAnswered(answered) => {
                let Some(answer) = &answered.answer else { return };
                self.change(&entry.resource, |detainer| {
                    detainer.answer = from_wire(answer.kind);
                    detainer.ground = from_wire(answer.ground);
                });
            }
            Event::DetainerWithdrawn(withdrawn) => {
                self.change(&entry.resource, |detainer| detainer.lifted = from_wire(withdrawn.reason));
            }
            Event::ReleaseNoticed(_) => self.change(&entry.resource, |detainer| detainer.noticed = true),
            Event::DetainerReleased(released) => self.change(&entry.resource, |detainer| {
                detainer.told = told(released);
                detainer.lead_s = released.counts.as_ref().and_then(|counts| counts.lead_time_seconds);
            }),
            Event::ReleaseRecorded(recorded) => self.released(recorded),
            Event::CustodyOpened(_) => self.custodies += 1,
            // Events that do not occur in the demo are not counted.
            Event::ReleaseScheduled(_)
            | Event::InboxAcknowledged(_)
            | Event::PolicyActivated(_)
            | Event::DetainerAmended(_)
            | Event::CopyServed(_)
            | Event::WarrantVerified(_)
            | Event::InterviewRequested(_)
            | Event::InterviewAnswered(_)
            | Event::InterviewWithdrawn(_)
            | Event::CitizenshipClaimRaised(_)
            | Event::CitizenshipClaimResolved(_)
            | Event::TransferRecorded(_)
            | Event::ChargesUpdated(_)
            | Event::IdentityCorrected(_)
            | Event::CustodyMoved(_)
            | Event::MoveOffered(_)
            | Event::MoveOfferEnded(_)
            | Event::ReleaseRescheduled(_)
            | Event::ReleaseEligibilityRecorded(_)
            | Event::ReleaseEligibilityNoticed(_)
            | Event::ReleaseCancelled(_)
            | Event::CustodyClosed(_)
            | Event::CustodyReopened(_)
            | Event::CustodyExpunged(_)
            | Event::DetainerExpunged(_)
            | Event::CustodyNoticed(_)
            | Event::NoticeCancelled(_)
            | Event::DetainerReopened(_)
            | Event::AppealIssued(_)
            | Event::AppealAnswered(_)
            | Event::AppealBarred(_)
            | Event::PromiseSuspended(_)
            | Event::ReviewOpened(_)
            | Event::ReviewResolved(_)
            | Event::ObligationMet(_)
            | Event::ClockFired(_)
            | Event::UnlawfulHandOver(_) => {}
        }
    }

    fn lodged(&mut self, name: &str, lodged: &v1::DetainerLodged) {
        let (Some(detainer), Some(counts)) = (&lodged.detainer, &lodged.counts) else { return };
        let custodian = detainer.custodian.trim_start_matches("agencies/");
        let custodian = CUSTODIANS.iter().find(|known| known.id == custodian);
        self.change(name, |detainer| {
            detainer.custodian = custodian.map_or("unknown", |custodian| custodian.id);
            detainer.form = from_wire(counts.form);
            detainer.warrant = from_wire(counts.warrant);
            detainer.offence = from_wire(counts.offence);
        });
    }

    fn released(&mut self, recorded: &v1::ReleaseRecorded) {
        let release = recorded.release.as_ref();
        let reason = release.and_then(|release| from_wire(release.reason));
        let recipient = release.and_then(|release| from_wire(release.recipient));
        for name in &recorded.detainers {
            self.change(name, |detainer| detainer.released = Some((reason, recipient)));
        }
    }

    fn change(&mut self, name: &str, how: impl FnOnce(&mut Detainer)) {
        match self.detainers.get_mut(name) {
            Some(detainer) => how(detainer),
            None => how(self.detainers.entry(name.to_owned()).or_default()),
        }
    }

    /// The figures.
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for detainer in self.detainers.values() {
            detainer.count(&mut figures);
        }
        figures
    }

    /// Custodies opened, as far as the reader was told.
    pub(super) fn custodies(&self) -> u64 {
        self.custodies
    }
}

fn told(released: &v1::DetainerReleased) -> ReleaseDisclosure {
    match &released.release {
        Some(release) if release.released_at.is_some() && release.recipient != 0 => ReleaseDisclosure::InFull,
        Some(_) | None => ReleaseDisclosure::FactOnly,
    }
}

impl Detainer {
    fn count(&self, figures: &mut Figures) {
        let own = self.custodian;
        let offence = self.offence.map_or("unknown", OffenceCategory::word);
        figures.add(&["asked", own]);
        figures.add(&["form", own, self.form.map_or("unknown", DetainerForm::word)]);
        figures.add(&["warrant", own, self.warrant.map_or("unknown", WarrantKind::word)]);
        figures.add(&["offence", own, offence]);
        if let Some(finding) = self.finding {
            figures.add(&["found", own, finding.word()]);
        }
        figures.add(&["answered", own, self.answered()]);
        if self.noticed {
            figures.add(&["noticed", own]);
        }
        match self.told {
            ReleaseDisclosure::Nothing => {}
            ReleaseDisclosure::FactOnly => figures.add(&["told", own]),
            ReleaseDisclosure::InFull => {
                figures.add(&["told", own]);
                figures.add(&["told-in-full", own]);
            }
        }
        if let Some(reason) = self.lifted {
            figures.add(&["lifted", own, reason.word()]);
        }
        if self.seems_open() {
            figures.add(&["open", own, offence]);
        }
        let outcome = self.outcome();
        figures.add(&["outcome", own, outcome, offence]);
        if outcome == "outstanding" || outcome == "released" {
            figures.add(&["answer-by-outcome", own, outcome, self.answered()]);
        }
        if let Some((reason, recipient)) = self.released {
            figures.add(&["reason", own, reason.map_or("unknown", ReleaseReason::word)]);
            let recipient = recipient.map_or("unknown", ReleaseRecipient::word);
            let told = if self.told == ReleaseDisclosure::Nothing { "not-told" } else { "told" };
            figures.add(&["recipient", own, recipient, told]);
            figures.add(&["lead", own, self.lead()]);
            figures.leads_s.entry(own).or_default().extend(self.lead_s);
        }
    }

    fn answered(&self) -> &'static str {
        match (self.answer, self.ground) {
            (Some(AnswerKind::Decline), Some(ground)) => ground.word(),
            (Some(kind), _) => kind.word(),
            (None, _) => "none",
        }
    }

    /// The outcome, for a reader of the custody log. A release counts if the detainer was open at that moment.
    fn outcome(&self) -> &'static str {
        match (self.released, self.finding, self.lifted) {
            (Some(_), _, _) => "released",
            (None, Some(finding), _) if !finding.state().is_active() => finding.word(),
            (None, _, Some(_)) => "lifted",
            (None, _, None) => "outstanding",
        }
    }

    /// Whether it is still open as far as its issuer knows.
    fn seems_open(&self) -> bool {
        let stands = self.finding.is_none_or(|finding| finding.state().is_active());
        stands && self.told == ReleaseDisclosure::Nothing && self.lifted.is_none()
    }

    fn lead(&self) -> &'static str {
        match (self.noticed, self.lead_s) {
            (false, _) => "not-noticed",
            (true, None) => "not-delivered",
            (true, Some(seconds)) if seconds < IN_TIME_S => "under-48-hours",
            (true, Some(_)) => "48-hours-or-more",
        }
    }
}

/// Counts by subject, custodian and further words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Figures {
    counts: BTreeMap<Vec<&'static str>, u64>,
    /// The lead times of delivered notices in seconds, by custodian.
    leads_s: BTreeMap<&'static str, Vec<i64>>,
}

/// The subjects that an issuer can count too.
const ISSUERS: &[&str] =
    &["asked", "form", "warrant", "offence", "found", "answered", "noticed", "told", "lifted", "open"];

impl Figures {
    fn add(&mut self, key: &[&'static str]) {
        *self.counts.entry(key.to_vec()).or_default() += 1;
    }

    /// Adds the figures of another reader about other custodians.
    pub(super) fn join(&mut self, other: Self) {
        for (key, count) in other.counts {
            *self.counts.entry(key).or_default() += count;
        }
        for (custodian, leads) in other.leads_s {
            self.leads_s.entry(custodian).or_default().extend(leads);
        }
    }

    /// The sum of all counts whose key has this prefix.
    pub(super) fn count(&self, key: &[&'static str]) -> u64 {
        let from = self.counts.range(key.to_vec()..);
        from.take_while(|(found, _)| found.starts_with(key)).map(|(_, count)| count).sum()
    }

    /// The sum over some custodians. `rest` is the rest of the key.
    pub(super) fn over(&self, subject: &'static str, custodians: &[&'static str], rest: &[&'static str]) -> u64 {
        custodians.iter().map(|own| self.count(&[&[subject, *own], rest].concat())).sum()
    }

    /// The median lead time of some custodians, in hours. `None` if no notice was delivered.
    pub(super) fn median_lead_hours(&self, custodians: &[&'static str]) -> Option<i64> {
        let mut leads: Vec<i64> =
            custodians.iter().filter_map(|own| self.leads_s.get(own)).flatten().copied().collect();
        leads.sort_unstable();
        leads.get(leads.len() / 2).map(|seconds| seconds / 3_600)
    }

    /// Only what an issuer can count.
    pub(super) fn as_issuer(&self) -> Self {
        let counts = self.counts.iter().filter(|(key, _)| key.first().is_some_and(|subject| ISSUERS.contains(subject)));
        Self { counts: counts.map(|(key, count)| (key.clone(), *count)).collect(), leads_s: BTreeMap::new() }
    }

    /// Only what is about one custodian.
    pub(super) fn of(&self, custodian: &str) -> Self {
        let counts = self.counts.iter().filter(|(key, _)| key.get(1).is_some_and(|own| *own == custodian));
        let mut leads_s = self.leads_s.clone();
        leads_s.retain(|own, _| *own == custodian);
        Self { counts: counts.map(|(key, count)| (key.clone(), *count)).collect(), leads_s }
    }

    /// Describes the first figure in which two readers differ.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let keys = self.counts.keys().chain(other.counts.keys());
        let differs = keys.into_iter().find(|key| self.counts.get(*key) != other.counts.get(*key));
        if let Some(key) = differs {
            return Some(format!("{}: {} against {}", key.join(" "), self.count(key), other.count(key)));
        }
        let sorted = |figures: &Self| {
            let mut leads = figures.leads_s.clone();
            for leads in leads.values_mut() {
                leads.sort_unstable();
            }
            leads
        };
        (sorted(self) != sorted(other)).then(|| "lead times".to_owned())
    }

    /// Every count, with its key joined by slashes.
    pub(super) fn all(&self) -> BTreeMap<String, u64> {
        self.counts.iter().map(|(key, count)| (key.join("/"), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_differ_are_named() {
        let mut one = Figures::default();
        one.add(&["asked", "us-ny-doccs"]);
        one.add(&["outcome", "us-ny-doccs", "released", "drugs"]);
        let mut other = one.clone();
        assert_eq!(one.difference(&other), None);
        other.add(&["asked", "us-ny-doccs"]);
        assert_eq!(one.difference(&other).unwrap(), "asked us-ny-doccs: 1 against 2");
        assert_eq!(one.of("us-tx-prison").difference(&other.of("us-tx-prison")), None);
        other.join(one.clone());
        assert_eq!(other.over("outcome", &["us-ny-doccs"], &["released"]), 2);
        assert_eq!(other.as_issuer().count(&["outcome"]), 0);
    }

    #[test]
    fn lead_times_differ_too_and_their_median_is_in_hours() {
        let mut one = Figures::default();
        one.leads_s.insert("us-ny-doccs", vec![7_200, 3_600, 10_800]);
        assert_eq!(one.median_lead_hours(&["us-ny-doccs"]), Some(2));
        assert_eq!(one.median_lead_hours(&["us-tx-prison"]), None);
        assert_eq!(one.difference(&Figures::default()).unwrap(), "lead times");
    }
}
