//! A roster and detainers whose truth is known: who of the roster a detainer is about, and how it came to be written otherwise.
//!
//! Everybody is made up. Family and given names are as uneven as real ones: a third of all come from forty that are common.

use comity::domain::detainer::{Addressee, Detainer, DetainerBasis, DetainerForm, Request, Warrant};
use comity::domain::ids::CaseName;
use comity::domain::partial_date::PartialDate;
use comity::domain::subject::{Flags, Identifiers, PersonName, Subject};
use fastrand::Rng;
use jiff::Timestamp;
use uuid::Uuid;

/// A roster, detainers, and what is true of them.
pub(super) struct Truth {
    pub(super) people: Vec<Subject>,
    pub(super) detainers: Vec<Detainer>,
    /// Of each detainer: who of the roster it is about, if anybody, and whether they have a number in common.
    pub(super) about: Vec<Option<(usize, bool)>>,
}

const GIVEN: [&str; 20] = [
    "José", "María", "Luis", "Juan", "Carlos", "Ana", "Miguel", "David", "Daniel", "Jesús", "Wei", "Mohamed", "Ahmed",
    "Olga", "Ivan", "Fatima", "Rosa", "Pedro", "Sofía", "André",
];
const FAMILY: [&str; 20] = [
    "García",
    "Rodríguez",
    "Hernández",
    "López",
    "Martínez",
    "González",
    "Pérez",
    "Sánchez",
    "Ramírez",
    "Torres",
    "Nguyen",
    "Singh",
    "Smith",
    "Johnson",
    "Núñez",
    "Chen",
    "O'Brien",
    "Müller",
    "Da Silva",
    "Kim",
];
const SYLLABLES: [&str; 32] = [
    "ba", "bel", "cor", "da", "dri", "el", "fa", "gor", "hal", "is", "ja", "kor", "la", "mar", "mo", "na", "nor", "ol",
    "pe", "qui", "ra", "ros", "sa", "ti", "tor", "ul", "va", "wen", "xi", "yar", "zo", "ñe",
];

/// Of a hundred detainers about somebody of the roster: how many are written with this change.
#[derive(Debug)]
pub(super) struct Noise {
    pub(super) typing_error: u8,
    pub(super) names_swapped: u8,
    pub(super) accents_lost: u8,
    pub(super) middle_name_missing: u8,
    pub(super) day_and_month_swapped: u8,
    pub(super) digit_of_birth_date_off: u8,
    pub(super) year_of_birth_only: u8,
    pub(super) birth_date_missing: u8,
    pub(super) no_number_in_common: u8,
}

pub(super) const NOISE: Noise = Noise {
    typing_error: 25,
    names_swapped: 10,
    accents_lost: 20,
    middle_name_missing: 10,
    day_and_month_swapped: 6,
    digit_of_birth_date_off: 6,
    year_of_birth_only: 2,
    birth_date_missing: 1,
    no_number_in_common: 50,
};

/// Of a hundred detainers, how many are about nobody of the roster.
pub(super) const ABOUT_OTHERS: u8 = 30;

/// Draws a roster of so many people, and a fifth as many detainers.
pub(super) fn drawn(seed: u64, people: usize) -> Truth {
    let mut rng = Rng::with_seed(seed);
    let people: Vec<Subject> = (0..people).map(|number| person(&mut rng, number)).collect();
    let detainers = people.len() / 5;
    // Each about somebody else.
    let mut whom: Vec<usize> = (0..people.len()).collect();
    rng.shuffle(&mut whom);
    let (mut lodged, mut about) = (Vec::new(), Vec::new());
    for (number, whom) in whom.into_iter().take(detainers).enumerate() {
        let other = chance(&mut rng, ABOUT_OTHERS);
        let (subject, truth) = if other {
            (person(&mut rng, people.len() + number), None)
        } else {
            let (subject, in_common) = noisy(&mut rng, &people[whom]);
            (subject, Some((whom, in_common)))
        };
        lodged.push(detainer(number, subject));
        about.push(truth);
    }
    Truth { people, detainers: lodged, about }
}

fn chance(rng: &mut Rng, of_a_hundred: u8) -> bool {
    rng.u8(0..100) < of_a_hundred
}

fn person(rng: &mut Rng, number: usize) -> Subject {
    let given = name(rng, &GIVEN);
    let middle = if chance(rng, 30) { format!(" {}", name(rng, &GIVEN)) } else { String::new() };
    let family = match rng.u8(0..100) {
        0 => String::new(),
        1..15 => format!("{}-{}", name(rng, &FAMILY), name(rng, &FAMILY)),
        15..25 => format!("{} {}", name(rng, &FAMILY), name(rng, &FAMILY)),
        _ => name(rng, &FAMILY),
    };
    let born = format!("{}-{:02}-{:02}", rng.u16(1950..2007), rng.u8(1..13), rng.u8(1..29));
    let identifiers = Identifiers {
        alien_number: chance(rng, 60).then(|| format!("A{:09}", 100_000_123 + number * 7).parse().unwrap()),
        fbi_number: chance(rng, 70).then(|| format!("{:08}X", 10_000_123 + number).parse().unwrap()),
        state_id: chance(rng, 70).then(|| format!("NY{:08}", 10_000_456 + number).parse().unwrap()),
        booking_number: Some(format!("B-{:07}", 1_000_321 + number).parse().unwrap()),
        din: None,
    };
    Subject {
        name: PersonName { given: format!("{given}{middle}"), family },
        aliases: Vec::new(),
        birth_date: born.parse().ok(),
        sex: None,
        identifiers,
        citizenship: None,
        home_address: None,
        work_address: None,
    }
}

fn name(rng: &mut Rng, common: &[&str; 20]) -> String {
    if chance(rng, 35) {
        // The more common, the earlier in the list.
        return common[rng.usize(0..20) * rng.usize(0..20) / 20].to_owned();
    }
    let mut made = String::new();
    for _ in 0..rng.usize(2..4) {
        made.push_str(SYLLABLES[rng.usize(0..SYLLABLES.len())]);
    }
    let first = made.remove(0);
    format!("{}{made}", first.to_uppercase())
}

/// The person as somebody else wrote it down, and whether a number is left in common.
fn noisy(rng: &mut Rng, person: &Subject) -> (Subject, bool) {
    let mut subject = person.clone();
    let PersonName { given, family } = &mut subject.name;
    if chance(rng, NOISE.middle_name_missing)
        && let Some((first, _)) = given.clone().split_once(' ')
    {
        first.clone_into(given);
    }
    if chance(rng, NOISE.accents_lost) {
        for name in [&mut *given, &mut *family] {
            *name = name.chars().map(plain).collect();
        }
    }
    if chance(rng, NOISE.typing_error) {
        let name = if rng.bool() && !family.is_empty() { &mut *family } else { &mut *given };
        *name = mistyped(rng, name);
    }
    if chance(rng, NOISE.names_swapped) && !family.is_empty() {
        std::mem::swap(given, family);
    }
    if let Some(day) = subject.birth_date.and_then(PartialDate::day) {
        let text = match rng.u8(0..100) {
            at if at < NOISE.day_and_month_swapped => format!("{}-{:02}-{:02}", day.year(), day.day(), day.month()),
            at if at < NOISE.day_and_month_swapped + NOISE.digit_of_birth_date_off => digit_off(rng, &day.to_string()),
            at if at < 100 - NOISE.year_of_birth_only - NOISE.birth_date_missing => day.to_string(),
            at if at < 100 - NOISE.birth_date_missing => day.year().to_string(),
            _ => String::new(),
        };
        // Not every day and month can be exchanged.
        subject.birth_date = if text.is_empty() { None } else { text.parse().ok().or(subject.birth_date) };
    }
    let ids = &mut subject.identifiers;
    ids.booking_number = None;
    if chance(rng, NOISE.no_number_in_common) {
        *ids = Identifiers::default();
    }
    let in_common = !ids.is_empty();
    (subject, in_common)
}

fn digit_off(rng: &mut Rng, day: &str) -> String {
    loop {
        let at = [2, 3, 5, 6, 8, 9][rng.usize(0..6)];
        let mut digits = day.as_bytes().to_vec();
        digits[at] = b'0' + rng.u8(0..10);
        let changed = String::from_utf8(digits).unwrap();
        if changed != day && changed.parse::<jiff::civil::Date>().is_ok() {
            return changed;
        }
    }
}

fn mistyped(rng: &mut Rng, name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let at = rng.usize(0..letters.len());
    let letter = char::from(b'a' + rng.u8(0..26));
    match rng.u8(0..4) {
        0 => letters[at] = letter,
        1 => letters.insert(at, letter),
        2 if letters.len() > 3 => drop(letters.remove(at)),
        _ => {
            let next = (at + 1).min(letters.len() - 1);
            letters.swap(at, next);
        }
    }
    letters.into_iter().collect()
}

fn plain(letter: char) -> char {
    match letter {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        other => other,
    }
}

/// A detainer as it was lodged, to an agency.
pub(super) fn detainer(number: usize, subject: Subject) -> Detainer {
    let request = Request {
        addressee: Addressee::Agency("us-ny-doccs".parse().unwrap()),
        form: DetainerForm::I247a,
        basis: vec![DetainerBasis::FinalOrder],
        warrant: Warrant::NONE,
        subject,
        charges: Vec::new(),
        terrorist_list_match: false,
        flags: Flags::default(),
        contact_phone: None,
        occurred_at: None,
    };
    let name = CaseName::detainer("us-ny".parse().unwrap(), Uuid::from_u128(u128::try_from(number).unwrap() + 1));
    Detainer::lodged(name, "us-ice".parse().unwrap(), request, Timestamp::UNIX_EPOCH)
}
