//! Limits on calls, in all and for each agency, so that what one of them never finishes leaves the others theirs. Above a limit
//! a call is refused at once, and does not queue.
//!
//! A call is in flight until it is answered, and open until its answer has been taken: an answer that nobody reads holds
//! memory too. Health is asked without a place in flight; what it has open is counted by itself.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tower::load_shed::error::Overloaded;
use tower::{BoxError, Layer, Service};

use crate::config::Config;
use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;
use crate::quota::{Quota, Reservation};

const HEALTH: &str = "/grpc.health.v1.Health/";
/// Questions of health that one agency has open, `Watch` among them. Its load balancers ask few.
const HEALTH_PER_AGENCY_MAX: usize = 64;

/// The places, over all workers.
#[derive(Debug, Clone)]
pub(super) struct InFlightLayer {
    in_flight: Arc<Quota<AgencyId>>,
    open: Arc<Quota<AgencyId>>,
    open_health: Arc<Quota<AgencyId>>,
}

impl InFlightLayer {
    pub(super) fn new(config: &Config) -> Self {
        let config = &config.server;
        Self {
            in_flight: Quota::new(config.in_flight_per_agency_max, config.in_flight_max),
            open: Quota::new(config.open_per_agency_max, usize::MAX),
            open_health: Quota::new(HEALTH_PER_AGENCY_MAX, usize::MAX),
        }
    }

    /// A place among the open, and one in flight where the call needs one. None: there is no room.
    fn take(&self, agency: &AgencyId, path: &str) -> Option<(Reservation<AgencyId>, Option<Reservation<AgencyId>>)> {
        if path.starts_with(HEALTH) {
            return Some((self.open_health.take(agency)?, None));
        }
        Some((self.open.take(agency)?, Some(self.in_flight.take(agency)?)))
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> InFlight<S> {
        InFlight { inner, limits: self.clone() }
    }
}

/// Takes a place for each call.
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
        let Some((open, in_flight)) = peer.and_then(|peer| self.limits.take(&peer.agency, request.uri().path())) else {
            return Box::pin(async { Err(Overloaded::new().into()) });
        };
        let answered = self.inner.call(request);
        Box::pin(async move {
            let answer = answered.await;
            drop(in_flight);
            // A body is dropped when the peer has taken nearly all of it, or has gone.
            let held = move |frame| {
                let _open = &open;
                frame
            };
            answer.map(|answer| answer.map(|body| Body::new(body.map_frame(held)))).map_err(Into::into)
        })
    }
}
