//! Pairs of records that agree or do not.

use super::*;

fn name(text: &str) -> PersonName {
    let (given, family) = text.split_once('|').unwrap_or(("", text));
    PersonName { given: given.to_owned(), family: family.to_owned() }
}

/// Names, the first of them the legal one, and a birth date.
fn person(names: &[&str], born: &str) -> Subject {
    Subject {
        name: name(names[0]),
        aliases: names[1..].iter().map(|text| name(text)).collect(),
        birth_date: born.parse().ok(),
        sex: None,
        identifiers: Identifiers::default(),
        citizenship: None,
        home_address: None,
        work_address: None,
    }
}

/// Numbers as `a:079314159 s:NY123`.
fn numbered(numbers: &str) -> Subject {
    let mut person = person(&["Ada|Synthetic"], "1980-02-03");
    for (kind, number) in numbers.split_whitespace().filter_map(|number| number.split_once(':')) {
        let ids = &mut person.identifiers;
        match kind {
            "a" => ids.alien_number = Some(number.parse().unwrap()),
            "f" => ids.fbi_number = Some(number.parse().unwrap()),
            "s" => ids.state_id = Some(number.parse().unwrap()),
            "b" => ids.booking_number = Some(number.parse().unwrap()),
            "d" => ids.din = Some(number.parse().unwrap()),
            unknown => panic!("no number {unknown}"),
        }
    }
    person
}

use Disagreement::{BirthDate, ByOfficer, Identifier, Name};

#[test]
fn names_and_birth_dates_agree_as_the_rule_says() {
    fn check(asked: (&[&str], &str), held: (&[&str], &str), expected: &[Disagreement]) {
        let (one, other) = (person(asked.0, asked.1), person(held.0, held.1));
        let method = Some(MatchMethod::NameAndBirthDate);
        assert_eq!(disagreements(method, &one, &other), expected, "{asked:?} {held:?}");
        assert_eq!(disagreements(method, &other, &one), expected, "{held:?} {asked:?}");
        assert_eq!(disagreements(None, &one, &other), expected, "what it was made by is left out");
    }
    const BORN: &str = "1980-02-03";
    let names = |one: &str, other: &str, expected| check((&[one], BORN), (&[other], BORN), expected);
    names("José|Núñez", "JOSE|NUNEZ", &[]);
    names("José|Núñez", "Jose\u{301}|Nun\u{303}ez", &[]);
    names("Núñez|José", "Jose|Nunez", &[]);
    names("Mary Ann|O'Neill", "Ann Mary|ONeill", &[]);
    names("Ana|García-López", "Ana|Garcia Lopez", &[]);
    names("|Núñez, José", "José|Núñez", &[]);
    names("Łukasz|Straße", "lukasz|STRASSE", &[]);
    names("王|小明", "王|小明", &[]);
    names("Γιώργος|Παπαδόπουλος", "ΓΙΩΡΓΟΣ|ΠΑΠΑΔΟΠΟΥΛΟΣ", &[]);
    names("Kaʻiulani|Hoʻokano", "Kaiulani|Ho'okano", &[]);
    names("مُحَمَّد|علي", "محمد|علي", &[]);
    names("राम|सिंह", "राम|सिंह", &[]);
    names("राम|सिंह", "रीमा|सिंह", &[Name]);
    names("さとう|はな", "さどう|はな", &[Name]);
    names("佐藤|はな", "佐藤|ばな", &[Name]);
    names("Ada|Synthetic", "Eve|Synthetic", &[Name]);
    names("Ada|Synthetic", "Ada Maria|Synthetic", &[Name]);
    names("|Synthetic", "|Synthetic", &[Name]);
    names("Ann Ann|Lee", "Ann|Lee Lee", &[Name]);
    check((&["Ada|Synthetic", "Eve|Other"], BORN), (&["Zoe|Zed", "eve|OTHER"], BORN), &[]);
    check((&["Ada|Synthetic"], BORN), (&["Ada|Synthetic"], "1980-02"), &[]);
    check((&["Ada|Synthetic"], "1980"), (&["Ada|Synthetic"], "1980"), &[]);
    check((&["Ada|Synthetic"], BORN), (&["Ada|Synthetic"], "1980-02-04"), &[BirthDate]);
    check((&["Ada|Synthetic"], BORN), (&["Ada|Synthetic"], "1981"), &[BirthDate]);
    check((&["Ada|Synthetic"], BORN), (&["Ada|Synthetic"], ""), &[BirthDate]);
    check((&["Ada|Synthetic"], ""), (&["Eve|Synthetic"], ""), &[Name, BirthDate]);
}

#[test]
fn numbers_agree_as_the_rule_says() {
    fn check(asked: &str, held: &str, by_number: &[Disagreement], by_others: &[Disagreement]) {
        let (one, other) = (numbered(asked), numbered(held));
        for (one, other) in [(&one, &other), (&other, &one)] {
            assert_eq!(disagreements(Some(MatchMethod::Identifier), one, other), by_number, "{asked} {held}");
            for method in [Some(MatchMethod::Biometric), Some(MatchMethod::NameAndBirthDate), None] {
                assert_eq!(disagreements(method, one, other), by_others, "{asked} {held} {method:?}");
            }
        }
    }
    check("a:079314159", "a:79314159", &[], &[]);
    check("a:079314159", "a:079314158", &[Identifier], &[Identifier]);
    check("a:079314159 f:9X1", "a:079314159 f:9X2", &[Identifier], &[Identifier]);
    check("a:079314159", "f:9X1", &[Identifier], &[]);
    check("", "", &[Identifier], &[]);
    check("d:24-B-1234", "d:24B1234", &[], &[]);
    check("b:2025-000123", "b:2025000123", &[], &[]);
    check("s:NY00123", "s:NY123", &[], &[]);
    check("s:NY00123", "s:TX00123", &[Identifier], &[]);
    check("s:NY00123", "s:NY00124", &[Identifier], &[Identifier]);
}

#[test]
fn what_an_officer_compared_an_officer_vouches_for() {
    let one = numbered("a:079314159");
    assert_eq!(disagreements(Some(MatchMethod::Officer), &one, &one), [ByOfficer]);
    assert_eq!(disagreements(Some(MatchMethod::Officer), &one, &numbered("a:179314159")), [Identifier]);
}
