//! PEM that is read whole or refused (RFC 7468): what follows the first section is meant as much as the first.
//!
//! Text between sections is accepted, since tools describe a section before it.

use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs1KeyDer,
    PrivatePkcs8KeyDer, PrivateSec1KeyDer, SubjectPublicKeyInfoDer,
};

/// What is wrong with a PEM text. Quotes none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.word())]
pub enum PemError {
    /// A section does not end, is not base64, or the like.
    Malformed,
    /// A section has a label that nothing here reads, such as an encrypted key.
    Unread,
    /// A section is of another kind than expected.
    OtherKind,
    /// There is no section.
    Empty,
    /// There are several sections where one is expected.
    Several,
}

impl PemError {
    /// The error as the rest of a sentence about the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed => "is not PEM",
            Self::Unread => "holds a section that cannot be read, such as an encrypted key",
            Self::OtherKind => "holds something else, or something else as well",
            Self::Empty => "holds nothing in PEM",
            Self::Several => "holds more than one, where one is meant",
        }
    }
}

/// All certificates, in order. At least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    of_kind(pem, |kind, der| (kind == SectionKind::Certificate).then(|| der.into()))
}

/// The only certificate.
pub fn certificate(pem: &[u8]) -> Result<CertificateDer<'static>, PemError> {
    only(certificates(pem)?)
}

/// The only certificate signing request.
pub fn certificate_request(pem: &[u8]) -> Result<CertificateSigningRequestDer<'static>, PemError> {
    only(of_kind(pem, |kind, der| (kind == SectionKind::Csr).then(|| der.into()))?)
}

/// All revocation lists, in order. At least one.
pub fn revocation_lists(pem: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, PemError> {
    of_kind(pem, |kind, der| (kind == SectionKind::Crl).then(|| der.into()))
}

/// The only private key.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    only(of_kind(pem, |kind, der| {
        if kind == SectionKind::PrivateKey {
            Some(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)))
        } else if kind == SectionKind::EcPrivateKey {
            Some(PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)))
        } else {
            (kind == SectionKind::RsaPrivateKey).then(|| PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)))
        }
    })?)
}

/// The only public key.
pub fn public_key(pem: &[u8]) -> Result<SubjectPublicKeyInfoDer<'static>, PemError> {
    only(of_kind(pem, |kind, der| (kind == SectionKind::PublicKey).then(|| der.into()))?)
}

fn only<T>(mut all: Vec<T>) -> Result<T, PemError> {
    let one = all.pop().ok_or(PemError::Empty)?;
    if all.is_empty() { Ok(one) } else { Err(PemError::Several) }
}

fn of_kind<T>(pem: &[u8], read: impl Fn(SectionKind, Vec<u8>) -> Option<T>) -> Result<Vec<T>, PemError> {
    let sections: Result<Vec<(SectionKind, Vec<u8>)>, _> = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).collect();
    let sections = sections.map_err(|_| PemError::Malformed)?;
    // The library skips sections of a kind that it does not know.
    if begun(pem) != sections.len() {
        return Err(PemError::Unread);
    }
    if sections.is_empty() {
        return Err(PemError::Empty);
    }
    sections.into_iter().map(|(kind, der)| read(kind, der).ok_or(PemError::OtherKind)).collect()
}

/// How many sections begin, whether at the start of a line or not. The library misses one behind a byte order mark, for
/// example.
fn begun(pem: &[u8]) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN ";
    pem.windows(BEGIN.len()).filter(|at| *at == BEGIN).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(label: &str) -> String {
        format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
    }

    #[test]
    fn everything_is_read_or_nothing() {
        let check = |pem: &str, expected: Result<usize, PemError>| {
            assert_eq!(certificates(pem.as_bytes()).map(|all| all.len()), expected, "{pem}");
        };
        let (certificate, list) = (section("CERTIFICATE"), section("X509 CRL"));
        check(&certificate, Ok(1));
        check(&certificate.repeat(3), Ok(3));
        check(&certificate.replace('\n', "\r\n"), Ok(1));
        check(&format!("Subject: nobody\n{certificate}and so on\n{certificate}"), Ok(2));
        check("", Err(PemError::Empty));
        check("no PEM at all", Err(PemError::Empty));
        check(&format!("{certificate}{list}"), Err(PemError::OtherKind));
        check(&list, Err(PemError::OtherKind));
        check(&format!("{certificate}{}", section("ENCRYPTED PRIVATE KEY")), Err(PemError::Unread));
        check(&format!("{certificate}{}", section("TRUSTED CERTIFICATE")), Err(PemError::Unread));
        check(&format!("\u{feff}{certificate}{certificate}"), Err(PemError::Unread));
        check(&format!(" {certificate}{certificate}"), Err(PemError::Unread));
        check(&format!("{certificate}-----BEGIN CERTIFICATE-----\nAAAA\n"), Err(PemError::Malformed));
        check(
            &format!("{certificate}-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
            Err(PemError::Malformed),
        );
        assert_eq!(revocation_lists(list.repeat(2).as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn of_some_there_is_one() {
        let key = |pem: &str| private_key(pem.as_bytes()).map(|_| ());
        assert_eq!(key(&section("PRIVATE KEY")), Ok(()));
        assert_eq!(key(&section("EC PRIVATE KEY")), Ok(()));
        assert_eq!(key(&section("PRIVATE KEY").repeat(2)), Err(PemError::Several));
        assert_eq!(key(&section("ENCRYPTED PRIVATE KEY")), Err(PemError::Unread));
        assert_eq!(key(&(section("CERTIFICATE") + &section("PRIVATE KEY"))), Err(PemError::OtherKind));
        assert_eq!(certificate(section("CERTIFICATE").repeat(2).as_bytes()).map(drop), Err(PemError::Several));
        assert_eq!(public_key(section("PUBLIC KEY").as_bytes()).map(drop), Ok(()));
        assert_eq!(public_key(section("PUBLIC KEY").repeat(2).as_bytes()).map(drop), Err(PemError::Several));
    }
}
