//! Forms on paper: what stands on them, what holds of the file, and what is taken from one that came back.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use comity::paper::{self, FieldFault, Kind, PaperError, Proof, SECTIONS};
use comity::wire::{json, v1};
use lopdf::{Dictionary, Document, Object, ObjectId, text_string};
use serde_json::{Value, json as value};
use uuid::Uuid;

use crate::harness::World;
use crate::harness::changes::amendment_of;
use crate::harness::requests::{answer_to, detainer_for, match_of};
use crate::sample;

const NAME: &str = "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001";
const CUSTODY: &str = "jurisdictions/us-ny/custodies/0198c0de-0000-7000-8000-000000000002";

/// A detainer that was lodged.
fn lodged() -> v1::Detainer {
    let asked = detainer_for("us-ny-doccs").detainer.unwrap();
    v1::Detainer { name: NAME.to_owned(), issuer: "agencies/us-ice".to_owned(), version: 1, ..asked }
}

fn proof() -> Proof {
    Proof { leaf_hash: "ab".repeat(32), origin: "comity.example/us-ny/exchange".to_owned(), size: 7_113 }
}

fn form() -> Vec<u8> {
    paper::render(&lodged(), Some(&proof()), sample::start()).unwrap()
}

/// The id that follows from a text.
pub(crate) fn id_of(text: &str) -> Uuid {
    Uuid::from_u128(text.bytes().fold(7, |id, byte| id.wrapping_mul(0x0100_0000_01b3) ^ u128::from(byte)))
}

/// Every field of a form, by its name.
fn widgets(document: &Document) -> BTreeMap<String, ObjectId> {
    let form = document.catalog().unwrap().get_deref(b"AcroForm", document).unwrap().as_dict().unwrap();
    let fields = form.get(b"Fields").unwrap().as_array().unwrap();
    let named = |field: &Object| {
        let id = field.as_reference().unwrap();
        let name = document.get_dictionary(id).unwrap().get(b"T").unwrap();
        (lopdf::decode_text_string(name).unwrap(), id)
    };
    fields.iter().map(named).collect()
}

/// Fills in fields, as whoever has the form would: a text, or "true" for a box.
fn filled(pdf: &[u8], entries: &[(String, String)]) -> Vec<u8> {
    let mut document = Document::load_mem(pdf).unwrap();
    let widgets = widgets(&document);
    for (name, text) in entries {
        let widget = document.get_dictionary_mut(widgets[name]).unwrap();
        if widget.get(b"FT").unwrap().as_name().unwrap() == b"Btn" {
            widget.set("V", Object::Name(b"On".to_vec()));
            widget.set("AS", Object::Name(b"On".to_vec()));
        } else {
            let chars_max = widget.get(b"MaxLen").and_then(Object::as_i64).unwrap_or(i64::MAX);
            assert!(i64::try_from(text.chars().count()).unwrap() <= chars_max, "{name} has no room");
            widget.set("V", text_string(text));
        }
    }
    let mut written = Vec::new();
    document.save_to(&mut written).unwrap();
    written
}

/// Fills in requests, each in its section.
pub(crate) fn with_requests(pdf: &[u8], requests: &[(&str, Value)]) -> Vec<u8> {
    let mut entries = Vec::new();
    for (method, request) in requests {
        let section = SECTIONS.iter().find(|section| section.method == *method).unwrap();
        for item in section.items {
            let Some(given) = request.pointer(&format!("/{}", item.path.join("/"))) else { continue };
            let entry = match &item.kind {
                Kind::Text(_) | Kind::Time => (item.name.to_owned(), given.as_str().unwrap().to_owned()),
                Kind::Percent => (item.name.to_owned(), given.to_string()),
                Kind::Check | Kind::ThisDetainer => (item.name.to_owned(), "true".to_owned()),
                Kind::Sha256 => {
                    use base64::Engine as _;
                    let bytes = base64::engine::general_purpose::STANDARD.decode(given.as_str().unwrap()).unwrap();
                    (item.name.to_owned(), hex::encode(bytes))
                }
                Kind::Choice { prefix, .. } => {
                    let word =
                        given.as_str().unwrap().strip_prefix(prefix).unwrap()[1..].to_lowercase().replace('_', "-");
                    (format!("{}.{word}", item.name), "true".to_owned())
                }
            };
            entries.push(entry);
        }
    }
    filled(pdf, &entries)
}

fn entry(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

fn text_of(pdf: &[u8]) -> String {
    let document = Document::load_mem(pdf).unwrap();
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    document.extract_text(&pages).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_form_says_can_be_selected() {
    let text = text_of(&form());
    for said in [
        "Immigration Detainer - Notice of Action",
        NAME,
        "Quackenbush, Zebulon",
        "1987-06-05",
        "079314159",
        "24-B-7391",
        "Statute-7391",
        "NCIC 1399",
        "[X] a final order of removal against the subject;",
        "[ ] statements made by the subject",
        "agencies/us-ice",
        "comity.example/us-ny/exchange, proven at size 7113",
        "To be completed and returned",
        "Tick one box in a row",
        "duplicate",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn a_name_that_the_font_lacks_does_not_vanish() {
    let mut detainer = lodged();
    let name = v1::PersonName { given: "Ζήνων".to_owned(), family: "李小龍".to_owned() };
    detainer.subject.as_mut().unwrap().name = Some(name);
    let text = text_of(&paper::render(&detainer, None, sample::start()).unwrap());
    assert!(text.contains("[U+674E][U+5C0F][U+9F8D], Ζήνων"), "{text}");
    assert!(text.contains("this print proves nothing"));
}

/// Every dictionary of the file, those of streams included.
fn dictionaries(document: &Document) -> Vec<&Dictionary> {
    fn dictionary(object: &Object) -> Option<&Dictionary> {
        object.as_dict().or_else(|_| object.as_stream().map(|stream| &stream.dict)).ok()
    }
    document.objects.values().filter_map(dictionary).collect()
}

/// No validator is at hand. These are the rules of PDF/A-2 (ISO 19005-2) that adding fields could break.
#[test]
fn a_form_is_tagged_and_archivable() {
    let pdf = form();
    let document = Document::load_mem(&pdf).unwrap();
    let catalog = document.catalog().unwrap();
    // 6.1.2, 6.1.3: a binary mark after the header, and an id.
    assert!(pdf.starts_with(b"%PDF-1.7\n%") && pdf[10..14].iter().all(|byte| *byte > 127));
    assert!(document.trailer.get(b"ID").is_ok() && document.trailer.get(b"Encrypt").is_err());
    // 6.6.4: what it says of itself.
    let metadata = catalog.get_deref(b"Metadata", &document).unwrap().as_stream().unwrap();
    let metadata = String::from_utf8(metadata.get_plain_content().unwrap()).unwrap();
    assert!(metadata.contains("<pdfaid:part>2<") && metadata.contains("<pdfaid:conformance>U<"), "{metadata}");
    // Tagged.
    let tags = catalog.get_deref(b"StructTreeRoot", &document).unwrap().as_dict().unwrap();
    assert!(tags.get(b"K").is_ok() && catalog.get_deref(b"MarkInfo", &document).is_ok());
    // 6.2.4.3: gray is used, so there is an output intent.
    assert_eq!(catalog.get_deref(b"OutputIntents", &document).unwrap().as_array().unwrap().len(), 1);
    // 6.4.1: nobody has to make appearances.
    let form = catalog.get_deref(b"AcroForm", &document).unwrap().as_dict().unwrap();
    assert!(form.get(b"NeedAppearances").is_err() && form.get(b"XFA").is_err());
    let widgets = widgets(&document);
    assert!(widgets.len() > 60, "{}", widgets.len());
    for (name, id) in &widgets {
        let widget = document.get_dictionary(*id).unwrap();
        // 6.3.2, 6.3.3: printed, with an appearance. 6.5.1, 6.4.1: nothing acts.
        assert_eq!(widget.get(b"F").unwrap().as_i64().unwrap(), 4, "{name}");
        assert!(widget.get(b"A").is_err() && widget.get(b"AA").is_err(), "{name}");
        let appearance = widget.get(b"AP").unwrap().as_dict().unwrap();
        assert_eq!(appearance.iter().map(|(key, _)| key.as_slice()).collect::<Vec<_>>(), [b"N"], "{name}");
        let normal = appearance.get(b"N").unwrap();
        let states = normal.as_dict().map(|states| states.iter().map(|(_, state)| state).collect::<Vec<_>>());
        for state in states.unwrap_or_else(|_| vec![normal]) {
            let stream = document.get_object(state.as_reference().unwrap()).unwrap().as_stream().unwrap();
            assert_eq!(stream.dict.get(b"Subtype").unwrap().as_name().unwrap(), b"Form", "{name}");
        }
    }
    // 6.2.11.4: every font is embedded.
    let fonts: Vec<&Dictionary> =
        dictionaries(&document).into_iter().filter(|dictionary| dictionary.has_type(b"FontDescriptor")).collect();
    assert_eq!(fonts.len(), 2);
    assert!(fonts.iter().all(|font| font.has(b"FontFile2") || font.has(b"FontFile3")));
    // 6.5.1: no scripts.
    assert!(dictionaries(&document).iter().all(|dictionary| !dictionary.has(b"JS") && !dictionary.has(b"OpenAction")));
}

#[test]
fn the_same_detainer_gives_the_same_form() {
    assert!(form() == form());
    assert!(form().len() < 150_000, "{}", form().len());
    assert_eq!(paper::render(&v1::Detainer::default(), None, sample::start()).unwrap_err(), PaperError::Nameless);
}

#[test]
fn what_is_filled_in_is_the_request_and_no_more() {
    let answer = filled(&form(), &[entry("answer.kind.decline", "true"), entry("answer.law", "8 CFR 287.7")]);
    let returned = paper::read(&answer, id_of).unwrap_err();
    let expected = FieldFault { field: "answer.ground".to_owned(), expected: "must be".to_owned() };
    let PaperError::Fields(faults) = returned else { panic!("{returned}") };
    assert!(faults.len() == 1 && faults[0].field == expected.field, "{faults:?}");

    let answer = filled(
        &form(),
        &[
            entry("answer.kind.decline", "true"),
            entry("answer.ground.needs-judicial-warrant", "true"),
            entry("answer.law", " 168 A.D.3d 31\r\n"),
        ],
    );
    let returned = paper::read(&answer, id_of).unwrap();
    assert_eq!((returned.detainer.as_str(), returned.version), (NAME, 1));
    let [(method, request)] = returned.requests.as_slice() else { panic!("{returned:?}") };
    let expected = value!({
        "name": NAME,
        "enteredFromPaper": true,
        "answer": {
            "kind": "ANSWER_KIND_DECLINE",
            "ground": "DECLINE_GROUND_NEEDS_JUDICIAL_WARRANT",
            "legalBasis": "168 A.D.3d 31",
        },
        "requestId": request["requestId"],
    });
    assert_eq!((*method, request), ("AnswerDetainer", &expected));
    // The same form is the same request; another answer is another.
    assert_eq!(paper::read(&answer, id_of).unwrap(), returned);
    let other = filled(&answer, &[entry("answer.law", "168 A.D.3d 32")]);
    assert_ne!(paper::read(&other, id_of).unwrap().requests[0].1["requestId"], request["requestId"]);
}

#[test]
fn a_field_at_fault_is_told_and_never_repeated() {
    let check = |entries: &[(&str, &str)], field: &str, expected: &str| {
        let entries: Vec<_> = entries.iter().map(|(name, text)| entry(name, text)).collect();
        let error = paper::read(&filled(&form(), &entries), id_of).unwrap_err();
        let PaperError::Fields(faults) = &error else { panic!("{error}") };
        let told = faults.iter().any(|fault| fault.field == field && fault.expected.contains(expected));
        assert!(told && !error.to_string().contains("Zebulon"), "{error}");
    };
    check(&[("served.at", "Zebulon")], "served.at", "must be a time");
    check(&[("served.at", "2016-12-31T23:59:60Z")], "served.at", "seconds up to 59");
    check(&[("served.copy", "Zebulon")], "served.copy", "64 hexadecimal digits");
    check(&[("served.copy", &"0".repeat(64))], "served.copy", "SHA-256 of a document that is there");
    check(&[("found.confidence", "101")], "found.confidence", "from 0 to 100");
    check(&[("found.finding.matched-custody", "true")], "found.custody", "");
    check(&[("found.finding.no-such-person", "true"), ("found.custody", "Zebulon")], "found.custody", "");
    check(&[("lifted.reason.duplicate", "true"), ("lifted.reason.case-closed", "true")], "lifted.reason", "one box");
    check(&[("released.at", "2026-02-01T12:00:00Z")], "released.custody", "must be");
}

#[test]
fn a_file_that_is_no_form_is_refused() {
    let check = |file: &[u8], expected: &PaperError| assert_eq!(&paper::read(file, id_of).unwrap_err(), expected);
    check(&vec![b'%'; (4 << 20) + 1], &PaperError::TooLong { max: 4 << 20 });
    check(b"", &PaperError::NotAForm("it is no PDF that can be read"));
    check(b"%PDF-1.7\n", &PaperError::NotAForm("it is no PDF that can be read"));
    check(&form(), &PaperError::Empty);
    let without = |change: fn(&mut Document)| {
        let mut document = Document::load_mem(&form()).unwrap();
        change(&mut document);
        let mut written = Vec::new();
        document.save_to(&mut written).unwrap();
        written
    };
    let bare = without(|document| drop(document.catalog_mut().unwrap().remove(b"AcroForm")));
    check(&bare, &PaperError::NotAForm("it has no fields"));
    let other = without(|document| {
        let id = widgets(document)["form"];
        document.get_dictionary_mut(id).unwrap().set("V", text_string("another"));
    });
    check(&other, &PaperError::NotAForm("it is not in the layout of this program"));
    // A field that leads back to itself.
    let circle = without(|document| {
        let id = widgets(document)["form"];
        let kids = Object::Array(vec![Object::Reference(id); 2]);
        document.get_dictionary_mut(id).unwrap().set("Kids", kids);
    });
    check(&circle, &PaperError::NotAForm("it has more fields than a form"));
}

/// So many files that somebody spoiled, each in one of a few ways.
const SPOILED: usize = 1_500;

#[test]
fn no_file_makes_the_reader_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let good = filled(&form(), &[entry("answer.law", "a (b) \\ c"), entry("lifted.reason.duplicate", "true")]);
    let mut refused = 0;
    for _ in 0..SPOILED {
        let mut file = good.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..file.len());
            match random.u8(..4) {
                0 => file[at] = random.u8(..),
                1 => file.truncate(at.max(1)),
                2 => {
                    let digits = file.iter().skip(at).position(u8::is_ascii_digit);
                    if let Some(digit) = digits {
                        file[at + digit] = b'0' + random.u8(..10);
                    }
                }
                _ => {
                    let (from, len) = (random.usize(..file.len()), random.usize(1..200));
                    let piece: Vec<u8> = file.iter().skip(from).take(len).copied().collect();
                    file.splice(at..at, piece);
                }
            }
        }
        refused += usize::from(paper::read(&file, id_of).is_err());
    }
    assert!(refused > SPOILED / 4, "{refused} of {SPOILED} were refused");
}

fn comity(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity")).args(arguments).current_dir(directory).output().unwrap()
}

#[test]
fn a_form_is_rendered_filled_in_and_read_from_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let answer = v1::LodgeDetainerResponse { detainer: Some(lodged()), receipt: None };
    std::fs::write(directory.path().join("lodged.json"), json::decoded(&answer).unwrap().to_string()).unwrap();
    let arguments = ["form", "render", "--from", "lodged.json", "--out", "form.pdf"];
    let rendered = comity(&arguments, directory.path());
    assert!(rendered.status.success() && rendered.stderr.is_empty(), "{rendered:?}");
    let form = std::fs::read(directory.path().join("form.pdf")).unwrap();
    let found = json::decoded(&match_of(NAME, CUSTODY)).unwrap();
    let returned = with_requests(&form, &[("AcknowledgeDetainer", found.clone())]);
    std::fs::write(directory.path().join("returned.pdf"), returned).unwrap();
    let read = comity(&["form", "read", "returned.pdf"], directory.path());
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    let line: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(
        (&line["method"], &line["request"]["acknowledgement"]),
        (&value!("AcknowledgeDetainer"), &found["acknowledgement"])
    );
    let empty = comity(&["form", "read", "form.pdf"], directory.path());
    assert_eq!(empty.status.code(), Some(2), "{empty:?}");
    assert!(String::from_utf8(empty.stderr).unwrap().contains("nothing is filled in"));
}

/// Runs `comity form` as an agency of a world.
fn as_agency(world: &World, agency: &str, arguments: &[&str]) -> Output {
    let (address, dir) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap());
    let seat = ["--address", address.as_str(), "--as", agency, "--directory", dir];
    comity(&[&["form"], arguments, &seat].concat(), world.directory())
}

#[tokio::test]
async fn what_came_back_is_entered_by_an_officer_once_however_often_it_is_read() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let at = |file: &str| world.directory().join(file);
    let rendered = as_agency(&world, "us-ice", &["render", &matched.detainer, "--out", "form.pdf"]);
    assert!(rendered.status.success(), "{rendered:?}");
    let form = std::fs::read(at("form.pdf")).unwrap();
    assert!(text_of(&form).contains("proven at size"));
    let entries = [entry("answer.kind.notify-only", "true"), entry("answer.law", "8 CFR 287.7(a)")];
    std::fs::write(at("returned.pdf"), filled(&form, &entries)).unwrap();

    let rows = world.kept().rows();
    let unattended = as_agency(&world, "us-ny-doccs", &["read", "returned.pdf", "--send"]);
    assert_eq!(unattended.status.code(), Some(2), "{unattended:?}");
    assert_eq!(world.kept().rows(), rows);
    let send = || as_agency(&world, "us-ny-doccs", &["read", "returned.pdf", "--send", "--officer"]);
    let first = send();
    assert!(first.status.success(), "{first:?}");
    let line: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(line["answer"]["detainer"]["answer"]["legalBasis"], "8 CFR 287.7(a)");
    // The entry says it to the custodian, and not to the requester.
    let receipt = &line["answer"]["receipt"];
    let index = receipt["index"].as_str().unwrap_or("0");
    let name = format!("{}/entries/{index}", receipt["log"].as_str().unwrap());
    let marked = |agency: &str| {
        let (address, dir) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap().to_owned());
        let asked = value!({ "name": name }).to_string();
        let seat =
            ["call", "LedgerService/GetEntry", &asked, "--address", &address, "--as", agency, "--directory", &dir];
        let read = comity(&seat, world.directory());
        assert!(read.status.success(), "{read:?}");
        let read: Value = serde_json::from_slice(&read.stdout).unwrap();
        read["entry"]["event"]["enteredFromPaper"].clone()
    };
    assert_eq!((marked("us-ny-doccs"), marked("us-ice")), (value!(true), Value::Null));
    // Read again, it is answered as before.
    let rows = world.kept().rows();
    assert_eq!(send().stdout, first.stdout);
    let again = world.kept().rows();
    assert_eq!((again["entries"], again["requests"]), (rows["entries"], rows["requests"]));
    // A form of a version that was amended since is not sent.
    world.ice().amend(amendment_of(&matched.detainer, detainer_for("us-ny-doccs"))).await.accepted();
    let late = send();
    assert_eq!(late.status.code(), Some(2), "{late:?}");
    assert!(String::from_utf8(late.stderr).unwrap().contains("it was amended since"));
}

#[tokio::test]
async fn an_unattended_system_may_not_say_that_an_officer_entered_it() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let answer = v1::AnswerDetainerRequest {
        entered_from_paper: true,
        ..answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly)
    };
    let asked = json::decoded(&answer).unwrap().to_string();
    let (address, dir) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap().to_owned());
    let seat = ["call", "AnswerDetainer", &asked, "--address", &address, "--as", "us-ny-doccs", "--directory", &dir];
    let refused = comity(&seat, world.directory());
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("entered_from_paper"));
}
