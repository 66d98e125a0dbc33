//! Whether two records of a person agree in what a match says it was made by.
//!
//! **Names** agree if any legal or other name of one has the same words as any of the other, in any order, because
//! given and family names are told apart differently everywhere. Case, accents, apostrophes and full stops do not
//! count. A hyphen separates words. One word alone is not enough, and neither is part of a name: if one record lacks a
//! middle name or second surname, a person must look.
//!
//! **Birth dates** agree if both records have one and no part that both know differs.
//!
//! **Numbers** contradict if both records have a number of the same kind and the numbers differ, however they are
//! spelled. State numbers are compared only if the same state gave them.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::domain::detainer::{Acknowledgement, Finding};
use crate::domain::ids::BookingNumber;
use crate::domain::subject::{IdentifierKind, Identifiers, MatchMethod, PersonName, Subject};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What two records disagree in.
    pub enum Disagreement {
        /// They have no name in common.
        Name = "name",
        /// The birth dates differ, or one is unknown.
        BirthDate = "birth-date",
        /// A number of one kind differs, or they have no number in common.
        Identifier = "identifier",
        /// The match says that an officer compared them.
        ByOfficer = "by-officer",
    }
}

/// Why a finding needs an officer who vouches for it. Empty: it needs none. `asked` is the person of the request,
/// `held` the person in custody.
pub fn disputed(found: &Acknowledgement, asked: &Subject, held: &Subject) -> Vec<Disagreement> {
    match found.finding {
        Finding::MatchedCustody => disagreements(found.method, asked, held),
        Finding::NoSuchPerson
        | Finding::IdentityMismatch
        | Finding::Duplicate
        | Finding::NotInCustody
        | Finding::NotFoundInTime => Vec::new(),
    }
}

/// Whether two descriptions are the same as far as matching goes.
pub fn alike(one: &Subject, other: &Subject) -> bool {
    let compared = |of: &Subject| (of.name.clone(), of.aliases.clone(), of.birth_date, of.identifiers.clone());
    compared(one) == compared(other)
}

/// Whether a corrected description is still of the same person: the legal name has the same words, no number differs,
/// and a known birth date stays known. So nobody becomes somebody else in small steps.
pub fn of_one(before: &Subject, after: &Subject) -> bool {
    let births = before.birth_date.is_none_or(|before| after.birth_date.is_some_and(|after| before.agrees_with(after)));
    let names = words(&before.name) == words(&after.name);
    births && names && Compared::of(&before.identifiers, &after.identifiers).contradict.is_empty()
}

/// Whether a match by prints means nothing any more because a record changed to describe somebody else: the two agree
/// neither in a number nor in name and birth date.
pub fn no_longer_of_prints(found: &Acknowledgement, asked: &Subject, held: &Subject) -> bool {
    let of_prints = found.method == Some(MatchMethod::Biometric);
    of_prints && !disagreements(None, asked, held).is_empty()
}

fn disagreements(method: Option<MatchMethod>, asked: &Subject, held: &Subject) -> Vec<Disagreement> {
    let numbers = Compared::of(&asked.identifiers, &held.identifiers);
    if !numbers.contradict.is_empty() {
        return vec![Disagreement::Identifier];
    }
    let by_name = || {
        let name = (!names_agree(asked, held)).then_some(Disagreement::Name);
        let birth = (!births_agree(asked, held)).then_some(Disagreement::BirthDate);
        name.into_iter().chain(birth).collect::<Vec<_>>()
    };
    match (method, !numbers.in_common.is_empty()) {
        // Prints are not in the records, so only a contradicting number can speak against them. If the method is left
        // out, a common number or name and birth date is enough.
        (Some(MatchMethod::Biometric), _) | (Some(MatchMethod::Identifier) | None, true) => Vec::new(),
        (Some(MatchMethod::Identifier), false) => vec![Disagreement::Identifier],
        (Some(MatchMethod::NameAndBirthDate), _) | (None, false) => by_name(),
        (Some(MatchMethod::Officer), _) => vec![Disagreement::ByOfficer],
    }
}

/// A comparison of the numbers of two records.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Compared {
    /// The kinds in which both have the same number.
    pub(in crate::domain) in_common: Vec<IdentifierKind>,
    /// The kinds in which both have a number, and not the same.
    pub(in crate::domain) contradict: Vec<IdentifierKind>,
}

impl Compared {
    pub(in crate::domain) fn of(asked: &Identifiers, held: &Identifiers) -> Self {
        let mut compared = Self::default();
        for kind in IdentifierKind::ALL {
            let Some((asked, held)) = number(asked, *kind).zip(number(held, *kind)) else { continue };
            // The first two letters name the state.
            if *kind == IdentifierKind::StateId && asked.get(..2) != held.get(..2) {
                continue;
            }
            if asked != held {
                compared.contradict.push(*kind);
            } else if numbers_somebody(&asked) {
                compared.in_common.push(*kind);
            }
        }
        compared
    }
}

/// The number of a kind, in the spelling in which it is compared.
pub(in crate::domain) fn number(of: &Identifiers, kind: IdentifierKind) -> Option<Cow<'_, str>> {
    Some(match kind {
        IdentifierKind::AlienNumber => Cow::Borrowed(of.alien_number.as_ref()?.as_str()),
        IdentifierKind::FbiNumber => Cow::Borrowed(of.fbi_number.as_ref()?.as_str()),
        IdentifierKind::StateId => Cow::Borrowed(of.state_id.as_ref()?.as_str()),
        // This number is kept as its author writes it.
        IdentifierKind::BookingNumber => Cow::Owned(plain(of.booking_number.as_ref()?)),
        IdentifierKind::Din => Cow::Borrowed(of.din.as_ref()?.as_str()),
    })
}

/// Whether a number can identify somebody. Placeholders cannot: one digit repeated, digits in keyboard order, or too
/// few digits.
pub(in crate::domain) fn numbers_somebody(number: &str) -> bool {
    const IN_ORDER: [&str; 2] = ["01234567890", "09876543210"];
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    let several = digits.bytes().any(|digit| Some(&digit) != digits.as_bytes().first());
    several && digits.len() > 2 && !IN_ORDER.iter().any(|order| order.contains(digits) && digits.len() > 3)
}

/// Only letters and digits, in upper case.
fn plain(number: &BookingNumber) -> String {
    number.as_str().chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

fn names_agree(asked: &Subject, held: &Subject) -> bool {
    let names = |subject: &Subject| -> Vec<Vec<String>> {
        let all = std::iter::once(&subject.name).chain(&subject.aliases);
        all.map(words).filter(|words| words.len() > 1).collect()
    };
    let held = names(held);
    names(asked).iter().any(|name| held.contains(name))
}

/// The words of a name, sorted, so that given and family names may be swapped.
pub(in crate::domain) fn words(name: &PersonName) -> Vec<String> {
    let whole = format!("{} {}", name.given, name.family);
    let parts = whole.split(|c: char| c.is_whitespace() || is_hyphen(c)).map(folded);
    let mut words: Vec<String> = parts.filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '/' | ',')
}

/// Only letters, without case or accents.
fn folded(word: &str) -> String {
    let letters =
        word.nfkd().filter(|c| !is_accent(*c) && !is_apostrophe(*c) && (c.is_alphanumeric() || is_combining_mark(*c)));
    letters.flat_map(char::to_lowercase).fold(String::new(), |mut folded, letter| {
        match unaccented(letter) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(letter),
        }
        folded
    })
}

/// Whether a mark may be left out of a name: an accent, or a vowel point of a script that is mostly written without.
/// Other marks, such as vowels in Devanagari and voiced kana, make a different name.
fn is_accent(c: char) -> bool {
    matches!(c,
        // Latin, Greek and Cyrillic.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        // Hebrew and Arabic.
        | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6ed}')
}

/// Letters that are written in place of an apostrophe, such as the \u{2bb}okina.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\u{2b9}'..='\u{2bf}' | '\u{2c8}' | '\u{a78b}' | '\u{a78c}')
}

/// Letters with a stroke or ligature that Unicode does not decompose, in plain letters.
fn unaccented(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

fn births_agree(asked: &Subject, held: &Subject) -> bool {
    asked.birth_date.zip(held.birth_date).is_some_and(|(asked, held)| asked.agrees_with(held))
}

#[cfg(test)]
mod tests;
