//! What shows nothing, deceives or is spelt otherwise, in every text of the contract, over the wire.

use comity::domain::agency::ActorKind;
use comity::wire::{Message as _, v1};
use prost_reflect::Value;
use tonic::Code;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::harness::descriptor::{self, Holds, Place};
use crate::harness::raw::{self, Call, Reply};
use crate::harness::requests::{self, NY, detainer_for, intake_at, receipt_of};
use crate::harness::{Outcome, World};

/// What nobody sees, or is read otherwise than it is written.
const BAD: [&str; 7] = ["<why>", "\u{200b}", "\u{3164}", "\u{301}", "\u{202e}evil", "a\u{2028}b", "\u{2800}"];

/// Texts that are no fields of a form, with what becomes of them instead.
const ELSEWHERE: [(&str, &str); 1] = [("files.text", "a policy's source, which the loader of policies reads")];

/// Tokens of our own making, which are refused as such.
const TOKENS: [&str; 2] = ["cursor", "page_token"];

/// A value that lets a request be read as far as its other fields.
fn usual(place: &Place) -> Option<Value> {
    const ID: &str = "01900000-0000-7000-8000-000000000000";
    let name = |rest: &str| Some(Value::String(format!("{NY}{rest}")));
    match (place.holds(), place.field.name()) {
        (Holds::Word(_), _) => Some(Value::EnumNumber(1)),
        (Holds::Time, _) => Some(descriptor::time(requests::HAPPENED_AT, 0)),
        (Holds::Text, "request_id") => Some(Value::String(ID.to_owned())),
        (Holds::Text, _) => match place.collection().as_deref() {
            Some("jurisdictions") => name(""),
            Some("entries") => name("/logs/exchange/entries/0"),
            Some("reviews") => name(&format!("/detainers/{ID}/reviews/notify")),
            Some("obligations") => name(&format!("/detainers/{ID}/obligations/serve-copy")),
            Some("transfers") => name(&format!("/detainers/{ID}/transfers/{ID}")),
            Some("logs") => name("/logs/exchange"),
            Some(cases) => name(&format!("/{cases}/{ID}")),
            None => None,
        },
        (Holds::Flag | Holds::Int32 | Holds::Int64 | Holds::Bytes | Holds::Message(_), _) => None,
    }
}

/// Every text that a caller may set in a request of a method.
fn texts(method: &prost_reflect::MethodDescriptor) -> Vec<Place> {
    let mut found = Vec::new();
    descriptor::fill(&method.input(), &mut |place| {
        // The second of a list is read as the first is.
        let is_text = matches!(place.holds(), Holds::Text) && !place.path.contains("[1]");
        if is_text && !place.output_only && !ELSEWHERE.iter().any(|(plain, _)| *plain == place.plain()) {
            found.push(place.clone());
        }
        usual(place)
    });
    found
}

/// The field is named, in words that say what it must be.
fn named(reply: &Reply, place: &Place, bad: &str) -> Result<(), String> {
    let status = reply.status.as_ref().ok_or("taken")?;
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    if TOKENS.contains(&place.field.name()) {
        let refused =
            status.code() == Code::InvalidArgument && ["INVALID_CURSOR", "INVALID_FIELD"].contains(&reason.as_str());
        return if refused { Ok(()) } else { Err(format!("{:?} {reason}", status.code())) };
    }
    if (status.code(), reason.as_str()) != (Code::InvalidArgument, "INVALID_FIELD") {
        return Err(format!("{:?} {reason} {}", status.code(), status.message()));
    }
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    // An item of a bulk stream is told what the call for one is told.
    let path = place.path.strip_prefix("request.").unwrap_or(&place.path);
    let Some(violation) = violations.iter().find(|violation| violation.field == path) else {
        return Err(format!("another field: {violations:?}"));
    };
    let says = violation.description.starts_with("must be ") && !violation.description.contains(bad);
    if says { Ok(()) } else { Err(violation.description.clone()) }
}

#[tokio::test]
async fn no_text_of_the_contract_takes_what_shows_nothing_or_deceives() {
    let world = World::start();
    let mut seats = Vec::new();
    for agency in ["us-ny-doccs", "us-ice", "us-ny-oversight", "comity-operator"] {
        let connection = raw::open(world.gateway().grpc(), &world.sandbox.credentials(agency).unwrap()).await;
        seats.push((connection, world.sandbox.token(agency, ActorKind::Officer).unwrap()));
    }
    let rows = world.kept().rows();
    let (mut tried, mut failures) = (0, Vec::new());
    for method in descriptor::methods() {
        // Whoever may call it: the first that is not told that it may not.
        let mut callers = seats.iter_mut().peekable();
        for place in texts(&method) {
            for bad in BAD {
                let request = descriptor::fill(&method.input(), &mut |other| {
                    if other.path == place.path { Some(Value::String(bad.to_owned())) } else { usual(other) }
                });
                let message = request.encode_to_vec();
                let mut came = Err("nobody may call it".to_owned());
                while let Some((connection, token)) = callers.peek_mut() {
                    let mut call = Call::new(&descriptor::path(&method), token, &message);
                    call.silence = raw::SILENCE;
                    let reply = raw::send(connection, call, |_| true).await.unwrap();
                    if reply.code() != Some(Code::PermissionDenied) {
                        came = named(&reply, &place, bad);
                        break;
                    }
                    callers.next();
                }
                tried += 1;
                failures.extend(
                    came.err().map(|why| format!("{} {} {bad:?}: {why}", descriptor::name(&method), place.path)),
                );
            }
        }
    }
    assert!(failures.is_empty(), "{} of {tried} do not hold:\n{}", failures.len(), failures.join("\n"));
    assert!(tried > 700, "only {tried} were tried");
    assert_eq!(world.kept().rows(), rows, "nothing was recorded");
}

/// As the gateway has it.
async fn kept_of(world: &World, lodging: v1::LodgeDetainerRequest) -> v1::Detainer {
    let lodged = world.ice().lodge(lodging).await.accepted();
    world.ice().detainer(&lodged.detainer.unwrap().name).await.accepted()
}

#[tokio::test]
async fn a_text_is_kept_in_one_spelling_and_its_person_has_one_name_or_more() {
    let world = World::start();
    let mut lodging = detainer_for("us-ny-doccs");
    let detainer = lodging.detainer.as_mut().unwrap();
    let subject = detainer.subject.as_mut().unwrap();
    let name = |given: &str, family: &str| v1::PersonName { given: given.to_owned(), family: family.to_owned() };
    subject.name = Some(name(" Jose\u{301} ", "Nu\u{301}n\u{303}ez-O’Neill"));
    subject.aliases =
        vec![name("Sukarno", ""), name("", "می\u{200c}خواهم"), name("ישראל", "שַׁבְּתַי"), name("ߒߞߏ", "क्\u{200d}ष")];
    subject.identifiers = Some(v1::Identifiers {
        alien_number: "A-079-314-159".to_owned(),
        fbi_number: "123 456 ab7".to_owned(),
        state_id: "01234567l".to_owned(),
        din: "24b7391".to_owned(),
        booking_number: "2025-000123".to_owned(),
    });
    subject.citizenship = "can".to_owned();
    detainer.contact_phone = "+1 (212) 555‑0173".to_owned();
    let kept = kept_of(&world, lodging).await;
    let subject = kept.subject.unwrap();
    assert_eq!(subject.name, Some(name("José", "Núñez-O’Neill")));
    assert_eq!(subject.aliases[0], name("Sukarno", ""));
    assert_eq!(subject.aliases[1], name("", "می\u{200c}خواهم"));
    assert_eq!(
        subject.identifiers,
        Some(v1::Identifiers {
            alien_number: "079314159".to_owned(),
            fbi_number: "123456AB7".to_owned(),
            state_id: "NY1234567L".to_owned(),
            din: "24-B-7391".to_owned(),
            booking_number: "2025-000123".to_owned(),
        })
    );
    assert_eq!((subject.citizenship.as_str(), kept.contact_phone.as_str()), ("CAN", "+1 (212) 555-0173"));
}

/// A request id is bound to what is asked, not to how it is spelt.
#[tokio::test]
async fn the_same_request_in_another_spelling_is_the_same_request() {
    let world = World::start();
    let lodging = detainer_for("us-ny-doccs");
    let first = world.ice().lodge(lodging.clone()).await.accepted();
    let mut again = lodging.clone();
    again.request_id.make_ascii_uppercase();
    let subject = again.detainer.as_mut().unwrap().subject.as_mut().unwrap();
    subject.name.as_mut().unwrap().family.push(' ');
    subject.identifiers.as_mut().unwrap().din = "24b7391".to_owned();
    subject.identifiers.as_mut().unwrap().alien_number = "A79314159".to_owned();
    assert_eq!(world.ice().lodge(again.clone()).await.accepted(), first);
    again.detainer.as_mut().unwrap().contact_phone = "555 0199".to_owned();
    world.ice().lodge(again).await.refused(Code::AlreadyExists, "REQUEST_ID_REUSED");

    let spelt = |name: &str| {
        let (parent, id) = name.rsplit_once('/').unwrap();
        format!("{parent}/{}", id.to_uppercase())
    };
    let name = first.detainer.unwrap().name;
    assert_eq!(world.ice().detainer(&spelt(&name)).await.accepted().name, name);
    let custody = world.doccs().open(intake_at("us-ny-doccs")).await.accepted().custody.unwrap().name;
    let matching = requests::match_of(&name, &custody);
    let matched = world.doccs().acknowledge(matching.clone()).await.accepted();
    let mut respelt = v1::AcknowledgeDetainerRequest { name: spelt(&name), ..matching };
    respelt.acknowledgement.as_mut().unwrap().custody = spelt(&custody);
    respelt.request_id.make_ascii_uppercase();
    assert_eq!(world.doccs().acknowledge(respelt).await.accepted().receipt, matched.receipt);

    let cursor = world.ice().receive(NY, "").await.accepted().heartbeat.cursor;
    let mut received = receipt_of(NY, &cursor);
    let confirmed = world.ice().confirm(received.clone()).await.accepted();
    received.request_id.make_ascii_uppercase();
    assert_eq!(world.ice().confirm(received).await.accepted(), confirmed);
}

#[tokio::test]
async fn a_uuid_in_a_spelling_of_its_own_is_refused_with_its_field() {
    let world = World::start();
    let id = Uuid::new_v4();
    for bad in [id.braced().to_string(), id.urn().to_string(), id.simple().to_string(), Uuid::nil().to_string()] {
        let refused =
            world.ice().lodge(v1::LodgeDetainerRequest { request_id: bad, ..detainer_for("us-ny-doccs") }).await;
        let refused = refused.refused(Code::InvalidArgument, "INVALID_FIELD");
        let violations = refused.status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "request_id");
        assert!(violations[0].description.contains("without braces or urn:uuid:"), "{violations:?}");
    }
    let braced: Outcome<_> = world.ice().detainer(&format!("{NY}/detainers/{}", id.braced())).await;
    braced.refused(Code::InvalidArgument, "INVALID_FIELD");
}

/// Spellings of one number are one number to whoever compares two records.
#[tokio::test]
async fn a_match_by_number_does_not_hang_on_its_spelling() {
    let world = World::start();
    let numbered = |din: &str, alien_number: &str| {
        Some(v1::Identifiers { din: din.to_owned(), alien_number: alien_number.to_owned(), ..Default::default() })
    };
    let mut lodging = detainer_for("us-ny-doccs");
    lodging.detainer.as_mut().unwrap().subject.as_mut().unwrap().identifiers = numbered("24B7391", "79314159");
    let mut intake = intake_at("us-ny-doccs");
    intake.custody.as_mut().unwrap().subject.as_mut().unwrap().identifiers = numbered("24 b 7391", "A079-314-159");
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    let custody = world.doccs().open(intake).await.accepted().custody.unwrap().name;
    let mut matching = requests::match_of(&detainer, &custody);
    matching.acknowledgement.as_mut().unwrap().match_method = v1::MatchMethod::Identifier.into();
    world.doccs().acknowledge(matching).await.accepted();
    assert!(!world.kept().rows().is_empty());
}

/// Bytes that are no text are no message.
#[tokio::test]
async fn a_text_that_is_not_utf_8_is_malformed() {
    let world = World::start();
    let agency = "us-ice";
    let mut connection = raw::open(world.gateway().grpc(), &world.sandbox.credentials(agency).unwrap()).await;
    let token = world.sandbox.token(agency, ActorKind::System).unwrap();
    let mut message = v1::GetDetainerRequest { name: "name".to_owned() }.encode_to_vec();
    for lone in [[0xff, 0xfe], [0xc0, 0x80], [0xed, 0xa0]] {
        message[2..4].copy_from_slice(&lone);
        let call = Call::new("/comity.v1.DetainerService/GetDetainer", &token, &message);
        let reply = raw::send(&mut connection, call, |_| true).await.unwrap();
        let reason =
            reply.status.as_ref().and_then(tonic_types::StatusExt::get_details_error_info).map(|info| info.reason);
        assert_eq!((reply.code(), reason.as_deref()), (Some(Code::InvalidArgument), Some("MALFORMED_MESSAGE")));
    }
}
