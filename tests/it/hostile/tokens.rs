//! Tokens that prove nothing, each on a good certificate of ICE's.

use comity::domain::agency::ActorKind;
use comity::identity::certificate::Thumbprint;
use comity::wire::Message as _;
use serde_json::{Value, json};

use crate::harness::requests::detainer_for;
use crate::hostile::call::{Call, LODGE, Line};
use crate::hostile::forge::{Forge, message, with};
use crate::hostile::siege::Siege;

const REFUSED: &str = "Unauthenticated TOKEN_REFUSED";

/// What is wrong with a token, the headers it comes in, and the cause that is audited.
type Row = (&'static str, Vec<Vec<u8>>, &'static str);

fn bearer(token: &str) -> Vec<Vec<u8>> {
    vec![format!("Bearer {token}").into_bytes()]
}

fn of_header(forge: &Forge) -> Vec<Row> {
    let one = |name, token: String, cause| (name, bearer(&token), cause);
    let header = |name, value| forge.header_with(name, value);
    let claims = forge.claims.to_string();
    let (extra, algorithm) =
        ("the token's header must be alg, typ and kid only", "the token's algorithm (alg) is not its key's");
    let access = "the token is not an access token (typ)";
    let none = with(&forge.header, "alg", json!("none")).to_string();
    vec![
        one("alg none, not signed", format!("{}.", message(&none, &claims)), algorithm),
        one("alg none, signed", header("alg", json!("none")), algorithm),
        one("alg None", header("alg", json!("None")), algorithm),
        one("HS256 with the public key", forge.with_public_key_as_secret(), algorithm),
        one("ES256 for a key of EdDSA", header("alg", json!("ES256")), algorithm),
        one("RS256", header("alg", json!("RS256")), algorithm),
        one("an alg that is no text", header("alg", json!(["EdDSA"])), extra),
        one("an identity token", header("typ", json!("JWT")), access),
        one("typ of a logout token", header("typ", json!("logout+jwt")), access),
        one("no typ", forge.signed(r#"{"alg":"EdDSA","kid":"1"}"#, &claims), extra),
        one("crit", header("crit", json!(["exp"])), extra),
        one("jku", header("jku", json!("https://x.example/keys")), extra),
        one("jwk", header("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})), extra),
        one("x5u", header("x5u", json!("https://x.example/chain")), extra),
        one("x5c", header("x5c", json!(["AA"])), extra),
        one("b64", header("b64", json!(false)), extra),
        one("an unknown key", header("kid", json!("2")), "the token's key (kid) is unknown"),
        one("a key id that is a path", header("kid", json!("../../1")), "the token's key (kid) is unknown"),
        one("two algs", forge.signed(r#"{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"1"}"#, &claims), extra),
        one("a header that is a list", forge.signed("[]", &claims), extra),
    ]
}

/// What is audited of a claim at fault.
macro_rules! at_fault {
    ($claim:literal) => {
        concat!("the token's claims are incomplete or malformed: ", $claim)
    };
}

fn of_claims(forge: &Forge) -> Vec<Row> {
    let one = |name, token: String, cause| (name, bearer(&token), cause);
    let unreadable = at_fault!("they are no JSON object that has each name once");
    let (issuer, lifetime) =
        ("the token's issuer (iss) is unknown", "the token's lifetime (exp less iat) is not allowed");
    let (early, unbound) = ("the token is not yet valid (iat, nbf)", "the token is not bound to a certificate (cnf)");
    let iss = forge.claims["iss"].as_str().unwrap();
    vec![
        one("no iss", forge.without("iss"), at_fault!("iss")),
        one("no aud", forge.without("aud"), at_fault!("aud")),
        one("no exp", forge.without("exp"), at_fault!("exp")),
        one("no iat", forge.without("iat"), at_fault!("iat")),
        one("no sub", forge.without("sub"), at_fault!("sub")),
        one("no actor", forge.without("actor"), at_fault!("actor")),
        one("no cnf", forge.without("cnf"), unbound),
        one("a list of issuers", forge.with("iss", json!([iss, "x"])), at_fault!("iss")),
        one("an unknown issuer", forge.with("iss", json!("https://x.example")), issuer),
        one("an issuer with a slash more", forge.with("iss", json!(format!("{iss}/"))), issuer),
        one("a list of audiences, ours among them", forge.with("aud", json!(["comity", "x"])), at_fault!("aud")),
        one("a list of another audience", forge.with("aud", json!(["x"])), "the token is for another audience (aud)"),
        one("another audience", forge.with("aud", json!("x")), "the token is for another audience (aud)"),
        one("ended, by a second more than the leeway", forge.lasting(-100, -6), "the token has expired (exp)"),
        one("ended long ago", forge.lasting(-9_000, -8_000), "the token has expired (exp)"),
        one("from the future", forge.lasting(60, 600), early),
        one("to be used later", forge.with("nbf", json!(4_000_000_000_u32)), early),
        one("longer than allowed, by a second", forge.lasting(0, 12 * 3_600 + 1), lifetime),
        one("for ever", forge.with("exp", json!(i64::MAX)), lifetime),
        one("ends before it begins", forge.lasting(4, 3), lifetime),
        one("an exp that is a text", forge.with("exp", json!("4000000000")), at_fault!("exp")),
        one("an exp with a fraction, too late", forge.with("exp", json!(4e9)), lifetime),
        one("an exp beyond numbers", forge.claims_and("\"exp\":1e400"), unreadable),
        one("an empty sub", forge.with("sub", json!("")), "the token's subject (sub) is not acceptable"),
        one(
            "a sub of 129 letters",
            forge.with("sub", json!("é".repeat(129))),
            "the token's subject (sub) is not acceptable",
        ),
        one("a sub with NUL", forge.with("sub", json!("us-ice\0x")), "the token's subject (sub) is not acceptable"),
        one(
            "a sub with a terminal escape",
            forge.with("sub", json!("\u{1b}[2J")),
            "the token's subject (sub) is not acceptable",
        ),
        one("an actor of no kind", forge.with("actor", json!("judge")), at_fault!("actor")),
        one("a cnf of another kind", forge.with("cnf", json!({"jkt": "AA"})), at_fault!("cnf")),
        one("a cnf that is empty", forge.with("cnf", json!({})), unbound),
        one("a cnf of half a thumbprint", forge.with("cnf", half_of(&forge.claims)), at_fault!("cnf")),
        one("a cnf that is a list", forge.with("cnf", json!([forge.claims["cnf"]["x5t#S256"]])), at_fault!("cnf")),
        one("an actor with nothing", forge.with("actor", json!({"system": null})), at_fault!("actor")),
        one("two claims of one name", forge.claims_and(&format!("\"iss\":{}", json!(iss))), unreadable),
        one("nested beyond reason", forge.with("cnf", nested(500)), unreadable),
        one("claims that are a text", forge.signed(&forge.header.to_string(), "\"Zebulon\""), unreadable),
    ]
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

fn half_of(claims: &Value) -> Value {
    let whole = claims["cnf"]["x5t#S256"].as_str().unwrap();
    json!({ "x5t#S256": &whole[..whole.len() / 2] })
}

/// Somebody else's, or an honest one that was tampered with.
fn of_others(siege: &Siege, forge: &Forge) -> Vec<Row> {
    let one = |name, token: String, cause| (name, bearer(&token), cause);
    let honest = forge.honest();
    let (signed, signature) = honest.rsplit_once('.').unwrap();
    let doccs = siege.sandbox.credentials("us-ny-doccs").unwrap();
    let doccs = Thumbprint::of_pem(std::str::from_utf8(&doccs.certificate_pem).unwrap()).unwrap();
    let doccs_key = std::fs::read_to_string(siege.directory().join("keys/tokens/us-ny-doccs.pem")).unwrap();
    let read_as_ice =
        with(&forge.claims, "iss", json!(forge.claims["iss"].as_str().unwrap().replace("us-ice", "us-ny-doccs")));
    let flipped = format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let (malformed, wrong) = ("the token is malformed", "the token's signature is wrong");
    let another = "the token is another agency's (iss)";
    let mut raised = forge.claims.clone();
    raised["sub"] = json!("director");
    let raised = message(&forge.header.to_string(), &raised.to_string());
    vec![
        one("another agency's", siege.token("us-ny-doccs"), another),
        one(
            "signed by us in the name of another",
            forge.signed(&forge.header.to_string(), &read_as_ice.to_string()),
            another,
        ),
        one("signed by another agency in our name", forge.signed_by(&doccs_key), wrong),
        one(
            "bound to another certificate",
            forge.with("cnf", json!({"x5t#S256": doccs.base64url()})),
            "the token is bound to another certificate (cnf)",
        ),
        one("claims changed after signing", format!("{raised}.{signature}"), wrong),
        one("a bit of the signature flipped", format!("{signed}.{flipped}"), wrong),
        one("a signature cut short", format!("{signed}.{}", &signature[..signature.len() - 2]), wrong),
        one("a signature with more", format!("{honest}AAAA"), wrong),
        one("no signature", format!("{signed}."), wrong),
        one("a signature with padding", format!("{honest}=="), malformed),
        one("two parts", signed.to_owned(), malformed),
        one("four parts", format!("{honest}.AAAA"), malformed),
        one("parts of nothing", "..".to_owned(), "the token's header must be alg, typ and kid only"),
        one("not base64", "Zebulon.Quackenbush.079314159!".to_owned(), malformed),
        one("base64 of the other alphabet", format!("{honest}+/"), malformed),
        one("huge", format!("{honest}{}", "A".repeat(5_000)), "the token is too long"),
    ]
}

fn of_scheme(forge: &Forge) -> Vec<Row> {
    let honest = forge.honest();
    let (not_bearer, repeated) = (
        "the authorization header is not a bearer token: send `authorization: Bearer <token>`",
        "more than one authorization header",
    );
    let one = |name, value: String, cause| (name, vec![value.into_bytes()], cause);
    let twice = vec![format!("Bearer {honest}").into_bytes(); 2];
    let second = vec![format!("Bearer {honest}").into_bytes(), b"Basic aWNlOmljZQ==".to_vec()];
    vec![
        one("a password", "Basic aWNlOmljZQ==".to_owned(), not_bearer),
        one("no scheme", honest.clone(), not_bearer),
        one("a scheme alone", "Bearer".to_owned(), not_bearer),
        one("an empty token", "Bearer ".to_owned(), not_bearer),
        one("an empty header", String::new(), not_bearer),
        one("another scheme", format!("DPoP {honest}"), not_bearer),
        one("two spaces", format!("Bearer  {honest}"), not_bearer),
        one("two tokens in one", format!("Bearer {honest}, Bearer {honest}"), not_bearer),
        one("two tokens, joined by a comma", format!("Bearer {honest},{honest}"), not_bearer),
        one("something after it", format!("Bearer {honest} x"), not_bearer),
        ("not ASCII", vec!["Bearer é".as_bytes().to_vec()], not_bearer),
        ("not even UTF-8", vec![b"Bearer \xff\xfe".to_vec()], not_bearer),
        ("the same header twice", twice, repeated),
        ("a second header of another scheme", second, repeated),
    ]
}

pub(super) async fn check(siege: &mut Siege) {
    let forge = Forge::new(siege);
    let mut rows = of_header(&forge);
    rows.extend(of_claims(&forge));
    rows.extend(of_others(siege, &forge));
    rows.extend(of_scheme(&forge));
    let line = Line::open(siege, "us-ice").await;
    let lodging = Call::new(LODGE, None, &detainer_for("us-ny-doccs").encode_to_vec());
    let lodge = async |_: &Siege, authorizations: Vec<Vec<u8>>| {
        let with = |call: Call, value| call.with("authorization", value);
        line.answer_to(authorizations.into_iter().fold(lodging.clone(), with)).await
    };
    let causes: Vec<String> = rows.iter().map(|(_, _, cause)| format!("TOKEN_REFUSED: {cause}")).collect();
    let refused =
        rows.into_iter().zip(&causes).map(|((name, headers, _), cause)| (name, headers, REFUSED, cause.as_str()));
    let missing = "TOKEN_REFUSED: us-ice may not call DetainerService/LodgeDetainer without a token";
    let none = ("none at all", Vec::new(), REFUSED, missing);
    siege.check("tokens", refused.chain([none]).map(Into::into).collect(), lodge).await;
    // What the forge makes is refused for what it says: unchanged it is good, and its request is at fault only later.
    for good in [forge.honest(), siege.sandbox.mint("us-ice", "x", ActorKind::System, 60).unwrap()] {
        let empty = line.answer_to(Call::new(LODGE, Some(&good), &[])).await;
        siege.compare("tokens", "a good one", "seen", &empty, "InvalidArgument INVALID_FIELD");
    }
}
