//! The caller that a command acts for, and the gateway's address.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use crate::client::{self, CredentialFiles, TokenSource};
use crate::config::Config;
use crate::domain::agency::ActorKind;
use crate::partner::Settings;
use crate::sandbox;

/// How long a minted token is valid, in seconds.
const TOKEN_LIFETIME_S: u32 = 900;
/// Where `comity dev` serves, and by which name.
const ADDRESS: &str = "127.0.0.1:8443";
const SERVER_NAME: &str = "localhost";

/// Who calls, and where.
#[derive(Debug, Args)]
pub(super) struct CallerArgs {
    /// An agency of a sandbox, as us-ice, with a token minted for the call.
    #[arg(long = "as", value_name = "AGENCY")]
    agency: Option<String>,
    /// The sandbox.
    #[arg(long, alias = "directory", default_value = "comity-dev")]
    dir: PathBuf,
    /// An agency by its own directory, as `comity partner accept` left it: it says where the gateway is, too.
    #[arg(long, value_name = "DIR", conflicts_with = "agency", conflicts_with = "certificate")]
    partner: Option<PathBuf>,
    /// An officer of the agency, and not its unattended system.
    #[arg(long, conflicts_with = "certificate")]
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
    /// The gateway, as host:port. Default: as --partner says, else 127.0.0.1:8443.
    #[arg(long)]
    address: Option<String>,
    /// Whose certificate is expected there. Default: as --partner says, else localhost.
    #[arg(long)]
    server_name: Option<String>,
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
        self.agency.is_some() || self.certificate.is_some() || self.partner.is_some()
    }

    /// Whether tokens are minted here, so that `--officer` says who acts. Else the given token says it.
    pub(super) fn is_minted(&self) -> bool {
        self.certificate.is_none()
    }

    /// Whether an officer acts.
    pub(super) fn is_officer(&self) -> bool {
        self.officer
    }

    /// The client configuration for this caller.
    pub(super) fn config(&self) -> Result<client::Config> {
        if let Some(directory) = &self.partner {
            let config = Settings::read(directory)?.client(directory, self.actor())?;
            let address = self.address.clone().unwrap_or(config.address);
            let server_name = self.server_name.clone().unwrap_or(config.server_name);
            return Ok(client::Config { address, server_name, ..config });
        }
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
            (None, ..) => bail!(
                "who calls is said with --as <AGENCY>, --partner <DIR>, or with --certificate, --key and --authorities"
            ),
        };
        let address = self.address.as_deref().unwrap_or(ADDRESS);
        let server_name = self.server_name.as_deref().unwrap_or(SERVER_NAME);
        let config = client::Config::new(address, server_name, credentials, token);
        // Of a sandbox the key is at hand. Else receipts are checked but for who signed them.
        let key = self.agency.as_ref().and_then(|_| sandbox::log_key(&self.dir));
        Ok(key.into_iter().fold(config, client::Config::pinning))
    }

    fn actor(&self) -> ActorKind {
        if self.officer { ActorKind::Officer } else { ActorKind::System }
    }

    /// Mints tokens with the agency's own key, which a sandbox keeps.
    fn minted(&self, dir: &Path, agency: &str) -> Result<TokenSource> {
        let audience = Config::read(&dir.join(sandbox::CONFIG_FILE))?.token.audience;
        let actor = self.actor();
        let (dir, agency) = (dir.to_owned(), agency.to_owned());
        let subject = format!("{agency}-{}", actor.word());
        Ok(TokenSource::minted_by(move || {
            let token = sandbox::mint_for(&dir, &audience, &agency, &subject, actor, TOKEN_LIFETIME_S);
            async move { Ok(token?) }
        }))
    }
}
