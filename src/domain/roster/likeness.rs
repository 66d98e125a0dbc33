//! How alike two records of a person are.

use jiff::civil::Date;

use crate::domain::matching::Compared;
use crate::domain::partial_date::PartialDate;
use crate::domain::roster::name::Name;
use crate::domain::subject::{IdentifierKind, Identifiers, Subject};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// How the birth dates of two records compare.
    pub enum BirthDateAgreement {
        /// Both are known to the day, and the same.
        Same = "same",
        /// They are the same as far as both are known.
        AsFarAsKnown = "as-far-as-known",
        /// Day and month are exchanged.
        Transposed = "transposed",
        /// One digit differs, or they are a day apart.
        OneOff = "one-off",
        /// One of them is not known.
        Unknown = "unknown",
        /// They differ in more.
        Different = "different",
    }
}

/// What the likeness of names counts for, by how the birth dates compare.
fn weight(births: BirthDateAgreement) -> f64 {
    match births {
        BirthDateAgreement::Same => 1.0,
        BirthDateAgreement::AsFarAsKnown | BirthDateAgreement::Transposed => 0.95,
        BirthDateAgreement::OneOff => 0.92,
        BirthDateAgreement::Unknown => 0.9,
        BirthDateAgreement::Different => 0.5,
    }
}

/// What the likeness counts for where a number differs.
const CONTRADICTED: f64 = 0.93;

/// From which score on a record is proposed without a number in common.
const SCORE_MIN: f64 = 0.88;

/// A person, made ready to be compared. `Debug` never prints it.
#[derive(Clone)]
pub struct Person {
    pub(super) identifiers: Identifiers,
    pub(super) names: Vec<Name>,
    pub(super) birth_date: Option<PartialDate>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(withheld)")
    }
}

impl From<&Subject> for Person {
    fn from(subject: &Subject) -> Self {
        let names = std::iter::once(&subject.name).chain(&subject.aliases);
        Self {
            identifiers: subject.identifiers.clone(),
            names: names.filter_map(Name::of).collect(),
            birth_date: subject.birth_date,
        }
    }
}

/// How alike two records are.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// How alike the most alike of their names are, from 0 to 1. 1: the same words.
    pub names: f64,
    /// How the birth dates compare.
    pub births: BirthDateAgreement,
    /// Numbers that both have.
    pub in_common: Vec<IdentifierKind>,
    /// Numbers that differ.
    pub contradict: Vec<IdentifierKind>,
    /// `names`, weighed by how the birth dates compare, and less where a number differs. 0 where a birth date is not known
    /// and a name has less than three words.
    pub score: f64,
}

impl Likeness {
    /// Compares two records.
    pub fn of(one: &Person, other: &Person) -> Self {
        let Compared { in_common, contradict } = Compared::of(&one.identifiers, &other.identifiers);
        let births = births(one.birth_date, other.birth_date);
        let pairs = || one.names.iter().flat_map(|name| other.names.iter().map(move |other| (name, other)));
        let most = |names: f64, (name, other): (&Name, &Name)| names.max(name.likeness(other));
        let names = pairs().fold(0.0, most);
        let telling = match births {
            // Of a hundred thousand people, many share a name of two words.
            BirthDateAgreement::Unknown => {
                pairs().filter(|(name, other)| name.is_telling() && other.is_telling()).fold(0.0, most)
            }
            BirthDateAgreement::Same
            | BirthDateAgreement::AsFarAsKnown
            | BirthDateAgreement::Transposed
            | BirthDateAgreement::OneOff
            | BirthDateAgreement::Different => names,
        };
        let believed = if contradict.is_empty() { 1.0 } else { CONTRADICTED };
        let score = telling * weight(births) * believed;
        Self { names, births, in_common, contradict, score }
    }

    /// Whether they have a number in common and none that differs. Such a match needs no officer who vouches for it
    /// ([`crate::domain::matching`]).
    pub fn is_exact(&self) -> bool {
        !self.in_common.is_empty() && self.contradict.is_empty()
    }

    /// Whether it is worth a look of the custodian.
    pub fn is_candidate(&self) -> bool {
        !self.in_common.is_empty() || self.score >= SCORE_MIN
    }

    /// Whether both are of one person as far as records can say: a number in common, or all words of a name and the
    /// birth date; and no number that differs.
    pub fn is_one_person(&self) -> bool {
        let by_name = match self.births {
            BirthDateAgreement::Same | BirthDateAgreement::AsFarAsKnown => self.names >= 1.0,
            BirthDateAgreement::Transposed
            | BirthDateAgreement::OneOff
            | BirthDateAgreement::Unknown
            | BirthDateAgreement::Different => false,
        };
        self.contradict.is_empty() && (!self.in_common.is_empty() || by_name)
    }
}

/// How two birth dates compare.
pub(super) fn births(one: Option<PartialDate>, other: Option<PartialDate>) -> BirthDateAgreement {
    let Some((one, other)) = one.zip(other) else { return BirthDateAgreement::Unknown };
    match one.day().zip(other.day()) {
        Some((one, other)) if one == other => BirthDateAgreement::Same,
        Some((one, other)) if transposed(one) == Some(other) => BirthDateAgreement::Transposed,
        Some((one, other)) if is_one_off(one, other) => BirthDateAgreement::OneOff,
        None if one.agrees_with(other) => BirthDateAgreement::AsFarAsKnown,
        Some(_) | None => BirthDateAgreement::Different,
    }
}

/// The date with day and month exchanged, if there is one.
pub(super) fn transposed(day: Date) -> Option<Date> {
    Date::new(day.year(), day.day(), day.month()).ok()
}

fn is_one_off(one: Date, other: Date) -> bool {
    let digits = |day: Date| {
        let (year, month, day) = (day.year(), i16::from(day.month()), i16::from(day.day()));
        [year / 1_000, year / 100 % 10, year / 10 % 10, year % 10, month / 10, month % 10, day / 10, day % 10]
    };
    let differ = digits(one).iter().zip(digits(other)).filter(|(one, other)| **one != *other).count();
    differ == 1 || one.tomorrow().ok() == Some(other) || other.tomorrow().ok() == Some(one)
}
