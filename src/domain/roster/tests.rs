//! Pairs of records, and what is found of them.

use super::*;
use crate::domain::custody::{Custody, CustodyState, Intake};
use crate::domain::detainer::{Addressee, Detainer, DetainerBasis, DetainerForm, DetainerState, Request, Warrant};
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::subject::{Flags, IdentifierKind, Identifiers, PersonName, Subject};

use jiff::Timestamp;
use uuid::Uuid;

use BirthDateAgreement::{AsFarAsKnown, Different, OneOff, Same, Transposed, Unknown};

/// A person as `given|family, 1987-06-05, a:079314159 b:12-3`: a birth date and numbers, or none.
fn person(text: &str) -> Subject {
    let mut parts = text.split(", ");
    let (given, family) = parts.next().unwrap().split_once('|').unwrap();
    let birth_date = parts.next().and_then(|born| born.parse().ok());
    let mut identifiers = Identifiers::default();
    for (kind, number) in parts.next().unwrap_or_default().split(' ').filter_map(|number| number.split_once(':')) {
        match kind {
            "a" => identifiers.alien_number = Some(number.parse().unwrap()),
            "f" => identifiers.fbi_number = Some(number.parse().unwrap()),
            "s" => identifiers.state_id = Some(number.parse().unwrap()),
            "b" => identifiers.booking_number = Some(number.parse().unwrap()),
            "d" => identifiers.din = Some(number.parse().unwrap()),
            unknown => panic!("no number {unknown}"),
        }
    }
    Subject {
        name: PersonName { given: given.to_owned(), family: family.to_owned() },
        aliases: Vec::new(),
        birth_date,
        sex: None,
        identifiers,
        citizenship: None,
        home_address: None,
        work_address: None,
    }
}

fn detainer(subject: Subject) -> Detainer {
    let request = Request {
        addressee: Addressee::Jurisdiction,
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
    let name = CaseName::detainer("us-ny".parse().unwrap(), Uuid::from_u128(7));
    Detainer::lodged(name, "us-ice".parse().unwrap(), request, Timestamp::UNIX_EPOCH)
}

fn custody(subject: Subject) -> Custody {
    let intake = Intake {
        facility: "NY029".parse().unwrap(),
        subject,
        charges: Vec::new(),
        flags: Flags::default(),
        occurred_at: None,
        medical_note: None,
        victim_contact: None,
    };
    let name = CaseName::custody("us-ny".parse().unwrap(), Uuid::from_u128(9));
    Custody::opened(name, "us-ny-doccs".parse::<AgencyId>().unwrap(), intake, Timestamp::UNIX_EPOCH)
}

/// What is proposed of the second person to whoever holds the first.
fn proposed(held: &str, asked: &str) -> Option<Likeness> {
    let mut holdings = Holdings::default();
    holdings.add_detainer(&detainer(person(asked)));
    holdings.find(&person(held)).candidates.into_iter().next().map(|candidate| candidate.likeness)
}

#[test]
fn names_and_birth_dates_are_proposed_as_the_table_says() {
    #[track_caller]
    fn check(held: &str, asked: &str, expected: Option<(BirthDateAgreement, f64, f64)>) {
        for (one, other) in [(held, asked), (asked, held)] {
            let found = proposed(one, other);
            let Some((births, from, to)) = expected else {
                assert_eq!(found, None, "{one} {other}");
                continue;
            };
            let likeness = found.unwrap_or_else(|| panic!("{one} {other} is not proposed"));
            assert_eq!(likeness.births, births, "{one} {other}");
            assert!((from..=to).contains(&likeness.score), "{one} {other}: {likeness:?}");
            assert!(!likeness.is_exact(), "{one} {other}");
        }
    }
    let same = |from, to| Some((Same, from, to));
    // Case, accents, order and hyphens do not count.
    check("José|García, 1987-06-05", "JOSE|GARCIA, 1987-06-05", same(1.0, 1.0));
    check("José|García, 1987-06-05", "Garcia|Jose, 1987-06-05", same(1.0, 1.0));
    check("Ana|García-López, 1987-06-05", "Ana|Garcia Lopez, 1987-06-05", same(1.0, 1.0));
    check("Ana|García-López, 1987-06-05", "Ana|Garcialopez, 1987-06-05", same(0.98, 0.98));
    check("Mary Ann|O'Neill, 1987-06-05", "Ann Mary|ONeill, 1987-06-05", same(1.0, 1.0));
    // A middle name or a second surname is missing.
    check("Luis Alberto|Núñez, 1987-06-05", "Luis|Nunez, 1987-06-05", same(0.96, 0.98));
    check("Ana|García López, 1987-06-05", "Ana|García, 1987-06-05", same(0.96, 0.98));
    // A typing error.
    check("Zebulon|Quackenbush, 1987-06-05", "Zebulon|Quackenbusch, 1987-06-05", same(0.97, 0.999));
    check("Zebulon|Quackenbush, 1987-06-05", "Zeublon|Quackenbush, 1987-06-05", same(0.95, 0.999));
    // One word is another word, however many others agree.
    check("Luis|García López, 1987-06-05", "Ana|García López, 1987-06-05", None);
    check("Zebulon|Quackenbush, 1987-06-05", "Oluwaseun|Quackenbush, 1987-06-05", None);
    // One name alone, in both records, and in one.
    check("|Suharto, 1987-06-05", "Suharto|, 1987-06-05", same(0.93, 0.93));
    check("|Suharto, 1987-06-05", "FNU|Suharto, 1987-06-05", same(0.93, 0.93));
    check("|Suharto, 1987-06-05", "Agus|Suharto, 1987-06-05", None);
    // Birth dates.
    check("José|García, 1987-06-05", "José|García, 1987-05-06", Some((Transposed, 0.95, 0.95)));
    check("José|García, 1987-06-05", "José|García, 1987-06-15", Some((OneOff, 0.92, 0.92)));
    check("José|García, 1987-06-05", "José|García, 1977-06-05", Some((OneOff, 0.92, 0.92)));
    check("José|García, 1987-06-30", "José|García, 1987-07-01", Some((OneOff, 0.92, 0.92)));
    check("José|García, 1987-06-05", "José|García, 1987", Some((AsFarAsKnown, 0.95, 0.95)));
    check("José|García, 1987-06", "José|García, 1987-06", Some((AsFarAsKnown, 0.95, 0.95)));
    check("José|García, 1987-06", "José|García, 1987-07", None);
    check("José|García, 1987-06-05", "José|García, 1991-02-17", None);
    // Without a birth date a name of two words is nobody's own.
    check("José|García", "José|García, 1987-06-05", None);
    check("José Luis|García", "José Luis|García, 1987-06-05", Some((Unknown, 0.9, 0.9)));
    check("José Luis|García", "José Luis|García", Some((Unknown, 0.9, 0.9)));
    // A number that differs makes it less likely, and does not hide it.
    check("José|García, 1987-06-05, f:123456AB7", "José|García, 1987-06-05, f:123456AB8", same(0.93, 0.93));
}

#[test]
fn a_number_in_common_is_exact_unless_another_differs() {
    #[track_caller]
    fn check(held: &str, asked: &str, expected: Option<(bool, &[IdentifierKind], &[IdentifierKind])>) {
        let likeness = proposed(held, asked);
        let found = likeness.as_ref().map(|found| (found.is_exact(), &*found.in_common, &*found.contradict));
        assert_eq!(found, expected, "{held} {asked}");
    }
    use IdentifierKind::{AlienNumber, BookingNumber, Din, FbiNumber, StateId};
    // However the people are written.
    check("A|B, 1987-06-05, a:A079-314-159", "C|D, 1950-01-01, a:79314159", Some((true, &[AlienNumber], &[])));
    check("A|B, , f:803156ab7", "C|D, , f:00803156AB7", Some((true, &[FbiNumber], &[])));
    check("A|B, , s:08315567L", "C|D, , s:NY8315567L", Some((true, &[StateId], &[])));
    check("A|B, , d:24b7391", "C|D, , d:24-B-7391", Some((true, &[Din], &[])));
    check("A|B, , b:ab-12-975", "C|D, , b:AB12975", Some((true, &[BookingNumber], &[])));
    check(
        "A|B, , a:079314159 b:12-975",
        "C|D, , a:079314159 b:99-975",
        Some((false, &[AlienNumber], &[BookingNumber])),
    );
    // Placeholders are nobody's.
    check("A|B, , a:000000000", "C|D, , a:000000000", None);
    check("A|B, , s:TX1234567", "C|D, , s:NY1234567", None);
    assert_eq!(proposed("A|B, 1987-06-05", "C|D, 1950-01-01").map(|found| found.births), None);
    assert_eq!(proposed("A|B, 1987-06-05, d:24-B-7391", "C|D, 1950-01-01, d:24-B-7391").unwrap().births, Different);
}

#[test]
fn only_what_may_be_acknowledged_is_proposed() {
    let states = DetainerState::ALL.iter().map(|state| {
        let lodged = detainer(person("José|García, 1987-06-05"));
        is_open(&Detainer { state: *state, ..lodged }).then_some(*state)
    });
    let open: Vec<DetainerState> = states.flatten().collect();
    assert_eq!(open, [DetainerState::Lodged, DetainerState::UnderReview, DetainerState::NotInCustody]);
}

#[test]
fn a_custody_is_of_whom_the_records_say_and_departed_otherwise() {
    #[track_caller]
    fn check(held: &str, row: &str, is_on_record: bool) {
        let mut holdings = Holdings::default();
        let open = custody(person(held));
        holdings.add_custody(&open);
        holdings.add_custody(&Custody { state: CustodyState::Released, ..open.clone() });
        let found = holdings.find(&person(row)).custodies;
        assert_eq!(found, if is_on_record { vec![open.name.id] } else { vec![] }, "{held} {row}");
        let left = holdings.departed(&found.into_iter().collect());
        assert_eq!(left.is_empty(), is_on_record, "{held} {row}");
    }
    check("José|García, 1987-06-05, b:12-975", "Jose|Garzia, 1999-01-01, b:12975", true);
    check("José|García, 1987-06-05", "Garcia|Jose, 1987-06-05", true);
    check("José|García, 1987-06-05", "José|García, 1987", true);
    check("José|García, 1987", "José|García, 1987-06-05", true);
    // A slip makes a proposal, and no identity.
    check("José|García, 1987-06-05", "José|García, 1987-05-06", false);
    check("José|García, 1987-06-05", "José|Garcia Lopez, 1987-06-05", false);
    check("José|García", "José|García", false);
    // The person left and is held anew: the custody of before is still open.
    check("José|García, 1987-06-05, a:079314159 b:12-975", "José|García, 1987-06-05, a:079314159 b:77-001", false);
}

#[test]
fn exact_ones_come_first_and_the_most_alike_next() {
    let mut holdings = Holdings::default();
    for (number, asked) in
        (0..).zip(["José|Garzia, 1987-06-05", "José|García, 1987-06-05", "X|Y, 1950-01-01, d:24-B-7391"])
    {
        let name = CaseName::detainer("us-ny".parse().unwrap(), Uuid::from_u128(number));
        holdings.add_detainer(&Detainer { name, ..detainer(person(asked)) });
    }
    let found = holdings.find(&person("José|García, 1987-06-05, d:24-B-7391")).candidates;
    assert_eq!(found.iter().map(|candidate| candidate.detainer.as_u128()).collect::<Vec<_>>(), [2, 1, 0]);
}

proptest::proptest! {
    /// Blocks leave out nothing that a comparison of all with all would propose, but for names that begin otherwise and
    /// birth dates that are slips.
    #[test]
    fn blocking_loses_nothing_with_the_same_birth_date(
        names in proptest::collection::vec("[a-d]{2,4} [a-d]{2,4}\\|[a-d]{2,5}", 2..12),
        days in proptest::collection::vec(1..4_u8, 12),
    ) {
        let all: Vec<Subject> = names
            .iter()
            .zip(&days)
            .map(|(name, day)| person(&format!("{name}, 1987-06-0{day}")))
            .collect();
        let mut index = Index::default();
        for (at, subject) in all.iter().enumerate() {
            index.add(Person::from(subject), at);
        }
        for subject in &all {
            let found: Vec<usize> = index.candidates(&Person::from(subject)).into_iter().map(|(at, _)| *at).collect();
            for (at, other) in all.iter().enumerate() {
                let likeness = Likeness::of(&Person::from(subject), &Person::from(other));
                if likeness.births == Same {
                    proptest::prop_assert_eq!(found.contains(&at), likeness.is_candidate());
                }
            }
        }
    }
}
