//! Why a registry cannot be used, worded for the person who wrote it.

use std::path::PathBuf;

use crate::domain::agency::AgencyKind;
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::identity::pem::UnreadableFile;

/// Why a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The time zone is unknown.
    #[error("agency {agency}: {name} is not a time zone of the IANA database")]
    TimeZone {
        /// The agency.
        agency: AgencyId,
        /// The unknown name.
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
    /// The id is the gateway's own.
    #[error("agency {0}: the gateway itself acts under this id")]
    ReservedAgency(AgencyId),
    /// A record of the directory is not one.
    #[error("{}, line {line}: {why}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// A directory of records holds more than is read.
    #[error("{} holds more than 10,000 records", .0.display())]
    TooManyRecords(PathBuf),
    /// The jurisdiction has no law.
    #[error("agency {agency}: jurisdiction {jurisdiction} is not configured")]
    UnknownJurisdiction {
        /// The agency.
        agency: AgencyId,
        /// The unknown jurisdiction.
        jurisdiction: JurisdictionId,
    },
    /// Every agency except an operator takes part in a jurisdiction.
    #[error("agency {0} takes part in no jurisdiction")]
    NoJurisdiction(AgencyId),
    /// Operators see no cases.
    #[error("agency {0} is an operator and may not take part in a jurisdiction")]
    OperatorInJurisdiction(AgencyId),
    /// Only agencies of a state, a county or a city have a class.
    #[error("agency {agency}: a class is for custodians, not for kind {}", kind.word())]
    ClassOfNoCustodian {
        /// The agency.
        agency: AgencyId,
        /// Its kind.
        kind: AgencyKind,
    },
    /// The agency could never connect.
    #[error("no certificate authority may speak for agency {0}")]
    NoAuthority(AgencyId),
    /// Ids are unique.
    #[error("certificate authority {0} is configured twice")]
    DuplicateAuthority(String),
    /// It would be unclear which of the two spoke.
    #[error("certificate authorities {first} and {second} have the same certificate")]
    SharedCertificate {
        /// The earlier one.
        first: String,
        /// The later one.
        second: String,
    },
    /// An entry without effect is a mistake.
    #[error("certificate authority {0} speaks for nobody: give it agencies or kinds")]
    AuthoritySpeaksForNobody(String),
    /// The limit would have no effect.
    #[error("certificate authority {0} has jurisdictions but no kinds")]
    JurisdictionsWithoutKinds(String),
    /// An unknown name is a misspelling.
    #[error("certificate authority {authority} names the unknown agency {agency}")]
    AuthorityOfUnknownAgency {
        /// The authority.
        authority: String,
        /// The unknown agency.
        agency: AgencyId,
    },
    /// The authority could not issue.
    #[error("the certificate of authority {authority} {why}")]
    AuthorityCertificate {
        /// The authority.
        authority: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The issuer is compared exactly, so it must not be empty.
    #[error("agency {0}: the token issuer must be 1 to 256 printable characters")]
    Issuer(AgencyId),
    /// An issuer speaks for one agency.
    #[error("agencies {first} and {second} have the same token issuer")]
    SharedIssuer {
        /// The earlier one.
        first: AgencyId,
        /// The later one.
        second: AgencyId,
    },
    /// No token could be verified.
    #[error("agency {0}: the token issuer has no key")]
    NoTokenKey(AgencyId),
    /// Key ids are unique.
    #[error("agency {agency}: token key {kid} is configured twice, or its id is not 1 to 64 printable characters")]
    KeyId {
        /// The agency.
        agency: AgencyId,
        /// The key id.
        kid: String,
    },
    /// The key cannot be used with its algorithm.
    #[error("agency {agency}: token key {kid} {why}")]
    TokenKey {
        /// The agency.
        agency: AgencyId,
        /// The key id.
        kid: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The issuer's key set is invalid.
    #[error("agency {agency}: the set of token keys {} {why}", path.display())]
    KeySet {
        /// The agency.
        agency: AgencyId,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The key id of a token would say nothing.
    #[error("agency {agency}: token keys {first} and {second} are the same key")]
    KeyTwice {
        /// The agency.
        agency: AgencyId,
        /// One key id.
        first: String,
        /// The other key id.
        second: String,
    },
    /// The holder could mint tokens for both.
    #[error("agencies {first} and {second} have the same token key")]
    SharedTokenKey {
        /// The earlier one.
        first: AgencyId,
        /// The later one.
        second: AgencyId,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
}
