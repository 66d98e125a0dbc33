//! Revocation lists: which ones are current, and how all lists of an authority are applied.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use crate::accept::error::TrustError;
use crate::identity::certificate::time_of;

/// A revocation list with its issuer and its validity period.
#[derive(Clone)]
pub(super) struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    /// The name of the issuing authority, as DER.
    pub(super) issuer: Vec<u8>,
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

impl RevocationList {
    pub(super) fn read(der: CertificateRevocationListDer<'static>) -> Result<Self, TrustError> {
        let unusable = || TrustError::List;
        let (rest, parsed) = CertificateRevocationList::from_der(&der).map_err(|_| unusable())?;
        if !rest.is_empty() {
            return Err(unusable());
        }
        let begins = time_of(parsed.last_update());
        // RFC 5280 5.1.2.5: always present.
        let ends = time_of(parsed.next_update().ok_or_else(unusable)?);
        let issuer = parsed.issuer().as_raw().to_vec();
        Ok(Self { der, issuer, begins, ends })
    }

    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        self.begins <= now && now < self.ends
    }
}

/// Builds the verifier that checks a client's certificate against the authorities, and against every current list of
/// its authority.
///
/// The library consults only the first list of an authority. So one verifier holds the list of each authority that ends
/// last: a certificate MUST pass it. A further verifier for each other list only rejects: a certificate MUST NOT be
/// revoked by any of them.
pub(super) fn verifier(
    roots: &Arc<RootCertStore>,
    lists: &[RevocationList],
    now: Timestamp,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TrustError> {
    let builder = || WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    // The lists that end last come first. An ended list is used only if its authority has no other, to give the reason
    // for the refusal.
    let mut left: Vec<&RevocationList> = lists.iter().filter(|list| list.begins <= now).collect();
    left.sort_by_key(|list| std::cmp::Reverse(list.ends));
    let mut newest = first_of_each_authority(&mut left);
    left.retain(|list| list.is_current(now));
    // Without any list, revocation is not checked. With some, an agency is refused whose authority has no current list.
    if newest.is_empty() {
        newest.extend(lists.first());
    }
    let ders = |lists: &[&RevocationList]| lists.iter().map(|list| list.der.clone()).collect::<Vec<_>>();
    let newest = builder().with_crls(ders(&newest)).enforce_revocation_expiration().build()?;
    let mut others = Vec::new();
    while !left.is_empty() {
        let further = first_of_each_authority(&mut left);
        // A revocation still holds after its list has ended. The newest list bounds for how long.
        others.push(builder().with_crls(ders(&further)).allow_unknown_revocation_status().build()?);
    }
    Ok(if others.is_empty() { newest } else { Arc::new(AllRevocationLists { newest, others }) })
}

/// Takes the first remaining list of each authority.
fn first_of_each_authority<'a>(left: &mut Vec<&'a RevocationList>) -> Vec<&'a RevocationList> {
    let mut taken: Vec<&RevocationList> = Vec::new();
    left.retain(|list| {
        let again = taken.iter().any(|other| other.issuer == list.issuer);
        if !again {
            taken.push(list);
        }
        again
    });
    taken
}

#[derive(Debug)]
struct AllRevocationLists {
    newest: Arc<dyn ClientCertVerifier>,
    others: Vec<Arc<dyn ClientCertVerifier>>,
}

impl ClientCertVerifier for AllRevocationLists {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.newest.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        for verifier in &self.others {
            verifier.verify_client_cert(leaf, intermediates, now)?;
        }
        self.newest.verify_client_cert(leaf, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.newest.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.newest.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.newest.supported_verify_schemes()
    }
}
