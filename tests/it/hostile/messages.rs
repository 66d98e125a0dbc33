//! Messages that nobody authorized: bytes as no client of ours would send them.

use comity::wire::Message as _;
use tonic::Code;

use crate::harness::requests::{answer_to, detainer_for};
use crate::harness::{Outcome, Party, World, raw};
use crate::hostile::Besieged;

async fn send(party: &Party, path: &str, message: Vec<u8>) -> Outcome<Vec<u8>> {
    Outcome(raw::send(party.client().await, path, message).await)
}

const LODGE: &str = "/comity.v1.DetainerService/LodgeDetainer";

/// A field that is delimited: number, length, content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut len = content.len();
    while len > 0x7f {
        bytes.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
        len >>= 7;
    }
    bytes.push(u8::try_from(len).unwrap());
    bytes.extend_from_slice(content);
    bytes
}

#[tokio::test]
async fn a_message_that_the_contract_does_not_know_is_refused_as_a_whole() {
    let besieged = Besieged::new(World::start()).await;
    let ice = besieged.world.ice();
    let lodging = detainer_for("us-ny-doccs");
    let good = lodging.encode_to_vec();
    let mut nested = lodging.clone();
    let detainer = nested.detainer.take().unwrap().encode_to_vec();
    let nested = [nested.encode_to_vec(), field(2, &[detainer.as_slice(), &[0xa0, 0x06, 0x01]].concat())].concat();
    let mut large = lodging.clone();
    large.detainer.as_mut().unwrap().contact_phone = "Zebulon".repeat(40_000);
    let (invalid, malformed) = (Code::InvalidArgument, "MALFORMED_MESSAGE");
    let cases = [
        ("an unknown field", [good.as_slice(), &[0xa0, 0x06, 0x01]].concat(), invalid, malformed),
        ("an unknown field within", nested, invalid, malformed),
        ("a known number of another type", [good.as_slice(), &[0x08, 0x01]].concat(), invalid, malformed),
        ("cut off", good.get(..good.len() - 1).unwrap().to_vec(), invalid, malformed),
        ("not protobuf", b"Zebulon Quackenbush".to_vec(), invalid, malformed),
        ("all ones", vec![0xff; 64], invalid, malformed),
        ("not UTF-8", [field(1, &[0xff, 0xfe]), good.clone()].concat(), invalid, malformed),
        ("empty", Vec::new(), invalid, "INVALID_FIELD"),
        ("too large", large.encode_to_vec(), Code::ResourceExhausted, "MESSAGE_TOO_LARGE"),
    ];
    for (name, bytes, code, reason) in cases {
        send(&ice, LODGE, bytes).await.refused(code, reason);
        besieged.unharmed(name);
    }
    // The same request id is still free.
    let answer = send(&ice, LODGE, good).await.accepted();
    let answer = comity::wire::v1::LodgeDetainerResponse::decode(answer.as_slice()).unwrap();
    assert_eq!(ice.lodge(lodging).await.accepted(), answer);
}

#[tokio::test]
async fn a_repeated_field_is_authorized_as_it_is_decoded() {
    let besieged = Besieged::new(World::start()).await;
    let ice = besieged.world.ice();
    // The last parent wins: the law of that one is asked, and its logs are written.
    let texas = field(1, b"jurisdictions/us-tx");
    let bytes = [detainer_for("us-ny-doccs").encode_to_vec(), texas].concat();
    send(&ice, LODGE, bytes).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    besieged.unharmed("a custodian of another jurisdiction");
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_denied_like_one_that_nobody_may_call() {
    let mut besieged = Besieged::new(World::start()).await;
    let (ice, body) = (besieged.world.ice(), answer_to("x", comity::wire::v1::AnswerKind::Decline).encode_to_vec());
    let paths = [
        ("/comity.v1.DetainerService/ExpungeDetainer", "/comity.v1.DetainerService/ExpungeDetainer"),
        ("/comity.v2.DetainerService/LodgeDetainer", "/comity.v2.DetainerService/LodgeDetainer"),
        ("/comity.v1.DetainerService/lodgedetainer", "/comity.v1.DetainerService/lodgedetainer"),
        ("/comity.v1.DetainerService/LodgeDetainer/", "/comity.v1.DetainerService/LodgeDetainer/"),
        // The path is the caller's text: what has not the shape of a method is not repeated.
        ("/Zebulon-Quackenbush", "unknown"),
    ];
    for (path, audited) in paths {
        send(&ice, path, body.clone()).await.refused(Code::PermissionDenied, "METHOD_DENIED");
        let line = [("agency", "us-ice"), ("method", audited), ("reason", "METHOD_DENIED")];
        besieged.denied(path, &line).await;
    }
}
