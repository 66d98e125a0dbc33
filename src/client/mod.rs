//! Our own client: mutual TLS and a bound token on every call.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use comity::client::{Client, Credentials};
//! use comity::wire::v1::ListDetainersRequest;
//!
//! let credentials = Credentials {
//!     authorities_pem: std::fs::read("certs/gateway-ca.pem")?,
//!     certificate_pem: std::fs::read("certs/us-ice.pem")?,
//!     key_pem: std::fs::read("certs/us-ice.key")?,
//! };
//! let token = std::fs::read_to_string("tokens/us-ice.jwt")?;
//! let client = Client::connect("127.0.0.1:8443", "localhost", &credentials, &token).await?;
//! let request = ListDetainersRequest { parent: "jurisdictions/us-ny".into(), ..Default::default() };
//! let detainers = client.detainers().list_detainers(request).await?.into_inner().detainers;
//! # Ok(()) }
//! ```

pub mod tls;

use std::fmt;
use std::sync::Arc;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::client::tls::{TlsError, client_tls, connect};
use crate::wire::v1::custody_service_client::CustodyServiceClient;
use crate::wire::v1::detainer_service_client::DetainerServiceClient;
use crate::wire::v1::inbox_service_client::InboxServiceClient;
use crate::wire::v1::ledger_service_client::LedgerServiceClient;
use crate::wire::v1::transfer_service_client::TransferServiceClient;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Certificates, address or handshake.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A token is visible ASCII.
    #[error("the token has characters that no token has")]
    Token,
}

/// An agency's certificate and key, and whom it trusts to be the gateway.
#[derive(Clone)]
pub struct Credentials {
    /// Certificates of the authorities that may vouch for the gateway, PEM.
    pub authorities_pem: Vec<u8>,
    /// The agency's certificate chain, leaf first, PEM.
    pub certificate_pem: Vec<u8>,
    /// Its private key, PEM.
    pub key_pem: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(withheld)")
    }
}

/// A connection that reconnects by itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    bearer: Bearer,
}

/// A channel that puts the token on every call.
pub type Authorized = InterceptedService<Channel, Bearer>;

impl Client {
    /// Connects to `host:port`, where a certificate of `server_name` is expected. An empty token sends none.
    pub async fn connect(
        address: &str,
        server_name: &str,
        credentials: &Credentials,
        token: &str,
    ) -> Result<Self, ClientError> {
        let Credentials { authorities_pem, certificate_pem, key_pem } = credentials;
        let tls = client_tls(authorities_pem, certificate_pem, key_pem)?;
        let channel = connect(address, server_name, Arc::new(tls)).await?;
        Ok(Self { channel, bearer: Bearer::new(token)? })
    }

    /// The same connection with another token.
    pub fn with_token(&self, token: &str) -> Result<Self, ClientError> {
        Ok(Self { channel: self.channel.clone(), bearer: Bearer::new(token)? })
    }

    /// Detainers.
    pub fn detainers(&self) -> DetainerServiceClient<Authorized> {
        DetainerServiceClient::new(self.authorized())
    }

    /// Custodies.
    pub fn custodies(&self) -> CustodyServiceClient<Authorized> {
        CustodyServiceClient::new(self.authorized())
    }

    /// Pick-ups.
    pub fn transfers(&self) -> TransferServiceClient<Authorized> {
        TransferServiceClient::new(self.authorized())
    }

    /// Inboxes.
    pub fn inbox(&self) -> InboxServiceClient<Authorized> {
        InboxServiceClient::new(self.authorized())
    }

    /// Evidence.
    pub fn ledger(&self) -> LedgerServiceClient<Authorized> {
        LedgerServiceClient::new(self.authorized())
    }

    /// For any other service, such as health.
    pub fn authorized(&self) -> Authorized {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }
}

/// Puts `authorization: Bearer ...` on a call.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: &str) -> Result<Self, ClientError> {
        let token = token.trim();
        if token.is_empty() {
            return Ok(Self(None));
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(withheld)")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
