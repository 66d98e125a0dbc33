//! Who is calling: a certificate's bytes, the name in a certificate that an authority did sign, and tokens.
//!
//! `tests/corpus/authority.pem` signed the certificates of the corpus; its key was thrown away, and so were theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use comity::domain::agency::{AgencyClass, AgencyKind};
use comity::identity::certificate::{PeerIdentity, Thumbprint, identify};
use comity::identity::clock::WallClock;
use comity::identity::development::{CertificateOptions, DevelopmentAuthority};
use comity::identity::key::TokenAlgorithm;
use comity::identity::pem::PemSource;
use comity::identity::pseudonym::PseudonymKey;
use comity::identity::registry::{AgencyConfig, AuthorityConfig, IssuerConfig, KeyConfig, Registry, RegistryConfig};
use comity::identity::token::{Config, TokenVerifier};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use crate::fuzz::Target;
use crate::mutate::Kind;

const ICE: &str = "us-ice";
const ISSUER: &str = "https://tokens.us-ice.comity.example";
const AUDIENCE: &str = "comity";
/// When the corpus was made.
const NOW_S: i64 = 1_795_432_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW_S).unwrap()
}

/// The same in every run, so that a kept token stays what it is. Opens no door anywhere.
fn token_key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

/// Two agencies, each vouched for by this authority; one has a token issuer.
fn registry(authority_pem: &str) -> Registry {
    // SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 4).
    let head = hex::decode("302a300506032b6570032100").unwrap();
    let spki = STANDARD.encode([&head, token_key().public_key().as_ref()].concat());
    let public_key = PemSource(format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"));
    let key = KeyConfig { kid: "1".to_owned(), algorithm: TokenAlgorithm::EdDsa, public_key };
    let known: BTreeSet<_> = ["us-ny".parse().unwrap()].into();
    let agency = |id: &str, kind, class, token| AgencyConfig {
        id: id.parse().unwrap(),
        kind,
        class,
        jurisdictions: known.clone(),
        ori: None,
        facilities: BTreeSet::new(),
        time_zone: None,
        facility_time_zones: BTreeMap::new(),
        token,
    };
    let authority = AuthorityConfig {
        id: "federal".to_owned(),
        certificate: PemSource(authority_pem.to_owned()),
        agencies: [ICE, "us-ny-doccs"].map(|id| id.parse().unwrap()).into(),
        kinds: BTreeSet::new(),
        jurisdictions: BTreeSet::new(),
    };
    let config = RegistryConfig {
        trust_domain: "comity.example".to_owned(),
        directory: None,
        certificate_authorities: vec![authority],
        agencies: vec![
            agency(
                ICE,
                AgencyKind::Federal,
                None,
                Some(IssuerConfig { issuer: ISSUER.to_owned(), jwks: None, keys: vec![key] }),
            ),
            agency("us-ny-doccs", AgencyKind::State, Some(AgencyClass::StatePrison), None),
        ],
    };
    Registry::load(&config, Path::new("."), &known).unwrap()
}

fn kept_authority() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/authority.pem")).unwrap()
}

/// Lengths in more bytes than they need, or without an end; a name, a purpose, a second URI.
const WORDS: [&[u8]; 6] =
    [b"\x84\x00\x00\x00\x01", b"\x80", b"us-ice", b"\x2b\x06\x01\x05\x05\x07\x03\x02", b"\x86\x01x", b"\x30\x00"];

#[test]
fn only_a_certificate_that_was_issued_names_an_agency() {
    let registry = registry(&kept_authority());
    let target =
        Target { name: "certificate", kind: Kind::Bytes, seeds: Vec::new(), words: &WORDS, runs: 12_000, grows: false };
    let mut issued = target.corpus();
    issued.retain(|(path, _)| path.file_name().unwrap().to_str().unwrap().starts_with("accepted"));
    assert!(issued.len() > 1, "nothing to go on from");
    target.fuzz(|bytes| match identify(&[CertificateDer::from(bytes)], &registry, now()) {
        Ok(peer) => {
            assert!(issued.iter().any(|(_, der)| der == bytes), "not as it was issued");
            assert_eq!(peer.thumbprint, Thumbprint::of(&CertificateDer::from(bytes)));
            "accepted".to_owned()
        }
        Err(error) => error.reason().to_owned(),
    });
}

/// Whatever name an authority signs: an agency is named in one spelling, and only one of the authority's own.
#[test]
fn only_the_exact_name_of_an_agency_names_it() {
    let authority = DevelopmentAuthority::generate("federal", now()).unwrap();
    let registry = registry(&authority.certificate.pem);
    let good = [ICE, "us-ny-doccs"].map(|id| format!("spiffe://comity.example/agency/{id}"));
    let words: [&[u8]; 6] = [b"spiffe://", b"/agency/", b"us-ny-doccs", b"%2f", b"#", b"?x"];
    let seeds = good.iter().map(|name| name.clone().into_bytes()).collect();
    let target = Target { name: "spiffe-id", kind: Kind::Text, seeds, words: &words, runs: 1_500, grows: false };
    target.fuzz(|bytes| {
        let Ok(name) = std::str::from_utf8(bytes) else { return "not a text".to_owned() };
        let mut options = CertificateOptions::agency("comity.example", &ICE.parse().unwrap(), now());
        options.uris = vec![name.to_owned()];
        let Ok(certificate) = authority.issue(&options) else { return "no certificate can say so".to_owned() };
        match identify(&[certificate.der], &registry, now()) {
            Ok(peer) => {
                assert_eq!(name, format!("spiffe://comity.example/agency/{}", peer.agency));
                assert!(good.iter().any(|good| good == name));
                "accepted".to_owned()
            }
            Err(error) => error.reason().to_owned(),
        }
    });
}

fn peer() -> PeerIdentity {
    PeerIdentity {
        agency: ICE.parse().unwrap(),
        thumbprint: Thumbprint::of(&CertificateDer::from(vec![7; 64])),
        not_after: now().checked_add(SignedDuration::from_hours(24)).unwrap(),
    }
}

fn verifier() -> TokenVerifier {
    let clock = WallClock::from_fn(now);
    TokenVerifier::new(Arc::new(registry(&kept_authority())), Config::default(), PseudonymKey::new(&[7; 32]), clock)
}

/// Signed by the agency's own key, whatever it says.
fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = token_key().sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn good_header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "1"})
}

fn good_claims() -> Value {
    let cnf = json!({"x5t#S256": peer().thumbprint.base64url()});
    let (iat, exp) = (NOW_S - 60, NOW_S + 600);
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "officer", "iat": iat, "exp": exp, "actor": "officer", "cnf": cnf})
}

#[test]
fn only_the_token_that_was_signed_is_one() {
    let good = signed(good_header().to_string().as_bytes(), good_claims().to_string().as_bytes());
    let verifier = verifier();
    let words: [&[u8]; 6] = [b".", b"..", b"=", b"eyJhbGciOiJub25lIn0", b"Bearer ", b"\0"];
    let seeds = vec![good.clone().into_bytes()];
    let target = Target { name: "token", kind: Kind::Text, seeds, words: &words, runs: 8_000, grows: false };
    target.fuzz(|bytes| {
        let Ok(token) = std::str::from_utf8(bytes) else { return "not a text".to_owned() };
        match verifier.verify(token, &peer()) {
            Ok(_) => {
                assert_eq!(token, good);
                "accepted".to_owned()
            }
            Err(error) => error.reason().to_owned(),
        }
    });
}

/// Input: a line of header, then the claims. Behind the signature it is what they say that counts.
#[test]
fn a_token_says_exactly_what_it_must_however_it_was_signed() {
    let verifier = verifier();
    let seed = format!("{}\n{}", good_header(), good_claims());
    let words: [&[u8]; 14] = [
        b"\"crit\":[\"x\"],",
        b"\"jku\":\"https://x\",",
        b"\"alg\":\"none\"",
        b"\"alg\":\"HS256\"",
        b"\"typ\":\"JWT\"",
        b"\"kid\":\"2\"",
        b"\"iss\":[\"x\"],",
        b"\"nbf\":0,",
        b"\"exp\":99999999999,",
        b"\"aud\":[\"comity\"],",
        b"\"cnf\":{},",
        b"null",
        b"1e400",
        b"\\u0000",
    ];
    let target = Target {
        name: "token-claims",
        kind: Kind::Text,
        seeds: vec![seed.into_bytes()],
        words: &words,
        runs: 6_000,
        grows: false,
    };
    target.fuzz(|bytes| {
        let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let (header, claims) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
        match verifier.verify(&signed(header, claims), &peer()) {
            Ok(proven) => {
                let header: Value = serde_json::from_slice(header).unwrap();
                let claims: Value = serde_json::from_slice(claims).unwrap();
                let typ = header["typ"].as_str().unwrap().to_lowercase();
                assert_eq!(typ.trim_start_matches("application/"), "at+jwt");
                for fixed in ["alg", "kid"] {
                    assert_eq!(header[fixed], good_header()[fixed], "{fixed}");
                }
                for fixed in ["iss", "cnf"] {
                    assert_eq!(claims[fixed], good_claims()[fixed], "{fixed}");
                }
                assert!(claims["aud"] == json!(AUDIENCE) || claims["aud"] == json!([AUDIENCE]));
                // A fraction of a second is taken, and counts as none.
                let whole = |name: &str| {
                    let seconds = claims[name].as_f64().unwrap().floor();
                    SignedDuration::try_from_secs_f64(seconds).unwrap().as_secs()
                };
                let (iat, exp) = (whole("iat"), whole("exp"));
                assert!(iat <= NOW_S + 5 && NOW_S < exp + 5 && (1..=3_600).contains(&(exp - iat)));
                assert_eq!(proven.actor.kind.word(), claims["actor"].as_str().unwrap());
                "accepted".to_owned()
            }
            Err(error) => error.reason().to_owned(),
        }
    });
}
