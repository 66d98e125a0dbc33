//! The layers that a call passes, outermost first:
//!
//! * [`Respond`] refuses what is not a gRPC call, opens the span that lines about the call belong to, turns every error
//!   from the layers below into a status of our form, catches panics, enforces the deadline, and writes one audit line for
//!   each denied call, where calls have no audit lines of their own (`audited.rs`);
//! * a limit on calls in flight, in total and for each agency: calls above it are refused, not queued;
//! * a rate limit for each agency, by its certificate alone;
//! * an unknown method is answered as such, whatever the token is, since the contract is public;
//! * authentication: the certificate and the token agree, so the caller is known;
//! * admission: some policy lets this kind of caller call this method; otherwise the body is never read;
//! * a limit on the bytes of incomplete request bodies, in total and for each agency.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use tonic::Status;
use tonic::body::Body;
use tower::filter::FilterLayer;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder};
use tracing::{Instrument as _, Span};

use crate::api::{denied, status};
use crate::audit::call;
use crate::config::{Config, Secrets};
use crate::domain::agency::Caller;
use crate::identity::authenticate::{AuthenticateLayer, Authenticator};
use crate::identity::certificate::PeerIdentity;
use crate::identity::clock::WallClock;
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::rate::RateLimitLayer;
use crate::identity::registry::Registry;
use crate::metrics::Metrics;
use crate::policy::admit::AdmitLayer;
use crate::policy::in_force::GateInForce;
use crate::server::buffered::BufferedBytes;
use crate::server::call_metrics::CallMetrics;
use crate::server::call_span::call_span;
use crate::server::in_flight::InFlightLayer;
use crate::server::protocol;
use crate::server::tiles::CallsAndLogs;
use crate::traces::STEP;
use crate::wire::methods::{self, NoMethod};
use crate::wire::timeout::{self, GRPC_TIMEOUT};

/// What the layers of all workers share.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// The longest a call may take, whatever the client asks for.
    pub(super) request_timeout: Duration,
    /// Limits on calls in flight, in total and for each agency.
    pub(super) in_flight: InFlightLayer,
    /// The limit on bytes of incomplete requests.
    pub(super) buffered: BufferedBytes,
    /// The rate limit of each agency.
    pub(super) rate: RateLimitLayer,
    /// Establishes who is calling.
    pub(super) authenticator: Arc<Authenticator>,
    /// Decides what the caller may call.
    pub(super) in_force: GateInForce,
    /// Where calls are counted.
    pub(super) metrics: Arc<Metrics>,
}

/// The whole stack of layers. Every connection clones it.
pub(super) type Stack = Respond<BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>>;

impl Layers {
    /// Builds the layers from a configuration.
    pub(super) fn of(
        config: &Config,
        secrets: &Secrets,
        registry: &Arc<Registry>,
        wall: &WallClock,
        in_force: &GateInForce,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let pseudonyms = PseudonymKey::new(&secrets.pseudonym);
        let authenticator = Authenticator::new(Arc::clone(registry), config.token.clone(), pseudonyms, wall.clone());
        Self {
            request_timeout: Duration::from_millis(config.server.request_timeout_ms),
            in_flight: InFlightLayer::new(&config.server),
            buffered: BufferedBytes::new(&config.server),
            rate: RateLimitLayer::new(&config.rate),
            authenticator: Arc::new(authenticator),
            in_force: in_force.clone(),
            metrics: Arc::clone(metrics),
        }
    }

    /// Goes by another registry and other limits from now on.
    pub(super) fn adopt(&self, config: &Config, registry: &Arc<Registry>) {
        self.in_flight.allow(&config.server);
        self.buffered.allow(&config.server);
        self.rate.allow(&config.rate);
        self.authenticator.replace(Arc::clone(registry), config.token.clone());
    }

    /// Puts the layers around the services.
    pub(super) fn around(&self, services: CallsAndLogs) -> Stack {
        let buffered = self.buffered.clone();
        let inner = ServiceBuilder::new()
            .layer(self.in_flight.clone())
            .layer(self.rate.clone())
            .layer(FilterLayer::new(naming_a_method))
            .layer(AuthenticateLayer::new(Arc::clone(&self.authenticator)))
            .map_request(noting_who_acts)
            .layer(AdmitLayer::new(self.in_force.clone()))
            .map_request(admitted)
            .map_request(move |request| buffered.counted(request))
            .service(services);
        let metrics = Arc::clone(&self.metrics);
        Respond { inner: BoxCloneSyncService::new(inner), request_timeout: self.request_timeout, metrics }
    }
}

/// Passes on calls of methods that are served.
fn naming_a_method(request: Request<Body>) -> Result<Request<Body>, BoxError> {
    if methods::at(request.uri().path()).is_some() { Ok(request) } else { Err(NoMethod::Unknown.into()) }
}

/// The step of a call until it is admitted or refused. Its span ends when it is dropped.
#[derive(Debug, Clone)]
struct Admission(#[expect(dead_code, reason = "it is held, and not read")] Span);

/// Ends the step of being admitted.
fn admitted(mut request: Request<Body>) -> Request<Body> {
    request.extensions_mut().remove::<Admission>();
    request
}

/// Notes who acts, for the audit line of the call.
fn noting_who_acts(request: Request<Body>) -> Request<Body> {
    if let Some(actor) = request.extensions().get::<Caller>().and_then(|caller| caller.actor.as_ref()) {
        call::note(|notes| notes.actor = Some(actor.clone()));
    }
    request
}

/// The outermost layer.
#[derive(Debug, Clone)]
pub(super) struct Respond<S> {
    inner: S,
    request_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl<S> Service<Request<Body>> for Respond<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The clone that takes the call is asked for readiness, so that a refusal has a call to answer.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut call_metrics = CallMetrics::begin(&self.metrics, &request);
        let method = call_metrics.method();
        let mut at_once = |refusal: Response<Body>| -> Self::Future {
            call_metrics.end_with(refusal.headers());
            Box::pin(std::future::ready(Ok(refusal)))
        };
        if let Some(refusal) = protocol::refusal(&request) {
            return at_once(refusal);
        }
        let mut inner = self.inner.clone();
        let deadline = deadline(request.headers(), self.request_timeout);
        if deadline.is_zero() {
            return at_once(status::deadline_exceeded().into_http());
        }
        let call = AuditedCall::of(&request, &self.metrics);
        // A call that was refused at once leaves no line, so it needs no span.
        let span = call_span(method, &request);
        call_metrics.within(&span);
        request.extensions_mut().insert(Admission(tracing::trace_span!(target: STEP, parent: &span, "admit")));
        let responded = async move {
            let answered = async {
                std::future::poll_fn(|context| inner.poll_ready(context)).await?;
                inner.call(request).await
            };
            let guarded = tokio::time::timeout(deadline, AssertUnwindSafe(answered).catch_unwind());
            let response = match guarded.await {
                Ok(Ok(Ok(response))) => reshape(response),
                Ok(Ok(Err(error))) => {
                    let status = status::of_layer(&error);
                    call.audit(&status, &error.to_string());
                    return Ok(counted(status.into_http(), call_metrics));
                }
                Ok(Err(_)) => status::panicked().into_http(),
                Err(_) => status::deadline_exceeded().into_http(),
            };
            if let Some(status) = Status::from_header_map(response.headers()) {
                call.audit(&status, "");
            }
            Ok(counted(response, call_metrics))
        };
        Box::pin(responded.instrument(span))
    }
}

/// Counts the call when its answer ends: at once, or with the trailers.
fn counted(response: Response<Body>, mut call_metrics: CallMetrics) -> Response<Body> {
    call_metrics.end_with(response.headers());
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(trailers) = frame.trailers_ref() {
                call_metrics.end_with(trailers);
            }
            frame
        }))
    })
}

/// Gives a status that the library made the form of our own, whether it comes at once or after a stream.
fn reshape(response: Response<Body>) -> Response<Body> {
    match reshaped(response.headers()) {
        Some(ours) => ours.into_http(),
        None => response.map(|body| Body::new(body.map_frame(reshape_trailers))),
    }
}

fn reshape_trailers(frame: Frame<Bytes>) -> Frame<Bytes> {
    let ours = frame.trailers_ref().and_then(reshaped);
    let trailers = ours.and_then(|status| {
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).ok().map(|()| trailers)
    });
    trailers.map_or(frame, Frame::trailers)
}

fn reshaped(headers: &HeaderMap) -> Option<Status> {
    Status::from_header_map(headers).and_then(|status| status::of_library(&status))
}

/// The client's deadline, but never longer than ours.
fn deadline(headers: &HeaderMap, max: Duration) -> Duration {
    let asked = headers.get(GRPC_TIMEOUT).and_then(|value| value.to_str().ok()).and_then(timeout::parse);
    asked.map_or(max, |asked| asked.min(max))
}

/// What an audit line says of a call: who called, which method, and the outcome. Never its content.
struct AuditedCall {
    agency: String,
    method: String,
    metrics: Arc<Metrics>,
}

impl AuditedCall {
    fn of(request: &Request<Body>, metrics: &Arc<Metrics>) -> Self {
        let peer = request.extensions().get::<PeerIdentity>();
        let agency = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.agency.to_string());
        // The path is the caller's text. It is repeated only if it looks like a method.
        let path = request.uri().path();
        let plain =
            path.len() <= 100 && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._".contains(&byte));
        let method = if plain { path.to_owned() } else { "unknown".to_owned() };
        Self { agency, method, metrics: Arc::clone(metrics) }
    }

    /// Writes one line for a denied call. `cause` is the layer's own text and holds no personal data.
    fn audit(&self, status: &Status, cause: &str) {
        denied::audit(&self.agency, &self.method, status, cause, &self.metrics);
    }
}
