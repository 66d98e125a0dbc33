//! What an agency's client goes by: its own directory, as `accept` left it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::{self, CredentialFiles, TokenSource};
use crate::domain::agency::{ActorKind, AgencyKind};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::files::read_secret;
use crate::identity::certificate::Thumbprint;
use crate::identity::key::{MintingKey, TokenAlgorithm};
use crate::identity::mint::{MintClaims, mint};
use crate::ledger::VerifierKey;
use crate::partner::files;

/// Where the gateway is, what tokens must be like, and what receipts are checked against.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who calls.
    pub agency: AgencyId,
    /// Its kind.
    pub kind: AgencyKind,
    /// Where it takes part.
    pub jurisdictions: BTreeSet<JurisdictionId>,
    /// The gateway, as `host:port`, or several separated by commas.
    pub address: String,
    /// Whose certificate is expected there.
    pub server_name: String,
    /// The `iss` of tokens.
    pub issuer: String,
    /// Their `aud`.
    pub audience: String,
    /// The name of the key that signs them.
    pub token_key_id: String,
    /// How long one is valid, in seconds.
    pub token_lifetime_s: u32,
    /// How far the clocks may differ, in seconds.
    pub leeway_s: u32,
    /// What the names of the logs begin with.
    pub origin: String,
    /// C2SP verifier keys of the logs.
    pub log_keys: Vec<String>,
}

impl Settings {
    /// Reads the settings of an agency's directory.
    pub fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(files::SETTINGS);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}: was the approval accepted?", path.display()))?;
        toml::from_str(&text).map_err(|error| anyhow!("{}: {}", path.display(), error.message()))
    }

    /// The public keys of the logs.
    pub fn verifiers(&self) -> Result<Vec<VerifierKey>> {
        self.log_keys.iter().map(|key| Ok(VerifierKey::parse(key)?)).collect()
    }

    /// The origin of a log of a jurisdiction, as its checkpoints name it.
    pub(super) fn origin_of(&self, log: &str) -> String {
        format!("{}/{log}", self.origin)
    }

    /// The configuration of the agency's client, which mints a token with the agency's own key when it needs one.
    pub fn client(&self, directory: &Path, actor: ActorKind) -> Result<client::Config> {
        let token = {
            let (settings, directory) = (self.clone(), directory.to_owned());
            TokenSource::minted_by(move || {
                let token = settings.token(&directory, actor);
                async move { Ok(token?) }
            })
        };
        let config = client::Config::new(&*self.address, &*self.server_name, credential_files(directory), token);
        Ok(self.verifiers()?.into_iter().fold(config, client::Config::pinning))
    }

    /// A token for the agency's certificate.
    pub fn token(&self, directory: &Path, actor: ActorKind) -> Result<String> {
        let path = directory.join(files::CERTIFICATE);
        let pem = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        self.mint(directory, actor, &self.audience, &Thumbprint::of_pem(&pem)?)
    }

    /// A token for any audience and certificate, the wrong ones too.
    pub(super) fn mint(
        &self,
        directory: &Path,
        actor: ActorKind,
        audience: &str,
        thumbprint: &Thumbprint,
    ) -> Result<String> {
        let key = self.minting_key(directory)?;
        let claims = MintClaims {
            issuer: self.issuer.clone(),
            audience: audience.to_owned(),
            subject: format!("{}-{}", self.agency, actor.word()),
            actor,
            issued_at: Timestamp::now(),
            lifetime_s: self.token_lifetime_s,
            token_id: None,
        };
        Ok(mint(&key, &claims, thumbprint)?)
    }

    /// The key that signs the agency's tokens.
    pub(super) fn minting_key(&self, directory: &Path) -> Result<MintingKey> {
        let pem = read_secret(&directory.join(files::TOKEN_KEY))?;
        Ok(MintingKey::from_pkcs8_pem(&self.token_key_id, TokenAlgorithm::EdDsa, &pem)?)
    }
}

/// The files of an agency's certificate and key.
pub(super) fn credential_files(directory: &Path) -> CredentialFiles {
    let at = |name: &str| -> PathBuf { directory.join(name) };
    CredentialFiles { authorities: at(files::AUTHORITIES), certificate: at(files::CERTIFICATE), key: at(files::KEY) }
}
