//! Finds the agency that a client certificate speaks for.
//!
//! TLS has shown that the peer holds the key and that a trusted authority signed. That is not enough. The certificate
//! must be a leaf for client authentication, name exactly one agency of our trust domain, and be signed by an authority
//! that may speak for that agency.

mod error;
pub(super) mod form;

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use subtle::ConstantTimeEq;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::ids::AgencyId;
use crate::identity::clock::unix_time;
use crate::identity::registry::Registry;

pub use error::CertificateError;
pub(crate) use form::time_of;

/// The agency at the other end of a connection, as its certificate proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The agency named by the SPIFFE id.
    pub agency: AgencyId,
    /// Tokens must be bound to this.
    pub thumbprint: Thumbprint,
    /// When the certificate ends, and everything that it proves.
    pub not_after: Timestamp,
}

/// SHA-256 of a certificate's DER (RFC 8705 3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, certificate).as_ref());
        Self(bytes)
    }

    /// The thumbprint of the first certificate in a PEM text.
    pub fn of_pem(pem: &str) -> Result<Self, rustls::pki_types::pem::Error> {
        CertificateDer::from_pem_slice(pem.as_bytes()).map(|certificate| Self::of(&certificate))
    }

    /// The form in `x5t#S256`: base64url without padding.
    pub fn base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads an `x5t#S256` value. None: it is not one.
    pub(crate) fn from_base64url(x5t_s256: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(x5t_s256).ok()?.try_into().ok().map(Self)
    }

    /// Compares in constant time.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({})", self.base64url())
    }
}

/// Identifies the agency that a presented chain speaks for. Only the leaf counts: see `identity/authority.rs`.
///
/// Does not check revocation: the handshake has checked the lists.
pub fn identify(
    chain: &[CertificateDer<'_>],
    registry: &Registry,
    now: Timestamp,
) -> Result<PeerIdentity, CertificateError> {
    let leaf = chain.first().ok_or(CertificateError::Absent)?;
    let (rest, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::Malformed)?;
    if !rest.is_empty() {
        return Err(CertificateError::Malformed);
    }
    form::check_encoding(leaf)?;
    form::check_fields(&parsed)?;
    let not_after = check_validity(&parsed, now)?;
    check_purpose(&parsed)?;
    let agency = named_agency(&parsed, registry.trust_domain())?;
    check_authority(leaf, &agency, registry, now)?;
    Ok(PeerIdentity { agency, thumbprint: Thumbprint::of(leaf), not_after })
}

fn check_validity(parsed: &X509Certificate<'_>, now: Timestamp) -> Result<Timestamp, CertificateError> {
    if now < time_of(parsed.validity().not_before) {
        return Err(CertificateError::NotYetValid);
    }
    let not_after = time_of(parsed.validity().not_after);
    if now > not_after { Err(CertificateError::Expired) } else { Ok(not_after) }
}

// Checks what rustls accepts: a missing EKU, anyExtendedKeyUsage, a key that may sign certificates.
fn check_purpose(parsed: &X509Certificate<'_>) -> Result<(), CertificateError> {
    let constraints = parsed.basic_constraints().map_err(|_| CertificateError::Malformed)?;
    if constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(CertificateError::Authority);
    }
    let purposes = parsed.extended_key_usage().map_err(|_| CertificateError::Malformed)?;
    if !purposes.is_some_and(|purposes| purposes.value.client_auth) {
        return Err(CertificateError::NotForClients);
    }
    let usage = parsed.key_usage().map_err(|_| CertificateError::Malformed)?;
    // X509-SVID 4.3: a leaf's key signs, but signs no certificate or CRL.
    let client = |usage: &x509_parser::extensions::KeyUsage| {
        usage.digital_signature() && !usage.key_cert_sign() && !usage.crl_sign()
    };
    if usage.is_some_and(|usage| !client(usage.value)) {
        return Err(CertificateError::KeyUsage);
    }
    Ok(())
}

fn named_agency(parsed: &X509Certificate<'_>, trust_domain: &str) -> Result<AgencyId, CertificateError> {
    let names = parsed.subject_alternative_name().map_err(|_| CertificateError::Malformed)?;
    let mut uris = Vec::new();
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        if let GeneralName::Invalid(..) = name {
            return Err(CertificateError::Malformed);
        }
        if let GeneralName::URI(uri) = name {
            uris.push(*uri);
        }
    }
    match uris.as_slice() {
        [] => Err(CertificateError::NoName),
        [uri] => agency_of(uri, trust_domain),
        [_, _, ..] => Err(CertificateError::SeveralNames),
    }
}

pub(super) fn agency_of(uri: &str, trust_domain: &str) -> Result<AgencyId, CertificateError> {
    let id = uri.strip_prefix("spiffe://").ok_or(CertificateError::NotAnAgency)?;
    let (domain, path) = id.split_once('/').ok_or(CertificateError::NotAnAgency)?;
    if domain != trust_domain {
        return Err(CertificateError::OtherTrustDomain);
    }
    path.strip_prefix("agency/").and_then(|agency| agency.parse().ok()).ok_or(CertificateError::NotAnAgency)
}

fn check_authority(
    leaf: &CertificateDer<'_>,
    agency: &AgencyId,
    registry: &Registry,
    now: Timestamp,
) -> Result<(), CertificateError> {
    let member = registry.member(agency).ok_or(CertificateError::UnknownAgency)?;
    let mut issuers =
        registry.authorities().iter().filter(|authority| authority.issued(leaf, unix_time(now))).peekable();
    if issuers.peek().is_none() {
        return Err(CertificateError::UnknownAuthority);
    }
    if issuers.any(|authority| authority.may_speak_for(&member.agency)) {
        Ok(())
    } else {
        Err(CertificateError::AuthorityMayNotSpeak)
    }
}

#[cfg(test)]
mod tests;
