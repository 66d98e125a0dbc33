//! Requests that must not be taken, whoever signed them, each with what is said.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::identity::key::{MintingKey, TokenAlgorithm};
use crate::identity::sealed::Sealed;
use crate::partner::{CheckedRequest, Wish, files, make};

const KIND: &str = "comity-partner-request";
/// The neutral point: under it a signature verifies that nobody made.
const NEUTRAL: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 1;
    point
};

/// An agency that asked.
struct Asked {
    _place: TempDir,
    directory: PathBuf,
    statement: Value,
    keys: [MintingKey; 2],
}

fn wish() -> Wish {
    Wish {
        agency: "us-ny-albany-jail".parse().unwrap(),
        kind: AgencyKind::County,
        class: Some(AgencyClass::CountyJail),
        jurisdictions: ["us-ny".parse().unwrap()].into(),
        ori: None,
        trust_domain: "comity.example".to_owned(),
        issuer: None,
    }
}

impl Asked {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("own");
        make(&wish(), &directory).unwrap();
        let read = |name| std::fs::read_to_string(directory.join(name)).unwrap();
        let sealed = Sealed::parse(&read(files::REQUEST)).unwrap();
        let statement = Value::Object(sealed.members().unwrap());
        let kid = statement["token_keys"]["keys"][0]["kid"].as_str().unwrap();
        let keys = [
            MintingKey::from_pkcs8_pem("certificate", TokenAlgorithm::Es256, &read(files::KEY)).unwrap(),
            MintingKey::from_pkcs8_pem(kid, TokenAlgorithm::EdDsa, &read(files::TOKEN_KEY)).unwrap(),
        ];
        Self { _place: place, directory, statement, keys }
    }

    /// What is said of another statement that the same keys signed.
    fn refused(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut statement = self.statement.clone();
        change(&mut statement);
        let [certificate, token] = &self.keys;
        refused_by(&statement, &[certificate, token])
    }
}

/// What is said of a statement that these keys signed.
fn refused_by(statement: &Value, keys: &[&MintingKey]) -> String {
    let sealed = Sealed::sign(KIND, statement.to_string().as_bytes(), keys).unwrap();
    format!("{:#}", CheckedRequest::read(&serde_json::to_string(&sealed).unwrap()).unwrap_err())
}

#[test]
fn a_request_is_by_both_keys_or_it_is_none() {
    let (asked, other) = (Asked::new(), Asked::new());
    let [certificate, token] = &asked.keys;
    let signers = "it is not signed by the keys that must sign it, and by no others";
    assert_eq!(refused_by(&asked.statement, &[certificate]), signers);
    assert_eq!(refused_by(&asked.statement, &[token]), signers);
    // Somebody asks for a token key that is not theirs.
    let theirs = |statement: &mut Value| statement["token_keys"] = other.statement["token_keys"].clone();
    assert_eq!(asked.refused(theirs), signers);
    let theirs =
        |statement: &mut Value| statement["certificate_request"] = other.statement["certificate_request"].clone();
    assert!(asked.refused(theirs).starts_with("the signature of key certificate is wrong"));
}

#[test]
fn a_statement_that_is_not_whole_is_refused() {
    let asked = Asked::new();
    let check = |change: &dyn Fn(&mut Value), expected: &str| {
        let refused = asked.refused(change);
        assert!(refused.contains(expected), "{expected}: {refused}");
    };
    check(&|s| s["version"] = json!(2), "of a version that this program does not know");
    check(&|s| s["more"] = json!(1), "unknown field `more`");
    check(&|s| s["kind"] = json!("other"), "unknown variant `other`");
    check(
        &|s| s["agency"] = json!("us-ny-other"),
        "the certificate request names us-ny-albany-jail, and the rest us-ny-other",
    );
    check(&|s| s["trust_domain"] = json!("other.example"), "does not name an agency of trust domain other.example");
    check(&|s| s["certificate_request"] = json!("none"), "the certificate request holds nothing in PEM");
    check(&|s| s["token_keys"] = json!({ "keys": [] }), "the set of token keys has no key for signing");
    check(&|s| s["issuer"] = json!("https://\u{1b}[2Jtokens"), "the issuer is not 1 to 256 printable characters");
    check(
        &|s| s["token_keys"]["keys"][0]["kid"] = json!("\u{1b}"),
        "the id of a token key is not 1 to 64 printable characters",
    );
    check(&|s| s["\u{1b}[2J"] = json!(1), "unknown field `\u{fffd}[2J`");
    let private = |s: &mut Value| s["token_keys"]["keys"][0]["d"] = json!("AAAA");
    check(&private, "holds a private part: it is known to whoever read the set, and MUST be replaced");
    let several = |s: &mut Value| {
        let key = s["token_keys"]["keys"][0].clone();
        s["token_keys"]["keys"] = vec![key; 5].into();
    };
    check(&several, "the set of token keys has more than 4 keys");
}

#[test]
fn keys_that_nobody_can_be_trusted_by_are_refused() {
    let asked = Asked::new();
    let weak = asked.refused(|s| s["token_keys"]["keys"][0]["x"] = json!(URL_SAFE_NO_PAD.encode(NEUTRAL)));
    assert!(weak.contains("it is of small order"), "{weak}");
    // The same in the certificate request, with a signature that verifies under it.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let agency = "us-ny-albany-jail".parse().unwrap();
    let request = crate::identity::certificate_request::make(&key.serialize_pem(), "comity.example", &agency).unwrap();
    let mut der = crate::files::pem::certificate_request(request.as_bytes()).unwrap().to_vec();
    let public = key.public_key_raw();
    let at = der.windows(32).position(|part| part == public).unwrap();
    der[at..at + 32].copy_from_slice(&NEUTRAL);
    let signature = der.len() - 64;
    der[signature..].copy_from_slice(&[NEUTRAL, [0; 32]].concat());
    let pem =
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", STANDARD.encode(&der));
    let weak = asked.refused(|s| s["certificate_request"] = json!(pem));
    assert_eq!(
        weak,
        "the certificate request has a key that nobody can be trusted by: it is too short, or of small order"
    );
    // One key for both.
    let ed25519 = std::fs::read_to_string(asked.directory.join(files::TOKEN_KEY)).unwrap();
    let request = crate::identity::certificate_request::make(&ed25519, "comity.example", &agency).unwrap();
    let both = asked.refused(|s| s["certificate_request"] = json!(request));
    assert_eq!(both, "the certificate's key signs tokens too: whoever had the one would have the other");
}

#[test]
fn the_directory_of_an_agency_is_its_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let asked = Asked::new();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&asked.directory), 0o700);
    for (name, wanted) in [(files::KEY, 0o600), (files::TOKEN_KEY, 0o600), (files::REQUEST, 0o644)] {
        assert_eq!(mode(&asked.directory.join(name)), wanted, "{name}");
    }
    // One that is there and open is left as it is.
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let open = make(&wish(), place.path()).unwrap_err().to_string();
    assert!(open.contains("is open to others: chmod 700"), "{open}");
    assert!(!place.path().join(files::KEY).exists());
}
