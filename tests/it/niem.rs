//! NIEM documents: whose names they use, what is refused of them and where, and the commands that write and read them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use comity::niem::{self, NiemError};
use comity::wire::{Message as _, json, methods, v1};
use serde_json::{Value, json as value};

use crate::harness::requests::detainer_for;

/// Where augmentations of ours put properties of NIEM's: within which type, which property.
pub(crate) const AUGMENTED: [(&str, &str); 7] = [
    ("nc:PersonType", "im:AlienNumberIdentification"),
    ("nc:PersonType", "j:BookingAgencyRecordIdentification"),
    ("nc:PersonType", "j:SubjectCorrectionsIdentification"),
    ("j:NotificationRequestType", "j:Charge"),
    ("j:NotificationRequestType", "j:Subject"),
    ("nc:SupervisionType", "j:Charge"),
    ("nc:SupervisionType", "nc:PersonMedicalDescriptionText"),
];

/// A property of the published model.
#[derive(Debug)]
pub(crate) struct Name {
    /// Its type.
    pub(crate) of: String,
    /// The types, of those of the list, that have it.
    pub(crate) within: BTreeSet<String>,
}

/// The properties that documents use, as the published model has them.
pub(crate) fn published() -> BTreeMap<String, Name> {
    let rows = rows("names.csv");
    let name = |row: Vec<String>| {
        let within = row[2].split_whitespace().map(str::to_owned).collect();
        (row[0].clone(), Name { of: row[1].clone(), within })
    };
    rows.into_iter().map(name).collect()
}

fn corpus(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/niem").join(file)
}

fn rows(file: &str) -> Vec<Vec<String>> {
    let mut rows = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(corpus(file)).unwrap();
    rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn lodging() -> v1::LodgeDetainerRequest {
    detainer_for("us-ny-doccs")
}

fn request() -> Value {
    json::decoded(&lodging()).unwrap()
}

fn document() -> Value {
    niem::export("LodgeDetainer", &request()).unwrap()
}

#[test]
fn each_name_of_niems_stands_in_the_published_model() {
    let ours = niem::properties();
    let of_niem: BTreeSet<String> =
        ours.iter().filter(|name| !name.starts_with("comity:")).map(|name| (*name).to_owned()).collect();
    let published: BTreeSet<String> = published().into_keys().collect();
    assert_eq!(of_niem, published);
    assert!(of_niem.len() > 50 && ours.len() > of_niem.len());
}

#[test]
fn each_prefix_is_niems() {
    let document = document();
    let context = document["@context"].as_object().unwrap();
    let published: Value = serde_json::from_slice(&std::fs::read(corpus("context.json")).unwrap()).unwrap();
    for (prefix, uri) in context.iter().filter(|(prefix, _)| *prefix != "comity") {
        assert_eq!(&published[prefix], uri);
    }
    let prefixes: BTreeSet<&str> = niem::properties().into_iter().map(|name| name.split_once(':').unwrap().0).collect();
    assert_eq!(prefixes, context.keys().map(String::as_str).collect());
}

#[test]
fn each_code_of_niems_stands_in_the_published_lists() {
    let codes: BTreeSet<(String, String)> =
        rows("codes.csv").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let check = |property: &str, code: &Value| {
        assert!(codes.contains(&(property.to_owned(), code.as_str().unwrap().to_owned())), "{property} {code}");
    };
    let mut lift_codes = BTreeSet::new();
    for number in 1..=13 {
        let request = v1::WithdrawDetainerRequest { reason: number, ..Default::default() };
        let document = niem::export("WithdrawDetainer", &json::decoded(&request).unwrap()).unwrap();
        let code = &document["comity:WithdrawDetainer"]["im:DetainerLiftReason"]["im:DetentionDetainerLiftCode"];
        check("im:DetentionDetainerLiftCode", code);
        lift_codes.insert(code.to_string());
    }
    assert_eq!(lift_codes.len(), 5);
    for number in 1..=4 {
        let mut request = lodging();
        request.detainer.as_mut().unwrap().subject.as_mut().unwrap().sex = number;
        let document = niem::export("LodgeDetainer", &json::decoded(&request).unwrap()).unwrap();
        let person = &document["comity:LodgeDetainer"]["j:DetainerNotificationRequest"]["j:Subject"]["nc:EntityPerson"];
        check("j:PersonSexCode", &person["j:PersonSexCode"]);
    }
}

#[test]
fn a_document_at_fault_is_told_at_which_property() {
    const REQUEST: &str = "/comity:LodgeDetainer/j:DetainerNotificationRequest";
    const PERSON: &str = "/comity:LodgeDetainer/j:DetainerNotificationRequest/j:Subject/nc:EntityPerson";
    let check = |within: &str, name: &str, given: Value, expected: &str| {
        let mut document = document();
        document.pointer_mut(within).unwrap()[name] = given;
        let error = niem::import(&document).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error} / {expected}");
        assert!(!error.contains("Zebulon"), "{error}");
    };
    let (request, person) = (&REQUEST[1..], &PERSON[1..]);
    check(REQUEST, "nc:ActivityName", value!("Zebulon"), &format!("{request}/nc:ActivityName is no property"));
    check(PERSON, "nc:PersonWeightMeasure", value!({"Zebulon": 1}), &format!("{person}/nc:PersonWeightMeasure is no"));
    check(PERSON, "@id", value!("_:Zebulon"), &format!("{person}/@id is no property"));
    let with_middle = value!({"nc:PersonSurName": "Zebulon", "nc:PersonMiddleName": "Zebulon"});
    check(PERSON, "nc:PersonName", with_middle, &format!("{person}/nc:PersonName/nc:PersonMiddleName is no property"));
    check(PERSON, "j:PersonSexCode", value!("Zebulon"), &format!("{person}/j:PersonSexCode must be a code"));
    check(
        PERSON,
        "nc:PersonBirthDate",
        value!({"nc:Date": "Zebulon"}),
        &format!("{person}/nc:PersonBirthDate must be"),
    );
    check(PERSON, "nc:PersonBirthDate", value!({"nc:Date": "1990"}), &format!("{person}/nc:PersonBirthDate must be"));
    let leap = value!({"nc:DateTime": "2016-12-31T23:59:60Z"});
    check(REQUEST, "nc:ActivityDate", leap, &format!("{request}/nc:ActivityDate must be an object with nc:DateTime"));
    let phone = value!({"nc:ContactTelephoneNumber": {"nc:FullTelephoneNumber": {"nc:TelephoneSuffixID": "Zebulon"}}});
    let path = "comity:DutyOfficerContactInformation";
    let expected = format!("{request}/{path}/nc:ContactTelephoneNumber/nc:FullTelephoneNumber/nc:TelephoneSuffixID is");
    check(REQUEST, path, phone, &expected);
    check(REQUEST, "comity:DetainerFormCode", value!(1), &format!("{request}/comity:DetainerFormCode must be a text"));
    let charge = value!([{}, {"j:ChargeSentence": {"nc:ActivityPrescribedDuration": "P1Y"}}]);
    let expected = format!("{request}/j:Charge[1]/j:ChargeSentence/nc:ActivityPrescribedDuration must be a duration");
    check(REQUEST, "j:Charge", charge, &expected);
    check("", "comity:WithdrawDetainer", value!({}), "the document must have @context");
    check("/@context", "nc", value!("https://example.org/"), "the document must have @context");
    check("/@context", "x", value!("https://example.org/"), "the document must have @context");
}

#[test]
fn a_release_has_one_date() {
    let mut document = niem::export("ScheduleRelease", &value!({})).unwrap();
    let at = |day: u8| value!({ "nc:DateTime": format!("2026-02-0{day}T12:00:00Z") });
    document["comity:ScheduleRelease"]["j:Incarceration"] =
        value!({ "j:IncarcerationProjectedReleaseDate": at(1), "comity:MaximumExpiryDate": at(2) });
    let error = niem::import(&document).unwrap_err().to_string();
    assert!(error.contains("comity:MaximumExpiryDate must be the one date"), "{error}");
}

#[test]
fn what_is_not_the_callers_to_say_has_no_niem_name() {
    let check = |field: &str, given: Value, expected: &NiemError| {
        let mut request = request();
        request["detainer"][field] = given;
        assert_eq!(niem::export("LodgeDetainer", &request).as_ref(), Err(expected));
    };
    let unnamed = |path: &str| NiemError::Unnamed(path.to_owned());
    check("state", value!("DETAINER_STATE_LODGED"), &unnamed("detainer.state"));
    check("etag", value!("x"), &unnamed("detainer.etag"));
    let basis = value!(["DETAINER_BASIS_UNSPECIFIED"]);
    let expected = "a value of the contract other than UNSPECIFIED";
    check("basis", basis, &NiemError::Value { path: "detainer.basis[0]".to_owned(), expected });
    assert_eq!(niem::export("GetDetainer", &value!({})), Err(NiemError::Method));
}

fn comity(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_comity")).args(arguments).current_dir(directory).output().unwrap()
}

#[test]
fn a_request_is_written_to_a_document_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = |file: &str| directory.path().join(file);
    let request = lodging();
    std::fs::write(at("request.json"), json::decoded(&request).unwrap().to_string()).unwrap();
    let arguments = ["niem", "export", "LodgeDetainer", "--in", "request.json", "--out", "document.json"];
    let written = comity(&arguments, directory.path());
    assert!(written.status.success() && written.stdout.is_empty() && written.stderr.is_empty(), "{written:?}");
    let read = comity(&["niem", "import", "--in", "document.json", "--out", "again.json"], directory.path());
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    assert_eq!(read.stdout, b"LodgeDetainer\n");
    let again = std::fs::read_to_string(at("again.json")).unwrap();
    let bytes = methods::named("LodgeDetainer").unwrap().request(&again).unwrap();
    assert_eq!(v1::LodgeDetainerRequest::decode(bytes.as_slice()).unwrap(), request);

    // A name twice: nobody can say which is meant.
    std::fs::write(at("twice.json"), r#"{"@context": {}, "@context": {}}"#).unwrap();
    let refused = comity(&["niem", "import", "--in", "twice.json"], directory.path());
    assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    std::fs::write(at("long.json"), " ".repeat((1 << 20) + 1)).unwrap();
    let refused = comity(&["niem", "import", "--in", "long.json"], directory.path());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("more than 1048576 bytes"));
}
