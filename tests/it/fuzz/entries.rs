//! Entry decoding: what a store, or whoever serves it, hands back as an entry.

use comity::wire::entry::{self, Header};
use comity::wire::{Message as _, show, v1};
use jiff::Timestamp;
use prost_reflect::DynamicMessage;

use crate::fuzz::Target;
use crate::harness::descriptor::POOL;
use crate::mutate::Kind;
use crate::sample;
use comity::domain::determination::FieldClass;

const WORDS: [&[u8]; 3] = [&[0; 32], &[7; 31], b"jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001"];

fn leaf() -> Vec<u8> {
    let officer = sample::officer("ice");
    let header = Header {
        index: 7,
        recorded_at: Timestamp::from_second(1_772_370_000).unwrap(),
        agency: &officer.agency.id,
        officer: &officer.actor.as_ref().unwrap().pseudonym,
        method: "DetainerService/LodgeDetainer",
        resource: "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001",
        policy_digest: Some([3; 32]),
        blinding: [5; 32],
    };
    entry::leaf(&header, [(FieldClass::Identity, [1; 32]), (FieldClass::Count, [2; 32])])
}

fn event() -> v1::Event {
    let name = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001".parse().unwrap();
    let lodged = v1::DetainerLodged {
        detainer: crate::harness::requests::detainer_for("us-ny-doccs").detainer,
        counts: None,
        determinations: Vec::new(),
        facts: vec![show::judged(&name, &sample::facts(), sample::start())],
    };
    v1::Event { event: Some(v1::event::Event::DetainerLodged(lodged)), ..Default::default() }
}

fn openings() -> Vec<entry::Opening> {
    let contents = entry::contents(&event()).unwrap();
    contents.into_iter().map(|(class, content)| entry::Opening { class, salt: [9; 32], content }).collect()
}

fn target(name: &str, seed: Vec<u8>) -> Target<'_> {
    Target { name, kind: Kind::Wire, seeds: vec![seed], words: &WORDS, runs: 6_000, grows: false }
}

/// Without empty messages.
fn pruned(event: &v1::Event) -> DynamicMessage {
    fn prune(message: &mut DynamicMessage) {
        let fields: Vec<_> = message.fields().map(|(field, value)| (field, value.clone())).collect();
        for (field, mut value) in fields {
            let Some(inner) = value.as_message_mut() else { continue };
            prune(inner);
            if inner.encoded_len() == 0 {
                message.clear_field(&field);
            } else {
                message.set_field(&field, value);
            }
        }
    }
    let shape = POOL.get_message_by_name("comity.v1.Event").unwrap();
    let mut message = DynamicMessage::decode(shape, event.encode_to_vec().as_slice()).unwrap();
    prune(&mut message);
    message
}

#[test]
fn a_leaf_reads_the_same_written_again() {
    target("leaf", leaf()).fuzz(|bytes| match entry::read_leaf(bytes) {
        Err(error) => error.to_string(),
        Ok(read) => {
            let again = v1::Leaf::decode(bytes).unwrap().encode_to_vec();
            assert!(again.len() <= 2 * bytes.len() && entry::read_leaf(&again) == Ok(read.clone()));
            assert!(read.commitments.len() <= bytes.len() / 34);
            format!("accepted/{}", read.commitments.len().min(4))
        }
    });
}

#[test]
fn openings_read_the_same_written_again() {
    target("openings", entry::write_openings(&openings())).fuzz(|bytes| match entry::read_openings(bytes) {
        Err(error) => error.to_string(),
        Ok(read) => {
            let again = entry::write_openings(&read);
            assert!(again.len() <= bytes.len() && entry::read_openings(&again).as_ref() == Ok(&read));
            format!("accepted/{}", read.len().min(4))
        }
    });
}

/// Whoever is shown all contents has the event, and who is shown none has nothing of it.
#[test]
fn an_event_is_the_merge_of_its_contents() {
    target("event", event().encode_to_vec()).fuzz(|bytes| {
        let shown = v1::Opening { content: bytes.to_vec(), ..Default::default() };
        let event = match entry::merge(&v1::Entry { openings: vec![shown], ..Default::default() }) {
            Err(error) => return error.to_string(),
            Ok(event) => event,
        };
        let contents = entry::contents(&event).unwrap();
        assert!(contents.iter().map(|(_, content)| content.len()).sum::<usize>() <= 8 * bytes.len());
        let opening =
            |(_, content): &(FieldClass, Vec<u8>)| v1::Opening { content: content.clone(), ..Default::default() };
        let openings = contents.iter().map(opening).collect();
        let merged = entry::merge(&v1::Entry { openings, ..Default::default() }).unwrap();
        // But for messages with nothing in them, which no class has.
        assert_eq!(pruned(&merged), pruned(&event));
        format!("accepted/{}", contents.len())
    });
}
