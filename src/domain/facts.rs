//! The facts a law may turn on. Few distinct tuples occur, so that a decision once made can be remembered.

use std::collections::BTreeSet;

use jiff::Span;
use jiff::civil::Date;

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::charge::{Charge, ChargeStatus, ConvictionAge, OffenceCategory, Severity};
use crate::domain::custody::Custody;
use crate::domain::detainer::{Detainer, DetainerBasis, DetainerForm};
use crate::domain::vocabulary::vocabulary;
use crate::domain::warrant::{IssuingAuthority, WarrantKind};

vocabulary! {
    /// At which step the law is asked.
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
        /// What was committed to be shown is about to be.
        Deliver = "deliver",
    }
}

/// What is known of one detainer, and of the custody it stands on, when the law is asked.
///
/// Every fact knows who says it. What was asked (form, basis, an officer's warrant that came as a document) is beyond
/// dispute: it triggers the law. What the custodian's own record holds is a fact. What the requester says of the world is
/// a claim, and no claim makes a ruling more permissive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub struct CaseFacts {
    /// At which step.
    pub stage: Stage,
    /// What kind of agency asks.
    pub requester_kind: AgencyKind,
    /// What the custodian is, once known.
    pub custodian_class: Option<AgencyClass>,
    /// The form.
    pub form: DetainerForm,
    /// The form asks for a hold.
    pub asks_for_hold: bool,
    /// The basis as stated.
    pub basis: BTreeSet<DetainerBasis>,
    /// An officer's warrant whose document is attached by its hash, or was received by the custodian. Never a judge's: that
    /// is a fact of the record or a claim.
    pub warrant: WarrantKind,
    /// The custodian has seen the final order of removal itself.
    pub final_order: bool,
    /// The custodian says that the release date is open to the public.
    pub date_public: bool,
    /// What the custodian's record says.
    pub record: Assertions,
    /// What the requester says.
    pub asserted: Assertions,
}

/// What one side says of the person and of a judge's warrant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub struct Assertions {
    /// Which judge signed a warrant or order. Of the record: one that the custodian verified and that has not expired.
    pub judge: Judge,
    /// That judge's warrant is on a federal criminal charge.
    pub criminal_warrant: bool,
    /// The person was matched to the federal terrorist watch list.
    pub terrorist_list_match: bool,
    /// What each charge comes to.
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
    /// The groups of offences in one of the sets that laws speak of.
    pub fn offences_in(&self, set: OffenceSet) -> BTreeSet<OffenceCategory> {
        self.offences.iter().filter(|offence| set.has(offence)).map(|offence| offence.category).collect()
    }

    /// Whether some conviction bears no date that an age could be counted from. A law with an age limit cannot judge it.
    pub fn undated_conviction(&self) -> bool {
        self.offences.iter().any(|offence| offence.age == ConvictionAge::Unknown)
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CaseFacts {
    /// The same case without a word of the requester's but what it asks.
    #[must_use]
    pub fn without_claims(&self) -> Self {
        Self { asserted: Assertions::default(), ..self.clone() }
    }
}

/// What a charge comes to, as far as law turns on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offence {
    /// Its group.
    pub category: OffenceCategory,
    /// How far it has come.
    pub status: ChargeStatus,
    /// How grave it is, where the charge says.
    pub severity: Option<Severity>,
    /// How long ago the person was convicted of it.
    pub age: ConvictionAge,
}

impl Offence {
    /// What a charge comes to on a day, by the jurisdiction's calendar.
    pub fn of(charge: &Charge, today: Date) -> Self {
        Self {
            category: charge.category(),
            status: charge.status,
            severity: charge.severity,
            age: charge.conviction_age(today),
        }
    }
}

/// The next day on which time alone may change what a case comes to: a birthday that ends a minority, a conviction that
/// comes of age, a warrant that expires. Called in question a day late rather than never, so each day has the one after it beside it.
pub fn next_change(detainer: &Detainer, custody: &Custody, today: Date) -> Option<Date> {
    const MINORITY_YEARS: i64 = 18;
    const AGES_YEARS: [i64; 3] = [0, 5, 15];
    let after = |day: Date, years: i64| day.checked_add(Span::new().years(years)).ok();
    let request = &detainer.request;
    let subjects = [&request.subject, &custody.intake.subject];
    let births = subjects.into_iter().filter_map(|subject| after(subject.birth_date?.latest(), MINORITY_YEARS));
    let charges = request.charges.iter().chain(&custody.intake.charges);
    let convicted = charges.filter_map(|charge| charge.convicted_on);
    let ages = convicted.flat_map(|day| AGES_YEARS.into_iter().filter_map(move |years| after(day, years)));
    let verified = detainer.verified.as_ref().and_then(|verified| verified.verification.seen.expires_on);
    let expiries = request.warrant.expires_on.into_iter().chain(verified);
    let days = births.chain(ages).chain(expiries).flat_map(|day| [Some(day), day.tomorrow().ok()]);
    days.flatten().filter(|day| *day > today).min()
}

vocabulary! {
    /// The sets of offences that laws speak of. A policy cannot ask for one offence of such a group and such an age, so
    /// each set that some law needs is a fact of its own.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_has_the_offences_that_its_name_says() {
        use ChargeStatus::{Acquitted, Arrested, Charged, Convicted, Dismissed, HeldToAnswer, Pending, Sealed};
        use ConvictionAge::{None as NoAge, Older, Unknown, Within5Years, Within15Years};
        fn check(status: ChargeStatus, severity: Option<Severity>, age: ConvictionAge, expected: &str) {
            let offence = Offence { category: OffenceCategory::Assault, status, severity, age };
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
}
