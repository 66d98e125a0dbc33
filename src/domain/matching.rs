//! Whether two records of a person agree in what a match says that it was made by.
//!
//! **Names** agree where any legal or other name of one has the same words as any of the other, in any order: given and
//! family names are told apart otherwise everywhere. Case, accents, apostrophes and full stops do not count, a hyphen parts
//! words. One word alone is too little, and so is a part of a name: a middle name or second surname that one record lacks
//! is for a person to look at.
//!
//! **Birth dates** agree where both records have one, and no part that both of them know differs.
//!
//! **Numbers** contradict where both records have one of a kind and it is not the same, however it is spelt. A state number
//! says nothing of one that another state gave.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::domain::detainer::{Acknowledgement, Finding};
use crate::domain::ids::{AlienNumber, BookingNumber, Din, FbiNumber, StateId};
use crate::domain::subject::{Identifiers, MatchMethod, PersonName, Subject};
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What two records do not agree in.
    pub enum Disagreement {
        /// No name of one is a name of the other.
        Name = "name",
        /// The birth dates differ, or one is not known.
        BirthDate = "birth-date",
        /// A number that both of them have differs, or they have none in common.
        Identifier = "identifier",
        /// An officer is said to have compared them.
        ByOfficer = "by-officer",
    }
}

/// Why a finding needs an officer who vouches for it; empty where it needs none. `asked` is the person of the request,
/// `held` of the custody.
pub fn disputed(found: &Acknowledgement, asked: &Subject, held: &Subject) -> Vec<Disagreement> {
    match found.finding {
        Finding::MatchedCustody => disagreements(found.method, asked, held),
        Finding::NoSuchPerson | Finding::IdentityMismatch => Vec::new(),
    }
}

/// Whether a match that stands on one of these descriptions stands on the other in the same way.
pub fn alike(one: &Subject, other: &Subject) -> bool {
    let compared = |of: &Subject| (of.name.clone(), of.aliases.clone(), of.birth_date, of.identifiers.clone());
    compared(one) == compared(other)
}

/// Whether a description that its author corrected is of the same person still: the legal name has the same words, no number is
/// another, and what was known of the birth date is known still. So nobody becomes somebody else in small steps.
pub fn of_one(before: &Subject, after: &Subject) -> bool {
    let births = before.birth_date.is_none_or(|before| after.birth_date.is_some_and(|after| before.agrees_with(after)));
    let names = words(&before.name) == words(&after.name);
    births && names && !Compared::of(&before.identifiers, &after.identifiers).contradict
}

/// Whether a match that was made by prints stands for nothing any more, once one of the records has come to describe somebody
/// else: they agree neither in a number nor in name and birth date.
pub fn no_longer_of_prints(found: &Acknowledgement, asked: &Subject, held: &Subject) -> bool {
    let of_prints = found.method == Some(MatchMethod::Biometric);
    of_prints && !disagreements(None, asked, held).is_empty()
}

fn disagreements(method: Option<MatchMethod>, asked: &Subject, held: &Subject) -> Vec<Disagreement> {
    let numbers = Compared::of(&asked.identifiers, &held.identifiers);
    if numbers.contradict {
        return vec![Disagreement::Identifier];
    }
    let by_name = || {
        let name = (!names_agree(asked, held)).then_some(Disagreement::Name);
        let birth = (!births_agree(asked, held)).then_some(Disagreement::BirthDate);
        name.into_iter().chain(birth).collect::<Vec<_>>()
    };
    match (method, numbers.in_common) {
        // Prints are not in the records: nothing but a number that belongs to others can speak against them. Where the
        // method is left out, either of what machines go by will do.
        (Some(MatchMethod::Biometric), _) | (Some(MatchMethod::Identifier) | None, true) => Vec::new(),
        (Some(MatchMethod::Identifier), false) => vec![Disagreement::Identifier],
        (Some(MatchMethod::NameAndBirthDate), _) | (None, false) => by_name(),
        (Some(MatchMethod::Officer), _) => vec![Disagreement::ByOfficer],
    }
}

/// The numbers of two records, one beside the other.
#[derive(Debug, Default, Clone, Copy)]
struct Compared {
    in_common: bool,
    contradict: bool,
}

impl Compared {
    fn of(asked: &Identifiers, held: &Identifiers) -> Self {
        let mut compared = Self::default();
        let spelt_alike: [fn(&Identifiers) -> Option<&str>; 3] = [
            |of| of.alien_number.as_ref().map(AlienNumber::as_str),
            |of| of.fbi_number.as_ref().map(FbiNumber::as_str),
            |of| of.din.as_ref().map(Din::as_str),
        ];
        for number in spelt_alike {
            compared.note(number(asked), number(held));
        }
        // The one number that is kept as its author writes it.
        let booking = |number: &Identifiers| number.booking_number.as_ref().map(plain);
        compared.note(booking(asked).as_deref(), booking(held).as_deref());
        // Two letters of the state come first.
        let state = |number: &StateId| number.as_str().get(..2).map(str::to_owned);
        let (asked, held) = (asked.state_id.as_ref(), held.state_id.as_ref());
        if asked.and_then(state) == held.and_then(state) {
            compared.note(asked.map(StateId::as_str), held.map(StateId::as_str));
        }
        compared
    }

    fn note(&mut self, asked: Option<&str>, held: Option<&str>) {
        let Some((asked, held)) = asked.zip(held) else { return };
        self.in_common |= asked == held && numbers_somebody(asked);
        self.contradict |= asked != held;
    }
}

/// Whether a number is one: what stands where a number is not known is everybody's. Such are one digit over and over, digits in
/// the order of the keys, and hardly any.
fn numbers_somebody(number: &str) -> bool {
    const IN_ORDER: [&str; 2] = ["01234567890", "09876543210"];
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    let several = digits.bytes().any(|digit| Some(&digit) != digits.as_bytes().first());
    several && digits.len() > 2 && !IN_ORDER.iter().any(|order| order.contains(digits) && digits.len() > 3)
}

/// Letters and digits alone, in upper case.
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

/// The words of a name, in an order that does not depend on which is the family's.
fn words(name: &PersonName) -> Vec<String> {
    let whole = format!("{} {}", name.given, name.family);
    let parts = whole.split(|c: char| c.is_whitespace() || is_hyphen(c)).map(folded);
    let mut words: Vec<String> = parts.filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '/' | ',')
}

/// Letters alone, without case or accents.
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

/// Whether a mark may be left out of a name: an accent, or the points of a script that is mostly written without. The marks
/// of others, vowels in Devanagari and voiced kana among them, make another name.
fn is_accent(c: char) -> bool {
    matches!(c,
        // Latin, Greek and Cyrillic.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        // Hebrew and Arabic.
        | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6ed}')
}

/// Letters that are written for an apostrophe, such as the \u{2bb}okina.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\u{2b9}'..='\u{2bf}' | '\u{2c8}' | '\u{a78b}' | '\u{a78c}')
}

/// Letters whose stroke or ligature no decomposition takes away, as an alphabet without them has them.
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
