//! Limits how fast one agency may call, so that none can keep the others waiting.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, MapErr, Ready, TryFutureExt, ready};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tower::{BoxError, Layer, Service};

use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;

/// The rate allowed to each agency.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The sustained rate.
    pub requests_per_s: NonZeroU32,
    /// The largest burst.
    pub burst: NonZeroU32,
    /// Items of bulk streams that an agency may have taken in a second, and at once. Above that its streams are read later.
    pub bulk_items_per_s: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        let rate = |per_s: u32| NonZeroU32::MIN.saturating_add(per_s.saturating_sub(1));
        Self { requests_per_s: rate(1_000), burst: rate(2_000), bulk_items_per_s: rate(10_000) }
    }
}

/// An agency calls faster than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests of this agency")]
pub struct RateExceeded {
    /// When the next request would be admitted.
    pub retry_after: Duration,
}

/// Refuses with [`RateExceeded`]. Stands before authentication and counts by certificate alone, so that a flood of bad
/// tokens counts too. A request without an identity passes: authentication refuses it.
#[derive(Clone)]
pub struct RateLimitLayer {
    limiter: Arc<DefaultKeyedRateLimiter<AgencyId>>,
}

impl RateLimitLayer {
    /// Clones share their counters.
    // INVARIANT: there are no more keys than agencies, since only the acceptor makes a PeerIdentity.
    pub fn new(config: &Config) -> Self {
        let quota = Quota::per_second(config.requests_per_s).allow_burst(config.burst);
        Self { limiter: Arc::new(RateLimiter::keyed(quota)) }
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateLimitLayer")
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, layer: self.clone() }
    }
}

/// The service of [`RateLimitLayer`].
#[derive(Debug, Clone)]
pub struct RateLimit<S> {
    inner: S,
    layer: RateLimitLayer,
}

impl<S, B> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<Ready<Result<S::Response, BoxError>>, MapErr<S::Future, fn(S::Error) -> BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<PeerIdentity>();
        match peer.map(|peer| self.layer.limiter.check_key(&peer.agency)) {
            Some(Err(until)) => {
                let retry_after = until.wait_time_from(DefaultClock::default().now());
                Either::Left(ready(Err(RateExceeded { retry_after }.into())))
            }
            Some(Ok(())) | None => Either::Right(self.inner.call(request).map_err(Into::into)),
        }
    }
}
