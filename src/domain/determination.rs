//! What a jurisdiction's law says of one act: must, may, must not, or a person decides.

mod law_view;

use serde::{Deserialize, Serialize};

pub use law_view::LawView;

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The acts that the law rules on. Disclosure is ruled on for each class of fields.
    pub enum LawAction {
        /// Keep the person past the moment of otherwise-release.
        Hold = "hold",
        /// Give the requester notice of the release.
        Notify = "notify",
        /// Hand the person over.
        Transfer = "transfer",
        /// Show a class of fields.
        Disclose = "disclose",
        /// Let the requester interview the person in custody.
        Interview = "interview",
    }
}

vocabulary! {
    /// Classes of fields. Each field of the contract belongs to one class, and each class of an entry has its own
    /// commitment.
    pub enum FieldClass {
        /// Facts for statistics. Never personal.
        Count = "count",
        /// The request: form, basis, warrant.
        Request = "request",
        /// Names, aliases, birth date, sex.
        Identity = "identity",
        /// Numbers that identify a person.
        Identifiers = "identifiers",
        /// Citizenship and immigration status; the one class 8 USC 1373 speaks of.
        Citizenship = "citizenship",
        /// Charges.
        Charges = "charges",
        /// That, where and since when a person is held.
        Custody = "custody",
        /// The custodian's answer.
        Answer = "answer",
        /// When a person is or was released.
        ReleaseDate = "release-date",
        /// Why, to whom and by whose order a person was released.
        ReleaseDetail = "release-detail",
        /// How to reach an agency's duty officer.
        Contact = "contact",
        /// Juvenile, citizenship claim.
        Safeguard = "safeguard",
        /// Victim or witness, protected program, an officer's reasons. Stays with custodian and oversight.
        Restricted = "restricted",
        /// Rulings and their grounds. Stays with the custodian and oversight, because the ground of a review would
        /// reveal what the review protects.
        Determination = "determination",
        /// Where a release takes place.
        ReleasePlace = "release-place",
        /// Where a person lives or works.
        Address = "address",
        /// Health.
        Medical = "medical",
    }
}

vocabulary! {
    /// What the law says of an act.
    pub enum Ruling {
        /// A duty.
        Must = "must",
        /// Allowed.
        May = "may",
        /// Forbidden.
        MustNot = "must-not",
        /// A person decides.
        Review = "review",
    }
}

vocabulary! {
    /// The clocks that a law may bound a hold by. Each runs from the moment of otherwise-release. They are listed from
    /// the first to end to the last.
    pub enum HoldClock {
        /// To the end of the same day, in the time zone of the jurisdiction.
        SameDay = "same-day",
        /// 48 hours, as the form says.
        Flat48h = "flat-48h",
        /// 48 hours, without Saturdays, Sundays and federal holidays.
        Cfr = "8-cfr-287-7-d",
    }
}

vocabulary! {
    /// What else the law requires of whoever acts under it.
    pub enum Obligation {
        /// Serve a copy of the detainer on the person.
        ServeCopy = "serve-copy",
        /// Notify the person.
        TellTheSubject = "tell-the-subject",
        /// Notify the person's counsel.
        TellCounsel = "tell-counsel",
        /// Advise the person of their rights before an interview.
        InterviewAdvisal = "interview-advisal",
        /// Count it in the yearly report.
        AnnualCount = "annual-count",
        /// Keep it in the person's file.
        RecordInFile = "record-in-file",
        /// Notify the judge who may grant bail.
        TellTheJudge = "tell-the-judge",
    }
}

impl Obligation {
    /// Whether it concerns the person, so that it lapses if the custodian has no such person: there is no copy to
    /// serve, no file and no bail.
    pub fn is_to_the_person(self) -> bool {
        match self {
            Self::ServeCopy
            | Self::TellTheSubject
            | Self::TellCounsel
            | Self::InterviewAdvisal
            | Self::RecordInFile
            | Self::TellTheJudge => true,
            Self::AnnualCount => false,
        }
    }
}

/// A ruling and everything needed to explain it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Determination {
    /// The ruling.
    pub ruling: Ruling,
    /// Ids of the deciding policies, sorted. Empty: no policy applied, or evaluation failed.
    pub policies: Vec<String>,
    /// Their citations, sorted.
    pub citations: Vec<String>,
    /// What else the law requires of whoever acts, sorted.
    pub obligations: Vec<Obligation>,
    /// Why a person must decide, if one must.
    pub reviews: Vec<String>,
    /// Evaluation failed. The ruling is then must-not, whatever the policies say.
    pub failed: bool,
    /// The clock that bounds a hold. None: the flat clock or that of 8 CFR 287.7(d), whichever ends first.
    pub clock: Option<HoldClock>,
    /// The law forbids it unless an unverified claim of the requester is true. The ruling is review, and an officer
    /// MUST NOT permit it before the claim is verified.
    #[serde(default)]
    pub unverified: bool,
    /// What the addressee owes from the receipt of the request on, whatever the ruling; sorted by obligation.
    #[serde(default)]
    pub on_receipt: Vec<OnReceipt>,
}

/// An obligation owed from the receipt of the request on, and not because of an act.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OnReceipt {
    /// What is owed.
    pub obligation: Obligation,
    /// Citations of the policies that require it, sorted.
    pub citations: Vec<String>,
}

impl Determination {
    /// The ruling, whether evaluation failed, and whether it depends on an unverified claim. Determinations that agree
    /// in these are grouped.
    pub fn tenor(&self) -> (Ruling, bool, bool) {
        (self.ruling, self.failed, self.unverified)
    }
}

/// A set of field classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldClasses(u32);

impl FieldClasses {
    /// No class.
    pub const NONE: Self = Self(0);

    /// Every class.
    pub fn all() -> Self {
        FieldClass::ALL.iter().copied().collect()
    }

    /// Whether the set has the class.
    pub fn contains(self, class: FieldClass) -> bool {
        self.0 & Self::bit(class) != 0
    }

    /// The classes of the set, in order.
    pub fn iter(self) -> impl Iterator<Item = FieldClass> {
        FieldClass::ALL.iter().copied().filter(move |class| self.contains(*class))
    }

    /// This set without the classes of another.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The classes in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The classes in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// As stored.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Reads stored bits. Unknown bits are dropped, so that no class is shown that this version does not know.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits & Self::all().0)
    }

    fn bit(class: FieldClass) -> u32 {
        let position = FieldClass::ALL.iter().position(|known| *known == class).unwrap_or_default();
        u32::try_from(position).map_or(0, |shift| 1u32.wrapping_shl(shift))
    }
}

impl FromIterator<FieldClass> for FieldClasses {
    fn from_iter<I: IntoIterator<Item = FieldClass>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |bits, class| bits | Self::bit(class)))
    }
}

/// A class that is not shown, with the citations of what withholds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The class.
    pub class: FieldClass,
    /// Sorted. Empty if the law is silent, or if the citations may not be shown.
    pub citations: Vec<String>,
}
