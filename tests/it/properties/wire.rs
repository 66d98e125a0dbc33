//! What goes over the wire comes back as it was, and a class of fields shows nothing of another.

use std::collections::BTreeMap;

use comity::domain::command::CaseCommand;
use comity::domain::detainer::{Detainer, Viewpoint};
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::ids::CaseName;
use comity::ledger;
use comity::wire::entry::{self, Opening};
use comity::wire::parse::WriteRequest;
use comity::wire::{Message, shape, show, v1, words};
use proptest::prelude::*;

use crate::properties::{any, tries};
use crate::sample;

const REQUEST_ID: &str = "6d1f8f3c-8a43-4a5e-9d55-0a1b2c3d4e5f";

/// Sends a request as bytes, as a client would, and parses what arrives.
fn check<R: WriteRequest + Message + Default>(message: &str, request: &R, expected: &CaseCommand) {
    let bytes = request.encode_to_vec();
    assert_eq!(shape::check(&format!("comity.v1.{message}"), &bytes), Ok(()));
    let write = R::decode(bytes.as_slice()).unwrap().parse().unwrap();
    assert_eq!(&write.command, expected);
    assert_eq!(write.jurisdiction, sample::jurisdiction());
    assert_eq!(write.request_id.0.to_string(), REQUEST_ID);
}

fn names(name: &CaseName) -> (String, String) {
    (name.to_string(), REQUEST_ID.to_owned())
}

/// As the custodian would see it: what the issuer asked, and what was said to it.
fn shown(detainer: &Detainer) -> v1::Detainer {
    show::detainer(detainer, Viewpoint::Custodian)
}

proptest! {
    #![proptest_config(tries(256))]

    #[test]
    fn a_lodged_detainer_reads_back_as_asked(detainer in any::lodged()) {
        let request = v1::LodgeDetainerRequest {
            parent: "jurisdictions/us-ny".to_owned(),
            detainer: Some(show::detainer(&detainer, Viewpoint::Issuer)),
            request_id: REQUEST_ID.to_owned(),
        };
        check("LodgeDetainerRequest", &request, &CaseCommand::LodgeDetainer(detainer.request));
    }

    #[test]
    fn an_opened_custody_reads_back_as_entered(custody in any::opened()) {
        let request = v1::OpenCustodyRequest {
            parent: "jurisdictions/us-ny".to_owned(),
            custody: Some(show::custody(&custody)),
            request_id: REQUEST_ID.to_owned(),
        };
        check("OpenCustodyRequest", &request, &CaseCommand::OpenCustody(custody.intake));
    }

    #[test]
    fn what_is_said_to_a_detainer_reads_back(
        detainer in any::lodged(),
        acknowledgement in any::acknowledgement(),
        answer in any::answer(),
        reason in any::word(),
    ) {
        let ((name, request_id), etag) = (names(&detainer.name), String::new());
        let said = Detainer {
            acknowledgement: Some(acknowledgement.clone()),
            answer: Some(answer.clone()),
            ..detainer.clone()
        };
        let request = v1::AcknowledgeDetainerRequest {
            acknowledgement: shown(&said).acknowledgement,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        let expected = CaseCommand::AcknowledgeDetainer { detainer: detainer.name.clone(), acknowledgement };
        check("AcknowledgeDetainerRequest", &request, &expected);
        let request = v1::AnswerDetainerRequest {
            answer: shown(&said).answer,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        check("AnswerDetainerRequest", &request, &CaseCommand::AnswerDetainer { detainer: detainer.name.clone(), answer });
        let request = v1::WithdrawDetainerRequest { reason: words::to_wire(reason), name, request_id, etag };
        check("WithdrawDetainerRequest", &request, &CaseCommand::WithdrawDetainer { detainer: detainer.name, reason });
    }

    #[test]
    fn the_releases_of_a_custody_read_back(
        custody in any::opened(),
        scheduled in any::scheduled(),
        released in any::released(),
    ) {
        let mut custody = custody;
        custody.scheduled = Some(scheduled.clone());
        custody.released = Some(released.clone());
        let shown = show::custody(&custody);
        let ((name, request_id), etag) = (names(&custody.name), String::new());
        let request = v1::ScheduleReleaseRequest {
            release: shown.scheduled_release,
            name: name.clone(),
            request_id: request_id.clone(),
            etag: etag.clone(),
        };
        let expected = CaseCommand::ScheduleRelease { custody: custody.name.clone(), release: scheduled };
        check("ScheduleReleaseRequest", &request, &expected);
        let request = v1::RecordReleaseRequest { release: shown.actual_release, name, request_id, etag };
        check("RecordReleaseRequest", &request, &CaseCommand::RecordRelease { custody: custody.name, release: released });
    }

    #[test]
    fn an_issuer_never_reads_the_reason_of_an_answer(detainer in any::lodged(), answer in any::answer()) {
        let told = Detainer { answer: Some(answer), ..detainer };
        let bytes = show::detainer(&told, Viewpoint::Issuer).encode_to_vec();
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
        let entry = entry::show(&log, 7, b"leaf".to_vec(), &openings, shown);
        prop_assert_eq!(entry.openings.len() + entry.withheld.len(), openings.len());
        for opening in &entry.openings {
            let class: FieldClass = words::from_wire(opening.field_class).unwrap();
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
            detainer: Some(shown(&detainer)),
            request_id: REQUEST_ID.to_owned(),
        }
        .encode_to_vec();
        if let Some((at, byte)) = edit {
            *at.get_mut(&mut good) = byte;
        }
        for bytes in [bytes, good] {
            let shape = shape::check("comity.v1.LodgeDetainerRequest", &bytes);
            if let (Ok(()), Ok(request)) = (shape, v1::LodgeDetainerRequest::decode(bytes.as_slice())) {
                let _faults_or_command = request.parse();
            }
        }
    }
}

fn merged(contents: &[(FieldClass, Vec<u8>)], shown: FieldClasses) -> v1::Event {
    let openings = contents.iter().filter(|(class, _)| shown.contains(*class)).map(|(class, content)| v1::Opening {
        field_class: words::to_wire(*class),
        salt: Vec::new(),
        content: content.clone(),
    });
    entry::merge(&v1::Entry { openings: openings.collect(), ..Default::default() }).unwrap()
}

/// Flags that are all unset belong to no class, so that nothing of them is left: they read as absent, which means the same.
fn without_empty_flags(mut event: v1::Event) -> v1::Event {
    use v1::event::Event::{CustodyOpened, DetainerLodged};
    let flags = match &mut event.event {
        Some(DetainerLodged(lodged)) => lodged.detainer.as_mut().map(|detainer| &mut detainer.flags),
        Some(CustodyOpened(opened)) => opened.custody.as_mut().map(|custody| &mut custody.flags),
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
