//! What an agency asks an authority for a certificate with: a signing request (PKCS #10, RFC 2986) that names the agency.
//! Made where the private key stays, read and certified where the authority's key is.
//!
//! Of a request only its key and its one name are taken. What else the certificate says, the authority's side decides.

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, Issuer, KeyPair, PublicKeyData as _,
    SanType,
};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo, X509Certificate};
use zeroize::Zeroizing;

use crate::domain::ids::AgencyId;
use crate::files::pem::{self, PemError};
use crate::identity::certificate::form::{check_encoding, is_weak_key};
use crate::identity::certificate::{CertificateError, agency_of};
use crate::identity::development::CertificateOptions;

/// Why a request is not taken, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateRequestError {
    /// It is not one request in PEM.
    #[error("the certificate request {}", .0.word())]
    Pem(PemError),
    /// It can be read in more than one way, or not at all.
    #[error("the certificate request is not in DER")]
    Encoding(#[source] CertificateError),
    /// It cannot be read, asks for what no agency has, or is not signed by its own key.
    #[error("the certificate request is not usable, or is not signed by the key in it: {0}")]
    Unusable(rcgen::Error),
    /// Others than its holder could sign with the key.
    #[error("the certificate request has a key that nobody can be trusted by: it is too short, or of small order")]
    WeakKey,
    /// It must name one agency, and nothing else.
    #[error("the certificate request must name exactly one agency, by a URI, and nothing else")]
    Names,
    /// The name is none of this exchange.
    #[error("the certificate request does not name an agency of trust domain {trust_domain}")]
    OtherName {
        /// Of which it should have been.
        trust_domain: String,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// No key or certificate can be made.
    #[error("no certificate can be made: {0}")]
    Generate(rcgen::Error),
}

/// A request that was read: signed by its own key, which names one agency.
#[derive(Debug, Clone)]
pub struct CertificateRequest {
    agency: AgencyId,
    public_key: rcgen::PublicKey,
}

impl CertificateRequest {
    /// Reads a request of an agency of the trust domain.
    pub fn read(pem: &str, trust_domain: &str) -> Result<Self, CertificateRequestError> {
        let der = pem::certificate_request(pem.as_bytes()).map_err(CertificateRequestError::Pem)?;
        check_encoding(&der).map_err(CertificateRequestError::Encoding)?;
        let request = CertificateSigningRequestParams::from_der(&der).map_err(CertificateRequestError::Unusable)?;
        check_bits(&der)?;
        let [SanType::URI(uri)] = request.params.subject_alt_names.as_slice() else {
            return Err(CertificateRequestError::Names);
        };
        let agency = agency_of(uri.as_str(), trust_domain)
            .map_err(|source| CertificateRequestError::OtherName { trust_domain: trust_domain.to_owned(), source })?;
        let read = Self { agency, public_key: request.public_key };
        let info = read.public_key_der();
        let is_weak = SubjectPublicKeyInfo::from_der(&info).map_or(true, |(_, key)| is_weak_key(&key));
        if is_weak { Err(CertificateRequestError::WeakKey) } else { Ok(read) }
    }

    /// The agency that it names.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// Its key, as `SubjectPublicKeyInfo`.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.public_key.subject_public_key_info()
    }

    /// Whether a certificate is of the same key.
    pub fn is_of(&self, certificate_der: &[u8]) -> bool {
        is_of_key(certificate_der, &self.public_key_der())
    }

    /// Certifies the key. What the certificate says else are the options. It is not checked whether key and certificate of
    /// the authority fit each other: whoever issues MUST read the result as a gateway does.
    pub fn certify(
        &self,
        options: &CertificateOptions,
        authority_pem: &str,
        authority_key_pem: &str,
    ) -> Result<String, CertificateRequestError> {
        let certify = || {
            let issuer = Issuer::from_ca_cert_pem(authority_pem, KeyPair::from_pem(authority_key_pem)?)?;
            let (params, _) = options.params()?;
            Ok(params.signed_by(&self.public_key, &issuer)?.pem())
        };
        certify().map_err(CertificateRequestError::Generate)
    }
}

/// A key and a signature are of whole bytes. Otherwise one request could be written in two ways.
fn check_bits(der: &[u8]) -> Result<(), CertificateRequestError> {
    let in_whole_bytes = X509CertificationRequest::from_der(der).is_ok_and(|(_, parsed)| {
        let key = &parsed.certification_request_info.subject_pki.subject_public_key;
        key.unused_bits == 0 && parsed.signature_value.unused_bits == 0
    });
    if in_whole_bytes { Ok(()) } else { Err(CertificateRequestError::Encoding(CertificateError::NotDer)) }
}

/// A new private key for an agency's certificate: ECDSA P-256, PKCS#8 in PEM.
pub fn generate_key() -> Result<Zeroizing<String>, CertificateRequestError> {
    let key = KeyPair::generate().map_err(CertificateRequestError::Generate)?;
    Ok(Zeroizing::new(key.serialize_pem()))
}

/// A request for a certificate of an agency, signed by its key. PEM.
pub fn make(key_pem: &str, trust_domain: &str, agency: &AgencyId) -> Result<String, CertificateRequestError> {
    let make = || {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, agency.to_string());
        let uri = format!("spiffe://{trust_domain}/agency/{agency}");
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
        params.serialize_request(&KeyPair::from_pem(key_pem)?)?.pem()
    };
    make().map_err(CertificateRequestError::Generate)
}

/// Whether a certificate is of a key, given as `SubjectPublicKeyInfo`.
pub fn is_of_key(certificate_der: &[u8], public_key_der: &[u8]) -> bool {
    X509Certificate::from_der(certificate_der).is_ok_and(|(_, parsed)| parsed.public_key().raw == public_key_der)
}

/// The public half of a private key in PEM, as `SubjectPublicKeyInfo`.
pub fn public_half(key_pem: &str) -> Result<Vec<u8>, CertificateRequestError> {
    Ok(KeyPair::from_pem(key_pem).map_err(CertificateRequestError::Generate)?.subject_public_key_info())
}

#[cfg(test)]
mod tests {
    use rcgen::{ExtendedKeyUsagePurpose, IsCa, PKCS_ED25519};

    use super::*;
    use crate::identity::certificate::identify;
    use crate::identity::fixture::{TRUST_DOMAIN, World, agency_id};
    use crate::identity::registry::Registry;

    fn refused(pem: &str) -> String {
        CertificateRequest::read(pem, TRUST_DOMAIN).unwrap_err().to_string()
    }

    fn in_pem(der: &[u8]) -> String {
        let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{base64}\n-----END CERTIFICATE REQUEST-----\n")
    }

    /// A request with these contents, signed by a new key.
    fn with(change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::default();
        let uri = format!("spiffe://{TRUST_DOMAIN}/agency/us-ice");
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().unwrap())];
        change(&mut params);
        params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
    }

    #[test]
    fn what_is_certified_is_the_agency_that_a_gateway_sees() {
        let world = World::new();
        let key = generate_key().unwrap();
        let request = make(&key, TRUST_DOMAIN, &agency_id("us-ice")).unwrap();
        let read = CertificateRequest::read(&request, TRUST_DOMAIN).unwrap();
        assert_eq!(*read.agency(), agency_id("us-ice"));
        assert_eq!(read.public_key_der(), public_half(&key).unwrap());
        let authority = &world.federal.certificate;
        let issued = read.certify(&world.options("us-ice"), &authority.pem, &authority.key_pem).unwrap();
        let der = pem::certificate(issued.as_bytes()).unwrap();
        let registry: &Registry = &world.registry();
        let peer = identify(std::slice::from_ref(&der), registry, world.now).unwrap();
        assert_eq!(peer.agency, agency_id("us-ice"));
        assert!(read.is_of(&der) && !read.is_of(&world.ice().der));
        // Of the wish for something else nothing is taken.
        let greedy = with(|params| {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        });
        let greedy = CertificateRequest::read(&greedy, TRUST_DOMAIN).unwrap();
        let issued = greedy.certify(&world.options("us-ice"), &authority.pem, &authority.key_pem).unwrap();
        identify(&[pem::certificate(issued.as_bytes()).unwrap()], registry, world.now).unwrap();
    }

    #[test]
    fn a_request_that_names_nobody_or_others_is_refused() {
        let one = "the certificate request must name exactly one agency, by a URI, and nothing else";
        assert_eq!(refused(&with(|params| params.subject_alt_names.clear())), one);
        let dns = SanType::DnsName("us-ice.example".try_into().unwrap());
        assert_eq!(refused(&with(|params| params.subject_alt_names.push(dns.clone()))), one);
        assert_eq!(refused(&with(|params| params.subject_alt_names = vec![dns.clone()])), one);
        for uri in ["spiffe://other.test/agency/us-ice", "spiffe://comity.test/us-ice", "https://us-ice.example"] {
            let named = SanType::URI(uri.try_into().unwrap());
            let other = refused(&with(|params| params.subject_alt_names = vec![named]));
            assert_eq!(other, "the certificate request does not name an agency of trust domain comity.test", "{uri}");
        }
    }

    #[test]
    fn a_request_that_its_key_did_not_sign_is_refused() {
        let key = generate_key().unwrap();
        let request = make(&key, TRUST_DOMAIN, &agency_id("us-ice")).unwrap();
        let der = pem::certificate_request(request.as_bytes()).unwrap().to_vec();
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 1;
            let text = in_pem(&changed);
            assert!(CertificateRequest::read(&text, TRUST_DOMAIN).is_err(), "byte {at}");
        }
        // The bits of the signature that are said not to count: where the last one is none, it would verify all the same.
        // Behind the name of ecdsa-with-SHA256, a tag and a length.
        let name = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
        let bits = der.windows(8).position(|part| part == name).unwrap() + 8 + 2;
        let unused = (0..64).find_map(|_| {
            let der =
                pem::certificate_request(make(&key, TRUST_DOMAIN, &agency_id("us-ice")).unwrap().as_bytes()).unwrap();
            (der.last().unwrap() & 1 == 0).then(|| der.to_vec())
        });
        let mut unused = unused.unwrap();
        unused[bits] = 1;
        assert_eq!(refused(&in_pem(&unused)), "the certificate request is not in DER");
        // Bytes behind it.
        assert_eq!(refused(&in_pem(&[der.as_slice(), &[0]].concat())), "the certificate request is not in DER");
        assert_eq!(refused("nothing"), "the certificate request holds nothing in PEM");
        assert_eq!(refused(&request.repeat(2)), "the certificate request holds more than one, where one is meant");
        let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem();
        let request = make(&ed25519, TRUST_DOMAIN, &agency_id("us-ice")).unwrap();
        CertificateRequest::read(&request, TRUST_DOMAIN).unwrap();
    }
}
