//! The configuration of the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::ids::{AgencyId, FacilityCode, JurisdictionId, Ori};
use crate::identity::key::TokenAlgorithm;
use crate::identity::pem::PemSource;

/// The configuration of the registry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// The trust domain of the SPIFFE ids: `spiffe://<trust_domain>/agency/<id>`.
    #[schemars(example = "comity.example")]
    pub trust_domain: String,
    /// A directory of agencies' records, beside `agencies` or instead of them. Each `*.toml` in it is one agency, with the keys of
    /// `[[registry.agencies]]` at its top; paths in it start where those of this file do. `comity partner approve` writes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub directory: Option<PathBuf>,
    /// The authorities that may issue agency certificates.
    pub certificate_authorities: Vec<AuthorityConfig>,
    /// The agencies of the exchange.
    #[serde(default)]
    pub agencies: Vec<AgencyConfig>,
}

/// An issuing authority and the agencies that it may speak for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// A short name for messages.
    #[schemars(example = "us-ny")]
    pub id: String,
    /// The certificate that signs leaves, not a root above it.
    #[schemars(extend("format" = "pem"), example = "certs/us-ny-ca.pem")]
    pub certificate: PemSource,
    /// Agencies that it may speak for, by id.
    #[serde(default)]
    pub agencies: BTreeSet<AgencyId>,
    /// Kinds of agencies that it may speak for.
    #[serde(default)]
    #[schemars(example = ["state", "county"])]
    pub kinds: BTreeSet<AgencyKind>,
    /// Limits `kinds` to agencies all of whose jurisdictions are listed. Empty: no limit.
    #[serde(default)]
    pub jurisdictions: BTreeSet<JurisdictionId>,
}

/// One agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgencyConfig {
    /// The last part of its SPIFFE id.
    #[schemars(example = "us-ny-doccs")]
    pub id: AgencyId,
    /// Its kind.
    #[schemars(example = &"state")]
    pub kind: AgencyKind,
    /// Its class, if it holds people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "state-prison")]
    pub class: Option<AgencyClass>,
    /// The jurisdictions where it takes part. Empty for an operator, and only for it.
    #[serde(default)]
    #[schemars(example = ["us-ny"])]
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// Its originating agency identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ori: Option<Ori>,
    /// Its facilities, by its own codes.
    #[serde(default)]
    pub facilities: BTreeSet<FacilityCode>,
    /// Its time zone, by IANA name, if it differs from its jurisdiction's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The time zone of each facility that differs from the agency's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facility_time_zones: BTreeMap<FacilityCode, String>,
    /// The issuer of its tokens. An agency without one presents only certificates, and so never writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<IssuerConfig>,
}

/// A token issuer: it speaks for one agency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// The exact `iss`.
    #[schemars(example = "https://tokens.us-ny-doccs.example")]
    pub issuer: String,
    /// A file of its signing keys as the issuer publishes them: a JSON Web Key Set (RFC 7517). Public keys only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"), example = "certs/us-ny-doccs.jwks.json")]
    pub jwks: Option<PathBuf>,
    /// Its signing keys one by one, beside the set or instead of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyConfig>,
}

/// A public key that signs tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The exact `kid`.
    pub kid: String,
    /// The only algorithm that this key is used with.
    pub algorithm: TokenAlgorithm,
    /// `SubjectPublicKeyInfo` as PEM.
    #[schemars(extend("format" = "pem"))]
    pub public_key: PemSource,
}
