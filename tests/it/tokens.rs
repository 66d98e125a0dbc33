//! docs/tokens.md: its examples are run as they stand there, its claims are asked for by name, its messages are those sent.

// The example in Rust, word for word as in the document.
#[expect(clippy::wildcard_enum_match_arm, reason = "an example of two algorithms")]
#[expect(unreachable_pub, reason = "written for a reader's own crate")]
mod mint;

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity::identity::authenticate::IdentityError;
use comity::identity::token::TokenError;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tonic::Code;

use crate::clients::{installed, limited, scratch};
use crate::harness::Party;
use crate::harness::process::Served;
use crate::harness::requests::NY_EXCHANGE;

const DOCUMENT: &str = include_str!("../../docs/tokens.md");
const ISSUER: &str = "https://tokens.us-ice.comity.example";
const ALGORITHMS: [&str; 2] = ["EdDSA", "ES256"];

/// A gateway to which ICE's keys are known by the set that ICE publishes. OpenSSL made them, by the document's commands.
struct Issuer(Served);

impl Issuer {
    fn start() -> Self {
        let lay = |directory: &Path| {
            for command in fenced("console").lines().filter_map(|line| line.strip_prefix("$ ")) {
                let mut words = command.split(' ');
                run(Command::new(words.next().unwrap()).args(words).current_dir(directory));
            }
            let set = json!({ "keys": [public_ed25519(directory), public_p256(directory)] });
            std::fs::write(directory.join("us-ice.jwks.json"), set.to_string()).unwrap();
        };
        let change = |config: &mut comity::config::Config| {
            let ice = config.registry.agencies.iter_mut().find(|agency| agency.id.as_str() == "us-ice").unwrap();
            ice.token.as_mut().unwrap().jwks = Some("us-ice.jwks.json".into());
        };
        Self(Served::start_on("warn", change, lay))
    }

    fn key(&self, algorithm: &str) -> PathBuf {
        self.0.directory().join(format!("{}.pem", algorithm.to_lowercase()))
    }

    fn certificate(&self) -> PathBuf {
        self.0.directory().join("certs/us-ice.pem")
    }

    fn with(&self, token: &str) -> Party {
        Party::new(self.0.grpc, self.0.sandbox.credentials("us-ice").unwrap(), token.trim().to_owned())
    }

    /// What a program mints that is given the arguments of the document.
    async fn takes_what_is_minted_by(&self, program: impl Fn() -> Command) {
        for algorithm in ALGORITHMS {
            let mut program = program();
            program.args([self.key(algorithm), self.certificate()]);
            let minted = run(program.args([algorithm, &algorithm.to_lowercase(), ISSUER]));
            self.with(&minted).entries(NY_EXCHANGE).await.accepted();
        }
    }

    /// A token of ICE's with these claims.
    fn signed(&self, claims: &Value) -> String {
        let key = std::fs::read(self.key("EdDSA")).unwrap();
        let key = EncodingKey::from_ed_der(PrivatePkcs8KeyDer::from_pem_slice(&key).unwrap().secret_pkcs8_der());
        let mut header = Header::new(Algorithm::EdDSA);
        (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some("eddsa".to_owned()));
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    /// The claims of a good one.
    fn claims(&self) -> Value {
        let token = self.mint("EdDSA", Algorithm::EdDSA);
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        serde_json::from_slice(&claims).unwrap()
    }

    fn mint(&self, name: &str, algorithm: Algorithm) -> String {
        let [key, certificate] = [self.key(name), self.certificate()].map(|path| std::fs::read(path).unwrap());
        let now_s = u64::try_from(Timestamp::now().as_second()).unwrap();
        mint::mint(&key, &certificate, algorithm, &name.to_lowercase(), ISSUER, now_s)
    }
}

#[tokio::test]
async fn the_example_in_rust_mints_what_is_taken() {
    assert_eq!(fenced("rust"), include_str!("tokens/mint.rs"));
    let issuer = Issuer::start();
    for (name, algorithm) in [("EdDSA", Algorithm::EdDSA), ("ES256", Algorithm::ES256)] {
        issuer.with(&issuer.mint(name, algorithm)).entries(NY_EXCHANGE).await.accepted();
    }
}

#[tokio::test]
async fn the_example_in_python_mints_what_is_taken() {
    let Some(python) = installed("COMITY_PYTHON", "the example of a token in Python") else { return };
    let program = scratch("token-python").join("mint.py");
    std::fs::write(&program, fenced("python")).unwrap();
    Issuer::start()
        .takes_what_is_minted_by(|| {
            let mut mint = limited(&python);
            mint.arg(&program);
            mint
        })
        .await;
}

#[tokio::test]
async fn the_example_in_typescript_mints_what_is_taken() {
    let Some(modules) = installed("COMITY_NODE_MODULES", "the example of a token in TypeScript") else { return };
    let package = scratch("token-typescript");
    std::os::unix::fs::symlink(&modules, package.join("node_modules")).unwrap();
    std::fs::write(package.join("mint.ts"), fenced("typescript")).unwrap();
    std::fs::write(package.join("package.json"), r#"{ "type": "module" }"#).unwrap();
    let options = ["--strict", "--target", "ES2022", "--module", "NodeNext", "--types", "node", "mint.ts"];
    run(Command::new(Path::new(&modules).join(".bin/tsc")).args(options).current_dir(&package));
    Issuer::start()
        .takes_what_is_minted_by(|| {
            let mut mint = limited("node");
            mint.arg(package.join("mint.js"));
            mint
        })
        .await;
}

/// Those of a sandbox too, which our own generator of certificates would write in a version that none of them reads.
#[test]
fn the_keys_of_a_sandbox_are_read_by_openssl_and_node() {
    let directory = crate::harness::sandbox_directory();
    let key = directory.path().join("keys/tokens/us-ice.pem");
    run(Command::new("openssl").args(["pkey", "-noout", "-in"]).arg(&key));
    let text = std::fs::read(&key).unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(&text).unwrap();
    // SEQUENCE { INTEGER version ... (RFC 5208 5): version 1 is written as 0.
    assert_eq!(der.secret_pkcs8_der().get(2..5), Some([2, 1, 0].as_slice()));
    if installed("COMITY_NODE_MODULES", "keys read by Node").is_some() {
        let read = "require('crypto').createPrivateKey(require('fs').readFileSync(process.argv[1]))";
        run(limited("node").arg("-e").arg(read).arg(&key));
    }
}

#[tokio::test]
async fn each_claim_of_the_document_is_asked_for_by_its_name() {
    let issuer = Issuer::start();
    let good = issuer.claims();
    issuer.with(&issuer.signed(&good)).entries(NY_EXCHANGE).await.accepted();
    let check = async |claims: &Value, claim: &str| {
        let refused = issuer.with(&issuer.signed(claims)).entries(NY_EXCHANGE).await;
        let refused = refused.refused(Code::Unauthenticated, "TOKEN_REFUSED");
        let message = refused.status.message();
        let named = message.ends_with(&format!(": {claim}")) || message.ends_with(&format!("({claim})"));
        assert!(named, "{claim}: {message}");
        assert!(DOCUMENT.contains(&message.replace(&format!(": {claim}"), ": CLAIM")), "{message}");
    };
    let rows: Vec<Vec<&str>> = table("## The claims");
    assert_eq!(rows.len(), 8, "{rows:?}");
    for row in rows {
        let claim = row[0].trim_matches('`');
        for wrong in [json!(true), json!(null), json!([7]), json!({ "a": 1 })] {
            let mut claims = good.clone();
            claims[claim] = wrong;
            check(&claims, claim).await;
        }
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(claim);
        if row[1] == "yes" {
            check(&without, claim).await;
        } else {
            issuer.with(&issuer.signed(&without)).entries(NY_EXCHANGE).await.accepted();
        }
    }
    // What the table does not name is not read.
    let mut more = good.clone();
    (more["jti"], more["scope"], more["client_id"]) = (json!(7), json!([]), json!(null));
    issuer.with(&issuer.signed(&more)).entries(NY_EXCHANGE).await.accepted();
}

#[test]
fn the_document_has_every_message() {
    let messages: Vec<String> = table("## What is refused").iter().map(|row| row[0].replace("CLAIM", "aud")).collect();
    let errors = [
        TokenError::TooLong,
        TokenError::Malformed,
        TokenError::Header,
        TokenError::Type,
        TokenError::Algorithm,
        TokenError::Claims("aud"),
        TokenError::UnknownIssuer,
        TokenError::OtherAgency,
        TokenError::UnknownKey,
        TokenError::Signature,
        TokenError::Audience,
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::Lifetime,
        TokenError::Subject,
        TokenError::Unbound,
        TokenError::BoundElsewhere,
    ];
    let said = errors.map(|error| error.to_string());
    let before = [IdentityError::NotBearer, IdentityError::SeveralAuthorizations].map(|error| error.to_string());
    for message in said.iter().chain(&before) {
        assert!(messages.contains(message), "{message}");
    }
    // Beside them stands the one for no token at all, which `methods` holds.
    assert_eq!(messages.len(), said.len() + before.len() + 1);
}

#[tokio::test]
async fn the_set_of_the_document_is_one_that_a_gateway_takes() {
    let lay = |directory: &Path| std::fs::write(directory.join("set.json"), fenced("json")).unwrap();
    let change = |config: &mut comity::config::Config| {
        config.registry.agencies[0].token.as_mut().unwrap().jwks = Some("set.json".into());
    };
    let served = Served::start_on("warn", change, lay);
    served.party("us-ice", comity::domain::agency::ActorKind::System).entries(NY_EXCHANGE).await.accepted();
}

/// The code of the one block in a language.
fn fenced(language: &str) -> String {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The rows of the table below a heading.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = DOCUMENT.split_once(heading).unwrap();
    let rows =
        rest.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The public half of a key as DER, by OpenSSL.
fn public_der(directory: &Path, key: &str) -> Vec<u8> {
    let der = Command::new("openssl")
        .args(["pkey", "-pubout", "-outform", "DER", "-in"])
        .arg(directory.join(key))
        .output()
        .unwrap();
    assert!(der.status.success(), "{}", String::from_utf8_lossy(&der.stderr));
    der.stdout
}

fn public_ed25519(directory: &Path) -> Value {
    let der = public_der(directory, "eddsa.pem");
    let x = URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
    json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "eddsa", "x": x })
}

fn public_p256(directory: &Path) -> Value {
    let der = public_der(directory, "es256.pem");
    let [x, y] = [64, 32].map(|from| URL_SAFE_NO_PAD.encode(&der[der.len() - from..][..32]));
    json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "es256", "x": x, "y": y })
}

fn run(command: &mut Command) -> String {
    let run = command.output().unwrap();
    let (told, failed) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{command:?}:\n{told}{failed}");
    told.into_owned()
}
