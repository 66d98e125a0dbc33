//! Why a certificate proves no agency.

/// Why a certificate proves no agency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate was presented.
    #[error("no certificate was presented")]
    Absent,
    /// Not an X.509 certificate, or an extension of it does not parse.
    #[error("the certificate is malformed")]
    Malformed,
    /// It could be encoded differently: some length, number, text or order of a set is not as in DER.
    #[error("the certificate is not in DER")]
    NotDer,
    /// It is not of version 3.
    #[error("the certificate is not of version 3")]
    Version,
    /// The serial number is zero, negative, or longer than 20 octets.
    #[error("the certificate's serial number is not a positive one of at most 20 octets")]
    Serial,
    /// A part of a name is not text, or not the kind of text that it must be.
    #[error("a name in the certificate is of another type than it must be")]
    NameForm,
    /// It would be unclear which of the two counts.
    #[error("the certificate has an extension twice")]
    DuplicateExtension,
    /// Its authority says that whoever does not understand this extension must refuse the certificate.
    #[error("the certificate has a critical extension that is not known here")]
    CriticalExtension,
    /// Name constraints are for authorities (RFC 5280 4.2.1.10).
    #[error("the certificate has name constraints, which are for authorities")]
    NameConstraints,
    /// Others than the holder could sign with its key.
    #[error("the certificate's key is one that nobody can be trusted by")]
    WeakKey,
    /// It has expired.
    #[error("the certificate has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// It is an authority's (CA=true).
    #[error("the certificate is an authority's")]
    Authority,
    /// Its extended key usages lack clientAuth.
    #[error("the certificate is not for client authentication")]
    NotForClients,
    /// Its key may sign certificates, or may not sign a handshake.
    #[error("the certificate's key usage is not a client's")]
    KeyUsage,
    /// Its alternative names have no URI.
    #[error("the certificate names no agency")]
    NoName,
    /// Its alternative names have several URIs, so it would be unclear which one counts.
    #[error("the certificate has several names")]
    SeveralNames,
    /// Its URI is not the SPIFFE id of an agency.
    #[error("the certificate's name is not an agency's")]
    NotAnAgency,
    /// Its SPIFFE id is of another trust domain.
    #[error("the certificate's name is of another trust domain")]
    OtherTrustDomain,
    /// The agency is not in the registry.
    #[error("the agency is not registered")]
    UnknownAgency,
    /// No authority of the registry signed it.
    #[error("the certificate was not issued by a known authority")]
    UnknownAuthority,
    /// The authority that signed it may not speak for this agency.
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
