//! What can be wrong with a registry, told to the person who wrote it.

use std::path::PathBuf;

use crate::domain::agency::AgencyKind;
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::identity::pem::UnreadableFile;

/// Why a registry cannot be used. Read by the person who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A time zone that is none.
    #[error("agency {agency}: {name} is not a time zone of the IANA database")]
    TimeZone {
        /// Whose.
        agency: AgencyId,
        /// As it was named.
        name: String,
    },
    /// SPIFFE-ID 2.1.
    #[error("trust_domain must be 1 to 255 lower-case letters, digits, dots, hyphens and underscores")]
    TrustDomain,
    /// Nobody could connect.
    #[error("no agency is configured")]
    NoAgency,
    /// Ids are unique.
    #[error("agency {0} is configured twice")]
    DuplicateAgency(AgencyId),
    /// The gateway's own name.
    #[error("agency {0}: the gateway itself acts under this id")]
    ReservedAgency(AgencyId),
    /// No law is configured for it.
    #[error("agency {agency}: jurisdiction {jurisdiction} is not configured")]
    UnknownJurisdiction {
        /// Whose entry.
        agency: AgencyId,
        /// The unknown one.
        jurisdiction: JurisdictionId,
    },
    /// All but operators take part somewhere.
    #[error("agency {0} takes part in no jurisdiction")]
    NoJurisdiction(AgencyId),
    /// Operators see no cases.
    #[error("agency {0} is an operator and may not take part in a jurisdiction")]
    OperatorInJurisdiction(AgencyId),
    /// Only a state's, a county's or a city's agency is of a class.
    #[error("agency {agency}: a class is for custodians, not for kind {}", kind.word())]
    ClassOfNoCustodian {
        /// Whose entry.
        agency: AgencyId,
        /// Its kind.
        kind: AgencyKind,
    },
    /// It could never connect.
    #[error("no certificate authority may speak for agency {0}")]
    NoAuthority(AgencyId),
    /// Ids are unique.
    #[error("certificate authority {0} is configured twice")]
    DuplicateAuthority(String),
    /// Which of the two spoke would be undecided.
    #[error("certificate authorities {first} and {second} have the same certificate")]
    SharedCertificate {
        /// The one before.
        first: String,
        /// The one after.
        second: String,
    },
    /// A useless entry is a mistake.
    #[error("certificate authority {0} speaks for nobody: give it agencies or kinds")]
    AuthoritySpeaksForNobody(String),
    /// The limit would limit nothing.
    #[error("certificate authority {0} has jurisdictions but no kinds")]
    JurisdictionsWithoutKinds(String),
    /// A name that nobody has is a misspelling.
    #[error("certificate authority {authority} names the unknown agency {agency}")]
    AuthorityOfUnknownAgency {
        /// Whose entry.
        authority: String,
        /// The unknown one.
        agency: AgencyId,
    },
    /// It cannot issue.
    #[error("the certificate of authority {authority} {why}")]
    AuthorityCertificate {
        /// Whose entry.
        authority: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Compared exactly, so it must be something.
    #[error("agency {0}: the token issuer must be 1 to 256 printable characters")]
    Issuer(AgencyId),
    /// One issuer speaks for one agency.
    #[error("agencies {first} and {second} have the same token issuer")]
    SharedIssuer {
        /// The one before.
        first: AgencyId,
        /// The one after.
        second: AgencyId,
    },
    /// No token could be verified.
    #[error("agency {0}: the token issuer has no key")]
    NoTokenKey(AgencyId),
    /// Key ids are unique.
    #[error("agency {agency}: token key {kid} is configured twice, or its id is not 1 to 64 printable characters")]
    KeyId {
        /// Whose entry.
        agency: AgencyId,
        /// The key id.
        kid: String,
    },
    /// Not usable with its algorithm.
    #[error("agency {agency}: token key {kid} {why}")]
    TokenKey {
        /// Whose entry.
        agency: AgencyId,
        /// The key id.
        kid: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The set that the issuer publishes.
    #[error("agency {agency}: the set of token keys {} {why}", path.display())]
    KeySet {
        /// Whose entry.
        agency: AgencyId,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Which of its names a token bore would say nothing.
    #[error("agency {agency}: token keys {first} and {second} are the same key")]
    KeyTwice {
        /// Whose entry.
        agency: AgencyId,
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// The holder could mint for both.
    #[error("agencies {first} and {second} have the same token key")]
    SharedTokenKey {
        /// The one before.
        first: AgencyId,
        /// The one after.
        second: AgencyId,
    },
    /// A file.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
}
