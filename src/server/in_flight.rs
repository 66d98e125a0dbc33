//! A limit on calls in flight: in all, and for each agency, so that calls which one of them never finishes leave the others
//! theirs. Above either a call is refused at once, and does not queue. Health is asked without a place.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tokio::sync::Semaphore;
use tower::load_shed::error::Overloaded;
use tower::{BoxError, Layer, Service};

use crate::config::ServerConfig;
use crate::domain::ids::AgencyId;
use crate::identity::certificate::PeerIdentity;
use crate::server::shares::Shares;

const HEALTH: &str = "/grpc.health.v1.Health/";

/// The places, over all workers.
#[derive(Debug, Clone)]
pub(super) struct InFlightLayer {
    all: Arc<Semaphore>,
    of_agency: Arc<Shares<AgencyId>>,
}

impl InFlightLayer {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            all: Arc::new(Semaphore::new(config.in_flight_max)),
            of_agency: Shares::new(config.in_flight_per_agency_max),
        }
    }
}

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlight<S>;

    fn layer(&self, inner: S) -> InFlight<S> {
        InFlight { inner, places: self.clone() }
    }
}

/// Takes a place for each call, until it is answered.
#[derive(Debug, Clone)]
pub(super) struct InFlight<S> {
    inner: S,
    places: InFlightLayer,
}

impl<S, B> Service<Request<B>> for InFlight<S>
where
    S: Service<Request<B>, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut held = None;
        if !request.uri().path().starts_with(HEALTH) {
            // First its own: an agency that has none left takes none of the others'.
            let agency = request.extensions().get::<PeerIdentity>().map(|peer| peer.agency.clone());
            let own = agency.and_then(|agency| self.places.of_agency.take(&agency));
            let all = Arc::clone(&self.places.all).try_acquire_owned().ok();
            let Some(places) = own.zip(all) else {
                return Box::pin(async { Err(Overloaded::new().into()) });
            };
            held = Some(places);
        }
        let answered = self.inner.call(request);
        Box::pin(async move {
            let answer = answered.await;
            drop(held);
            answer.map_err(Into::into)
        })
    }
}
