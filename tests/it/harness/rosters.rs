//! Rosters as a custodian would send them, of people as short texts.

use comity::wire::v1;
use v1::reconcile_roster_request::Part;

use crate::harness::requests::request_id;

/// A person as `given|family, 1987-06-05, a:079314159 b:77-031`: a birth date and numbers, or none.
pub(crate) fn subject_of(text: &str) -> v1::Subject {
    let mut parts = text.split(", ");
    let (given, family) = parts.next().unwrap().split_once('|').unwrap();
    let birth_date = parts.next().unwrap_or_default().to_owned();
    let mut identifiers = v1::Identifiers::default();
    for (kind, number) in parts.next().unwrap_or_default().split(' ').filter_map(|number| number.split_once(':')) {
        match kind {
            "a" => number.clone_into(&mut identifiers.alien_number),
            "b" => number.clone_into(&mut identifiers.booking_number),
            unknown => panic!("no number {unknown}"),
        }
    }
    v1::Subject {
        name: Some(v1::PersonName { given: given.to_owned(), family: family.to_owned() }),
        birth_date,
        identifiers: Some(identifiers),
        ..Default::default()
    }
}

pub(crate) fn start(parent: &str, rows_answered: i64) -> Part {
    Part::Start(v1::RosterStart { parent: parent.to_owned(), roster_id: request_id(), rows_answered })
}

pub(crate) fn person(row: i64, text: &str) -> Part {
    Part::Person(v1::RosterPerson { row, subject: Some(subject_of(text)) })
}

pub(crate) fn seen(custodies: &[&String]) -> Part {
    Part::Seen(v1::RosterSeen { custodies: custodies.iter().map(|name| (*name).clone()).collect() })
}

pub(crate) fn end(rows: i64) -> Part {
    Part::End(v1::RosterEnd { rows })
}

/// A whole roster.
pub(crate) fn roster_of(parent: &str, people: &[&str]) -> Vec<Part> {
    let rows = i64::try_from(people.len()).unwrap();
    let people = (1..).zip(people).map(|(row, text)| person(row, text));
    [start(parent, 0)].into_iter().chain(people).chain([end(rows)]).collect()
}
