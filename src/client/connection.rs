//! One connection to a gateway at a time. It is replaced when the certificate files change or when it has gone silent.
//!
//! A replaced connection stays open until its calls are answered and its streams have ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use tokio::sync::Mutex;
use tonic::transport::Channel;

use crate::client::credentials::{CredentialSource, Credentials};
use crate::client::error::Error;
use crate::client::tls::{Addresses, TlsError, client_tls, connect_lazy, connect_to};

/// Keeps the current connection, and replaces it.
#[derive(Debug)]
pub(super) struct Connection {
    addresses: Arc<Addresses>,
    server_name: String,
    source: CredentialSource,
    /// How often files are checked.
    interval: Duration,
    line: ArcSwap<LiveConnection>,
    checked: Mutex<LastRead>,
}

/// A channel. It reconnects by itself as long as the credentials stay the same.
#[derive(Debug)]
pub(super) struct LiveConnection {
    pub(super) channel: Channel,
    tls: Arc<ClientConfig>,
}

/// The credentials that were read last, and when they were read.
#[derive(Debug)]
struct LastRead {
    credentials: Credentials,
    at: Instant,
}

impl Connection {
    pub(super) async fn open(
        address: &str,
        server_name: String,
        source: CredentialSource,
        interval: Duration,
    ) -> Result<Self, Error> {
        let credentials = source.read().await?;
        let tls = tls_of(&credentials)?;
        let addresses = Arc::new(Addresses::of(address));
        let channel = connect_to(&addresses, &server_name, Arc::clone(&tls)).await?;
        let checked = Mutex::new(LastRead { credentials, at: Instant::now() });
        Ok(Self {
            addresses,
            server_name,
            source,
            interval,
            line: ArcSwap::from_pointee(LiveConnection { channel, tls }),
            checked,
        })
    }

    /// The connection for the next call.
    pub(super) async fn line(&self) -> Arc<LiveConnection> {
        if matches!(self.source, CredentialSource::Files(_))
            // One call checks the files; the others use the current connection.
            && let Ok(mut checked) = self.checked.try_lock()
            && checked.at.elapsed() >= self.interval
        {
            self.read_again(&mut checked).await;
        }
        self.line.load_full()
    }

    /// Reads the files at once, because the caller was refused. Returns whether the credentials have changed.
    pub(super) async fn renew(&self, refused: &LiveConnection) -> bool {
        let mut checked = self.checked.lock().await;
        self.read_again(&mut checked).await;
        !Arc::ptr_eq(&self.line.load().tls, &refused.tls)
    }

    /// Replaces a silent connection, unless it is replaced already.
    pub(super) fn replace(&self, silent: &Arc<LiveConnection>) {
        if Arc::ptr_eq(&self.line.load(), silent) {
            self.connect_anew(Arc::clone(&silent.tls));
        }
    }

    /// Switches to the next gateway, if there are several, because this one cannot answer now.
    pub(super) fn switch_gateway(&self, unavailable: &Arc<LiveConnection>) {
        if self.addresses.are_several() {
            self.replace(unavailable);
        }
    }

    /// The current connection, without checking the files.
    pub(super) fn current(&self) -> Arc<LiveConnection> {
        self.line.load_full()
    }

    async fn read_again(&self, checked: &mut LastRead) {
        checked.at = Instant::now();
        let read = async {
            let credentials = self.source.read().await?;
            let changed = credentials != checked.credentials;
            Ok::<_, TlsError>(if changed { Some((tls_of(&credentials)?, credentials)) } else { None })
        };
        match read.await {
            Ok(None) => {}
            Ok(Some((tls, credentials))) => {
                tracing::info!("the client's certificate files changed; connecting anew");
                checked.credentials = credentials;
                self.connect_anew(tls);
            }
            // The certificate and its key may be in the middle of being replaced. They are read again after the
            // interval.
            Err(error) => tracing::warn!(%error, "the client's certificate files cannot be used; keeping the old ones"),
        }
    }

    fn connect_anew(&self, tls: Arc<ClientConfig>) {
        match connect_lazy(&self.addresses, &self.server_name, Arc::clone(&tls)) {
            Ok(channel) => self.line.store(Arc::new(LiveConnection { channel, tls })),
            Err(error) => tracing::warn!(%error, "cannot connect anew; keeping the old connection"),
        }
    }
}

fn tls_of(credentials: &Credentials) -> Result<Arc<ClientConfig>, TlsError> {
    let Credentials { authorities_pem, certificate_pem, key_pem } = credentials;
    Ok(Arc::new(client_tls(authorities_pem, certificate_pem, key_pem)?))
}
