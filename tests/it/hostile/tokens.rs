//! Tokens that prove nothing, each on a good certificate of ICE.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity::domain::agency::ActorKind;
use comity::identity::certificate::Thumbprint;
use comity::identity::key::{MintingKey, TokenAlgorithm};
use comity::identity::mint::{MintClaims, mint};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::World;
use crate::hostile::Besieged;

/// ICE's own token, taken apart.
struct Forge {
    key_pem: String,
    header: Value,
    claims: Value,
}

impl Forge {
    fn new(world: &World) -> Self {
        let token = world.sandbox.token("us-ice", ActorKind::System).unwrap();
        let part = |at: usize| {
            let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let key_pem = std::fs::read_to_string(world.directory().join("keys/tokens/us-ice.pem")).unwrap();
        Self { key_pem, header: part(0), claims: part(1) }
    }

    /// Signed by ICE's own key, whatever it says.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let der = PrivatePkcs8KeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap();
        let key = EncodingKey::from_ed_der(der.secret_pkcs8_der());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        format!("Bearer {message}.{signature}")
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header.clone();
        header[name] = value;
        self.signed(&header, &self.claims)
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.signed(&self.header, &claims)
    }

    /// As `comity token` makes one, but bound to another certificate or made at another time.
    fn minted(&self, certificate_pem: &str, issued_at: Timestamp) -> String {
        let key = MintingKey::from_pkcs8_pem("1", TokenAlgorithm::EdDsa, &self.key_pem).unwrap();
        let claims = MintClaims {
            issuer: self.claims["iss"].as_str().unwrap().to_owned(),
            audience: "comity".to_owned(),
            subject: "us-ice-officer".to_owned(),
            actor: ActorKind::Officer,
            issued_at,
            lifetime_s: 900,
            token_id: None,
        };
        format!("Bearer {}", mint(&key, &claims, &Thumbprint::of_pem(certificate_pem).unwrap()).unwrap())
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

#[tokio::test]
async fn a_token_that_proves_nothing_lodges_nothing() {
    let mut besieged = Besieged::new(World::start()).await;
    let world = &besieged.world;
    let forge = Forge::new(world);
    let certificate =
        |agency: &str| String::from_utf8(world.sandbox.credentials(agency).unwrap().certificate_pem).unwrap();
    let others = world.sandbox.token("us-ny-doccs", ActorKind::System).unwrap();
    let now = Timestamp::now();
    let good = forge.minted(&certificate("us-ice"), now);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let forged_signature = format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let mut none = forge.header.clone();
    none["alg"] = json!("none");
    let past = now - SignedDuration::from_hours(2);
    let cases = [
        ("another agency's", vec![format!("Bearer {others}")], "the token is another agency's"),
        ("unbound", vec![forge.with_claim("cnf", Value::Null)], "the token is not bound to a certificate"),
        (
            "bound to another certificate",
            vec![forge.minted(&certificate("us-ny-doccs"), now)],
            "the token is bound to another certificate",
        ),
        (
            "alg none",
            vec![format!("Bearer {}.", message(&none, &forge.claims))],
            "the token's algorithm is not its key's",
        ),
        ("expired", vec![forge.minted(&certificate("us-ice"), past)], "the token has expired"),
        ("of another signature", vec![format!("{signed}.{forged_signature}")], "the token's signature is wrong"),
        ("an identity token", vec![forge.with_header("typ", json!("JWT"))], "the token is not an access token"),
        ("of an unknown key", vec![forge.with_header("kid", json!("2"))], "the token's key is unknown"),
        ("for another audience", vec![forge.with_claim("aud", json!("else"))], "the token is for another audience"),
        ("for ever", vec![forge.with_claim("exp", json!(4_000_000_000_u32))], "the token's lifetime is not allowed"),
        ("two headers", vec![good.clone(), good.clone()], "more than one authorization header"),
        ("two tokens in one", vec![format!("{good}, {good}")], "the authorization header is not a bearer token"),
        ("a password", vec!["Basic aWNlOmljZQ==".to_owned()], "the authorization header is not a bearer token"),
        ("nonsense", vec!["Bearer Zebulon.Quackenbush.079314159".to_owned()], "the token is malformed"),
    ];
    for (name, authorizations, cause) in cases {
        let refused = besieged.lodge_with(&authorizations).await.refused(Code::Unauthenticated, "TOKEN_REFUSED");
        assert!(!refused.status.message().contains("eyJ"), "{name}: no token in the answer");
        let line = [
            ("event", "call_denied"),
            ("agency", "us-ice"),
            ("method", "/comity.v1.DetainerService/LodgeDetainer"),
            ("reason", "TOKEN_REFUSED"),
            ("cause", cause),
        ];
        besieged.denied(name, &line).await;
    }
    // No token is no fault, but no caller that may lodge either.
    besieged.lodge_with(&[]).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    besieged.denied("none", &[("reason", "METHOD_DENIED")]).await;
    // What the forge makes is refused for what it says: unchanged it is good.
    besieged.lodge_with(&[forge.signed(&forge.header, &forge.claims)]).await.accepted();
    besieged.lodge_with(&[good]).await.accepted();
}
