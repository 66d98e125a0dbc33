//! Limits on open calls, in total and for each agency, so that one agency's unfinished calls leave room for the others.
//! A call above a limit is refused at once and never queued.
//!
//! A call is in flight until it is answered. It is open until its answer has been read, since an unread answer holds
//! memory too. Health calls take no place in flight; open ones are counted separately.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tower::{BoxError, Layer, Service};

use crate::api::status::{LimitOwner, TooManyCalls};
use crate::config::ServerConfig;
use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;
use crate::quota::{Exceeded, Quota, Reservation};

const HEALTH: &str = "/grpc.health.v1.Health/";
/// Open health calls of one agency, `Watch` among them. An agency's load balancers make few.
const HEALTH_PER_AGENCY_MAX: usize = 64;

/// Among open calls, and in flight.
type Places = (Reservation<AgencyId>, Option<Reservation<AgencyId>>);

/// The limits, shared by all workers.
#[derive(Debug, Clone)]
pub(super) struct InFlightLayer {
    in_flight: Arc<Quota<AgencyId>>,
    open: Arc<Quota<AgencyId>>,
    open_health: Arc<Quota<AgencyId>>,
}

impl InFlightLayer {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            in_flight: Quota::new(config.in_flight_per_agency_max, config.in_flight_max),
            open: Quota::new(config.open_per_agency_max, usize::MAX),
            open_health: Quota::new(HEALTH_PER_AGENCY_MAX, usize::MAX),
        }
    }

    /// Limits by another configuration from now on.
    pub(super) fn allow(&self, config: &ServerConfig) {
        self.in_flight.allow(config.in_flight_per_agency_max, config.in_flight_max);
        self.open.allow(config.open_per_agency_max, usize::MAX);
    }

    /// Reserves a place among open calls, and one in flight if the call needs one.
    fn take(&self, agency: &AgencyId, path: &str) -> Result<Places, Exceeded> {
        if path.starts_with(HEALTH) {
            return Ok((self.open_health.take(agency)?, None));
        }
        Ok((self.open.take(agency)?, Some(self.in_flight.take(agency)?)))
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> InFlight<S> {
        InFlight { inner, limits: self.clone() }
    }
}

/// Whose limit of calls or bytes was exceeded.
pub(super) fn limit_owner(exceeded: Exceeded) -> LimitOwner {
    match exceeded {
        Exceeded::Each => LimitOwner::Agency,
        Exceeded::All => LimitOwner::Gateway,
    }
}

/// Reserves a place for each call.
#[derive(Debug, Clone)]
pub(super) struct InFlight<S> {
    inner: S,
    limits: InFlightLayer,
}

impl<S, B> Service<Request<B>> for InFlight<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<PeerIdentity>();
        // Only the acceptor makes connections, so every call has an agency.
        let places = peer.ok_or(Exceeded::All).and_then(|peer| self.limits.take(&peer.agency, request.uri().path()));
        let (open, in_flight) = match places {
            Ok(places) => places,
            Err(exceeded) => {
                let refused = TooManyCalls(limit_owner(exceeded));
                return Box::pin(async move { Err(refused.into()) });
            }
        };
        let answered = self.inner.call(request);
        Box::pin(async move {
            let answer = answered.await;
            drop(in_flight);
            // The body is dropped when the peer has read nearly all of it, or is gone.
            let held = move |frame| {
                let _open = &open;
                frame
            };
            answer.map(|answer| answer.map(|body| Body::new(body.map_frame(held)))).map_err(Into::into)
        })
    }
}
