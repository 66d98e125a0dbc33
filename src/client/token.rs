//! The bound token that goes with every call, renewed before it expires.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;
use tower::BoxError;

use crate::client::error::Error;

/// A token is renewed so long before its end, or when four fifths of its time are over if that is later.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(60);

type Mint = dyn Fn() -> BoxFuture<'static, Result<String, BoxError>> + Send + Sync;

/// Where tokens come from.
#[derive(Clone)]
pub enum TokenSource {
    /// None is sent: the certificate alone says who is calling.
    Absent,
    /// This one, for good.
    Fixed(String),
    /// A file, read again when it changes.
    File(PathBuf),
    /// Asked for a new one before the last expires, by its own `exp`. Made by [`TokenSource::minted_by`].
    Minted(Arc<Mint>),
}

impl TokenSource {
    /// Tokens as a function gives them, as one that asks the agency's issuer.
    pub fn minted_by<F>(mint: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, BoxError>> + Send + 'static,
    {
        Self::Minted(Arc::new(move || Box::pin(mint())))
    }

    async fn take(&self) -> Result<String, BoxError> {
        match self {
            Self::Absent => Ok(String::new()),
            Self::Fixed(token) => Ok(token.clone()),
            Self::File(path) => Ok(tokio::fs::read_to_string(path).await?),
            Self::Minted(mint) => mint().await,
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("TokenSource::Absent"),
            Self::Fixed(_) => f.write_str("TokenSource::Fixed(withheld)"),
            Self::File(path) => write!(f, "TokenSource::File({})", path.display()),
            Self::Minted(_) => f.write_str("TokenSource::Minted"),
        }
    }
}

/// Empty: none is sent.
impl From<String> for TokenSource {
    fn from(token: String) -> Self {
        if token.trim().is_empty() { Self::Absent } else { Self::Fixed(token) }
    }
}

impl From<&str> for TokenSource {
    fn from(token: &str) -> Self {
        token.to_owned().into()
    }
}

/// The token that is sent now.
pub(super) struct TokenCache {
    source: TokenSource,
    /// How often a file is read, and how soon after a failure a source is asked again.
    interval: Duration,
    held: ArcSwapOption<CachedToken>,
    /// One asks the source; the others go on with what is held, while it is good.
    asking: Mutex<()>,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.source)
    }
}

#[derive(Clone)]
struct CachedToken {
    /// `Bearer ...`. None is sent for an empty token.
    header: Option<HeaderValue>,
    asked_at: Instant,
    renew_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl TokenCache {
    pub(super) fn new(source: TokenSource, interval: Duration) -> Self {
        Self { source, interval, held: ArcSwapOption::empty(), asking: Mutex::new(()) }
    }

    /// The header to send.
    pub(super) async fn bearer(&self) -> Result<Option<HeaderValue>, Error> {
        let held = self.held.load_full();
        if let Some(held) = &held
            && !self.is_due(held)
        {
            return Ok(held.header.clone());
        }
        let good = held.filter(|held| held.expires_at.is_none_or(|end| Timestamp::now() < end));
        let asking = match &good {
            None => self.asking.lock().await,
            Some(held) => match self.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(held.header.clone()),
            },
        };
        // Somebody else may have asked while this call waited.
        if let Some(held) = &*self.held.load()
            && !self.is_due(held)
        {
            return Ok(held.header.clone());
        }
        match (self.ask().await, good) {
            (Ok(held), _) => {
                self.held.store(Some(Arc::clone(&held)));
                Ok(held.header.clone())
            }
            (Err(error), Some(held)) => {
                tracing::warn!(%error, "no new token; the last one is still good");
                self.held.store(Some(Arc::new(CachedToken { asked_at: Instant::now(), ..CachedToken::clone(&held) })));
                drop(asking);
                Ok(held.header.clone())
            }
            (Err(error), None) => Err(Error::Token(error.into())),
        }
    }

    /// Asks the source at once, since a token was refused. Whether there is another one now.
    pub(super) async fn renew(&self, refused: Option<&HeaderValue>) -> bool {
        if matches!(self.source, TokenSource::Absent | TokenSource::Fixed(_)) {
            return false;
        }
        let _asking = self.asking.lock().await;
        // Somebody else may have asked meanwhile.
        if self.held.load().as_ref().is_some_and(|held| held.header.as_ref() != refused) {
            return true;
        }
        let Ok(renewed) = self.ask().await else { return false };
        let differs = renewed.header.as_ref() != refused;
        self.held.store(Some(renewed));
        differs
    }

    /// Whether the source should be asked.
    fn is_due(&self, held: &CachedToken) -> bool {
        let rested = held.asked_at.elapsed() >= self.interval;
        match &self.source {
            TokenSource::Absent | TokenSource::Fixed(_) => false,
            TokenSource::File(_) => rested,
            TokenSource::Minted(_) => rested && held.renew_at.is_some_and(|at| Timestamp::now() >= at),
        }
    }

    async fn ask(&self) -> Result<Arc<CachedToken>, BoxError> {
        let token = self.source.take().await?;
        let token = token.trim();
        let header = match (&self.source, token) {
            (TokenSource::Absent, _) => None,
            // As a file is while it is being written.
            (_, "") => return Err("the token is empty".into()),
            (_, token) => Some(bearer(token)?),
        };
        let now = Timestamp::now();
        let expires_at = expiry(token);
        let renew_at = expires_at.map(|end| {
            let fifth = end.duration_since(now).checked_div(5).unwrap_or_default();
            end.checked_sub(RENEW_BEFORE.min(fifth)).unwrap_or(end)
        });
        Ok(Arc::new(CachedToken { header, asked_at: Instant::now(), renew_at, expires_at }))
    }
}

fn bearer(token: &str) -> Result<HeaderValue, BoxError> {
    let mut header =
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| "the token has characters that no token has")?;
    header.set_sensitive(true);
    Ok(header)
}

/// When a token says that it ends. It is not verified, and nothing is trusted for it: only when to ask for the next.
fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(claims.exp).ok()
}

#[cfg(test)]
mod tests;
