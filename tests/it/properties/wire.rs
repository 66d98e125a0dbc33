//! What goes over the wire comes back as it was, and a class of fields shows nothing of another.

use std::collections::BTreeMap;

use comity::domain::detainer::{Detainer, Viewpoint};
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::event::{Change, Disclosure, Event, Record};
use comity::ledger;
use comity::wire::entry::{self, Opening};
use comity::wire::parse::{self, JudgedFacts, WriteRequest as _};
use comity::wire::v1::event::Event as Wire;
use comity::wire::{Message, enums, show, v1, wire_walk};
use proptest::prelude::*;

use crate::properties::requests::REQUEST_ID;
use crate::properties::{any, tries};
use crate::sample;

proptest! {
    #![proptest_config(tries(256))]

    #[test]
    fn an_issuer_sees_of_a_service_what_it_was_told(
        detainer in any::lodged(),
        told in proptest::option::of(any::service()),
        served in any::service(),
    ) {
        let mut detainer = Detainer { service: Some(served.clone()), ..detainer };
        detainer.issuer_view.service = told.clone();
        let seen = |viewpoint| show::detainer(&detainer, viewpoint, sample::ANSWER_WITHIN).service_of_copy;
        let digest = |service: Option<v1::ServiceOfCopy>| service.map(|service| service.copy_sha256);
        prop_assert_eq!(digest(seen(Viewpoint::Custodian)), Some(served.copy_sha256.to_vec()));
        prop_assert_eq!(digest(seen(Viewpoint::Issuer)), told.map(|told| told.copy_sha256.to_vec()));
    }

    #[test]
    fn an_issuer_sees_of_an_interview_what_it_asked_and_what_it_was_told(
        detainer in any::lodged(),
        interview in any::interview(),
    ) {
        let detainer = Detainer { interview: Some(interview.clone()), ..detainer };
        let seen = |viewpoint| show::detainer(&detainer, viewpoint, sample::ANSWER_WITHIN).interview.unwrap();
        let told = seen(Viewpoint::Issuer);
        prop_assert_eq!(&v1::Interview { answer: None, ..told.clone() }, &v1::Interview { answer: None, ..seen(Viewpoint::Custodian) });
        let given = interview.answer.as_ref().zip(interview.told_as);
        prop_assert_eq!(told.answer.is_some(), given.is_some());
        if let Some((answer, (given, class))) = told.answer.zip(given) {
            let spoke = answer.outcome != 0 || answer.starts_at.is_some();
            prop_assert_eq!((spoke, answer.declined), (class == FieldClass::Custody, class == FieldClass::Answer));
            prop_assert!(answer.advisal.is_none() && answer.reason.is_empty() && !answer.counsel_told);
            prop_assert!(!spoke || answer.starts_at.is_some() == given.starts_at.is_some());
        }
    }

    #[test]
    fn both_parties_see_every_transfer(
        detainer in any::lodged(),
        transfers in proptest::collection::vec(any::transfer(), 0..4),
    ) {
        let detainer = Detainer { transfers: transfers.clone(), ..detainer };
        let expected: Vec<_> = transfers.iter().map(|transfer| show::transfer(&detainer.name, transfer, &[])).collect();
        for viewpoint in [Viewpoint::Issuer, Viewpoint::Custodian] {
            prop_assert_eq!(&show::detainer(&detainer, viewpoint, sample::ANSWER_WITHIN).transfers, &expected);
        }
    }

    #[test]
    fn an_amendment_tells_what_is_asked_and_nothing_that_came_of_it(
        record in any::record(),
        detainer in any::lodged(),
        answer in any::answer(),
        version in 1_u32..1_000,
    ) {
        let amended = Detainer { answer: Some(answer), request_version: version, ..detainer };
        let event = Event::DetainerAmended(Box::new(amended.clone()));
        let Some(Wire::DetainerAmended(told)) = show::event(&Record { event, ..record }).event else {
            return Err(TestCaseError::fail("another event"));
        };
        let seen = show::detainer(&amended, Viewpoint::Issuer, sample::ANSWER_WITHIN);
        let expected = v1::Detainer {
            state: 0,
            create_time: None,
            update_time: None,
            etag: String::new(),
            ..seen
        };
        prop_assert_eq!(i64::from(expected.version), i64::from(version));
        prop_assert_eq!(told.detainer, Some(expected));
    }

    #[test]
    fn an_issuer_never_reads_the_reason_of_an_answer(detainer in any::lodged(), answer in any::answer()) {
        let told = Detainer { answer: Some(answer), ..detainer };
        let bytes = show::detainer(&told, Viewpoint::Issuer, sample::ANSWER_WITHIN).encode_to_vec();
        prop_assert!(!contains(&bytes, "Rs-") && !contains(&bytes, "Lb-"), "nothing was disclosed yet");
    }

    #[test]
    fn the_contents_of_all_classes_merge_to_the_event(record in any::record()) {
        let event = show::event(&record);
        let contents = entry::contents(&event).unwrap();
        for (class, content) in &contents {
            let part = v1::Event::decode(content.as_slice());
            prop_assert!(part.is_ok(), "{class:?} does not decode");
        }
        prop_assert_eq!(merged(&contents, FieldClasses::all()), without_empty_flags(event));
    }

    #[test]
    fn facts_that_were_judged_are_read_back_as_they_were(
        detainer in any::detainer_name(),
        facts in any::facts(),
        judged_at in any::time(),
        other in 11_i32..,
    ) {
        let recorded = show::judged(&detainer, &facts, judged_at);
        let again = parse::judged_facts(&v1::Facts::decode(recorded.encode_to_vec().as_slice()).unwrap());
        prop_assert_eq!(again, Some(JudgedFacts { detainer, facts, judged_at }));
        // Nothing is guessed for a word that is not ours.
        let unknown = |edit: &dyn Fn(&mut v1::Facts)| {
            let mut recorded = recorded.clone();
            edit(&mut recorded);
            parse::judged_facts(&recorded)
        };
        prop_assert_eq!(unknown(&|facts| facts.stage = other), None);
        prop_assert_eq!(unknown(&|facts| facts.custodian_class = other), None);
        prop_assert_eq!(unknown(&|facts| facts.basis.push(other)), None);
        prop_assert_eq!(unknown(&|facts| facts.offences.push(v1::Offence::default())), None);
        prop_assert_eq!(unknown(&|facts| facts.judge_time = None), None);
    }

    #[test]
    fn facts_are_recorded_once_a_detainer_and_judgment(record in any::record()) {
        // As a judgment gives them: several rulings on one detainer, on the same facts.
        let twice: Vec<_> =
            record.determinations.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
        let record = Record { determinations: twice, event: Event::CustodyNoticed {
            detainer: record.resource.clone(),
            change: Change::Charges(Vec::new()),
            disclosure: Disclosure::Internal,
        }, ..record };
        let Some(Wire::CustodyNoticed(told)) = show::event(&record).event else {
            return Err(TestCaseError::fail("another event"));
        };
        prop_assert_eq!(told.facts.len() * 2, told.determinations.len());
        let named = |one: &v1::Determination| told.facts.iter().any(|facts| facts.detainer == one.detainer);
        prop_assert!(told.determinations.iter().all(named));
    }

    #[test]
    fn a_class_that_is_not_shown_leaves_no_byte(record in any::record(), shown in any::classes()) {
        let contents = entry::contents(&show::event(&record)).unwrap();
        let bytes = merged(&contents, shown).encode_to_vec();
        // Every byte belongs to a class that is shown.
        let with_content = |(_, content): &(FieldClass, Vec<u8>)| !content.is_empty();
        let again = entry::contents(&v1::Event::decode(bytes.as_slice()).unwrap()).unwrap();
        let again: BTreeMap<_, _> = again.into_iter().filter(with_content).collect();
        let expected = contents.iter().filter(|(class, _)| shown.contains(*class)).cloned();
        let expected: BTreeMap<_, _> = expected.filter(with_content).collect();
        prop_assert_eq!(again, expected);
        // The same, without trusting the code that splits.
        for (mark, class) in any::MARKS {
            prop_assert!(shown.contains(class) || !contains(&bytes, mark), "{mark} of {class:?} is shown");
        }
    }

    #[test]
    fn whether_there_is_a_reason_or_a_safeguard_does_not_show_in_the_commitments(record in any::record()) {
        let classes: Vec<FieldClass> =
            entry::contents(&show::event(&record)).unwrap().into_iter().map(|(class, _)| class).collect();
        prop_assert!(classes.contains(&FieldClass::Restricted) && classes.contains(&FieldClass::Safeguard));
    }

    #[test]
    fn an_entry_shows_and_withholds_by_class(record in any::record(), shown in any::classes(), salt: [u8; 32]) {
        let contents = entry::contents(&show::event(&record)).unwrap();
        let openings: Vec<Opening> =
            contents.into_iter().map(|(class, content)| Opening { class, salt, content }).collect();
        let log = "jurisdictions/us-ny/logs/exchange".parse().unwrap();
        let entry = entry::show(&log, 7, b"leaf".to_vec(), &openings, shown, &[]);
        prop_assert_eq!(entry.openings.len() + entry.withheld.len(), openings.len());
        for opening in &entry.openings {
            let class: FieldClass = enums::from_wire(opening.field_class).unwrap();
            prop_assert!(shown.contains(class));
        }
        let stored = entry::read_openings(&entry::write_openings(&openings)).unwrap();
        prop_assert_eq!(&stored, &openings);
        for opening in &stored {
            prop_assert!(ledger::opens(ledger::commit(&salt, &opening.content), &opening.salt, &opening.content));
        }
    }

    #[test]
    fn a_parser_is_given_anything_and_never_panics(bytes: Vec<u8>, edit in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())), detainer in any::lodged()) {
        let mut good = v1::LodgeDetainerRequest {
            parent: "jurisdictions/us-ny".to_owned(),
            detainer: Some(show::detainer(&detainer, Viewpoint::Custodian, sample::ANSWER_WITHIN)),
            request_id: REQUEST_ID.to_owned(),
        }
        .encode_to_vec();
        if let Some((at, byte)) = edit {
            *at.get_mut(&mut good) = byte;
        }
        for bytes in [bytes, good] {
            let shape = wire_walk::check("comity.v1.LodgeDetainerRequest", &bytes);
            if let (Ok(()), Ok(request)) = (shape, v1::LodgeDetainerRequest::decode(bytes.as_slice())) {
                let _faults_or_command = request.parse();
            }
        }
    }
}

/// What recording the facts costs: most of it is the detainer's name, which each determination bears too.
#[test]
fn the_facts_of_an_ordinary_case_are_small() {
    let name = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001".parse().unwrap();
    let facts = v1::DetainerLodged {
        facts: vec![show::judged(&name, &sample::facts(), sample::start())],
        ..Default::default()
    };
    let len = facts.encoded_len();
    println!("{len} bytes");
    assert!(len <= 128, "{len}");
}

fn merged(contents: &[(FieldClass, Vec<u8>)], shown: FieldClasses) -> v1::Event {
    let openings = contents.iter().filter(|(class, _)| shown.contains(*class)).map(|(class, content)| v1::Opening {
        field_class: enums::to_wire(*class),
        salt: Vec::new(),
        content: content.clone(),
    });
    entry::merge(&v1::Entry { openings: openings.collect(), ..Default::default() }).unwrap()
}

/// Flags that are all unset belong to no class, so that nothing of them is left: they read as absent, which means the same.
fn without_empty_flags(mut event: v1::Event) -> v1::Event {
    let flags = match &mut event.event {
        Some(Wire::DetainerLodged(lodged)) => lodged.detainer.as_mut().map(|detainer| &mut detainer.flags),
        Some(Wire::DetainerAmended(amended)) => amended.detainer.as_mut().map(|detainer| &mut detainer.flags),
        Some(Wire::CustodyOpened(opened)) => opened.custody.as_mut().map(|custody| &mut custody.flags),
        Some(Wire::IdentityCorrected(corrected)) => Some(&mut corrected.flags),
        Some(_) | None => None,
    };
    if let Some(flags) = flags.filter(|flags| **flags == Some(v1::Flags::default())) {
        *flags = None;
    }
    event
}

fn contains(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// The classes that an event's entry commits to.
fn committed(event: v1::event::Event) -> Vec<FieldClass> {
    let contents = entry::contents(&v1::Event { event: Some(event), ..Default::default() }).unwrap();
    contents.into_iter().map(|(class, _)| class).collect()
}

#[test]
fn an_entry_commits_alike_whether_there_is_a_value_or_not() {
    use v1::event::Event;
    let noticed = |place: &str| {
        let release = v1::ScheduledRelease { place: place.to_owned(), ..Default::default() };
        committed(Event::ReleaseNoticed(v1::ReleaseNoticed { release: Some(release), ..Default::default() }))
    };
    assert_eq!(noticed(""), noticed("the north gate"));
    assert!(noticed("").contains(&FieldClass::ReleasePlace));
    let corrected = |subject: v1::Subject| {
        committed(Event::CustodyNoticed(v1::CustodyNoticed { subject: Some(subject), ..Default::default() }))
    };
    let whole = show_subject();
    assert_eq!(corrected(v1::Subject::default()), corrected(whole));
    for class in [FieldClass::Address, FieldClass::Citizenship, FieldClass::Identifiers] {
        assert!(corrected(v1::Subject::default()).contains(&class));
    }
    let offered = |medical_note: &str| {
        let transfer = v1::Transfer { medical_note: medical_note.to_owned(), ..Default::default() };
        committed(Event::TransferRecorded(v1::TransferRecorded { transfer: Some(transfer), ..Default::default() }))
    };
    assert_eq!(offered(""), offered("needs insulin"));
}

fn show_subject() -> v1::Subject {
    let intake = sample::intake();
    let custody = comity::domain::custody::Custody::opened(
        comity::domain::ids::CaseName::custody(sample::jurisdiction(), uuid::Uuid::nil()),
        sample::officer("doccs").agency.id.clone(),
        intake,
        sample::start(),
    );
    let subject = show::custody(&custody).subject.unwrap();
    v1::Subject { home_address: "7 Quigley Street".to_owned(), ..subject }
}
