//! Why a certificate proves no agency.

/// Why a certificate proves no agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// None was presented.
    #[error("no certificate was presented")]
    Absent,
    /// Not an X.509 certificate, or an extension of it does not parse.
    #[error("the certificate is malformed")]
    Malformed,
    /// It could be written in another way too: lengths, numbers, texts or the order of a set are not as DER has them.
    #[error("the certificate is not in DER")]
    NotDer,
    /// Not of version 3.
    #[error("the certificate is not of version 3")]
    Version,
    /// Zero, negative, or of more than 20 octets.
    #[error("the certificate's serial number is not a positive one of at most 20 octets")]
    Serial,
    /// A part of a name is no text, or not the kind of text that it must be.
    #[error("a name in the certificate is of another type than it must be")]
    NameForm,
    /// Which of the two counts would be undecided.
    #[error("the certificate has an extension twice")]
    DuplicateExtension,
    /// Its authority says that nobody should take it who does not look at this, and nobody here does.
    #[error("the certificate has a critical extension that is not known here")]
    CriticalExtension,
    /// They are for authorities (RFC 5280 4.2.1.10).
    #[error("the certificate has name constraints, which are for authorities")]
    NameConstraints,
    /// Others than its holder could sign under it.
    #[error("the certificate's key is one that nobody can be trusted by")]
    WeakKey,
    /// Past its end.
    #[error("the certificate has expired")]
    Expired,
    /// Before its start.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// CA=true.
    #[error("the certificate is an authority's")]
    Authority,
    /// No clientAuth among its extended key usages.
    #[error("the certificate is not for client authentication")]
    NotForClients,
    /// Its key may sign certificates, or may not sign a handshake.
    #[error("the certificate's key usage is not a client's")]
    KeyUsage,
    /// No URI among its names.
    #[error("the certificate names no agency")]
    NoName,
    /// More than one URI among its names: which one is meant would be undecided.
    #[error("the certificate has several names")]
    SeveralNames,
    /// Its URI is no SPIFFE id of an agency.
    #[error("the certificate's name is not an agency's")]
    NotAnAgency,
    /// A SPIFFE id of somebody else's.
    #[error("the certificate's name is of another trust domain")]
    OtherTrustDomain,
    /// Not in the registry.
    #[error("the agency is not registered")]
    UnknownAgency,
    /// No authority of the registry signed it.
    #[error("the certificate was not issued by a known authority")]
    UnknownAuthority,
    /// An authority signed it that may not speak for this agency.
    #[error("the authority may not speak for the agency")]
    AuthorityMayNotSpeak,
}

impl CertificateError {
    /// A stable word for audit lines and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Absent => "certificate_absent",
            Self::Malformed => "certificate_malformed",
            Self::NotDer => "certificate_not_der",
            Self::Version => "certificate_version",
            Self::Serial => "certificate_serial",
            Self::NameForm => "certificate_name_form",
            Self::DuplicateExtension => "certificate_extension_twice",
            Self::CriticalExtension => "certificate_critical_extension",
            Self::NameConstraints => "certificate_with_name_constraints",
            Self::WeakKey => "certificate_weak_key",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::Authority => "certificate_of_authority",
            Self::NotForClients => "certificate_not_for_clients",
            Self::KeyUsage => "certificate_key_usage",
            Self::NoName => "certificate_without_name",
            Self::SeveralNames => "certificate_with_several_names",
            Self::NotAnAgency => "certificate_not_of_agency",
            Self::OtherTrustDomain => "certificate_of_other_trust_domain",
            Self::UnknownAgency => "agency_unknown",
            Self::UnknownAuthority => "authority_unknown",
            Self::AuthorityMayNotSpeak => "authority_may_not_speak",
        }
    }
}
