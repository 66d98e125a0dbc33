//! Revocation lists: which of them are current, and all of an authority's counted.

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

/// A revocation list, and what it says of itself.
#[derive(Clone)]
pub(super) struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    /// The name of the authority that issued it, as DER.
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
        // RFC 5280 5.1.2.5: always there.
        let ends = time_of(parsed.next_update().ok_or_else(unusable)?);
        let issuer = parsed.issuer().as_raw().to_vec();
        Ok(Self { der, issuer, begins, ends })
    }

    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        self.begins <= now && now < self.ends
    }
}

/// Who checks a client's certificate against the authorities, and against every list of its authority that is current now.
///
/// The library asks the first list that is an authority's and no other. So there is a verifier with the list of each authority
/// that ends last, which an agency MUST be good by, and one for each further list, which it MUST NOT be revoked by.
pub(super) fn verifier(
    roots: &Arc<RootCertStore>,
    lists: &[RevocationList],
    now: Timestamp,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TrustError> {
    let builder = || WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
    // Those that end last come first; one that has ended counts only where its authority has no other, to say why it refuses.
    let mut left: Vec<&RevocationList> = lists.iter().filter(|list| list.begins <= now).collect();
    left.sort_by_key(|list| std::cmp::Reverse(list.ends));
    let mut newest = first_of_each_authority(&mut left);
    left.retain(|list| list.is_current(now));
    // Without any list revocation is not checked. With some, an agency whose authority has none that is current is refused.
    if newest.is_empty() {
        newest.extend(lists.first());
    }
    let ders = |lists: &[&RevocationList]| lists.iter().map(|list| list.der.clone()).collect::<Vec<_>>();
    let newest = builder().with_crls(ders(&newest)).enforce_revocation_expiration().build()?;
    let mut others = Vec::new();
    while !left.is_empty() {
        let further = first_of_each_authority(&mut left);
        // What a list says of a certificate holds when it has ended, too: the newest one bounds how long.
        others.push(builder().with_crls(ders(&further)).allow_unknown_revocation_status().build()?);
    }
    Ok(if others.is_empty() { newest } else { Arc::new(AllRevocationLists { newest, others }) })
}

/// Takes the first list of each authority out of those that are left.
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
