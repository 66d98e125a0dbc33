//! A small world for tests: a federal, a New York and a Texas authority, with agencies under each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::{ActorKind, AgencyKind};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::identity::certificate::{PeerIdentity, identify};
use crate::identity::clock::WallClock;
use crate::identity::development::{CertificateOptions, DevelopmentAuthority, IssuedCertificate, TokenKeyPair};
use crate::identity::key::{MintingKey, TokenAlgorithm};
use crate::identity::mint::MintClaims;
use crate::identity::pem::PemSource;
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::registry::{AgencyConfig, AuthorityConfig, IssuerConfig, KeyConfig, Registry, RegistryConfig};
use crate::identity::token::{Config, TokenVerifier};

pub(crate) const TRUST_DOMAIN: &str = "comity.test";
pub(crate) const KID: &str = "2026-1";

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) federal: DevelopmentAuthority,
    pub(crate) new_york: DevelopmentAuthority,
    pub(crate) texas: DevelopmentAuthority,
    pub(crate) ice_key: TokenKeyPair,
    pub(crate) doccs_key: TokenKeyPair,
    pub(crate) config: RegistryConfig,
}

impl World {
    pub(crate) fn new() -> Self {
        // The current time, since some tests handshake by the machine's clock. In whole seconds, as in certificates and
        // tokens.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let authority = |name| DevelopmentAuthority::generate(name, now).unwrap();
        let (federal, new_york, texas) = (authority("Federal CA"), authority("New York CA"), authority("Texas CA"));
        let (ice_key, doccs_key) = (TokenKeyPair::generate().unwrap(), TokenKeyPair::generate().unwrap());
        let config = RegistryConfig {
            trust_domain: TRUST_DOMAIN.to_owned(),
            directory: None,
            certificate_authorities: vec![
                speaks("us", &federal, &[AgencyKind::Federal, AgencyKind::Operator], &[]),
                speaks("us-ny", &new_york, &[AgencyKind::State, AgencyKind::City], &["us-ny", "us-ny-nyc"]),
                speaks("us-tx", &texas, &[AgencyKind::State, AgencyKind::County], &["us-tx"]),
            ],
            agencies: vec![
                agency("us-ice", AgencyKind::Federal, &["us-ny", "us-tx"], Some(&ice_key)),
                agency("us-ny-doccs", AgencyKind::State, &["us-ny"], Some(&doccs_key)),
                agency("us-tx-tdcj", AgencyKind::State, &["us-tx"], None),
                agency("comity-operator", AgencyKind::Operator, &[], None),
            ],
        };
        Self { now, federal, new_york, texas, ice_key, doccs_key, config }
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::new(Registry::load(&self.config, Path::new("/"), &known()).unwrap())
    }

    pub(crate) fn options(&self, id: &str) -> CertificateOptions {
        CertificateOptions::agency(TRUST_DOMAIN, &agency_id(id), self.now)
    }

    /// A valid certificate of the federal agency.
    pub(crate) fn ice(&self) -> IssuedCertificate {
        self.federal.issue(&self.options("us-ice")).unwrap()
    }

    pub(crate) fn peer(&self, certificate: &IssuedCertificate) -> PeerIdentity {
        identify(std::slice::from_ref(&certificate.der), &self.registry(), self.now).unwrap()
    }

    pub(crate) fn clock(&self) -> WallClock {
        let now = self.now;
        WallClock::from_fn(move || now)
    }

    pub(crate) fn verifier(&self, clock: WallClock) -> TokenVerifier {
        TokenVerifier::new(self.registry(), Config::default(), pseudonym_key(), clock)
    }

    pub(crate) fn ice_minting(&self) -> MintingKey {
        minting(&self.ice_key)
    }

    /// The claims of a valid token of the federal agency.
    pub(crate) fn ice_claims(&self) -> MintClaims {
        MintClaims {
            issuer: "https://us-ice.example/tokens".to_owned(),
            audience: "comity".to_owned(),
            subject: "officer-canary".to_owned(),
            actor: ActorKind::Officer,
            issued_at: self.now,
            lifetime_s: 900,
            token_id: None,
        }
    }
}

pub(crate) fn minting(pair: &TokenKeyPair) -> MintingKey {
    MintingKey::from_pkcs8_pem(KID, TokenAlgorithm::EdDsa, &pair.private_pem).unwrap()
}

pub(crate) fn pseudonym_key() -> PseudonymKey {
    PseudonymKey::new(&[7; 32])
}

pub(crate) fn agency_id(id: &str) -> AgencyId {
    id.parse().unwrap()
}

pub(crate) fn jurisdictions(ids: &[&str]) -> BTreeSet<JurisdictionId> {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

pub(crate) fn known() -> BTreeSet<JurisdictionId> {
    jurisdictions(&["us-ny", "us-ny-nyc", "us-tx"])
}

pub(crate) fn speaks(
    id: &str,
    authority: &DevelopmentAuthority,
    kinds: &[AgencyKind],
    within: &[&str],
) -> AuthorityConfig {
    AuthorityConfig {
        id: id.to_owned(),
        certificate: PemSource(authority.certificate.pem.clone()),
        agencies: BTreeSet::new(),
        kinds: kinds.iter().copied().collect(),
        jurisdictions: jurisdictions(within),
    }
}

pub(crate) fn agency(id: &str, kind: AgencyKind, within: &[&str], key: Option<&TokenKeyPair>) -> AgencyConfig {
    AgencyConfig {
        id: agency_id(id),
        kind,
        class: None,
        jurisdictions: jurisdictions(within),
        ori: None,
        facilities: BTreeSet::new(),
        time_zone: None,
        facility_time_zones: BTreeMap::new(),
        token: key.map(|key| IssuerConfig {
            jwks: None,
            issuer: format!("https://{id}.example/tokens"),
            keys: vec![KeyConfig {
                kid: KID.to_owned(),
                algorithm: TokenAlgorithm::EdDsa,
                public_key: PemSource(key.public_pem.clone()),
            }],
        }),
    }
}
