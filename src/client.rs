//! Our own client. It does what every party on an exchange has to do:
//!
//! * mutual TLS, and a token bound to the certificate on every call. Files are read again when they change, tokens are
//!   renewed before they expire, and a connection is replaced without failing a call;
//! * a request id where the caller set none, and retries that keep the id and obey the gateway's retry hints;
//! * an [`Inbox`] that resumes where it was, whatever happens to its stream;
//! * evidence: every receipt is verified, and so is that a log only grew. A gateway whose log has forked is left alone.
//!
//! It gives out the generated clients, so every method of the contract is available:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use comity::{domain::agency::ActorKind, sandbox::Sandbox, server::{Environment, Gateway}};
//! # let directory = tempfile::tempdir()?;
//! # let sandbox = Sandbox::establish(directory.path())?;
//! # let gateway = Gateway::start(&sandbox.config, sandbox.directory(), Environment::default())?;
//! # let (address, dir) = (gateway.grpc().to_string(), sandbox.directory());
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # runtime.block_on(async {
//! use comity::client::{Client, Config, CredentialFiles, Error, TokenSource};
//! use comity::wire::v1::{ErrorReason, GetDetainerRequest, ListDetainersRequest};
//!
//! let credentials = CredentialFiles {
//!     authorities: dir.join("certs/gateway-ca.pem"),
//!     certificate: dir.join("certs/us-ice.pem"),
//!     key: dir.join("certs/us-ice.key"),
//! };
//! let token = TokenSource::File(dir.join("tokens/us-ice.jwt"));
//! let client = Client::connect(Config::new(address, "localhost", credentials, token)).await?;
//!
//! let request = ListDetainersRequest { parent: "jurisdictions/us-ny".into(), ..Default::default() };
//! let detainers = client.detainers().list_detainers(request).await?.into_inner().detainers;
//! assert!(detainers.is_empty());
//!
//! // What went wrong is a status, as of any generated client; decoded, it says what can be done about it.
//! let request = GetDetainerRequest { name: "jurisdictions/us-ny".into() };
//! let error = Error::from(client.detainers().get_detainer(request).await.unwrap_err());
//! assert_eq!(error.reason(), Some(ErrorReason::InvalidField));
//! assert!(!error.is_temporary());
//! # drop(client);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # drop(runtime);
//! # gateway.stop()?;
//! # Ok(()) }
//! ```

mod calls;
mod connection;
mod credentials;
mod error;
mod evidence;
mod growth;
pub mod http;
mod inbox;
mod retry;
pub mod tls;
mod token;

use std::sync::Arc;
use std::time::Duration;

pub use calls::Authorized;
pub use credentials::{CredentialFiles, CredentialSource, Credentials};
pub use error::{Error, Refused, SharedError};
pub use evidence::{EvidenceError, verify_growth, verify_openings, verify_receipt};
pub use inbox::{Inbox, InboxConfig};
pub use retry::Retry;
pub use token::TokenSource;

use crate::client::connection::Connection;
use crate::client::evidence::Evidence;
use crate::client::token::TokenCache;
use crate::ledger::VerifierKey;
use crate::wire::v1;

/// Where the gateway is, who we are, and how often to retry.
#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port`. Several gateways that serve the same logs are separated by commas; the first one is tried first.
    pub address: String,
    /// The name that the gateway's certificate must have.
    pub server_name: String,
    /// The agency's certificate and key.
    pub credentials: CredentialSource,
    /// The source of tokens.
    pub token: TokenSource,
    /// When calls are sent again.
    pub retry: Retry,
    /// How often files are checked for a change.
    pub reload_interval: Duration,
    /// The pinned public keys of the logs. Without any, receipts and growth are checked all the same, but not who
    /// signed them.
    pub log_keys: Vec<VerifierKey>,
    /// Checkpoints that were kept from before, one for each log, which the logs must have grown from.
    pub checkpoints: Vec<String>,
}

impl Config {
    /// Uses the default retries and checks files every second.
    pub fn new(
        address: impl Into<String>,
        server_name: impl Into<String>,
        credentials: impl Into<CredentialSource>,
        token: impl Into<TokenSource>,
    ) -> Self {
        Self {
            address: address.into(),
            server_name: server_name.into(),
            credentials: credentials.into(),
            token: token.into(),
            retry: Retry::default(),
            reload_interval: Duration::from_secs(1),
            log_keys: Vec::new(),
            checkpoints: Vec::new(),
        }
    }

    /// Pins the public key of the logs.
    #[must_use]
    pub fn pinning(mut self, log_key: VerifierKey) -> Self {
        self.log_keys.push(log_key);
        self
    }

    /// Goes on from checkpoints that were kept ([`Client::checkpoints`]).
    #[must_use]
    pub fn grown_from(mut self, checkpoints: Vec<String>) -> Self {
        self.checkpoints = checkpoints;
        self
    }
}

/// An agency's client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    calls: Authorized,
    reload_interval: Duration,
}

impl Client {
    /// Connects and gets a token.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let Config { address, server_name, credentials, token, retry, reload_interval, log_keys, checkpoints } = config;
        let evidence = Arc::new(Evidence::new(log_keys, &checkpoints)?);
        let token = Arc::new(TokenCache::new(token, reload_interval));
        token.bearer().await?;
        let connection = Connection::open(&address, server_name, credentials, reload_interval).await?;
        Ok(Self { calls: Authorized { connection: Arc::new(connection), token, retry, evidence }, reload_interval })
    }

    /// The same connection with other tokens, such as an officer's.
    #[must_use]
    pub fn with_token(&self, token: impl Into<TokenSource>) -> Self {
        let token = Arc::new(TokenCache::new(token.into(), self.reload_interval));
        Self { calls: Authorized { token, ..self.calls.clone() }, ..self.clone() }
    }

    /// The same connection with other retries.
    #[must_use]
    pub fn with_retry(&self, retry: Retry) -> Self {
        Self { calls: Authorized { retry, ..self.calls.clone() }, ..self.clone() }
    }

    /// The newest checkpoint of each log that was proven to extend all those before it. Keep them over a restart.
    pub fn checkpoints(&self) -> Vec<String> {
        self.calls.evidence.checkpoints()
    }

    /// Verifies a receipt, as is done for every answer of one message. For those that come in a stream.
    pub async fn verify(&self, receipt: &v1::Receipt) -> Result<(), Error> {
        self.calls.check_receipt(receipt).await
    }

    /// For any other generated client, such as health.
    pub fn authorized(&self) -> Authorized {
        self.calls.clone()
    }
}

/// One line for each service of the contract.
macro_rules! services {
    ($($(#[$doc:meta])* $name:ident: $module:ident::$client:ident;)+) => {
        impl Client {
            $($(#[$doc])*
            pub fn $name(&self) -> v1::$module::$client<Authorized> {
                v1::$module::$client::new(self.authorized())
            })+
        }
    };
}

services! {
    /// Detainers.
    detainers: detainer_service_client::DetainerServiceClient;
    /// Custodies.
    custodies: custody_service_client::CustodyServiceClient;
    /// Pick-ups.
    transfers: transfer_service_client::TransferServiceClient;
    /// Appeals.
    appeals: appeal_service_client::AppealServiceClient;
    /// Reviews.
    reviews: review_service_client::ReviewServiceClient;
    /// Obligations.
    obligations: obligation_service_client::ObligationServiceClient;
    /// Rosters.
    rosters: roster_service_client::RosterServiceClient;
    /// Inboxes, call by call. [`Inbox`] resumes by itself.
    inbox: inbox_service_client::InboxServiceClient;
    /// Entries, checkpoints and proofs.
    ledger: ledger_service_client::LedgerServiceClient;
    /// Policies.
    policies: policy_service_client::PolicyServiceClient;
    /// What operators see of a gateway, and do to it.
    admin: admin_service_client::AdminServiceClient;
    /// Figures.
    reports: report_service_client::ReportServiceClient;
}
