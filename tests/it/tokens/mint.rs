//! Mints an access token that is bound to a certificate.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// A token for the system of an agency, good for five minutes from `now_s` and with this certificate alone.
pub fn mint(key_pem: &[u8], certificate_pem: &[u8], alg: Algorithm, kid: &str, issuer: &str, now_s: u64) -> String {
    let key = PrivatePkcs8KeyDer::from_pem_slice(key_pem).unwrap();
    let key = match alg {
        Algorithm::EdDSA => EncodingKey::from_ed_der(key.secret_pkcs8_der()),
        _ => EncodingKey::from_ec_der(key.secret_pkcs8_der()),
    };
    let certificate = CertificateDer::from_pem_slice(certificate_pem).unwrap();
    let claims = serde_json::json!({
        "iss": issuer,
        "aud": "comity",
        "sub": "records-system",
        "actor": "system",
        "iat": now_s,
        "exp": now_s + 300,
        "cnf": { "x5t#S256": URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate)) },
    });
    let mut header = Header::new(alg);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(kid.to_owned());
    encode(&header, &claims, &key).unwrap()
}
