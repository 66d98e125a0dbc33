//! One connection to a gateway at a time, replaced when the certificate files change or when it has gone silent.
//!
//! A replaced connection lives on until what was asked over it is answered and what is streamed over it has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use tokio::sync::Mutex;
use tonic::transport::Channel;

use crate::client::credentials::{CredentialSource, Credentials};
use crate::client::error::Error;
use crate::client::tls::{Addresses, TlsError, client_tls, connect_lazy, connect_to};

/// Where the gateway is, and who we are to it.
#[derive(Debug)]
pub(super) struct Connection {
    addresses: Arc<Addresses>,
    server_name: String,
    source: CredentialSource,
    /// How often files are read.
    interval: Duration,
    line: ArcSwap<LiveConnection>,
    checked: Mutex<LastRead>,
}

/// A channel, which reconnects by itself while the credentials are the same.
#[derive(Debug)]
pub(super) struct LiveConnection {
    pub(super) channel: Channel,
    tls: Arc<ClientConfig>,
}

/// What the line was made with, and when the files were last looked at.
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

    /// The line to call over.
    pub(super) async fn line(&self) -> Arc<LiveConnection> {
        if matches!(self.source, CredentialSource::Files(_))
            // One looks; the others go on with what there is.
            && let Ok(mut checked) = self.checked.try_lock()
            && checked.at.elapsed() >= self.interval
        {
            self.read_again(&mut checked).await;
        }
        self.line.load_full()
    }

    /// Reads the files at once, since the caller was refused. Whether there are others now.
    pub(super) async fn renew(&self, refused: &LiveConnection) -> bool {
        let mut checked = self.checked.lock().await;
        self.read_again(&mut checked).await;
        !Arc::ptr_eq(&self.line.load().tls, &refused.tls)
    }

    /// Calls go over another connection from now on, unless they already do.
    pub(super) fn replace(&self, silent: &Arc<LiveConnection>) {
        if Arc::ptr_eq(&self.line.load(), silent) {
            self.connect_anew(Arc::clone(&silent.tls));
        }
    }

    /// The gateway there cannot answer now: where there are others, calls go to the next one from now on.
    pub(super) fn switch_gateway(&self, unavailable: &Arc<LiveConnection>) {
        if self.addresses.are_several() {
            self.replace(unavailable);
        }
    }

    /// The line as it is, its files not looked at.
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
            // As between the certificate and its key being replaced: they are looked at again after the interval.
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
