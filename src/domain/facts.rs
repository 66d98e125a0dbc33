//! The facts that a law may depend on. Few distinct combinations occur, so that a decision can be cached.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::charge::{Charge, ChargeStatus, ConvictionAge, OffenceCategory, Severity};
use crate::domain::detainer::{DetainerBasis, DetainerForm};
use crate::domain::statute::{Grade, Paragraph, Reading, Statutes};
use crate::domain::vocabulary::vocabulary;
use crate::domain::warrant::{IssuingAuthority, WarrantKind};

vocabulary! {
    /// The step at which the law is asked.
    pub enum Stage {
        /// A detainer is lodged.
        Lodge = "lodge",
        /// The custodian says what it found.
        Acknowledge = "acknowledge",
        /// The custodian answers.
        Answer = "answer",
        /// A release is scheduled.
        Schedule = "schedule",
        /// A release took place.
        Release = "release",
        /// A copy was served.
        Serve = "serve",
        /// A citizenship claim is raised or resolved.
        Claim = "claim",
        /// A pick-up is offered.
        Transfer = "transfer",
        /// Charges, identity or place of a custody change, or it ends without a release.
        Change = "change",
        /// What was committed for disclosure is about to be delivered.
        Deliver = "deliver",
    }
}

/// What is known of one detainer and its custody when the law is asked.
///
/// Every fact has a source. What the issuer asks (form, basis, an officer's warrant with its document) is undisputed:
/// it triggers the law. What the custodian's own record holds is a fact. What the requester says of the world is a
/// claim, and no claim makes a ruling more permissive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub struct CaseFacts {
    /// The step.
    pub stage: Stage,
    /// What kind of agency asks.
    pub requester_kind: AgencyKind,
    /// The custodian's class, once known.
    pub custodian_class: Option<AgencyClass>,
    /// The form.
    pub form: DetainerForm,
    /// The form asks for a hold.
    pub asks_for_hold: bool,
    /// The basis as stated.
    pub basis: BTreeSet<DetainerBasis>,
    /// An officer's warrant whose document is attached by its hash, or was received by the custodian. Never a judge's:
    /// that is a fact of the record or a claim.
    pub warrant: WarrantKind,
    /// The custodian has seen the final order of removal itself.
    pub final_order: bool,
    /// The custodian says that the release date is open to the public.
    pub date_public: bool,
    /// The records do not support the detainer's match, and no officer vouched for it as they now stand.
    pub match_disputed: bool,
    /// What the custodian's record says.
    pub record: Assertions,
    /// What the requester says.
    pub asserted: Assertions,
}

/// What one side says of the person and of a judge's warrant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub struct Assertions {
    /// Which judge signed a warrant or order. In the custodian's record: only a verified one that has not expired.
    pub judge: Judge,
    /// That judge's warrant is on a federal criminal charge.
    pub criminal_warrant: bool,
    /// The person was matched to the federal terrorist watch list.
    pub terrorist_list_match: bool,
    /// What each charge amounts to.
    pub offences: BTreeSet<Offence>,
    /// A citizenship claim is open.
    pub citizenship_claim: bool,
    /// The person is a citizen of the United States: a claim was confirmed, or there is proof.
    pub citizen: bool,
    /// The person is lawfully present.
    pub lawful_status: bool,
    /// The person is a minor, by flag or by birth date.
    pub juvenile: bool,
    /// A sealed or youthful-offender record is among the charges.
    pub sealed: bool,
    /// A victim or witness, or in a protected program.
    pub protected: bool,
}

vocabulary! {
    /// Who signed a judge's warrant.
    pub enum Judge {
        /// No judge.
        None = "none",
        /// A federal judge or magistrate.
        Federal = "federal",
        /// A judge of a state court.
        State = "state",
    }
}

#[expect(clippy::derivable_impls, reason = "the enumeration is made by a macro that all vocabularies share")]
impl Default for Judge {
    fn default() -> Self {
        Self::None
    }
}

impl From<IssuingAuthority> for Judge {
    fn from(authority: IssuingAuthority) -> Self {
        match authority {
            IssuingAuthority::FederalJudge => Self::Federal,
            IssuingAuthority::StateJudge => Self::State,
            IssuingAuthority::None | IssuingAuthority::ImmigrationOfficer | IssuingAuthority::Unknown => Self::None,
        }
    }
}

impl Assertions {
    /// The offence groups in one of the sets.
    pub fn offences_in(&self, set: OffenceSet) -> BTreeSet<OffenceCategory> {
        self.offences.iter().filter(|offence| set.has(offence)).map(|offence| offence.category).collect()
    }

    /// Whether a conviction has no date to count its age from. A law with an age limit cannot judge it.
    pub fn undated_conviction(&self) -> bool {
        self.offences.iter().any(|offence| offence.age == ConvictionAge::Unknown)
    }

    /// The paragraphs that list offences in one of the sets.
    pub fn listed_in(&self, set: ListedSet) -> BTreeSet<&Paragraph> {
        self.offences.iter().filter(|offence| set.has(offence)).flat_map(|offence| &offence.listed).collect()
    }

    /// Whether an offence falls into a gap of the table of offences. A law that depends on a list cannot judge it.
    pub fn unread(&self, unread: StatuteGap) -> bool {
        self.offences.iter().any(|offence| unread.is(offence))
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CaseFacts {
    /// The same facts without the requester's claims.
    #[must_use]
    pub fn without_claims(&self) -> Self {
        Self { asserted: Assertions::default(), ..self.clone() }
    }
}

/// What a charge amounts to, as far as the law depends on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offence {
    /// Its group: by the section that it cites, or else by its code.
    pub category: OffenceCategory,
    /// How far it has come.
    pub status: ChargeStatus,
    /// How grave it is, if the charge or the section that it cites says so.
    pub severity: Option<Severity>,
    /// How long ago the person was convicted of it.
    pub age: ConvictionAge,
    /// The paragraphs of the law that list the section.
    pub listed: BTreeSet<Paragraph>,
    /// What the table of offences says of the section.
    pub reading: Reading,
}

impl Offence {
    /// What a charge amounts to.
    pub fn of(charge: &Charge, as_of: AsOf<'_>) -> Self {
        let found = charge.statute.as_deref().and_then(|cited| as_of.statutes.find(cited));
        let (severity, reading) = match (charge.severity, found.map(|listing| listing.grade)) {
            (said, None) => (said, Reading::Unlisted),
            (None, Some(Grade::Wobbler)) => (None, Reading::Ungraded),
            (None, Some(Grade::Fixed(grade))) => (Some(grade), Reading::Listed),
            // One of them is wrong, and nobody can say which. It is not taken for a felony.
            (Some(said), Some(Grade::Fixed(grade))) if said != grade => (None, Reading::Ungraded),
            (Some(said), Some(Grade::Wobbler | Grade::Fixed(_))) => (Some(said), Reading::Listed),
        };
        Self {
            category: found.map_or_else(|| charge.category(), |listing| listing.category),
            status: charge.status,
            severity,
            age: charge.conviction_age(as_of.today),
            listed: found.map(|listing| listing.listed.clone()).unwrap_or_default(),
            reading,
        }
    }
}

/// The day and the table of offences that a record is read by. Both belong to the jurisdiction whose law is asked.
#[derive(Debug, Clone, Copy)]
pub struct AsOf<'a> {
    /// The day, by the jurisdiction's calendar.
    pub today: Date,
    /// The table of its policy pack. Empty if there is none.
    pub statutes: &'a Statutes,
}

vocabulary! {
    /// The sets of offences that laws refer to. A policy cannot ask for an offence of one group and one age together,
    /// so each set that some law needs is a fact of its own.
    pub enum OffenceSet {
        /// What the person is charged with and has not been judged for.
        Charges = "charges",
        /// Felonies among those.
        FelonyCharges = "felony_charges",
        /// Those for which a magistrate held the person to answer.
        HeldToAnswer = "held_to_answer",
        /// What the person was convicted of.
        Convictions = "convictions",
        /// In the last five years.
        Convictions5y = "convictions_5y",
        /// In the last fifteen years.
        Convictions15y = "convictions_15y",
        /// Felonies that the person was convicted of.
        FelonyConvictions = "felony_convictions",
        /// In the last five years.
        FelonyConvictions5y = "felony_convictions_5y",
        /// In the last fifteen years.
        FelonyConvictions15y = "felony_convictions_15y",
    }
}

impl OffenceSet {
    /// Whether an offence is in the set.
    pub fn has(self, offence: &Offence) -> bool {
        let felony = offence.severity == Some(Severity::Felony);
        let convicted = offence.status == ChargeStatus::Convicted;
        match self {
            Self::Charges => offence.status.is_open(),
            Self::FelonyCharges => felony && offence.status.is_open(),
            Self::HeldToAnswer => offence.status == ChargeStatus::HeldToAnswer,
            Self::Convictions => convicted,
            Self::Convictions5y => convicted && offence.age.within_5_years(),
            Self::Convictions15y => convicted && offence.age.within_15_years(),
            Self::FelonyConvictions => felony && convicted,
            Self::FelonyConvictions5y => felony && convicted && offence.age.within_5_years(),
            Self::FelonyConvictions15y => felony && convicted && offence.age.within_15_years(),
        }
    }
}

vocabulary! {
    /// The sets of offences for which laws ask which paragraphs list them. The grade of each offence MUST be known. An
    /// offence of unknown grade is in none of them, and is a [`StatuteGap`].
    pub enum ListedSet {
        /// Felonies that the person is charged with and has not been judged for.
        FelonyCharges = "listed_felony_charges",
        /// Those for which a magistrate held the person to answer.
        FeloniesHeldToAnswer = "listed_felonies_held_to_answer",
        /// Felonies that the person was convicted of.
        FelonyConvictions = "listed_felony_convictions",
        /// In the last five years.
        FelonyConvictions5y = "listed_felony_convictions_5y",
        /// In the last fifteen years.
        FelonyConvictions15y = "listed_felony_convictions_15y",
        /// Misdemeanors that the person was convicted of in the last five years.
        MisdemeanorConvictions5y = "listed_misdemeanor_convictions_5y",
    }
}

impl ListedSet {
    /// Whether an offence is in the set.
    pub fn has(self, offence: &Offence) -> bool {
        let felony = offence.severity == Some(Severity::Felony);
        let misdemeanor = offence.severity == Some(Severity::Misdemeanor);
        let convicted = offence.status == ChargeStatus::Convicted;
        let graded = offence.reading == Reading::Listed;
        graded
            && match self {
                Self::FelonyCharges => felony && offence.status.is_open(),
                Self::FeloniesHeldToAnswer => felony && offence.status == ChargeStatus::HeldToAnswer,
                Self::FelonyConvictions => felony && convicted,
                Self::FelonyConvictions5y => felony && convicted && offence.age.within_5_years(),
                Self::FelonyConvictions15y => felony && convicted && offence.age.within_15_years(),
                Self::MisdemeanorConvictions5y => misdemeanor && convicted && offence.age.within_5_years(),
            }
    }
}

vocabulary! {
    /// Gaps of the table of offences. A violation is no gap, because no list has one.
    pub enum StatuteGap {
        /// A conviction under a section that is not in the table.
        UnlistedConviction = "unlisted_conviction",
        /// A charge, not judged yet, under one.
        UnlistedCharge = "unlisted_charge",
        /// A conviction under a section whose grade is unknown, or contradicts the charge.
        UngradedConviction = "ungraded_conviction",
        /// A charge, not judged yet, under one.
        UngradedCharge = "ungraded_charge",
        /// One of those for which a magistrate held the person to answer, under a section that is not in the table.
        UnlistedHeldToAnswer = "unlisted_held_to_answer",
        /// One of those, under a section of the table whose grade nobody has said.
        UngradedHeldToAnswer = "ungraded_held_to_answer",
    }
}

impl StatuteGap {
    /// Whether an offence falls into the gap.
    pub fn is(self, offence: &Offence) -> bool {
        let convicted = offence.status == ChargeStatus::Convicted;
        let unlisted = offence.reading == Reading::Unlisted && offence.severity != Some(Severity::Violation);
        let ungraded = offence.reading == Reading::Ungraded;
        let held = offence.status == ChargeStatus::HeldToAnswer;
        match self {
            Self::UnlistedConviction => unlisted && convicted,
            Self::UnlistedCharge => unlisted && offence.status.is_open(),
            Self::UngradedConviction => ungraded && convicted,
            Self::UngradedCharge => ungraded && offence.status.is_open(),
            Self::UnlistedHeldToAnswer => unlisted && held,
            Self::UngradedHeldToAnswer => ungraded && held,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_has_the_offences_that_its_name_says() {
        use ChargeStatus::{Acquitted, Arrested, Charged, Convicted, Dismissed, HeldToAnswer, Pending, Sealed};
        use ConvictionAge::{None as NoAge, Older, Unknown, Within5Years, Within15Years};
        fn check(status: ChargeStatus, severity: Option<Severity>, age: ConvictionAge, expected: &str) {
            let (listed, reading) = (BTreeSet::new(), Reading::Unlisted);
            let offence = Offence { category: OffenceCategory::Assault, status, severity, age, listed, reading };
            let sets: Vec<&str> =
                OffenceSet::ALL.iter().filter(|set| set.has(&offence)).map(|set| set.word()).collect();
            assert_eq!(sets.join(" "), expected, "{offence:?}");
        }
        let (felony, lesser) = (Some(Severity::Felony), Some(Severity::Misdemeanor));
        for open in [Arrested, Charged, Pending] {
            check(open, lesser, NoAge, "charges");
            check(open, None, NoAge, "charges");
            check(open, felony, NoAge, "charges felony_charges");
        }
        check(HeldToAnswer, lesser, NoAge, "charges held_to_answer");
        check(HeldToAnswer, felony, NoAge, "charges felony_charges held_to_answer");
        check(Convicted, lesser, Within5Years, "convictions convictions_5y convictions_15y");
        check(Convicted, lesser, Within15Years, "convictions convictions_15y");
        check(Convicted, lesser, Older, "convictions");
        check(Convicted, None, Unknown, "convictions");
        check(
            Convicted,
            felony,
            Within5Years,
            "convictions convictions_5y convictions_15y felony_convictions felony_convictions_5y felony_convictions_15y",
        );
        check(
            Convicted,
            felony,
            Within15Years,
            "convictions convictions_15y felony_convictions felony_convictions_15y",
        );
        check(Convicted, felony, Older, "convictions felony_convictions");
        for ended in [Dismissed, Acquitted, Sealed, ChargeStatus::YouthfulOffender] {
            check(ended, felony, NoAge, "");
        }
    }

    #[test]
    fn a_list_has_offences_whose_grade_is_known_and_the_rest_is_unread() {
        use ChargeStatus::{Charged, Convicted, HeldToAnswer};
        use ConvictionAge::{None as NoAge, Older, Within5Years, Within15Years};
        use Severity::{Felony, Misdemeanor, Violation};
        fn check(
            (reading, severity): (Reading, Option<Severity>),
            (status, age): (ChargeStatus, ConvictionAge),
            expected: &str,
        ) {
            let listed = ["1(a)".parse().unwrap()].into();
            let offence = Offence { category: OffenceCategory::Other, status, severity, age, listed, reading };
            let sets = ListedSet::ALL.iter().filter(|set| set.has(&offence)).map(|set| set.word());
            let unread = StatuteGap::ALL.iter().filter(|unread| unread.is(&offence)).map(|unread| unread.word());
            assert_eq!(sets.chain(unread).collect::<Vec<_>>().join(" "), expected, "{offence:?}");
        }
        let of = |severity| (Reading::Listed, Some(severity));
        check(of(Felony), (Charged, NoAge), "listed_felony_charges");
        check(of(Felony), (HeldToAnswer, NoAge), "listed_felony_charges listed_felonies_held_to_answer");
        check(of(Felony), (Convicted, Older), "listed_felony_convictions");
        check(of(Felony), (Convicted, Within15Years), "listed_felony_convictions listed_felony_convictions_15y");
        check(
            of(Felony),
            (Convicted, Within5Years),
            "listed_felony_convictions listed_felony_convictions_5y listed_felony_convictions_15y",
        );
        check(of(Misdemeanor), (Convicted, Within5Years), "listed_misdemeanor_convictions_5y");
        check(of(Misdemeanor), (Convicted, Within15Years), "");
        check(of(Misdemeanor), (HeldToAnswer, NoAge), "");
        check(of(Violation), (Convicted, Within5Years), "");
        check((Reading::Unlisted, Some(Felony)), (Convicted, Within5Years), "unlisted_conviction");
        check((Reading::Unlisted, None), (Charged, NoAge), "unlisted_charge");
        check((Reading::Unlisted, Some(Violation)), (Convicted, Within5Years), "");
        check((Reading::Ungraded, None), (Convicted, Within5Years), "ungraded_conviction");
        check((Reading::Ungraded, None), (Charged, NoAge), "ungraded_charge");
        check((Reading::Ungraded, None), (HeldToAnswer, NoAge), "ungraded_charge ungraded_held_to_answer");
        check((Reading::Unlisted, None), (HeldToAnswer, NoAge), "unlisted_charge unlisted_held_to_answer");
        check((Reading::Ungraded, None), (ChargeStatus::Dismissed, NoAge), "");
    }

    #[test]
    fn a_charge_is_read_by_its_section_and_by_its_own_word_of_how_grave_it_is() {
        let mut statutes = Statutes::default();
        statutes.add_code("PC", "PC");
        for (cited, grade) in [("PC 211", Grade::Fixed(Severity::Felony)), ("PC 459", Grade::Wobbler)] {
            let listed = ["1(a)".parse().unwrap()].into();
            let category = OffenceCategory::Robbery;
            statutes.add(cited, crate::domain::statute::Listing { category, grade, listed, ncic: None });
        }
        let check = |statute: Option<&str>, said: Option<Severity>, severity: Option<Severity>, reading: Reading| {
            let charge = Charge {
                statute: statute.map(str::to_owned),
                ncic: Some("1399".parse().unwrap()),
                nibrs: None,
                severity: said,
                status: ChargeStatus::Charged,
                charged_on: None,
                convicted_on: None,
                sentence_days: None,
            };
            let as_of = AsOf { today: "2026-03-10".parse().unwrap(), statutes: &statutes };
            let offence = Offence::of(&charge, as_of);
            assert_eq!((offence.severity, offence.reading), (severity, reading), "{statute:?} {said:?}");
            let known = reading != Reading::Unlisted;
            assert_eq!(offence.listed.len(), usize::from(known));
            assert_eq!(offence.category == OffenceCategory::Robbery, known, "the section goes before the code");
        };
        let [felony, lesser] = [Some(Severity::Felony), Some(Severity::Misdemeanor)];
        check(Some("PC 211"), None, felony, Reading::Listed);
        check(Some("PC 211"), felony, felony, Reading::Listed);
        check(Some("PC 211"), lesser, None, Reading::Ungraded);
        check(Some("PC 459"), None, None, Reading::Ungraded);
        check(Some("PC 459"), lesser, lesser, Reading::Listed);
        check(Some("PC 1"), felony, felony, Reading::Unlisted);
        check(None, None, None, Reading::Unlisted);
    }
}
