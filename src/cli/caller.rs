//! The caller that a command acts for, and the gateway's address.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use crate::client::{self, CredentialFiles, TokenSource};
use crate::config::Config;
use crate::domain::agency::ActorKind;
use crate::sandbox;

/// How long a minted token is valid, in seconds.
const TOKEN_LIFETIME_S: u32 = 900;

/// Who calls, and where.
#[derive(Debug, Args)]
pub(super) struct CallerArgs {
    /// An agency of a sandbox, as us-ice, with a token minted for the call.
    #[arg(long = "as", value_name = "AGENCY")]
    agency: Option<String>,
    /// The sandbox.
    #[arg(long, alias = "directory", default_value = "comity-dev")]
    dir: PathBuf,
    /// An officer of the agency, and not its unattended system.
    #[arg(long, requires = "agency")]
    officer: bool,
    /// The agency's certificate chain, PEM.
    #[arg(long, value_name = "FILE", requires = "key", requires = "authorities", conflicts_with = "agency")]
    certificate: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Certificates of the authorities that may vouch for the gateway, PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    authorities: Option<PathBuf>,
    /// A token bound to the certificate. Default: none is sent.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    token: Option<PathBuf>,
    /// The gateway, as host:port.
    #[arg(long, default_value = "127.0.0.1:8443")]
    address: String,
    /// Whose certificate is expected there.
    #[arg(long, default_value = "localhost")]
    server_name: String,
}

impl CallerArgs {
    /// The agency of a sandbox that calls, if it is one.
    pub(super) fn agency(&self) -> Option<&str> {
        self.agency.as_deref()
    }

    /// The sandbox.
    pub(super) fn directory(&self) -> &Path {
        &self.dir
    }

    /// Whether somebody is said to call.
    pub(super) fn is_given(&self) -> bool {
        self.agency.is_some() || self.certificate.is_some()
    }

    /// The client configuration for this caller.
    pub(super) fn config(&self) -> Result<client::Config> {
        let (credentials, token) = match (&self.agency, &self.certificate, &self.key, &self.authorities) {
            (Some(agency), ..) => (sandbox::credential_files(&self.dir, agency), self.minted(&self.dir, agency)?),
            (None, Some(certificate), Some(key), Some(authorities)) => {
                let files = CredentialFiles {
                    authorities: authorities.clone(),
                    certificate: certificate.clone(),
                    key: key.clone(),
                };
                (files, self.token.clone().map_or(TokenSource::Absent, TokenSource::File))
            }
            (None, ..) => bail!("who calls is said with --as <AGENCY>, or with --certificate, --key and --authorities"),
        };
        let config = client::Config::new(&*self.address, &*self.server_name, credentials, token);
        // Of a sandbox the key is at hand. Else receipts are checked but for who signed them.
        let key = self.agency.as_ref().and_then(|_| sandbox::log_key(&self.dir));
        Ok(key.into_iter().fold(config, client::Config::pinning))
    }

    /// Mints tokens with the agency's own key, which a sandbox keeps.
    fn minted(&self, dir: &Path, agency: &str) -> Result<TokenSource> {
        let audience = Config::read(&dir.join(sandbox::CONFIG_FILE))?.token.audience;
        let actor = if self.officer { ActorKind::Officer } else { ActorKind::System };
        let (dir, agency) = (dir.to_owned(), agency.to_owned());
        let subject = format!("{agency}-{}", actor.word());
        Ok(TokenSource::minted_by(move || {
            let token = sandbox::mint_for(&dir, &audience, &agency, &subject, actor, TOKEN_LIFETIME_S);
            async move { Ok(token?) }
        }))
    }
}
