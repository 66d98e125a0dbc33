//! A whole exchange to try things on, made in one directory: authorities, certificates, revocation lists, token keys,
//! tokens, the gateway's secrets, and a configuration. `dev`, `demo` and the tests use it.

pub mod files;
pub mod private_postgres;
pub mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};

use crate::accept;
use crate::client::{self, CredentialFiles, Credentials, TokenSource};
use crate::config::{Config, KeysConfig, LogConfig, PolicyConfig, ServerConfig, StoreConfig, secret_files};
use crate::domain::agency::{ActorKind, AgencyClass, AgencyKind};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::identity::certificate::Thumbprint;
use crate::identity::development::{CertificateOptions, DevelopmentAuthority, TokenKeyPair, certificate_ends};
use crate::identity::key::{MintingKey, TokenAlgorithm};
use crate::identity::mint::{MintClaims, mint};
use crate::identity::pem::PemSource;
use crate::identity::registry::{AgencyConfig, AuthorityConfig, IssuerConfig, KeyConfig, RegistryConfig};
use crate::identity::token;
use crate::ledger::{Signer, VerifierKey, pem_from_pkcs8};
use crate::sandbox::private_postgres::Tls;

/// The name of the configuration file.
pub const CONFIG_FILE: &str = "comity.toml";
/// The trust domain of a sandbox. It is reserved for examples (RFC 2606).
pub const TRUST_DOMAIN: &str = "comity.example";

/// A point of law: its switch as shipped, and as counsel may have decided it.
#[derive(Debug, Clone, Copy)]
pub struct CounselReading {
    /// The switch.
    pub switch: &'static str,
    /// Its position as shipped.
    pub shipped: &'static str,
    /// Its position as decided.
    pub read: &'static str,
}

/// The acts of 2026. On: a person decides whatever they may affect. Off: they bar nothing.
pub const ACTS_OF_2026: CounselReading =
    CounselReading { switch: "us-ny.counsel-reads-acts-of-2026", shipped: "on", read: "off" };
/// The points that a sandbox treats as decided, so that a state prison in New York may notify and hand over. As
/// shipped, an officer decides each time.
pub const COUNSEL_READINGS: [CounselReading; 3] = [
    CounselReading { switch: "us-ny.correction-law-147", shipped: "off", read: "on" },
    CounselReading { switch: "us-ny.counsel-reads-order-170", shipped: "on", read: "off" },
    ACTS_OF_2026,
];
/// How long a sandbox's tokens are valid. A real issuer's are valid for minutes.
const TOKEN_LIFETIME_S: u32 = 12 * 3_600;
const REVOCATION_LIST_LIFETIME_S: u32 = 7 * 24 * 3_600;
const CERTIFICATE_LIFETIME_S: u32 = 90 * 24 * 3_600;
const TOKEN_KEY_ID: &str = "1";

/// How long the things that a sandbox makes are valid, in seconds. Authorities are valid for ten years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Certificates of the gateway and of agencies.
    pub certificates_s: u32,
    /// Revocation lists.
    pub lists_s: u32,
    /// Tokens.
    pub tokens_s: u32,
}

impl Terms {
    /// Limits every term to `term_s` seconds.
    #[must_use]
    pub fn at_most(self, term_s: u32) -> Self {
        Self {
            certificates_s: self.certificates_s.min(term_s),
            lists_s: self.lists_s.min(term_s),
            tokens_s: self.tokens_s.min(term_s),
        }
    }

    /// The shortest term.
    pub fn shortest_s(self) -> u32 {
        self.certificates_s.min(self.lists_s).min(self.tokens_s)
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { certificates_s: CERTIFICATE_LIFETIME_S, lists_s: REVOCATION_LIST_LIFETIME_S, tokens_s: TOKEN_LIFETIME_S }
    }
}

/// One agency of a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct SandboxAgency {
    /// Its id.
    pub id: &'static str,
    /// The kind of agency.
    pub kind: AgencyKind,
    /// The class of a custodian; `None` if the agency holds nobody.
    pub class: Option<AgencyClass>,
    /// The jurisdictions in which it takes part.
    pub jurisdictions: &'static [&'static str],
    /// Its ORI, which is made up.
    pub ori: &'static str,
    /// The authority that issues its certificate.
    pub authority: &'static str,
}

const NY: &[&str] = &["us-ny"];
const TX: &[&str] = &["us-tx"];
const BOTH: &[&str] = &["us-ny", "us-tx"];

const fn agency(
    id: &'static str,
    kind: AgencyKind,
    class: Option<AgencyClass>,
    jurisdictions: &'static [&'static str],
    ori: &'static str,
    authority: &'static str,
) -> SandboxAgency {
    SandboxAgency { id, kind, class, jurisdictions, ori, authority }
}

/// Every agency of a sandbox.
pub const AGENCIES: &[SandboxAgency] = &[
    agency("us-ice", AgencyKind::Federal, None, BOTH, "DCICE0000", "federal"),
    agency("us-cbp", AgencyKind::Federal, None, BOTH, "DCCBP0000", "federal"),
    agency("us-ny-doccs", AgencyKind::State, Some(AgencyClass::StatePrison), NY, "NYDOCCS00", "us-ny"),
    agency("us-ny-erie-jail", AgencyKind::County, Some(AgencyClass::CountyJail), NY, "NY014000A", "us-ny"),
    agency("us-ny-suffolk-jail", AgencyKind::County, Some(AgencyClass::CountyJail), NY, "NY051000A", "us-ny"),
    agency("us-ny-city-jail", AgencyKind::City, Some(AgencyClass::CityJail), NY, "NY030000A", "us-ny"),
    agency("us-ny-oversight", AgencyKind::Oversight, None, NY, "NYAUDIT00", "us-ny"),
    agency("us-tx-prison", AgencyKind::State, Some(AgencyClass::StatePrison), TX, "TXPRISON0", "us-tx"),
    agency("us-tx-harris-jail", AgencyKind::County, Some(AgencyClass::CountyJail), TX, "TX101000A", "us-tx"),
    agency("us-tx-bexar-jail", AgencyKind::County, Some(AgencyClass::CountyJail), TX, "TX015000A", "us-tx"),
    agency("us-tx-oversight", AgencyKind::Oversight, None, TX, "TXAUDIT00", "us-tx"),
    agency("comity-operator", AgencyKind::Operator, None, &[], "OPERATOR0", "exchange"),
];

const AUTHORITIES: &[&str] = &["federal", "us-ny", "us-tx", "exchange"];

/// A sandbox on disk.
#[derive(Debug, Clone)]
pub struct Sandbox {
    directory: PathBuf,
    /// Its configuration.
    pub config: Config,
}

impl Sandbox {
    /// Makes a sandbox in a directory, or uses the one that is there. What expires soon is renewed each time.
    pub fn establish(directory: &Path) -> Result<Self> {
        Self::establish_for(directory, Terms::default())
    }

    /// Like `establish`, with these terms for what expires.
    pub fn establish_for(directory: &Path, terms: Terms) -> Result<Self> {
        let now = Timestamp::now();
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let directory = directory.canonicalize().context("the directory has no absolute path")?;
        let path = directory.join(CONFIG_FILE);
        if !path.exists() {
            make(&directory, now)?;
        }
        let config = Config::read(&path)?;
        let sandbox = Self { directory, config };
        sandbox.renew(terms)?;
        Ok(sandbox)
    }

    /// A sandbox that was established before, unchanged.
    pub fn opened(directory: &Path) -> Result<Self> {
        let directory = directory.canonicalize().context("the directory has no absolute path")?;
        let config = Config::read(&directory.join(CONFIG_FILE))?;
        Ok(Self { directory, config })
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The key that its logs are signed with, in public.
    pub fn log_key(&self) -> Result<String> {
        let keys = self.directory.join(&self.config.keys.directory);
        Ok(std::fs::read_to_string(keys.join("log.vkey"))?.trim_end().to_owned())
    }

    /// The TLS files of another server in the sandbox, which clients reach as `localhost`.
    pub fn server_certificate(&self) -> Result<Tls> {
        let exchange = read_authority(&self.directory, "exchange")?;
        let issued = exchange.issue(&CertificateOptions::server(Timestamp::now()))?;
        let (certificate_pem, key_pem) = (issued.pem, issued.key_pem);
        Ok(Tls { certificate_pem, key_pem, authority_pem: exchange.certificate.pem })
    }

    /// The credentials of an agency's client.
    pub fn credentials(&self, agency: &str) -> Result<Credentials> {
        let read = |name: String| {
            let path = self.directory.join("certs").join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Credentials {
            authorities_pem: read("gateway-ca.pem".to_owned())?,
            certificate_pem: read(format!("{agency}.pem"))?,
            key_pem: read(format!("{agency}.key"))?,
        })
    }

    /// The configuration of an agency's client. It reads the files when they are needed.
    pub fn client(&self, address: SocketAddr, agency: &str, actor: ActorKind) -> client::Config {
        let credentials = credential_files(&self.directory, agency);
        let config =
            client::Config::new(address.to_string(), "localhost", credentials, self.token_source(agency, actor));
        log_key(&self.directory).into_iter().fold(config, client::Config::pinning)
    }

    /// The tokens of an agency's unattended system, or of its officer.
    pub fn token_source(&self, agency: &str, actor: ActorKind) -> TokenSource {
        TokenSource::File(token_path(&self.directory, agency, actor))
    }

    /// The token of an agency's unattended system, or of its officer.
    pub fn token(&self, agency: &str, actor: ActorKind) -> Result<String> {
        let path = token_path(&self.directory, agency, actor);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Mints a token for any subject and lifetime.
    pub fn mint(&self, agency: &str, subject: &str, actor: ActorKind, lifetime_s: u32) -> Result<String> {
        mint_for(&self.directory, &self.config.token.audience, agency, subject, actor, lifetime_s)
    }

    /// Renews revocation lists and tokens, and certificates that are past half of their term or outlast it. A renewed
    /// certificate keeps its key. Tokens are bound to the new certificate at once.
    pub fn renew(&self, terms: Terms) -> Result<()> {
        let now = Timestamp::now();
        let until = |term_s: u32| now.checked_add(SignedDuration::from_secs(term_s.into()));
        let ends = until(terms.certificates_s)?;
        for authority in AUTHORITIES {
            let since = now.checked_sub(SignedDuration::from_mins(5))?;
            let list = read_authority(&self.directory, authority)?.revoke(&[], since, until(terms.lists_s)?)?;
            files::write_public(&self.directory.join(format!("certs/{authority}.crl.pem")), &list.pem)?;
        }
        self.renew_certificate("gateway", "exchange", terms, || {
            Ok(CertificateOptions { not_after: ends, ..CertificateOptions::server(now) })
        })?;
        for agency in AGENCIES {
            self.renew_certificate(agency.id, agency.authority, terms, || {
                Ok(CertificateOptions {
                    not_after: ends,
                    ..CertificateOptions::agency(TRUST_DOMAIN, &agency.id.parse()?, now)
                })
            })?;
            for actor in [ActorKind::System, ActorKind::Officer] {
                let subject = format!("{}-{}", agency.id, actor.word());
                let token = self.mint(agency.id, &subject, actor, terms.tokens_s)?;
                files::write_private(&token_path(&self.directory, agency.id, actor), &token)?;
            }
        }
        Ok(())
    }

    fn renew_certificate(
        &self,
        name: &str,
        authority: &str,
        terms: Terms,
        options: impl FnOnce() -> Result<CertificateOptions>,
    ) -> Result<()> {
        let at = |extension: &str| self.directory.join(format!("certs/{name}.{extension}"));
        let read =
            |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        let left_s = certificate_ends(&read(at("pem"))?)?.duration_since(Timestamp::now()).as_secs();
        let whole_s = i64::from(terms.certificates_s);
        if left_s > whole_s / 2 && left_s <= whole_s {
            return Ok(());
        }
        let renewed = read_authority(&self.directory, authority)?.renew(&options()?, &read(at("key"))?)?;
        files::write_public(&at("pem"), &renewed.pem)
    }
}

/// The public key of a sandbox's logs, if it is there.
pub fn log_key(directory: &Path) -> Option<VerifierKey> {
    let text = std::fs::read_to_string(directory.join("keys/log.vkey")).ok()?;
    VerifierKey::parse(text.trim_end()).ok()
}

/// The files of an agency's certificate and key in a sandbox.
pub fn credential_files(directory: &Path, agency: &str) -> CredentialFiles {
    let certificates = directory.join("certs");
    CredentialFiles {
        authorities: certificates.join("gateway-ca.pem"),
        certificate: certificates.join(format!("{agency}.pem")),
        key: certificates.join(format!("{agency}.key")),
    }
}

/// Mints a token with an agency's key in a sandbox.
pub fn mint_for(
    directory: &Path,
    audience: &str,
    agency: &str,
    subject: &str,
    actor: ActorKind,
    lifetime_s: u32,
) -> Result<String> {
    let key_path = directory.join(format!("keys/tokens/{agency}.pem"));
    let pem = std::fs::read_to_string(&key_path).with_context(|| format!("cannot read {}", key_path.display()))?;
    let key = MintingKey::from_pkcs8_pem(TOKEN_KEY_ID, TokenAlgorithm::EdDsa, &pem)?;
    let certificate_path = directory.join(format!("certs/{agency}.pem"));
    let certificate = std::fs::read_to_string(&certificate_path)
        .with_context(|| format!("cannot read {}", certificate_path.display()))?;
    let claims = MintClaims {
        issuer: issuer(agency),
        audience: audience.to_owned(),
        subject: subject.to_owned(),
        actor,
        issued_at: Timestamp::now(),
        lifetime_s,
        token_id: None,
    };
    Ok(mint(&key, &claims, &Thumbprint::of_pem(&certificate)?)?)
}

fn issuer(agency: &str) -> String {
    format!("https://tokens.{agency}.{TRUST_DOMAIN}")
}

fn token_path(directory: &Path, agency: &str, actor: ActorKind) -> PathBuf {
    let name = match actor {
        ActorKind::System => format!("tokens/{agency}.jwt"),
        ActorKind::Officer => format!("tokens/{agency}-officer.jwt"),
    };
    directory.join(name)
}

/// Makes everything that does not expire soon.
fn make(directory: &Path, now: Timestamp) -> Result<()> {
    for sub in ["certs", "keys", "keys/authorities", "keys/tokens", "tokens"] {
        files::make_private_directory(&directory.join(sub))?;
    }
    let config = configuration()?;
    for name in AUTHORITIES {
        let authority = DevelopmentAuthority::generate(name, now)?;
        files::write_public(&directory.join(format!("certs/{name}-ca.pem")), &authority.certificate.pem)?;
        files::write_private(&authority_key(directory, name), &authority.certificate.key_pem)?;
    }
    let exchange = read_authority(directory, "exchange")?;
    files::write_public(&directory.join("certs/gateway-ca.pem"), &exchange.certificate.pem)?;
    let gateway = exchange.issue(&CertificateOptions::server(now))?;
    files::write_public(&directory.join("certs/gateway.pem"), &gateway.pem)?;
    files::write_private(&directory.join("certs/gateway.key"), &gateway.key_pem)?;
    for agency in AGENCIES {
        let id: AgencyId = agency.id.parse()?;
        let options = CertificateOptions::agency(TRUST_DOMAIN, &id, now);
        let issued = read_authority(directory, agency.authority)?.issue(&options)?;
        files::write_public(&directory.join(format!("certs/{id}.pem")), &issued.pem)?;
        files::write_private(&directory.join(format!("certs/{id}.key")), &issued.key_pem)?;
        let pair = TokenKeyPair::generate()?;
        files::write_private(&directory.join(format!("keys/tokens/{id}.pem")), &pair.private_pem)?;
        files::write_public(&directory.join(format!("keys/tokens/{id}.pub.pem")), &pair.public_pem)?;
    }
    make_secrets(directory, &config.keys)?;
    // Written last: a directory with a configuration is complete.
    files::write_public(&directory.join(CONFIG_FILE), &toml::to_string(&config)?)
}

fn make_secrets(directory: &Path, keys: &KeysConfig) -> Result<()> {
    let at = |name: &str| directory.join(&keys.directory).join(name);
    let (signer, pkcs8) = Signer::generate(&keys.signer_name)?;
    files::write_private(&at(secret_files::SIGNING), &pem_from_pkcs8(&pkcs8))?;
    files::write_public(&at("log.vkey"), &format!("{}\n", signer.verifier()))?;
    for name in [secret_files::WRAPPING, secret_files::PSEUDONYM, secret_files::REQUEST_DIGEST, secret_files::CURSOR] {
        files::write_new_key(&at(name))?;
    }
    Ok(())
}

fn authority_key(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("keys/authorities/{name}.key"))
}

fn read_authority(directory: &Path, name: &str) -> Result<DevelopmentAuthority> {
    let certificate = std::fs::read_to_string(directory.join(format!("certs/{name}-ca.pem")))?;
    let key = std::fs::read_to_string(authority_key(directory, name))?;
    Ok(DevelopmentAuthority::from_pem(&certificate, &key)?)
}

/// The configuration of a sandbox.
fn configuration() -> Result<Config> {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let jurisdictions: BTreeSet<JurisdictionId> = BOTH.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
    Ok(Config {
        jurisdictions,
        time_zones: BTreeMap::new(),
        server: ServerConfig { listen: any_port, ops_listen: any_port, ..ServerConfig::default() },
        tls: accept::TlsFiles {
            certificate: "certs/gateway.pem".into(),
            key: "certs/gateway.key".into(),
            revocation_lists: AUTHORITIES.iter().map(|name| format!("certs/{name}.crl.pem").into()).collect(),
        },
        accept: accept::Config::default(),
        rate: crate::identity::rate::Config::default(),
        token: token::Config { lifetime_max_s: TOKEN_LIFETIME_S, ..token::Config::default() },
        log: LogConfig { origin: TRUST_DOMAIN.to_owned() },
        keys: KeysConfig {
            directory: "keys".into(),
            signer_name: format!("{TRUST_DOMAIN}/gateway"),
            beside: Vec::new(),
            retired: Vec::new(),
        },
        store: StoreConfig::file("comity.db"),
        policy: PolicyConfig::default(),
        audit: crate::audit::Config::default(),
        recorder: crate::recorder::RecorderConfig::default(),
        clocks: crate::recorder::ClocksConfig::default(),
        inbox: crate::api::InboxConfig::default(),
        appeals: crate::domain::appeal::Limits::default(),
        roster: crate::domain::roster::Limits::default(),
        review: crate::domain::timetable::ReviewTimes::default(),
        obligation: crate::domain::timetable::ObligationTimes::default(),
        witness: crate::witness::PushConfig::default(),
        registry: RegistryConfig {
            trust_domain: TRUST_DOMAIN.to_owned(),
            directory: None,
            certificate_authorities: AUTHORITIES.iter().map(|name| authority_config(name)).collect::<Result<_>>()?,
            agencies: AGENCIES.iter().map(agency_config).collect::<Result<_>>()?,
        },
    })
}

/// Each sovereign's authority identifies its own agencies and no others.
fn authority_config(name: &str) -> Result<AuthorityConfig> {
    let agencies = AGENCIES.iter().filter(|agency| agency.authority == name);
    Ok(AuthorityConfig {
        id: name.to_owned(),
        certificate: PemSource(format!("certs/{name}-ca.pem")),
        agencies: agencies.map(|agency| agency.id.parse()).collect::<Result<_, _>>()?,
        kinds: BTreeSet::new(),
        jurisdictions: BTreeSet::new(),
    })
}

fn agency_config(agency: &SandboxAgency) -> Result<AgencyConfig> {
    let key = KeyConfig {
        kid: TOKEN_KEY_ID.to_owned(),
        algorithm: TokenAlgorithm::EdDsa,
        public_key: PemSource(format!("keys/tokens/{}.pub.pem", agency.id)),
    };
    Ok(AgencyConfig {
        id: agency.id.parse()?,
        kind: agency.kind,
        class: agency.class,
        jurisdictions: agency.jurisdictions.iter().map(|id| id.parse()).collect::<Result<_, _>>()?,
        ori: Some(agency.ori.parse()?),
        facilities: BTreeSet::new(),
        time_zone: None,
        facility_time_zones: BTreeMap::new(),
        token: Some(IssuerConfig { issuer: issuer(agency.id), jwks: None, keys: vec![key] }),
    })
}
