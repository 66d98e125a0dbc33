//! The roster: who is held, requested and released when. A year is played from it; it is drawn from a mix and a seed.
//!
//! The same mix, size and seed give the same roster. Nothing else in the figures of a run is random.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};

use crate::demo::agencies::{CUSTODIANS, Custodian, FacilityKind, JURISDICTIONS, NEW_YORK};
use crate::demo::calendar::{self, STEP_HOURS, STEPS, Step};
use crate::demo::mix::{ByOutcome, CaseMix, Shares};
use crate::demo::person::{Decision, Outcome, Person, Release};
use crate::domain::charge::OffenceCategory;
use crate::domain::custody::{ReleaseDateBasis, ReleaseReason};
use crate::domain::detainer::{DetainerBasis, LiftReason};
use crate::domain::subject::{Flags, Sex};

/// Given names. They are trees and stones, so that nobody mistakes a person of the demo for a real one.
const GIVEN: &[&str] = &[
    "Acacia", "Agate", "Alder", "Amber", "Aspen", "Basalt", "Beech", "Beryl", "Birch", "Cedar", "Chert", "Cypress",
    "Elm", "Fern", "Flint", "Garnet", "Granite", "Hazel", "Heather", "Jasper", "Juniper", "Larch", "Laurel", "Linden",
    "Maple", "Marl", "Myrtle", "Oakley", "Olive", "Onyx", "Opal", "Poplar", "Quartz", "Reed", "Rowan", "Sage", "Slate",
    "Spruce", "Topaz", "Willow",
];
/// The two halves of family names, which say that they are invented.
const FAMILY: (&[&str], &[&str]) = (
    &["Sample", "Specimen", "Example", "Placeholder", "Fictive", "Synthetic", "Dummy", "Testcase"],
    &[
        "bridge", "brook", "croft", "dale", "field", "ford", "gate", "grove", "hurst", "ley", "mere", "mont", "ridge",
        "shaw", "stead", "stone", "ton", "wick", "wood", "worth",
    ],
);
/// Countries of citizenship, as codes that ISO 3166 leaves to its users.
const COUNTRIES: &[&str] = &["XAA", "XAB", "XAC", "XAD", "XAE"];
/// The most people of one run.
const PEOPLE_MAX: u64 = 400_000;

/// Every person of a run.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) people: Vec<Person>,
}

impl Roster {
    /// Draws the people of New York, and those of Texas in addition.
    pub(super) fn draw(mix: &CaseMix, in_new_york: ByOutcome<u64>, seed: u64) -> Result<Self> {
        let mut drawing =
            Drawing { mix, random: fastrand::Rng::with_seed(seed), people: Vec::new(), names: HashSet::new() };
        for jurisdiction in JURISDICTIONS {
            let people = |count| if jurisdiction == NEW_YORK { count } else { mix.texas.people(count) };
            let counts =
                ByOutcome { outstanding: people(in_new_york.outstanding), released: people(in_new_york.released) };
            let both = counts.outstanding.saturating_add(counts.released);
            ensure!(both <= PEOPLE_MAX, "at most {PEOPLE_MAX} people are played");
            drawing.jurisdiction(jurisdiction, counts)?;
        }
        Ok(Self { people: drawing.people })
    }
}

/// The outcome that a person is drawn for.
#[derive(Debug, Clone, Copy)]
enum PlannedOutcome {
    Outstanding,
    Released,
    NoSuchPerson,
    IdentityMismatch,
    Lifted,
}

struct Drawing<'a> {
    mix: &'a CaseMix,
    random: fastrand::Rng,
    people: Vec<Person>,
    names: HashSet<(String, String, String)>,
}

impl Drawing<'_> {
    fn jurisdiction(&mut self, jurisdiction: &str, counts: ByOutcome<u64>) -> Result<()> {
        let ByOutcome { outstanding, released } = counts;
        let offences = self.mix.offences;
        for (offence, count) in offences.outstanding.scaled(outstanding) {
            self.people(jurisdiction, PlannedOutcome::Outstanding, offence, count)?;
        }
        for (offence, count) in offences.released.scaled(released) {
            self.people(jurisdiction, PlannedOutcome::Released, offence, count)?;
        }
        let besides = self.mix.besides;
        for (kind, per_mille) in [
            (PlannedOutcome::NoSuchPerson, besides.no_such_person_per_mille),
            (PlannedOutcome::IdentityMismatch, besides.identity_mismatch_per_mille),
            (PlannedOutcome::Lifted, besides.lifted_per_mille),
        ] {
            for (offence, count) in offences.released.scaled((outstanding + released) * per_mille / 1_000) {
                self.people(jurisdiction, kind, offence, count)?;
            }
        }
        Ok(())
    }

    fn people(&mut self, jurisdiction: &str, kind: PlannedOutcome, offence: OffenceCategory, count: u64) -> Result<()> {
        for _ in 0..count {
            let custodian = self.custodian(jurisdiction, kind)?;
            let person = self.person(custodian, kind, offence)?;
            self.people.push(person);
        }
        Ok(())
    }

    fn custodian(&mut self, jurisdiction: &str, kind: PlannedOutcome) -> Result<&'static Custodian> {
        let share = |custodian: &Custodian| {
            let shares = self.mix.custodians.get(custodian.id);
            shares.map_or(0, |shares| match kind {
                PlannedOutcome::Released => shares.released,
                PlannedOutcome::Outstanding
                | PlannedOutcome::NoSuchPerson
                | PlannedOutcome::IdentityMismatch
                | PlannedOutcome::Lifted => shares.outstanding,
            })
        };
        let own = CUSTODIANS.iter().enumerate().filter(|(_, custodian)| custodian.jurisdiction() == jurisdiction);
        let shares: Shares<usize> = own.map(|(place, custodian)| (place, share(custodian))).collect();
        let place = self.pick(&shares)?;
        CUSTODIANS.get(place).context("no such custodian")
    }

    fn person(
        &mut self,
        custodian: &'static Custodian,
        kind: PlannedOutcome,
        offence: OffenceCategory,
    ) -> Result<Person> {
        let mix = self.mix;
        let flags = self.flags(custodian.jurisdiction());
        let (name, birth_date) = self.identity(flags.juvenile);
        let (lodged, mut outcome) = self.outcome(custodian.facility_kind, kind)?;
        let intake = lodged.saturating_sub(self.random.u32(0..12)).max(1);
        if let Outcome::Released(release) = &mut outcome {
            release.scheduled = release.scheduled.map(|step| step.max(intake));
        }
        let answered_at_once = self.percent(mix.answers.at_once_percent);
        let answer_steps = calendar::steps(mix.answers.hours_max);
        let review = [
            (Decision::Grant, mix.review.notify),
            (Decision::Decline, mix.review.decline),
            (Decision::None, mix.review.pending),
        ];
        Ok(Person {
            number: u32::try_from(self.people.len())?,
            custodian: custodian.id,
            name,
            birth_date,
            sex: if self.percent(8) { Sex::Female } else { Sex::Male },
            citizenship: self.random.choice(COUNTRIES).copied().unwrap_or_default(),
            number_on_file: self.percent(60),
            offence,
            status: self.pick(mix.charges.of(custodian.facility_kind))?,
            second_charge: self.percent(20),
            flags,
            form: self.pick(&mix.requests.forms)?,
            bases: self.bases()?,
            warrant: self.pick(&mix.requests.warrants)?,
            intake,
            lodged,
            answer_after: if answered_at_once { 0 } else { self.random.u32(1..=answer_steps) },
            decision: self.pick(&review.into_iter().collect())?,
            decided_after: self.random.u32(1..=calendar::steps(mix.review.days_max * 24)),
            outcome,
            lifted_after: {
                let (lifts, after) = (self.percent(mix.lifts.after_release_percent), self.random.u32(1..20));
                lifts.then_some(after)
            },
        })
    }

    fn outcome(&mut self, facility_kind: FacilityKind, kind: PlannedOutcome) -> Result<(Step, Outcome)> {
        Ok(match kind {
            PlannedOutcome::Outstanding => {
                let lodged = self.random.u32(1..STEPS);
                let scheduled = self.percent(self.mix.outstanding.scheduled_percent);
                let (entered, ahead) = (self.random.u32(lodged..STEPS), self.random.u32(1..STEPS));
                (lodged, Outcome::Outstanding { scheduled: scheduled.then_some((entered, STEPS + ahead)) })
            }
            PlannedOutcome::Released => self.release(facility_kind)?,
            PlannedOutcome::NoSuchPerson => (self.random.u32(1..STEPS), Outcome::NoSuchPerson),
            PlannedOutcome::IdentityMismatch => (self.random.u32(1..STEPS), Outcome::IdentityMismatch),
            PlannedOutcome::Lifted => {
                const REASONS: &[LiftReason] = &[
                    LiftReason::CaseClosed,
                    LiftReason::TemporaryResourceConstraint,
                    LiftReason::NotAmenableToRemoval,
                    LiftReason::ProsecutorialDiscretion,
                    LiftReason::JudicialReview,
                    LiftReason::CitizenshipClaim,
                ];
                let lodged = self.random.u32(1..STEPS - 1);
                let lifted = self.random.u32(lodged + 1..=STEPS);
                let reason = self.random.choice(REASONS).copied().unwrap_or(LiftReason::CaseClosed);
                (lodged, Outcome::Lifted(lifted, reason))
            }
        })
    }

    /// The detainer comes first, so it is open when the person is released.
    fn release(&mut self, facility_kind: FacilityKind) -> Result<(Step, Outcome)> {
        let reason = self.pick(&self.mix.reasons(facility_kind))?;
        let shape = *self.mix.releases.get(&reason).context("a reason without a shape")?;
        let [stay_min, stay_max] = shape.stay_hours;
        let stay = calendar::steps(self.random.u64(stay_min..=stay_max)).clamp(1, STEPS - 2);
        let lodged = self.random.u32(1..STEPS - stay);
        let recorded = lodged + stay;
        let [lead_min, lead_max] = shape.lead_hours;
        let lead = calendar::steps(self.random.u64(lead_min..=lead_max)).max(1);
        let scheduled = self.percent(shape.scheduled_percent).then(|| recorded.saturating_sub(lead).max(1));
        let release = Release {
            recorded,
            minutes_before: self.random.u32(0..STEP_HOURS * 60),
            reason,
            basis: basis(reason),
            scheduled,
            recipient: self.pick(&self.mix.recipients)?,
            picked_up_if_held: self.percent(self.mix.pick_ups.held_percent),
            picked_up_if_noticed: self.percent(self.mix.pick_ups.noticed_percent),
        };
        Ok((lodged, Outcome::Released(release)))
    }

    /// A name and birth date that nobody else in the roster has.
    fn identity(&mut self, juvenile: bool) -> ((String, String), String) {
        loop {
            let word =
                |random: &mut fastrand::Rng, words: &[&'static str]| random.choice(words).copied().unwrap_or_default();
            let given = word(&mut self.random, GIVEN).to_owned();
            let (begin, end) = FAMILY;
            let family = format!("{}{}", word(&mut self.random, begin), word(&mut self.random, end));
            let year = if juvenile { self.random.u32(2009..2010) } else { self.random.u32(1955..2006) };
            let birth_date = format!("{year}-{:02}-{:02}", self.random.u32(1..=12), self.random.u32(1..=28));
            if self.names.insert((given.clone(), family.clone(), birth_date.clone())) {
                return ((given, family), birth_date);
            }
        }
    }

    fn flags(&mut self, jurisdiction: &str) -> Flags {
        let flags = self.mix.flags;
        Flags {
            citizenship_claim: self.per_mille(flags.citizenship_claim_per_mille),
            proof_of_status: self.per_mille(flags.proof_of_status_per_mille) && jurisdiction != NEW_YORK,
            juvenile: self.per_mille(flags.juvenile_per_mille),
            victim_witness: self.per_mille(flags.victim_witness_per_mille),
            ..Flags::default()
        }
    }

    /// One ground, and sometimes a second. Lent custody is always the only ground.
    fn bases(&mut self) -> Result<Vec<DetainerBasis>> {
        let first = self.pick(&self.mix.requests.bases)?;
        let (second, more) = (self.pick(&self.mix.requests.bases)?, self.percent(15));
        let lent = [first, second].contains(&DetainerBasis::CustodyLent);
        Ok(if more && !lent && first != second { vec![first, second] } else { vec![first] })
    }

    fn pick<K: Copy + Ord>(&mut self, shares: &Shares<K>) -> Result<K> {
        let whole: u64 = shares.values().sum();
        ensure!(whole > 0, "no share is more than 0");
        let mut rest = self.random.u64(0..whole);
        for (key, share) in shares {
            match rest.checked_sub(*share) {
                Some(less) => rest = less,
                None => return Ok(*key),
            }
        }
        anyhow::bail!("shares do not add up")
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.random.u64(0..100) < percent
    }

    fn per_mille(&mut self, per_mille: u64) -> bool {
        self.random.u64(0..1_000) < per_mille
    }
}

fn basis(reason: ReleaseReason) -> ReleaseDateBasis {
    match reason {
        ReleaseReason::Parole => ReleaseDateBasis::ParoleEligibility,
        ReleaseReason::SentenceServed => ReleaseDateBasis::ConditionalRelease,
        ReleaseReason::Pardon => ReleaseDateBasis::EarliestPossible,
        ReleaseReason::Bail
        | ReleaseReason::Recognizance
        | ReleaseReason::Dismissed
        | ReleaseReason::Acquitted
        | ReleaseReason::CourtOrder => ReleaseDateBasis::Projected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64) -> Roster {
        Roster::draw(&CaseMix::read(None).unwrap(), ByOutcome { outstanding: 400, released: 300 }, seed).unwrap()
    }

    #[test]
    fn a_seed_gives_one_roster_and_another_seed_another() {
        assert_eq!(draw(7).people, draw(7).people);
        assert_ne!(draw(7).people, draw(8).people);
    }

    #[test]
    fn there_are_as_many_people_as_asked_for_and_the_rest_is_said() {
        let roster = draw(1);
        let count = |wanted: fn(&Outcome) -> bool, jurisdiction: &str| {
            let own = roster.people.iter().filter(|person| person.custodian.starts_with(jurisdiction));
            own.filter(|person| wanted(&person.outcome)).count()
        };
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Outstanding { .. }), "us-ny"), 400);
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Released(_)), "us-ny"), 300);
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Outstanding { .. }), "us-tx"), 100);
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Released(_)), "us-tx"), 75);
        assert_eq!(count(|outcome| matches!(outcome, Outcome::NoSuchPerson), "us-ny"), 14);
        assert_eq!(count(|outcome| matches!(outcome, Outcome::Lifted(..)), "us-ny"), 14);
    }

    #[test]
    fn everything_happens_in_order_and_within_the_year() {
        for person in draw(3).people {
            assert!((1..=person.lodged).contains(&person.intake));
            if let Outcome::Released(release) = &person.outcome {
                assert!(person.lodged < release.recorded && release.recorded <= STEPS);
                assert!(release.scheduled.is_none_or(|step| (1..release.recorded).contains(&step)));
            }
            if let Outcome::Lifted(step, _) = person.outcome {
                assert!(person.lodged < step && step <= STEPS);
            }
        }
    }
}
