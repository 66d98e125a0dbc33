//! The agencies of the exchange, the authorities that may certify each, and the keys that sign their tokens.

mod config;
mod directory;
mod error;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::RootCertStore;

use crate::domain::agency::{Agency, AgencyKind, GATEWAY};
use crate::domain::ids::{AgencyId, FacilityCode, JurisdictionId, Ori};
use crate::domain::zone;
use crate::identity::authority::Authority;
use crate::identity::key::TokenKey;
use crate::identity::key_set::{self, KEY_SET_LEN_MAX, KeySetError};
use crate::identity::pem::UnreadableFile;

pub use config::{AgencyConfig, AuthorityConfig, IssuerConfig, KeyConfig, RegistryConfig};
pub use error::RegistryError;

/// An agency, with what only the registry knows about it.
#[derive(Debug)]
pub struct Member {
    /// The agency as policies and cases see it.
    pub agency: Arc<Agency>,
    /// Its originating agency identifier.
    pub ori: Option<Ori>,
    /// Its facilities.
    pub facilities: BTreeSet<FacilityCode>,
    /// Its time zone, if it differs from its jurisdiction's.
    pub zone: Option<TimeZone>,
    /// The time zone of each facility that differs from the agency's.
    pub facility_zones: BTreeMap<FacilityCode, TimeZone>,
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
    /// Loads and checks a registry. `base` is the directory for relative paths, `known` are the jurisdictions with a
    /// law.
    pub fn load(config: &RegistryConfig, base: &Path, known: &BTreeSet<JurisdictionId>) -> Result<Self, RegistryError> {
        if !is_trust_domain(&config.trust_domain) {
            return Err(RegistryError::TrustDomain);
        }
        let agencies = config.all_agencies(base)?;
        if agencies.is_empty() {
            return Err(RegistryError::NoAgency);
        }
        let mut registry = Self {
            trust_domain: config.trust_domain.clone(),
            authorities: load_authorities(&config.certificate_authorities, base)?,
            members: BTreeMap::new(),
            issuers: HashMap::new(),
        };
        for agency in &agencies {
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

    /// Every agency as policies and cases see it, by id.
    pub fn agencies(&self) -> Arc<BTreeMap<AgencyId, Arc<Agency>>> {
        let agency = |member: &Member| (member.agency.id.clone(), Arc::clone(&member.agency));
        Arc::new(self.members().map(agency).collect())
    }

    /// The trust domain of the SPIFFE ids.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Every authority as a trust anchor for the TLS handshake. Which agency each may speak for is checked afterwards.
    pub fn trust_anchors(&self) -> Result<RootCertStore, rustls::Error> {
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.certificate.clone())?;
        }
        Ok(roots)
    }

    /// When the certificate of each authority ends, by its id.
    pub fn authority_ends(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.authorities.iter().map(|authority| (authority.id.as_str(), authority.ends()))
    }

    pub(crate) fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// The agency that a token issuer speaks for.
    pub(crate) fn agency_of_issuer(&self, issuer: &str) -> Option<&AgencyId> {
        self.issuers.get(issuer)
    }

    fn admit(
        &mut self,
        config: &AgencyConfig,
        base: &Path,
        known: &BTreeSet<JurisdictionId>,
    ) -> Result<(), RegistryError> {
        if config.id.as_str() == GATEWAY {
            return Err(RegistryError::ReservedAgency(config.id.clone()));
        }
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
        let zone_of = |name: &String| {
            let unknown = || RegistryError::TimeZone { agency: config.id.clone(), name: name.clone() };
            zone::named(name).ok_or_else(unknown)
        };
        let facility_zones = config.facility_time_zones.iter();
        let facility_zones = facility_zones.map(|(facility, name)| zone_of(name).map(|zone| (facility.clone(), zone)));
        let member = Member {
            agency: Arc::new(agency),
            ori: config.ori.clone(),
            facilities: config.facilities.clone(),
            zone: config.time_zone.as_ref().map(zone_of).transpose()?,
            facility_zones: facility_zones.collect::<Result<_, _>>()?,
            issuer,
        };
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
        let mut loaded = Vec::new();
        for key in &config.keys {
            let fault = |why| RegistryError::TokenKey { agency: agency.clone(), kid: key.kid.clone(), why };
            let read = TokenKey::from_public_pem(key.algorithm, &key.public_key.read(base)?).map_err(fault)?;
            loaded.push((key.kid.clone(), read));
        }
        if let Some(path) = &config.jwks {
            loaded.extend(read_key_set(agency, &base.join(path))?);
        }
        if loaded.is_empty() {
            return Err(RegistryError::NoTokenKey(agency.clone()));
        }
        let mut keys: HashMap<String, TokenKey> = HashMap::new();
        for (kid, key) in loaded {
            if let Some(first) = self.holder(&key) {
                return Err(RegistryError::SharedTokenKey { first: first.clone(), second: agency.clone() });
            }
            if let Some((first, _)) = keys.iter().find(|(other, held)| **other != kid && held.same_as(&key)) {
                return Err(RegistryError::KeyTwice { agency: agency.clone(), first: first.clone(), second: kid });
            }
            if !is_printable(&kid, 64) || keys.insert(kid.clone(), key).is_some() {
                return Err(RegistryError::KeyId { agency: agency.clone(), kid });
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

fn read_key_set(agency: &AgencyId, path: &Path) -> Result<Vec<(String, TokenKey)>, RegistryError> {
    let fault = |why| RegistryError::KeySet { agency: agency.clone(), path: path.to_owned(), why };
    let mut json = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(KEY_SET_LEN_MAX + 1).read_to_end(&mut json));
    opened.map_err(|source| UnreadableFile { path: path.to_owned(), source })?;
    if u64::try_from(json.len()).map_or(true, |len| len > KEY_SET_LEN_MAX) {
        return Err(fault("is longer than 64 KiB"));
    }
    key_set::read(&json).map_err(|error| match error {
        KeySetError::Set(why) => fault(why),
        KeySetError::Key { key, why } => RegistryError::TokenKey { agency: agency.clone(), kid: key, why },
    })
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
