//! Limits how fast one agency may call, so that none can keep the others waiting.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
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

/// How often each agency does something. The rate may be changed while it is used.
pub struct AgencyRate {
    // INVARIANT: there are no more keys than agencies, since only the acceptor makes an identity.
    in_force: ArcSwap<(Quota, DefaultKeyedRateLimiter<AgencyId>)>,
}

impl AgencyRate {
    /// Allows so many a second, and so many at once.
    pub fn new(per_s: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { in_force: ArcSwap::from_pointee(Self::limiter(Quota::per_second(per_s).allow_burst(burst))) }
    }

    /// Allows another rate from now on. Where it is another, each agency begins with a whole burst.
    pub fn allow(&self, per_s: NonZeroU32, burst: NonZeroU32) {
        let quota = Quota::per_second(per_s).allow_burst(burst);
        if self.in_force.load().0 != quota {
            self.in_force.store(Arc::new(Self::limiter(quota)));
        }
    }

    /// Counts one of an agency, or says how long it must wait.
    pub fn check(&self, agency: &AgencyId) -> Result<(), RateExceeded> {
        self.in_force
            .load()
            .1
            .check_key(agency)
            .map_err(|until| RateExceeded { retry_after: until.wait_time_from(DefaultClock::default().now()) })
    }

    fn limiter(quota: Quota) -> (Quota, DefaultKeyedRateLimiter<AgencyId>) {
        (quota, RateLimiter::keyed(quota))
    }
}

impl fmt::Debug for AgencyRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgencyRate")
    }
}

/// Refuses with [`RateExceeded`]. Stands before authentication and counts by certificate alone, so that a flood of bad
/// tokens counts too. A request without an identity passes: authentication refuses it.
#[derive(Debug, Clone)]
pub struct RateLimitLayer {
    rate: Arc<AgencyRate>,
}

impl RateLimitLayer {
    /// Clones share their counters.
    pub fn new(config: &Config) -> Self {
        Self { rate: Arc::new(AgencyRate::new(config.requests_per_s, config.burst)) }
    }

    /// Limits by another configuration from now on.
    pub fn allow(&self, config: &Config) {
        self.rate.allow(config.requests_per_s, config.burst);
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
        match peer.map(|peer| self.layer.rate.check(&peer.agency)) {
            Some(Err(exceeded)) => Either::Left(ready(Err(exceeded.into()))),
            Some(Ok(())) | None => Either::Right(self.inner.call(request).map_err(Into::into)),
        }
    }
}
