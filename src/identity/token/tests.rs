//! Tokens that must be refused, each with the reason, and valid ones.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use super::*;
use crate::domain::agency::ActorKind;
use crate::identity::fixture::{KID, World, minting, pseudonym_key};
use crate::identity::key::MintingKey;
use crate::identity::mint::{MintClaims, mint};
use crate::identity::pem::PemSource;
use crate::identity::registry::KeyConfig;

/// Changes the JSON of a header or of claims.
type Change = Box<dyn Fn(&mut Value)>;

fn none(_: &mut Value) {}

fn set(name: &'static str, value: Value) -> Change {
    Box::new(move |json| json[name] = value.clone())
}

fn without(name: &'static str) -> Change {
    Box::new(move |json| {
        json.as_object_mut().unwrap().remove(name);
    })
}

struct Setup {
    world: World,
    peer: PeerIdentity,
    verifier: TokenVerifier,
}

impl Setup {
    fn new() -> Self {
        let world = World::new();
        let peer = world.peer(&world.ice());
        let verifier = world.verifier(world.clock());
        Self { world, peer, verifier }
    }

    fn good(&self) -> String {
        mint(&self.world.ice_minting(), &self.world.ice_claims(), &self.peer.thumbprint).unwrap()
    }

    fn good_parts(&self) -> (Value, Value) {
        let token = self.good();
        let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
        (json(), json())
    }

    /// A token signed by the agency's own key: only its contents may be wrong.
    fn signed(&self, header: &str, claims: &str) -> String {
        self.signed_bytes(header.as_bytes(), claims.as_bytes())
    }

    fn signed_bytes(&self, header: &[u8], claims: &[u8]) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = self.world.ice_minting();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key.signing, key.algorithm.jwt()).unwrap();
        format!("{message}.{signature}")
    }

    fn verify(&self, token: &str) -> Result<VerifiedToken, TokenError> {
        self.verifier.verify(token, &self.peer)
    }

    fn check(&self, name: &str, header: &Change, claims: &Change, expected: TokenError) {
        let (mut head, mut body) = self.good_parts();
        header(&mut head);
        claims(&mut body);
        let token = self.signed(&head.to_string(), &body.to_string());
        assert_eq!(self.verify(&token), Err(expected), "{name}");
    }
}

#[test]
fn a_good_token_proves_its_officer() {
    let setup = Setup::new();
    let verified = setup.verify(&setup.good()).unwrap();
    let pseudonym = pseudonym_key().pseudonym(&setup.peer.agency, "officer-canary").unwrap();
    assert_eq!(verified.actor, Actor { pseudonym, kind: ActorKind::Officer });
    assert_eq!(verified.good_until, setup.world.now + SignedDuration::from_secs(905));
    // Signed as in the table below, so that what the table refuses is refused for its contents.
    let (header, claims) = setup.good_parts();
    assert!(setup.verify(&setup.signed(&header.to_string(), &claims.to_string())).is_ok());
}

/// A token's header may name an algorithm as a key set does (RFC 9864 2.2 has the second name).
#[test]
fn both_names_of_ed25519_are_taken_for_one_algorithm() {
    let setup = Setup::new();
    let (mut header, claims) = setup.good_parts();
    for alg in ["EdDSA", "Ed25519"] {
        header["alg"] = json!(alg);
        let token = setup.signed(&header.to_string(), &claims.to_string());
        assert!(setup.verify(&token).is_ok(), "{alg}");
        // Under neither name does an invalid signature verify.
        let (message, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode([7; 64]));
        assert_eq!(setup.verify(&forged), Err(TokenError::Signature), "{alg}");
    }
}

#[test]
fn a_header_that_says_too_much_or_too_little_is_refused() {
    let setup = Setup::new();
    let cases: Vec<(&str, Change, TokenError)> = vec![
        ("crit", set("crit", json!(["exp"])), TokenError::Header),
        ("null crit", set("crit", Value::Null), TokenError::Header),
        ("jku", set("jku", json!("https://evil.example/keys")), TokenError::Header),
        ("x5u", set("x5u", json!("https://evil.example/cert")), TokenError::Header),
        ("x5c", set("x5c", json!(["MIIB"])), TokenError::Header),
        ("jwk", set("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})), TokenError::Header),
        ("b64", set("b64", json!(false)), TokenError::Header),
        ("zip", set("zip", json!("DEF")), TokenError::Header),
        ("no kid", without("kid"), TokenError::Header),
        ("kid of another type", set("kid", json!(1)), TokenError::Header),
        ("no typ", without("typ"), TokenError::Header),
        ("typ of a JWT", set("typ", json!("JWT")), TokenError::Type),
        ("typ of a logout token", set("typ", json!("logout+jwt")), TokenError::Type),
        ("no alg", without("alg"), TokenError::Header),
        ("alg none", set("alg", json!("none")), TokenError::Algorithm),
        ("alg None", set("alg", json!("None")), TokenError::Algorithm),
        ("alg HS256", set("alg", json!("HS256")), TokenError::Algorithm),
        ("another key's alg", set("alg", json!("ES256")), TokenError::Algorithm),
        ("unknown kid", set("kid", json!("2025-1")), TokenError::UnknownKey),
    ];
    let same: Change = Box::new(none);
    for (name, header, expected) in cases {
        setup.check(name, &header, &same, expected);
    }
}

#[test]
fn claims_that_do_not_hold_are_refused() {
    let setup = Setup::new();
    let now = setup.world.now.as_second();
    let padded = format!("{}=", setup.peer.thumbprint.base64url());
    let times = |iat: i64, exp: i64| -> Change {
        Box::new(move |claims| {
            claims["iat"] = json!(iat);
            claims["exp"] = json!(exp);
        })
    };
    let cases: Vec<(&str, Change, TokenError)> = vec![
        ("no iss", without("iss"), TokenError::Claims("iss")),
        ("a list of iss", set("iss", json!(["https://us-ice.example/tokens"])), TokenError::Claims("iss")),
        ("unknown iss", set("iss", json!("https://evil.example")), TokenError::UnknownIssuer),
        ("iss with a slash more", set("iss", json!("https://us-ice.example/tokens/")), TokenError::UnknownIssuer),
        ("iss of another agency", set("iss", json!("https://us-ny-doccs.example/tokens")), TokenError::OtherAgency),
        ("no aud", without("aud"), TokenError::Claims("aud")),
        ("two aud", set("aud", json!(["comity", "other"])), TokenError::Claims("aud")),
        ("no aud in a list", set("aud", json!([])), TokenError::Claims("aud")),
        ("a list of another aud", set("aud", json!(["other"])), TokenError::Audience),
        ("another aud", set("aud", json!("comity-staging")), TokenError::Audience),
        ("no sub", without("sub"), TokenError::Claims("sub")),
        ("an empty sub", set("sub", json!("")), TokenError::Subject),
        ("a sub of spaces", set("sub", json!("  ")), TokenError::Subject),
        ("a sub with a space at its end", set("sub", json!("officer-1 ")), TokenError::Subject),
        ("a sub that shows nothing", set("sub", json!("\u{200b}")), TokenError::Subject),
        ("a sub with what shows nothing", set("sub", json!("officer\u{3164}-1")), TokenError::Subject),
        ("a sub turned round", set("sub", json!("\u{202e}officer-1")), TokenError::Subject),
        ("a sub not in NFC", set("sub", json!("Nu\u{301}ñez")), TokenError::Subject),
        ("a sub of two lines", set("sub", json!("officer\u{2028}1")), TokenError::Subject),
        ("a long sub", set("sub", json!("x".repeat(129))), TokenError::Subject),
        ("a sub with a control character", set("sub", json!("a\u{1b}[2J")), TokenError::Subject),
        ("no exp", without("exp"), TokenError::Claims("exp")),
        ("exp as text", set("exp", json!((now + 900).to_string())), TokenError::Claims("exp")),
        ("exp long ago, with a fraction", set("exp", json!(1.5)), TokenError::Expired),
        ("exp of null", set("exp", Value::Null), TokenError::Claims("exp")),
        ("nbf of null", set("nbf", Value::Null), TokenError::Claims("nbf")),
        ("nbf after the leeway, by a fraction", set("nbf", json!(now_fraction(now, 5.5))), TokenError::NotYetValid),
        ("exp beyond any time", set("exp", json!(1e300)), TokenError::Claims("exp")),
        ("exp beyond any number", set("exp", json!(u64::MAX)), TokenError::Claims("exp")),
        ("no iat", without("iat"), TokenError::Claims("iat")),
        ("expired beyond the leeway", times(now - 900, now - 5), TokenError::Expired),
        ("issued beyond the leeway", times(now + 6, now + 900), TokenError::NotYetValid),
        ("nbf to come", set("nbf", json!(now + 6)), TokenError::NotYetValid),
        ("an hour and a second", times(now, now + 3601), TokenError::Lifetime),
        ("for ever", set("exp", json!(i64::MAX)), TokenError::Lifetime),
        ("since ever", set("iat", json!(i64::MIN)), TokenError::Lifetime),
        ("ends before it begins", times(now + 3, now + 2), TokenError::Lifetime),
        ("no actor", without("actor"), TokenError::Claims("actor")),
        ("another actor", set("actor", json!("judge")), TokenError::Claims("actor")),
        ("no cnf", without("cnf"), TokenError::Unbound),
        ("an empty cnf", set("cnf", json!({})), TokenError::Unbound),
        ("cnf by a key", set("cnf", json!({"jkt": "AA"})), TokenError::Claims("cnf")),
        ("cnf of nothing", set("cnf", json!({"x5t#S256": ""})), TokenError::Claims("cnf")),
        ("cnf of a part", set("cnf", json!({"x5t#S256": "AAAA"})), TokenError::Claims("cnf")),
        ("cnf as a list", set("cnf", json!([setup.peer.thumbprint.base64url()])), TokenError::Claims("cnf")),
        ("cnf of null", set("cnf", Value::Null), TokenError::Claims("cnf")),
        ("cnf with a padded thumbprint", set("cnf", json!({"x5t#S256": padded})), TokenError::Claims("cnf")),
        ("cnf of another", set("cnf", json!({"x5t#S256": "A".repeat(43)})), TokenError::BoundElsewhere),
        ("an actor with nothing", set("actor", json!({"officer": null})), TokenError::Claims("actor")),
        ("cnf by SHA-1", set("cnf", json!({"x5t": "AAAA"})), TokenError::Claims("cnf")),
    ];
    let same: Change = Box::new(none);
    for (name, claims, expected) in cases {
        setup.check(name, &same, &claims, expected);
    }
}

/// Forms that the standards allow beside the usual one.
#[test]
fn stock_issuers_are_understood() {
    let setup = Setup::new();
    let now = setup.world.now.as_second();
    let cases: Vec<(&str, Change, Change)> = vec![
        ("aud as a list of one", Box::new(none), set("aud", json!(["comity"]))),
        ("typ in full", set("typ", json!("application/at+jwt")), Box::new(none)),
        ("typ in capitals", set("typ", json!("AT+JWT")), Box::new(none)),
        ("typ in full and in capitals", set("typ", json!("Application/at+JWT")), Box::new(none)),
        ("iat with a fraction", Box::new(none), set("iat", json!(now_fraction(now, -0.5)))),
        ("exp with a fraction", Box::new(none), set("exp", json!(now_fraction(now, 600.25)))),
        ("nbf with a fraction", Box::new(none), set("nbf", json!(now_fraction(now, 4.5)))),
        ("exp with an exponent", Box::new(none), set("exp", json!(now_fraction(now, 600.0)))),
        ("claims of others", Box::new(none), set("scope", json!({"a": [1, null]}))),
    ];
    for (name, header, claims) in cases {
        let (mut head, mut body) = setup.good_parts();
        header(&mut head);
        claims(&mut body);
        let verified = setup.verify(&setup.signed(&head.to_string(), &body.to_string()));
        assert!(verified.is_ok(), "{name}: {verified:?}");
    }
}

fn now_fraction(now: i64, more: f64) -> f64 {
    SignedDuration::from_secs(now).as_secs_f64() + more
}

const UNREADABLE: TokenError = TokenError::Claims("they are no JSON object that has each name once");

#[test]
fn the_edges_of_time_are_inside() {
    let setup = Setup::new();
    let now = setup.world.now;
    for (issued_at, lifetime_s) in [(-900, 896), (5, 900), (0, 3600), (-1, 3600)] {
        let issued_at = now + SignedDuration::from_secs(issued_at);
        let claims = MintClaims { issued_at, lifetime_s, ..setup.world.ice_claims() };
        let token = mint(&setup.world.ice_minting(), &claims, &setup.peer.thumbprint).unwrap();
        assert!(setup.verify(&token).is_ok(), "{issued_at} {lifetime_s}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let setup = Setup::new();
    let good = setup.good();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let check = |token: &str, expected| assert_eq!(setup.verify(token), Err(expected), "{token}");
    check("", TokenError::Malformed);
    check("a.b", TokenError::Malformed);
    check(&format!("{good}.x"), TokenError::Malformed);
    check(&format!("{header}=.{claims}.{signature}"), TokenError::Malformed);
    check(&format!("{header}.{claims}.{signature}="), TokenError::Malformed);
    check(&format!("{header}.{claims}."), TokenError::Signature);
    check(&format!("{header}.{claims}.{}", "A".repeat(86)), TokenError::Signature);
    check(&format!("!!.{claims}.{signature}"), TokenError::Malformed);
    check(&format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode("[]")), TokenError::Header);
    check(&format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("{}")), TokenError::Claims("iss"));
    check(&"a".repeat(TOKEN_BYTES_MAX + 1), TokenError::TooLong);
    let (head, body) = setup.good_parts();
    let twice = |json: &Value, member: &str| json.to_string().replacen('{', &format!("{{{member},"), 1);
    check(&setup.signed(&twice(&head, r#""alg":"EdDSA""#), &body.to_string()), TokenError::Header);
    check(&setup.signed(&head.to_string(), &twice(&body, r#""aud":"comity""#)), UNREADABLE);
    // Also where nobody reads it.
    check(&setup.signed(&head.to_string(), &twice(&body, r#""a":{"b":1,"b":1}"#)), UNREADABLE);
    check(&setup.signed(&head.to_string(), &twice(&body, r#""a":"\ud800""#)), UNREADABLE);
    let listed =
        format!("[{}]", body.as_object().unwrap().values().map(Value::to_string).collect::<Vec<_>>().join(","));
    check(&setup.signed(&head.to_string(), &listed), UNREADABLE);
    let listed = json!([head["alg"], head["typ"], head["kid"]]).to_string();
    check(&setup.signed(&listed, &body.to_string()), TokenError::Header);
    let ends = body.to_string().trim_end_matches('}').to_owned();
    let not_utf8 = [format!("{ends},\"a\":\"").as_bytes(), &[0xff], b"\"}"].concat();
    check(&setup.signed_bytes(head.to_string().as_bytes(), &not_utf8), UNREADABLE);
    // Any changed character refuses the token.
    for at in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(setup.verify(&String::from_utf8(changed).unwrap()).is_err(), "byte {at}");
    }
}

#[test]
fn a_token_is_good_with_its_own_agency_and_certificate_only() {
    let setup = Setup::new();
    let good = setup.good();
    assert!(setup.verify(&good).is_ok());
    // Cached for one certificate, it is not valid with another, even of the same agency.
    let renewed = setup.world.peer(&setup.world.ice());
    assert_eq!(setup.verifier.verify(&good, &renewed), Err(TokenError::BoundElsewhere));
    let doccs = setup.world.new_york.issue(&setup.world.options("us-ny-doccs")).unwrap();
    assert_eq!(setup.verifier.verify(&good, &setup.world.peer(&doccs)), Err(TokenError::OtherAgency));
    let texas = setup.world.texas.issue(&setup.world.options("us-tx-tdcj")).unwrap();
    assert_eq!(setup.verifier.verify(&good, &setup.world.peer(&texas)), Err(TokenError::OtherAgency));
    // Another agency's key cannot sign in this agency's name.
    let forged = mint(&minting(&setup.world.doccs_key), &setup.world.ice_claims(), &setup.peer.thumbprint).unwrap();
    assert_eq!(setup.verify(&forged), Err(TokenError::Signature));
}

#[test]
fn an_es256_key_signs_es256_and_nothing_else() {
    let mut world = World::new();
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let public_key = PemSource(pair.public_key_pem());
    world.config.agencies[0].token.as_mut().unwrap().keys =
        vec![KeyConfig { kid: KID.to_owned(), algorithm: TokenAlgorithm::Es256, public_key }];
    let peer = world.peer(&world.ice());
    let verifier = world.verifier(world.clock());
    let key = MintingKey::from_pkcs8_pem(KID, TokenAlgorithm::Es256, &pair.serialize_pem()).unwrap();
    let token = mint(&key, &world.ice_claims(), &peer.thumbprint).unwrap();
    assert!(verifier.verify(&token, &peer).is_ok());
    let token = mint(&world.ice_minting(), &world.ice_claims(), &peer.thumbprint).unwrap();
    assert_eq!(verifier.verify(&token, &peer), Err(TokenError::Algorithm));
}

#[test]
fn a_remembered_token_ends_with_its_time_and_with_its_registry() {
    let world = World::new();
    let peer = world.peer(&world.ice());
    let time = Arc::new(AtomicI64::new(world.now.as_second()));
    let shown = Arc::clone(&time);
    let clock = WallClock::from_fn(move || Timestamp::from_second(shown.load(Ordering::Relaxed)).unwrap());
    let verifier = world.verifier(clock);
    let token = mint(&world.ice_minting(), &world.ice_claims(), &peer.thumbprint).unwrap();
    assert!(verifier.verify(&token, &peer).is_ok());
    time.fetch_add(904, Ordering::Relaxed);
    assert!(verifier.verify(&token, &peer).is_ok());
    time.fetch_add(1, Ordering::Relaxed);
    assert_eq!(verifier.verify(&token, &peer), Err(TokenError::Expired));
}

#[test]
fn an_officer_has_one_pseudonym_per_agency_and_it_hides_the_subject() {
    let key = pseudonym_key();
    let ice: crate::domain::ids::AgencyId = "us-ice".parse().unwrap();
    let first = key.pseudonym(&ice, "officer-1").unwrap();
    assert_eq!(first, key.pseudonym(&ice, "officer-1").unwrap());
    assert_ne!(first, key.pseudonym(&ice, "officer-2").unwrap());
    assert_ne!(first, key.pseudonym(&"us-ny-doccs".parse().unwrap(), "officer-1").unwrap());
    assert_ne!(first, PseudonymKey::new(&[8; 32]).pseudonym(&ice, "officer-1").unwrap());
}

#[test]
fn debug_prints_no_secret() {
    let setup = Setup::new();
    let text = format!("{:?} {:?} {:?}", setup.verifier, setup.world.ice_claims(), setup.world.ice_minting());
    assert!(!text.contains("officer-canary") && !text.contains("PRIVATE") && !text.contains("EncodingKey"), "{text}");
}
