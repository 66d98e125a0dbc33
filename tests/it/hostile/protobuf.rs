//! Messages that nobody authorized: bytes as no client of ours would send them, and values that no case has.

use comity::wire::{Message as _, Timestamp, v1};

use crate::harness::requests::{NY_EXCHANGE, detainer_for, match_of, request_id};
use crate::hostile::call::{Call, LODGE, Line};
use crate::hostile::siege::Siege;

const MALFORMED: &str = "InvalidArgument MALFORMED_MESSAGE";
const INVALID: &str = "InvalidArgument INVALID_FIELD";

const PARENT: u64 = 1;
const DETAINER: u64 = 2;
const CUSTODIAN: u64 = 3;
const FORM: u64 = 4;
const SUBJECT: u64 = 7;
const OCCURRED_AT: u64 = 11;

type Row = (&'static str, Vec<u8>, &'static str);

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn key(number: u64, wire_type: u64) -> Vec<u8> {
    varint(number << 3 | wire_type)
}

/// A number.
fn plain(number: u64, value: u64) -> Vec<u8> {
    [key(number, 0), varint(value)].concat()
}

/// Text, bytes or a message.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [key(number, 2), varint(u64::try_from(content.len()).unwrap()), content.to_vec()].concat()
}

/// A good request and something more in its detainer, which merges into it.
fn within(more: &[u8]) -> Vec<u8> {
    [detainer_for("us-ny-doccs").encode_to_vec(), field(DETAINER, more)].concat()
}

/// A good request whose one detainer has something more at its end.
fn twice(more: &[u8]) -> Vec<u8> {
    let mut request = detainer_for("us-ny-doccs");
    let detainer = request.detainer.take().unwrap().encode_to_vec();
    [request.encode_to_vec(), field(DETAINER, &[&detainer, more].concat())].concat()
}

/// A good request and something more at its end.
fn beside(more: &[u8]) -> Vec<u8> {
    [detainer_for("us-ny-doccs").encode_to_vec(), more.to_vec()].concat()
}

/// A good request with other values.
fn changed(change: impl FnOnce(&mut v1::Detainer)) -> Vec<u8> {
    let mut request = detainer_for("us-ny-doccs");
    change(request.detainer.as_mut().unwrap());
    request.encode_to_vec()
}

/// Not protobuf, or not of this contract.
fn of_bytes() -> Vec<Row> {
    let good = detainer_for("us-ny-doccs").encode_to_vec();
    let malformed = |name, bytes| (name, bytes, MALFORMED);
    let deep = (0..10_000).fold(Vec::new(), |inner: Vec<u8>, _| field(1, &inner[..inner.len().min(200)]));
    let groups = [vec![0x3b; 50_000], vec![0x3c; 50_000]].concat();
    let subject_more = field(SUBJECT, &plain(500, 1));
    vec![
        ("empty", Vec::new(), INVALID),
        malformed("an unknown field", beside(&plain(100, 1))),
        malformed("an unknown field within", within(&plain(100, 1))),
        malformed("an unknown field within that", within(&subject_more)),
        malformed("an unknown field in a time", within(&field(OCCURRED_AT, &plain(3, 1)))),
        malformed("the largest field number", beside(&plain(536_870_911, 1))),
        malformed("a field number beyond", beside(&plain(1 << 29, 1))),
        malformed("field number 0", beside(&plain(0, 1))),
        malformed("field number 0, with text", beside(&field(0, b"Zebulon"))),
        malformed("a number for a text", beside(&plain(PARENT, 1))),
        malformed("a text for a number", within(&field(FORM, b"Zebulon"))),
        malformed("8 bytes for a text", beside(&[key(PARENT, 1), vec![0; 8]].concat())),
        malformed("4 bytes for a message", beside(&[key(DETAINER, 5), vec![0; 4]].concat())),
        malformed("a group", beside(&[key(PARENT, 3), key(PARENT, 4)].concat())),
        malformed("the end of a group", beside(&key(PARENT, 4))),
        malformed("50,000 groups", groups),
        malformed("wire type 6", beside(&key(PARENT, 6))),
        malformed("wire type 7", beside(&key(PARENT, 7))),
        malformed("nested beyond reason", within(&field(SUBJECT, &deep))),
        malformed("cut off", good[..good.len() - 1].to_vec()),
        malformed("a key cut off", beside(&[0x80])),
        malformed("a number cut off", within(&[key(FORM, 0), vec![0xff]].concat())),
        malformed("a number of 11 bytes", within(&[key(FORM, 0), vec![0x80; 10], vec![1]].concat())),
        malformed("a number beyond 64 bits", within(&[key(FORM, 0), vec![0xff; 9], vec![0x7f]].concat())),
        malformed("a key of 11 bytes", beside(&[vec![0x8a], vec![0x80; 9], vec![0]].concat())),
        malformed("a length beyond the end", beside(&[key(PARENT, 2), varint(100), vec![b'x']].concat())),
        malformed("a length beyond memory", beside(&[key(PARENT, 2), varint(u64::MAX >> 1)].concat())),
        malformed("a length beyond the message around it", within(&[key(CUSTODIAN, 2), varint(5)].concat())),
        malformed("not UTF-8", beside(&field(PARENT, &[0xff, 0xfe]))),
        malformed("UTF-8 of a surrogate", beside(&field(PARENT, &[0xed, 0xa0, 0x80]))),
        malformed("overlong UTF-8", beside(&field(PARENT, &[0xc0, 0xaf]))),
        malformed("not UTF-8, within", within(&field(CUSTODIAN, &[0x80]))),
        malformed("not protobuf", b"Zebulon Quackenbush".to_vec()),
        malformed("all ones", vec![0xff; 64]),
        malformed("all zeros", vec![0; 64]),
    ]
}

/// Well written, but what is authorized must be what is decoded, and what is decoded must be a request.
fn of_values() -> Vec<Row> {
    let invalid = |name, bytes| (name, bytes, INVALID);
    let phone = |text: &str| changed(|detainer| text.clone_into(&mut detainer.contact_phone));
    let at = |seconds, nanos| changed(|detainer| detainer.occurred_at = Some(Timestamp { seconds, nanos }));
    let form = |form| changed(|detainer| detainer.form = form);
    let request = |change: fn(&mut v1::LodgeDetainerRequest)| {
        let mut request = detainer_for("us-ny-doccs");
        change(&mut request);
        request.encode_to_vec()
    };
    let many = |detainer: &mut v1::Detainer| detainer.charges = vec![detainer.charges[0].clone(); 51];
    vec![
        invalid("two parents: the last counts", beside(&field(PARENT, b"jurisdictions/us-tx"))),
        invalid("two custodians: the last counts", twice(&field(CUSTODIAN, b"agencies/us-tx-prison"))),
        invalid("two detainers: they merge", within(&field(CUSTODIAN, b"agencies/us-tx-prison"))),
        invalid("two forms: the last counts", within(&plain(FORM, 0))),
        invalid("a form that there is not", form(99)),
        invalid("a negative form", form(-1)),
        invalid("a form beyond 32 bits", within(&plain(FORM, 1 << 40))),
        invalid("a basis that there is not", changed(|detainer| detainer.basis = vec![77])),
        invalid("a time before years", at(-62_135_596_801, 0)),
        invalid("a time after years", at(253_402_300_800, 0)),
        invalid("the last of all times", at(i64::MAX, 0)),
        invalid("the first of all times", at(i64::MIN, 0)),
        invalid("negative nanoseconds", at(0, -1)),
        invalid("a second of nanoseconds", at(0, 1_000_000_000)),
        invalid("a text with NUL", phone("555\u{0}0100")),
        invalid("a text that clears a terminal", phone("\u{1b}[2J\u{1b}[H")),
        invalid("a text that is read from its end", phone("\u{202e}0010-555")),
        invalid("a text that is read apart", phone("555\u{2067}-0100\u{2069}")),
        invalid("a text with a line break", phone("555\n0100")),
        invalid("a text too long", phone(&"5".repeat(41))),
        invalid("51 charges", changed(many)),
        invalid("a parent with NUL", request(|request| request.parent = "jurisdictions/us-ny\0".to_owned())),
        invalid("a parent with a way up", request(|request| request.parent = "jurisdictions/../us-ny".to_owned())),
        invalid("a request id that is none", request(|request| request.request_id = "Zebulon".to_owned())),
        invalid("no request id", request(|request| request.request_id = String::new())),
        invalid("no detainer", request(|request| request.detainer = None)),
    ]
}

/// Numbers that are negative or too large, to methods that take numbers.
fn of_numbers(siege: &Siege) -> Vec<(&'static str, &'static str, &'static str, Vec<u8>, &'static str)> {
    let found = |percent| {
        let mut request = match_of(&siege.detainer, &siege.custody);
        request.acknowledgement.as_mut().unwrap().confidence_percent = percent;
        request.encode_to_vec()
    };
    let page = |page_size| v1::ListDetainersRequest {
        parent: "jurisdictions/us-ny".to_owned(),
        page_size,
        ..Default::default()
    };
    let token = |token: &str| v1::ListDetainersRequest { page_token: token.to_owned(), ..page(0) };
    let entries = |start_index| v1::ListEntriesRequest { log: NY_EXCHANGE.to_owned(), start_index, tree_size: 0 };
    let entry = |index: i64| v1::GetEntryRequest { name: format!("{NY_EXCHANGE}/entries/{index}") };
    let confirm = v1::AcknowledgeRequest {
        parent: "jurisdictions/us-ny".to_owned(),
        cursor: "Zebulon".to_owned(),
        request_id: request_id(),
        ..Default::default()
    };
    let (found_at, list) =
        ("/comity.v1.DetainerService/AcknowledgeDetainer", "/comity.v1.DetainerService/ListDetainers");
    let (log, one) = ("/comity.v1.LedgerService/ListEntries", "/comity.v1.LedgerService/GetEntry");
    let cursor = "InvalidArgument INVALID_CURSOR";
    vec![
        ("less than no confidence", "us-ny-doccs", found_at, found(-1), INVALID),
        ("more than all confidence", "us-ny-doccs", found_at, found(101), INVALID),
        ("a page of less than nothing", "us-ice", list, page(-1).encode_to_vec(), INVALID),
        ("a page token of nobody's", "us-ice", list, token("Zebulon").encode_to_vec(), cursor),
        ("entries from before the first", "us-ice", log, entries(-1).encode_to_vec(), INVALID),
        ("an entry before the first", "us-ice", one, entry(-1).encode_to_vec(), INVALID),
        ("a cursor of nobody's", "us-ny-doccs", "/comity.v1.InboxService/Acknowledge", confirm.encode_to_vec(), cursor),
    ]
}

pub(super) async fn check(siege: &mut Siege) {
    let lodging = of_bytes().into_iter().chain(of_values());
    let lodging = lodging.map(|(name, bytes, seen)| (name, "us-ice", LODGE, bytes, seen));
    let rows: Vec<_> = lodging.chain(of_numbers(siege)).collect();
    let (ice, doccs) = (Line::open(siege, "us-ice").await, Line::open(siege, "us-ny-doccs").await);
    let cases =
        rows.into_iter().map(|(name, agency, path, bytes, seen)| (name, (agency, path, bytes), seen, "").into());
    let send = async |siege: &Siege, (agency, path, bytes): (&str, &str, Vec<u8>)| {
        let line = if agency == "us-ice" { &ice } else { &doccs };
        line.answer_to(Call::new(path, Some(&siege.token(agency)), &bytes)).await
    };
    siege.check("protobuf", cases.collect(), send).await;
}
