//! A certificate authority and the agencies that it may speak for.
//!
//! The authority is the one that signs the leaf itself. Intermediates sent by a peer are never used: otherwise a root
//! that certified the authorities of several sovereigns would let each of them speak for all.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::agency::{Agency, AgencyKind};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::files::pem;
use crate::identity::certificate::form::{has_weak_key, time_of};
use crate::identity::registry::{AuthorityConfig, RegistryError};

/// A pinned issuing authority.
pub(crate) struct Authority {
    pub(crate) id: String,
    pub(crate) certificate: CertificateDer<'static>,
    agencies: BTreeSet<AgencyId>,
    kinds: BTreeSet<AgencyKind>,
    jurisdictions: BTreeSet<JurisdictionId>,
    // Trusts only this certificate, and so tells whether this authority signed a leaf.
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Authority {
    pub(crate) fn load(config: &AuthorityConfig, base: &Path) -> Result<Self, RegistryError> {
        if config.agencies.is_empty() && config.kinds.is_empty() {
            return Err(RegistryError::AuthoritySpeaksForNobody(config.id.clone()));
        }
        if config.kinds.is_empty() && !config.jurisdictions.is_empty() {
            return Err(RegistryError::JurisdictionsWithoutKinds(config.id.clone()));
        }
        let text = config.certificate.read(base)?;
        let unusable = |why| RegistryError::AuthorityCertificate { authority: config.id.clone(), why };
        let certificate = pem::certificate(text.as_bytes()).map_err(|why| unusable(why.word()))?;
        check_authority(&certificate).map_err(unusable)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).map_err(|_| unusable("cannot be a trust anchor"))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| unusable("cannot be a trust anchor"))?;
        Ok(Self {
            id: config.id.clone(),
            certificate,
            agencies: config.agencies.clone(),
            kinds: config.kinds.clone(),
            jurisdictions: config.jurisdictions.clone(),
            verifier,
        })
    }

    /// Whether it may issue certificates in the name of an agency. The agency is listed, or its kind is. If the
    /// authority is limited to jurisdictions, an agency admitted by its kind must have all of its own among them.
    pub(crate) fn may_speak_for(&self, agency: &Agency) -> bool {
        let within = self.jurisdictions.is_empty()
            || (!agency.jurisdictions.is_empty() && agency.jurisdictions.is_subset(&self.jurisdictions));
        self.agencies.contains(&agency.id) || (self.kinds.contains(&agency.kind) && within)
    }

    /// When its certificate ends. A pinned authority is trusted beyond that: whoever runs it should know.
    pub(crate) fn ends(&self) -> Timestamp {
        X509Certificate::from_der(&self.certificate)
            .map_or(Timestamp::MIN, |(_, own)| time_of(own.validity().not_after))
    }

    /// Whether this is the authority's name, as DER.
    pub(crate) fn is_named(&self, name: &[u8]) -> bool {
        X509Certificate::from_der(&self.certificate).is_ok_and(|(_, own)| own.subject().as_raw() == name)
    }

    /// Whether this authority itself signed the certificate, which is now valid for client authentication.
    pub(crate) fn issued(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> bool {
        self.verifier.verify_client_cert(leaf, &[], now).is_ok()
    }

    pub(crate) fn named_agencies(&self) -> impl Iterator<Item = &AgencyId> {
        self.agencies.iter()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("id", &self.id)
            .field("agencies", &self.agencies)
            .field("kinds", &self.kinds)
            .field("jurisdictions", &self.jurisdictions)
            .finish_non_exhaustive()
    }
}

fn check_authority(certificate: &CertificateDer<'_>) -> Result<(), &'static str> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| "is not a certificate")?;
    let usage = parsed.key_usage().map_err(|_| "has a malformed key usage")?;
    if has_weak_key(&parsed) {
        return Err("has a key that nobody can be trusted by: it is too short, or an Ed25519 key of small order");
    }
    if !parsed.is_ca() {
        return Err("is not an authority's (CA=false)");
    }
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err("may not sign certificates (key usage)");
    }
    Ok(())
}
