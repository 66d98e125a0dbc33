//! The agencies of the exchange, the authorities that may certify each, and the keys that sign their tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rustls::RootCertStore;
use serde::{Deserialize, Serialize};

use crate::domain::agency::{Agency, AgencyClass, AgencyKind};
use crate::domain::ids::{AgencyId, FacilityCode, JurisdictionId, Ori};
use crate::identity::authority::Authority;
use crate::identity::key::{TokenAlgorithm, TokenKey};
use crate::identity::pem::{PemSource, Unreadable};

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
    /// Its signing keys.
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

/// Why a registry cannot be used. Read by the person who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// SPIFFE-ID 2.1.
    #[error("trust_domain must be 1 to 255 lower-case letters, digits, dots, hyphens and underscores")]
    TrustDomain,
    /// Nobody could connect.
    #[error("no agency is configured")]
    NoAgency,
    /// Ids are unique.
    #[error("agency {0} is configured twice")]
    DuplicateAgency(AgencyId),
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
    Unreadable(#[from] Unreadable),
}

/// An agency with what the registry knows about it beside the law's view of it.
#[derive(Debug)]
pub struct Member {
    /// As the rest of the house sees it.
    pub agency: Agency,
    /// Its originating agency identifier.
    pub ori: Option<Ori>,
    /// Its facilities.
    pub facilities: BTreeSet<FacilityCode>,
    pub(crate) issuer: Option<Issuer>,
}

/// The token issuer of one agency.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) keys: HashMap<String, TokenKey>,
}

/// The agencies, loaded and checked. Replaced as a whole, never changed.
#[derive(Debug)]
pub struct Registry {
    trust_domain: String,
    authorities: Vec<Authority>,
    members: BTreeMap<AgencyId, Member>,
    issuers: HashMap<String, AgencyId>,
}

impl Registry {
    /// Loads and checks a registry. `base` is where relative paths start, `known` the jurisdictions with a law.
    pub fn load(config: &RegistryConfig, base: &Path, known: &BTreeSet<JurisdictionId>) -> Result<Self, RegistryError> {
        if !is_trust_domain(&config.trust_domain) {
            return Err(RegistryError::TrustDomain);
        }
        if config.agencies.is_empty() {
            return Err(RegistryError::NoAgency);
        }
        let mut registry = Self {
            trust_domain: config.trust_domain.clone(),
            authorities: load_authorities(&config.certificate_authorities, base)?,
            members: BTreeMap::new(),
            issuers: HashMap::new(),
        };
        for agency in &config.agencies {
            registry.admit(agency, base, known)?;
        }
        registry.check_named_agencies()?;
        Ok(registry)
    }

    /// An agency by its id.
    pub fn member(&self, id: &AgencyId) -> Option<&Member> {
        self.members.get(id)
    }

    /// Every agency, by id.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Of the SPIFFE ids.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Every authority as a trust anchor, for the TLS handshake. Which agency each may speak for is asked afterwards.
    pub fn trust_anchors(&self) -> Result<RootCertStore, rustls::Error> {
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.certificate.clone())?;
        }
        Ok(roots)
    }

    pub(crate) fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// The agency a token issuer speaks for.
    pub(crate) fn agency_of_issuer(&self, issuer: &str) -> Option<&AgencyId> {
        self.issuers.get(issuer)
    }

    fn admit(
        &mut self,
        config: &AgencyConfig,
        base: &Path,
        known: &BTreeSet<JurisdictionId>,
    ) -> Result<(), RegistryError> {
        if self.members.contains_key(&config.id) {
            return Err(RegistryError::DuplicateAgency(config.id.clone()));
        }
        let agency = Agency {
            id: config.id.clone(),
            kind: config.kind,
            class: config.class,
            jurisdictions: config.jurisdictions.clone(),
        };
        check_agency(&agency, known)?;
        if !self.authorities.iter().any(|authority| authority.may_speak_for(&agency)) {
            return Err(RegistryError::NoAuthority(agency.id));
        }
        let issuer = config.token.as_ref().map(|token| self.load_issuer(&agency.id, token, base)).transpose()?;
        let member = Member { agency, ori: config.ori.clone(), facilities: config.facilities.clone(), issuer };
        self.members.insert(config.id.clone(), member);
        Ok(())
    }

    fn load_issuer(&mut self, agency: &AgencyId, config: &IssuerConfig, base: &Path) -> Result<Issuer, RegistryError> {
        if !is_printable(&config.issuer, 256) {
            return Err(RegistryError::Issuer(agency.clone()));
        }
        if let Some(first) = self.issuers.insert(config.issuer.clone(), agency.clone())
            && first != *agency
        {
            return Err(RegistryError::SharedIssuer { first, second: agency.clone() });
        }
        if config.keys.is_empty() {
            return Err(RegistryError::NoTokenKey(agency.clone()));
        }
        let mut keys = HashMap::new();
        for key in &config.keys {
            let loaded = TokenKey::from_public_pem(key.algorithm, &key.public_key.read(base)?)
                .map_err(|why| RegistryError::TokenKey { agency: agency.clone(), kid: key.kid.clone(), why })?;
            if let Some(first) = self.holder(&loaded) {
                return Err(RegistryError::SharedTokenKey { first: first.clone(), second: agency.clone() });
            }
            if !is_printable(&key.kid, 64) || keys.insert(key.kid.clone(), loaded).is_some() {
                return Err(RegistryError::KeyId { agency: agency.clone(), kid: key.kid.clone() });
            }
        }
        Ok(Issuer { name: config.issuer.clone(), keys })
    }

    fn holder(&self, key: &TokenKey) -> Option<&AgencyId> {
        self.members
            .values()
            .find(|member| member.issuer.iter().flat_map(|issuer| issuer.keys.values()).any(|other| other.same_as(key)))
            .map(|member| &member.agency.id)
    }

    fn check_named_agencies(&self) -> Result<(), RegistryError> {
        for authority in &self.authorities {
            if let Some(agency) = authority.named_agencies().find(|agency| !self.members.contains_key(*agency)) {
                return Err(RegistryError::AuthorityOfUnknownAgency {
                    authority: authority.id.clone(),
                    agency: agency.clone(),
                });
            }
        }
        Ok(())
    }
}

fn load_authorities(configs: &[AuthorityConfig], base: &Path) -> Result<Vec<Authority>, RegistryError> {
    let mut loaded: Vec<Authority> = Vec::new();
    for config in configs {
        let authority = Authority::load(config, base)?;
        if loaded.iter().any(|other| other.id == authority.id) {
            return Err(RegistryError::DuplicateAuthority(authority.id));
        }
        if let Some(other) = loaded.iter().find(|other| other.certificate == authority.certificate) {
            return Err(RegistryError::SharedCertificate { first: other.id.clone(), second: authority.id });
        }
        loaded.push(authority);
    }
    Ok(loaded)
}

fn check_agency(agency: &Agency, known: &BTreeSet<JurisdictionId>) -> Result<(), RegistryError> {
    if let Some(jurisdiction) = agency.jurisdictions.difference(known).next() {
        return Err(RegistryError::UnknownJurisdiction {
            agency: agency.id.clone(),
            jurisdiction: jurisdiction.clone(),
        });
    }
    match agency.kind {
        AgencyKind::State | AgencyKind::County | AgencyKind::City => {}
        kind @ (AgencyKind::Federal | AgencyKind::Oversight | AgencyKind::Operator) => {
            if agency.class.is_some() {
                return Err(RegistryError::ClassOfNoCustodian { agency: agency.id.clone(), kind });
            }
        }
    }
    match (agency.kind == AgencyKind::Operator, agency.jurisdictions.is_empty()) {
        (true, false) => Err(RegistryError::OperatorInJurisdiction(agency.id.clone())),
        (false, true) => Err(RegistryError::NoJurisdiction(agency.id.clone())),
        (true, true) | (false, false) => Ok(()),
    }
}

// SPIFFE-ID 2.1
fn is_trust_domain(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'))
}

fn is_printable(text: &str, len_max: usize) -> bool {
    (1..=len_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
