//! The bound token of every call, renewed before it expires.

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

/// How long before its end a token is renewed, or after four fifths of its lifetime if that is later.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(60);

type Mint = dyn Fn() -> BoxFuture<'static, Result<String, BoxError>> + Send + Sync;

/// Where tokens come from.
#[derive(Clone)]
pub enum TokenSource {
    /// No token is sent; the certificate alone identifies the caller.
    Absent,
    /// This token, always.
    Fixed(String),
    /// A file that is read again when it changes.
    File(PathBuf),
    /// A function that is asked for a new token before the last one expires, by its `exp`. Made by
    /// [`TokenSource::minted_by`].
    Minted(Arc<Mint>),
}

impl TokenSource {
    /// Takes tokens from a function, such as one that asks the agency's issuer.
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

/// An empty token means that none is sent.
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

/// Keeps the current token.
pub(super) struct TokenCache {
    source: TokenSource,
    /// How often a file is read, and how soon after a failure the source is asked again.
    interval: Duration,
    held: ArcSwapOption<CachedToken>,
    /// One call asks the source; the others use the current token while it is valid.
    asking: Mutex<()>,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.source)
    }
}

#[derive(Clone)]
struct CachedToken {
    /// `Bearer ...`. `None` for an empty token.
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
        // Another call may have asked while this one waited.
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

    /// Asks the source at once, because a token was refused. Returns whether there is another token now.
    pub(super) async fn renew(&self, refused: Option<&HeaderValue>) -> bool {
        if matches!(self.source, TokenSource::Absent | TokenSource::Fixed(_)) {
            return false;
        }
        let _asking = self.asking.lock().await;
        // Another call may have asked meanwhile.
        if self.held.load().as_ref().is_some_and(|held| held.header.as_ref() != refused) {
            return true;
        }
        let Ok(renewed) = self.ask().await else { return false };
        let differs = renewed.header.as_ref() != refused;
        self.held.store(Some(renewed));
        differs
    }

    /// Whether the source should be asked again.
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
            // A file may be empty while it is being written.
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

/// When a token says that it expires. It is not verified and used only to decide when to ask for the next.
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
