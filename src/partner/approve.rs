//! The operator's side: holds a request against the registry, has its key certified, and writes the agency's record.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::config::{Config, Secrets};
use crate::domain::ids::AgencyId;
use crate::files::pem;
use crate::identity::certificate::identify;
use crate::identity::development::CertificateOptions;
use crate::identity::pem::PemSource;
use crate::identity::registry::{AgencyConfig, IssuerConfig, KeyConfig, Registry};
use crate::ledger::VerifierKey;
use crate::partner::approval::{Approval, GatewayAnswer, LogsAnswer, TokenAnswer, VERSION};
use crate::partner::request::CheckedRequest;
use crate::sandbox::files::write_public;

/// How long an approval may be taken up.
const APPROVAL_LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The longest that a certificate is issued for (certs/README.md).
pub(crate) const CERTIFICATE_DAYS_MAX: u16 = 90;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum CertificateFrom {
    /// It is issued here, for so many days.
    Authority {
        /// The authority's certificate, PEM.
        certificate_pem: String,
        /// Its private key, PEM.
        key_pem: zeroize::Zeroizing<String>,
        /// How long it is good.
        days: u16,
    },
    /// The authority in use has issued it already. PEM.
    Issued(String),
}

/// What becomes of an agency that is registered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It is refused, unless nothing but its certificate changes.
    Refuse,
    /// Its token keys stay beside the new ones, until it is approved without them.
    Beside,
    /// What the request says replaces all that was registered.
    Replace,
}

/// Where agencies reach the gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `host:port`, or several separated by commas.
    pub address: String,
    /// The name in its certificate.
    pub server_name: String,
    /// The authorities that may vouch for it, PEM.
    pub authorities_pem: String,
}

/// What an approval rests on, beside the request.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Where the certificate comes from.
    pub certificate: CertificateFrom,
    /// What becomes of an agency that is registered already.
    pub registered: Registered,
    /// Where agencies reach the gateway.
    pub gateway: Gateway,
}

/// The registry with the agency in it, and the file that its record is for.
struct Entered {
    registry: Registry,
    record: AgencyConfig,
    file: PathBuf,
}

/// Checks a request against the registry, as the gateway would read it afterwards. Changes nothing.
pub fn check(asked: &CheckedRequest, config: &Config, base: &Path, registered: Registered) -> Result<()> {
    enter(asked, config, base, registered).map(drop)
}

/// Approves a request: the certificate is read as the gateway reads it, then the agency's record is written, and the answer
/// returned.
pub fn approve(
    asked: &CheckedRequest,
    config: &Config,
    base: &Path,
    terms: &Terms,
    now: Timestamp,
) -> Result<Approval> {
    let Entered { registry, record, file } = enter(asked, config, base, terms.registered)?;
    let certificate = match &terms.certificate {
        CertificateFrom::Issued(certificate_pem) => certificate_pem.clone(),
        CertificateFrom::Authority { certificate_pem, key_pem, days } => {
            ensure!(
                (1..=CERTIFICATE_DAYS_MAX).contains(days),
                "a certificate is good for 1 to {CERTIFICATE_DAYS_MAX} days"
            );
            let options = CertificateOptions::agency(registry.trust_domain(), &record.id, now);
            let not_after = now.checked_add(SignedDuration::from_hours(24 * i64::from(*days)))?;
            let options = CertificateOptions { not_after, ..options };
            asked.certificate_request.certify(&options, certificate_pem, key_pem)?
        }
    };
    check_certificate(asked, &certificate, &registry, now)?;
    pem::certificates(terms.gateway.authorities_pem.as_bytes()).map_err(|why| {
        anyhow::anyhow!("the file with the authorities that may vouch for the gateway {}", why.word())
    })?;
    let approval = Approval {
        version: VERSION,
        agency: record.id.clone(),
        request: hex::encode(asked.fingerprint.0),
        accept_until: Timestamp::from_second(now.checked_add(APPROVAL_LIFETIME)?.as_second())?,
        trust_domain: registry.trust_domain().to_owned(),
        jurisdictions: record.jurisdictions.clone(),
        certificate,
        gateway: GatewayAnswer {
            address: terms.gateway.address.clone(),
            server_name: terms.gateway.server_name.clone(),
            authorities: terms.gateway.authorities_pem.clone(),
        },
        logs: logs(config, base)?,
        token: TokenAnswer {
            issuer: asked.statement.issuer.clone(),
            audience: config.token.audience.clone(),
            lifetime_max_s: config.token.lifetime_max_s,
            leeway_s: config.token.leeway_s,
        },
    };
    let text =
        format!("# Written by `comity partner approve`; request {}.\n{}", asked.fingerprint, toml::to_string(&record)?);
    write_public(&file, &text)?;
    Ok(approval)
}

/// What receipts of this exchange are checked against.
fn logs(config: &Config, base: &Path) -> Result<LogsAnswer> {
    let keys = Secrets::read(&config.keys, base)?.signer.verifiers();
    let policy = config.witness.policy.as_ref().map(|policy| base.join(policy));
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
    Ok(LogsAnswer {
        origin: config.log.origin.clone(),
        keys: keys.iter().map(VerifierKey::to_string).collect(),
        witnesses: policy.map(read).transpose()?,
    })
}

/// The registry as it will be. Everything that the gateway refuses is refused here, before anything is written.
fn enter(asked: &CheckedRequest, config: &Config, base: &Path, registered: Registered) -> Result<Entered> {
    let (statement, registry) = (&asked.statement, &config.registry);
    ensure!(
        statement.trust_domain == registry.trust_domain,
        "the request is for trust domain {}, and this exchange is {}",
        statement.trust_domain,
        registry.trust_domain
    );
    let directory = registry
        .directory
        .as_ref()
        .context("agencies are added to a directory of records: set `registry.directory` in the configuration first")?;
    if registry.agencies.iter().any(|agency| agency.id == statement.agency) {
        bail!("{} stands in the configuration itself, which this command does not change", statement.agency);
    }
    let file = base.join(directory).join(format!("{}.toml", statement.agency));
    let mut agencies = registry.all_agencies(base)?;
    let before = agencies.iter().position(|agency| agency.id == statement.agency).map(|at| agencies.remove(at));
    if before.is_some() && !file.exists() {
        bail!("{} has a record in {} under another name", statement.agency, directory.display());
    }
    let record = record(asked, before, registered)?;
    agencies.push(record.clone());
    let whole = crate::identity::registry::RegistryConfig { agencies, directory: None, ..registry.clone() };
    let registry = Registry::load(&whole, base, &config.jurisdictions)?;
    Ok(Entered { registry, record, file })
}

/// The record of the agency, given the one that it had. What a request does not speak of stays as the operator had it.
fn record(asked: &CheckedRequest, before: Option<AgencyConfig>, registered: Registered) -> Result<AgencyConfig> {
    let statement = &asked.statement;
    let keys = asked.token_keys.iter().map(|(kid, key)| KeyConfig {
        kid: kid.clone(),
        algorithm: key.algorithm,
        public_key: PemSource(key.public_pem()),
    });
    let token = IssuerConfig { issuer: statement.issuer.clone(), jwks: None, keys: keys.collect() };
    let record = AgencyConfig {
        id: statement.agency.clone(),
        kind: statement.kind,
        class: statement.class,
        jurisdictions: statement.jurisdictions.clone(),
        ori: statement.ori.clone(),
        facilities: before.as_ref().map(|before| before.facilities.clone()).unwrap_or_default(),
        time_zone: before.as_ref().and_then(|before| before.time_zone.clone()),
        facility_time_zones: before.as_ref().map(|before| before.facility_time_zones.clone()).unwrap_or_default(),
        token: Some(token),
    };
    let Some(before) = before else { return Ok(record) };
    let rolled = beside(&record, &before);
    match registered {
        Registered::Replace => Ok(record),
        Registered::Beside if (AgencyConfig { token: before.token.clone(), ..record.clone() }) == before => Ok(rolled),
        Registered::Beside => bail!("{} is registered otherwise: only keys can stand beside each other", record.id),
        // Another certificate for what stands there.
        Registered::Refuse if rolled == before => Ok(before),
        Registered::Refuse => bail!(
            "{} is registered already, with other keys or as something else: --beside keeps its keys for a time, \
             --replace ends them",
            record.id
        ),
    }
}

/// The record with the keys that the agency had before, and its new ones behind them.
fn beside(record: &AgencyConfig, before: &AgencyConfig) -> AgencyConfig {
    let mut rolled = record.clone();
    if let (Some(token), Some(had)) = (&mut rolled.token, &before.token) {
        let new = std::mem::take(&mut token.keys);
        token.jwks.clone_from(&had.jwks);
        token.keys.clone_from(&had.keys);
        token.keys.extend(new.into_iter().filter(|key| !had.keys.contains(key)));
    }
    rolled
}

/// The certificate is of the key that asked, and the gateway would take it for the agency's.
fn check_certificate(asked: &CheckedRequest, certificate_pem: &str, registry: &Registry, now: Timestamp) -> Result<()> {
    let chain = pem::certificates(certificate_pem.as_bytes())
        .map_err(|why| anyhow::anyhow!("the certificate's file {}", why.word()))?;
    let id: &AgencyId = &asked.statement.agency;
    let peer =
        identify(&chain, registry, now).with_context(|| format!("the certificate would not be taken for {id}'s"))?;
    ensure!(peer.agency == *id, "the certificate is of {}, and the request of {id}", peer.agency);
    let is_same = chain.first().is_some_and(|leaf| asked.certificate_request.is_of(leaf));
    ensure!(is_same, "the certificate is of another key than the request");
    Ok(())
}
