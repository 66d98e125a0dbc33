//! Makes certificates, revocation lists and token keys for development, demo and tests. Its authorities MUST NOT certify
//! agencies: a real authority keeps its key elsewhere. What an agency asks one for is in `certificate_request`.
//!
//! `cli::pki` writes them to files. The options can also make every bad certificate that a test needs.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Add;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivatePkcs8KeyDer};
use uuid::Uuid;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::ids::AgencyId;

/// A certificate or key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// The generator failed.
    #[error("development certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// A text is not PEM.
    #[error("development certificate: not PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// clientAuth.
    Client,
    /// serverAuth.
    Server,
    /// anyExtendedKeyUsage.
    Any,
}

/// Whether a key belongs to a leaf or to an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A caller or a server: the key signs handshakes.
    Leaf,
    /// An authority: the key signs certificates and revocation lists.
    Authority,
}

/// The contents of a certificate.
#[derive(Debug, Clone)]
pub struct CertificateOptions {
    /// For people only.
    pub common_name: String,
    /// URI names: for an agency, one SPIFFE id.
    pub uris: Vec<String>,
    /// DNS names.
    pub dns_names: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// Extended key usages. Empty: the extension is absent.
    pub purposes: Vec<Purpose>,
    /// Whether it is a leaf's or an authority's.
    pub role: Role,
    /// When it becomes valid.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

impl CertificateOptions {
    /// A good client certificate of an agency, valid from an hour ago for 90 days.
    pub fn agency(trust_domain: &str, agency: &AgencyId, now: Timestamp) -> Self {
        Self {
            common_name: agency.to_string(),
            uris: vec![format!("spiffe://{trust_domain}/agency/{agency}")],
            dns_names: Vec::new(),
            addresses: Vec::new(),
            purposes: vec![Purpose::Client],
            role: Role::Leaf,
            not_before: now - SignedDuration::from_hours(1),
            not_after: now + SignedDuration::from_hours(90 * 24),
        }
    }

    /// A good server certificate for this machine.
    pub fn server(now: Timestamp) -> Self {
        Self {
            common_name: "comity".to_owned(),
            uris: Vec::new(),
            dns_names: vec!["localhost".to_owned()],
            addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            purposes: vec![Purpose::Server],
            role: Role::Leaf,
            not_before: now - SignedDuration::from_hours(1),
            not_after: now + SignedDuration::from_hours(90 * 24),
        }
    }

    /// A good authority, valid for ten years.
    pub fn authority(name: &str, now: Timestamp) -> Self {
        Self {
            common_name: name.to_owned(),
            uris: Vec::new(),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            purposes: Vec::new(),
            role: Role::Authority,
            not_before: now - SignedDuration::from_hours(1),
            not_after: now + SignedDuration::from_hours(10 * 365 * 24),
        }
    }

    pub(super) fn params(&self) -> Result<(CertificateParams, Vec<u8>), rcgen::Error> {
        let serial = Uuid::new_v4().into_bytes().to_vec();
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_before = instant(date_time_ymd(1970, 1, 1), self.not_before);
        params.not_after = instant(date_time_ymd(1970, 1, 1), self.not_after);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.common_name.as_str());
        params.use_authority_key_identifier_extension = true;
        for uri in &self.uris {
            params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
        }
        for name in &self.dns_names {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?));
        }
        params.subject_alt_names.extend(self.addresses.iter().copied().map(SanType::IpAddress));
        params.extended_key_usages = self
            .purposes
            .iter()
            .map(|purpose| match purpose {
                Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
                Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
                Purpose::Any => ExtendedKeyUsagePurpose::Any,
            })
            .collect();
        match self.role {
            Role::Leaf => {
                params.is_ca = IsCa::ExplicitNoCa;
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            }
            Role::Authority => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages =
                    vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
            }
        }
        Ok((params, serial))
    }
}

/// A certificate and its private key.
#[derive(Clone)]
pub struct IssuedCertificate {
    /// DER.
    pub der: CertificateDer<'static>,
    /// PEM.
    pub pem: String,
    /// PKCS#8 in PEM. Secret.
    pub key_pem: String,
    /// The serial number by which a revocation list names it.
    pub serial: Vec<u8>,
}

impl fmt::Debug for IssuedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedCertificate").field("serial", &hex::encode(&self.serial)).finish_non_exhaustive()
    }
}

/// A revocation list.
#[derive(Debug, Clone)]
pub struct RevocationList {
    /// DER.
    pub der: CertificateRevocationListDer<'static>,
    /// PEM.
    pub pem: String,
}

/// A token signing key pair (Ed25519).
#[derive(Clone)]
pub struct TokenKeyPair {
    /// PKCS#8 in PEM. Secret.
    pub private_pem: String,
    /// `SubjectPublicKeyInfo` in PEM.
    pub public_pem: String,
}

impl TokenKeyPair {
    /// A new pair. The private half is PKCS#8 version 1: OpenSSL before 3.5, Node and Python cannot read version 2,
    /// which the certificate generator writes.
    pub fn generate() -> Result<Self, DevelopmentError> {
        let key = Ed25519KeyPair::generate().and_then(|key| key.to_pkcs8v1());
        let key = key.map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        let pair = KeyPair::try_from(&PrivatePkcs8KeyDer::from(key.as_ref()))?;
        Ok(Self { private_pem: pair.serialize_pem(), public_pem: pair.public_key_pem() })
    }
}

impl fmt::Debug for TokenKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeyPair")
    }
}

/// An issuing authority with its private key (ECDSA P-256).
pub struct DevelopmentAuthority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, which the registry pins.
    pub certificate: IssuedCertificate,
}

impl DevelopmentAuthority {
    /// A new self-signed authority.
    pub fn generate(name: &str, now: Timestamp) -> Result<Self, DevelopmentError> {
        let (params, serial) = CertificateOptions::authority(name, now).params()?;
        let key = KeyPair::generate()?;
        let signed = params.self_signed(&key)?;
        let certificate = issued(&signed, &key, serial);
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// A new authority certified by this one.
    pub fn generate_subordinate(&self, name: &str, now: Timestamp) -> Result<Self, DevelopmentError> {
        let certificate = self.issue(&CertificateOptions::authority(name, now))?;
        Self::from_pem(&certificate.pem, &certificate.key_pem)
    }

    /// An authority that was made before.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, DevelopmentError> {
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, KeyPair::from_pem(key_pem)?)?;
        let certificate = IssuedCertificate {
            der: CertificateDer::from_pem_slice(certificate_pem.as_bytes())?,
            pem: certificate_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            serial: Vec::new(),
        };
        Ok(Self { issuer, certificate })
    }

    /// Issues a certificate with a new key.
    pub fn issue(&self, options: &CertificateOptions) -> Result<IssuedCertificate, DevelopmentError> {
        self.certify(options, KeyPair::generate()?)
    }

    /// Issues another certificate for an existing key.
    pub fn renew(&self, options: &CertificateOptions, key_pem: &str) -> Result<IssuedCertificate, DevelopmentError> {
        self.certify(options, KeyPair::from_pem(key_pem)?)
    }

    #[expect(clippy::needless_pass_by_value, reason = "whoever makes a key has no other use for it")]
    fn certify(&self, options: &CertificateOptions, key: KeyPair) -> Result<IssuedCertificate, DevelopmentError> {
        let (params, serial) = options.params()?;
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok(issued(&signed, &key, serial))
    }

    /// A revocation list of these serial numbers, which may be empty.
    pub fn revoke(
        &self,
        serials: &[Vec<u8>],
        this_update: Timestamp,
        next_update: Timestamp,
    ) -> Result<RevocationList, DevelopmentError> {
        let number = this_update.as_millisecond().to_be_bytes();
        let params = CertificateRevocationListParams {
            this_update: instant(date_time_ymd(1970, 1, 1), this_update),
            next_update: instant(date_time_ymd(1970, 1, 1), next_update),
            crl_number: SerialNumber::from_slice(&number),
            issuing_distribution_point: None,
            revoked_certs: serials
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(serial),
                    revocation_time: instant(date_time_ymd(1970, 1, 1), this_update),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer)?;
        Ok(RevocationList { der: list.der().clone(), pem: list.pem()? })
    }
}

impl fmt::Debug for DevelopmentAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevelopmentAuthority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// When a certificate in PEM expires.
pub fn certificate_ends(pem: &str) -> Result<Timestamp, DevelopmentError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
    let ends = Timestamp::from_second(certificate.validity().not_after.timestamp());
    Ok(ends.map_err(|_| rcgen::Error::CouldNotParseCertificate)?)
}

fn issued(signed: &rcgen::Certificate, key: &KeyPair, serial: Vec<u8>) -> IssuedCertificate {
    IssuedCertificate { der: signed.der().clone(), pem: signed.pem(), key_pem: key.serialize_pem(), serial }
}

/// The generator's time type is from a crate that we do not depend on. Adding to its epoch avoids naming it.
fn instant<T: Add<Duration, Output = T>>(epoch: T, at: Timestamp) -> T {
    epoch + Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0))
}
