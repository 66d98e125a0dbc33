//! Why a connection was refused, as one audit line: a fixed word and an address. It holds nothing that the peer wrote.

use std::io;
use std::net::IpAddr;

use rustls::{CertificateError as Tls, OtherError};

use crate::identity::certificate::CertificateError;

/// Why a peer got no connection.
#[derive(Debug)]
pub(super) enum Refusal {
    TimedOut,
    NotHttp2,
    TooManyOfAgency,
    TooManyOfAddress,
    SlotTaken,
    OfAnotherKind,
    Certificate(CertificateError),
    Handshake(rustls::Error),
    Socket,
}

impl Refusal {
    /// What anybody may be refused for, with or without a certificate. Counted from zero on, so that the first one is an increase.
    pub(super) const OF_ANYBODY: [Self; 4] = [Self::TimedOut, Self::NotHttp2, Self::TooManyOfAddress, Self::SlotTaken];

    pub(super) fn audit(&self, peer: IpAddr) {
        tracing::info!(target: "audit", event = "connection_refused", reason = self.reason(), %peer);
    }

    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::TimedOut => "handshake_timeout",
            Self::NotHttp2 => "protocol_not_h2",
            Self::TooManyOfAgency => "too_many_connections_of_agency",
            Self::TooManyOfAddress => "too_many_handshakes_of_address",
            Self::SlotTaken => "handshake_slot_taken",
            Self::OfAnotherKind => "agency_of_another_kind",
            Self::Certificate(error) => error.reason(),
            Self::Handshake(error) => handshake_reason(error),
            Self::Socket => "socket_closed",
        }
    }
}

fn handshake_reason(error: &rustls::Error) -> &'static str {
    // Both enums have many variants that tell an auditor nothing. What is not named here is "handshake_failed".
    if let rustls::Error::InvalidCertificate(error) = error {
        return certificate_reason(error);
    }
    if matches!(error, rustls::Error::NoCertificatesPresented) {
        CertificateError::Absent.reason()
    } else if matches!(error, rustls::Error::InvalidCertRevocationList(_)) {
        "revocation_list_invalid"
    } else if matches!(error, rustls::Error::PeerIncompatible(_)) {
        "tls_incompatible"
    } else if matches!(error, rustls::Error::NoApplicationProtocol) {
        Refusal::NotHttp2.reason()
    } else {
        "handshake_failed"
    }
}

fn certificate_reason(error: &Tls) -> &'static str {
    if matches!(error, Tls::Revoked) {
        "certificate_revoked"
    } else if matches!(error, Tls::UnknownRevocationStatus) {
        "revocation_unknown"
    } else if matches!(error, Tls::ExpiredRevocationList | Tls::ExpiredRevocationListContext { .. }) {
        "revocation_list_expired"
    } else if matches!(error, Tls::Expired | Tls::ExpiredContext { .. }) {
        CertificateError::Expired.reason()
    } else if matches!(error, Tls::NotValidYet | Tls::NotValidYetContext { .. }) {
        CertificateError::NotYetValid.reason()
    } else if matches!(error, Tls::InvalidPurpose | Tls::InvalidPurposeContext { .. }) {
        CertificateError::NotForClients.reason()
    } else if matches!(error, Tls::UnknownIssuer) {
        CertificateError::UnknownAuthority.reason()
    } else if matches!(error, Tls::BadEncoding) {
        CertificateError::Malformed.reason()
    } else if let Tls::Other(OtherError(other)) = error {
        // The library below found a fault for which rustls has no variant.
        let found = other.downcast_ref::<webpki::Error>();
        found.and_then(reason_of_form).unwrap_or("certificate_invalid")
    } else if matches!(error, Tls::BadSignature) {
        // The certificate was signed with another key, or the peer uses a stolen certificate without its key.
        "signature_wrong"
    } else {
        "certificate_invalid"
    }
}

/// The reason for a malformed certificate that the library rejected before we could check it.
fn reason_of_form(error: &webpki::Error) -> Option<&'static str> {
    let found = if matches!(error, webpki::Error::UnsupportedCriticalExtension) {
        CertificateError::CriticalExtension
    } else if matches!(error, webpki::Error::UnsupportedCertVersion) {
        CertificateError::Version
    } else if matches!(error, webpki::Error::InvalidSerialNumber) {
        CertificateError::Serial
    } else if matches!(error, webpki::Error::MalformedExtensions | webpki::Error::ExtensionValueInvalid) {
        CertificateError::Malformed
    } else {
        return None;
    };
    Some(found.reason())
}

impl From<CertificateError> for Refusal {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<rustls::Error> for Refusal {
    fn from(error: rustls::Error) -> Self {
        Self::Handshake(error)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => Self::Handshake(inner.clone()),
            None => Self::Socket,
        }
    }
}
