//! The registry as it is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::ids::{AgencyId, FacilityCode, JurisdictionId, Ori};
use crate::identity::key::TokenAlgorithm;
use crate::identity::pem::PemSource;

/// The registry as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Of the SPIFFE ids: `spiffe://<trust_domain>/agency/<id>`.
    pub trust_domain: String,
    /// Who may issue agency certificates.
    pub certificate_authorities: Vec<AuthorityConfig>,
    /// Who takes part.
    pub agencies: Vec<AgencyConfig>,
}

/// An issuing authority and whom it may speak for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// A short name, for messages.
    pub id: String,
    /// The certificate that signs leaves, not a root above it.
    pub certificate: PemSource,
    /// Agencies it may speak for, by name.
    #[serde(default)]
    pub agencies: BTreeSet<AgencyId>,
    /// Kinds of agencies it may speak for.
    #[serde(default)]
    pub kinds: BTreeSet<AgencyKind>,
    /// Keeps `kinds` to agencies all of whose jurisdictions are here. Empty: everywhere.
    #[serde(default)]
    pub jurisdictions: BTreeSet<JurisdictionId>,
}

/// One agency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgencyConfig {
    /// The last part of its SPIFFE id.
    pub id: AgencyId,
    /// Whose it is.
    pub kind: AgencyKind,
    /// What it is, where it holds people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<AgencyClass>,
    /// Where it takes part. Empty for an operator, and only for it.
    #[serde(default)]
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// Its originating agency identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ori: Option<Ori>,
    /// Its facilities, by its own codes.
    #[serde(default)]
    pub facilities: BTreeSet<FacilityCode>,
    /// Its time zone, by IANA name, where it is not that of its jurisdiction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The time zone of a facility, where it is not that of the agency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facility_time_zones: BTreeMap<FacilityCode, String>,
    /// Who signs its tokens. An agency without it presents certificates only and so never writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<IssuerConfig>,
}

/// A token issuer: it speaks for one agency.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The exact `iss`.
    pub issuer: String,
    /// A file of its signing keys as the issuer publishes them: a JSON Web Key Set (RFC 7517). Public keys alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
    /// Its signing keys one by one, beside those of the set or instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyConfig>,
}

/// A public key that signs tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The exact `kid`.
    pub kid: String,
    /// The one algorithm this key is used with.
    pub algorithm: TokenAlgorithm,
    /// `SubjectPublicKeyInfo` as PEM.
    pub public_key: PemSource,
}
