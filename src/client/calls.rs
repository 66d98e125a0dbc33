//! An outgoing call: adds a missing request id and the token, picks the connection, and retries where that helps.
//!
//! It is a `tower` service under the generated clients. It reads what it needs of a method from the descriptor, so that
//! a new method or service needs no change here. Every recorded method has a request id, which makes a retry safe over
//! any connection.

use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::body::Body;
use tonic::{Code, Status, TimeoutExpired};
use tower::{BoxError, Service};
use uuid::Uuid;

use crate::client::connection::{Connection, LiveConnection};
use crate::client::error::Error;
use crate::client::evidence::Evidence;
use crate::client::retry::{Retry, from_now};
use crate::client::token::TokenCache;
use crate::traces;
use crate::wire::methods::{self, Method};
use crate::wire::timeout::{self as grpc_timeout, GRPC_TIMEOUT};
use crate::wire::v1;
use crate::wire::v1::ErrorReason;

/// The longest answer of one message, in bytes. Generated clients accept 4 MiB by default.
const ANSWER_LEN_MAX: usize = 64 * 1_024 * 1_024;

/// The service that generated clients call through. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authorized {
    pub(super) connection: Arc<Connection>,
    pub(super) token: Arc<TokenCache>,
    pub(super) retry: Retry,
    pub(super) evidence: Arc<Evidence>,
}

impl Service<Request<Body>> for Authorized {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // The call itself waits for the channel and the token.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            // A client's stream cannot be sent again, and a method outside the contract might not be safe to repeat.
            let method = methods::at(request.uri().path()).filter(|method| !method.is_client_streaming());
            let Some(method) = method.filter(|_| calls.retry.attempts_max > 1) else {
                return calls.once(request).await.map_err(Error::into_status);
            };
            calls.evidence.check_standing().map_err(|forked| Error::from(forked).into_status())?;
            let mut answer = Call::new(&calls, method, request).await?.run().await?;
            if let Some(receipt) = answer.extensions_mut().remove::<v1::Receipt>() {
                // A write is not believed to be recorded before its receipt proves it.
                Box::pin(calls.check_receipt(&receipt)).await.map_err(Error::into_status)?;
            }
            Ok(answer)
        })
    }
}

impl Authorized {
    async fn once(&self, mut request: Request<Body>) -> Result<Response<Body>, Error> {
        let AttemptCredentials { line, bearer } = self.with().await?;
        authorize(request.headers_mut(), bearer);
        traces::inject(request.headers_mut());
        send(&line, request).await
    }

    async fn with(&self) -> Result<AttemptCredentials, Error> {
        Ok(AttemptCredentials { bearer: self.token.bearer().await?, line: self.connection.line().await })
    }

    /// Switches to another gateway, if there is one, because this one cannot answer.
    pub(super) fn switch_gateway(&self) {
        self.connection.switch_gateway(&self.connection.current());
    }

    /// Switches to another connection, because this one is silent.
    pub(super) fn reconnect(&self) {
        self.connection.replace(&self.connection.current());
    }
}

/// A call that may be retried.
struct Call<'a> {
    calls: &'a Authorized,
    method: &'static Method,
    head: Parts,
    message: Bytes,
    until: Instant,
}

/// Why an attempt failed, and what the caller gets if it was the last.
struct FailedAttempt {
    error: Error,
    answer: Result<Response<Body>, Status>,
    /// The connection and token of the attempt, if it got that far.
    with: Option<AttemptCredentials>,
}

/// The connection and token of an attempt.
#[derive(Clone)]
struct AttemptCredentials {
    line: Arc<LiveConnection>,
    bearer: Option<HeaderValue>,
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        Self { answer: Err(error.clone().into_status()), error, with: None }
    }
}

/// The most retries of a call with another token or certificate. Each needs a token or certificate that is new.
const RENEWALS_MAX: u32 = 3;

impl<'a> Call<'a> {
    async fn new(calls: &'a Authorized, method: &'static Method, request: Request<Body>) -> Result<Self, Status> {
        let (head, body) = request.into_parts();
        let message = method.with_request_id(body.collect().await?.to_bytes(), || Uuid::now_v7().to_string());
        let limit = head.headers.get(GRPC_TIMEOUT).and_then(|value| value.to_str().ok()).and_then(grpc_timeout::parse);
        let until = from_now(limit.unwrap_or(calls.retry.total_timeout));
        Ok(Self { calls, method, head, message, until })
    }

    async fn run(self) -> Result<Response<Body>, Status> {
        let retry = &self.calls.retry;
        let (mut attempts, mut renewals) = (0_u32, 0_u32);
        loop {
            attempts = attempts.saturating_add(1);
            let failed = match Box::pin(self.attempt()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let refused = failed.error.reason() == Some(ErrorReason::TokenRefused);
            let pause = match &failed.with {
                // The gateway refused the token and did not read the call. With another token, or the certificate that
                // it is bound to, it is a different call. While two files are being replaced, one may be seen before
                // the other, so one retry is not always enough.
                Some(with) if refused && renewals < RENEWALS_MAX => {
                    renewals = renewals.saturating_add(1);
                    self.renew(with).await.then_some(Duration::ZERO)
                }
                Some(_) | None => retry.pause_after(attempts, &failed.error),
            };
            let fits = |pause: &Duration| attempts < retry.attempts_max && from_now(*pause) < self.until;
            let Some(pause) = pause.filter(fits) else { return failed.answer };
            tracing::debug!(method = self.method.path(), attempts, error = %failed.error, "sending again");
            sleep(pause).await;
        }
    }

    async fn attempt(&self) -> Result<Response<Body>, FailedAttempt> {
        let with = timeout_at(self.until, self.calls.with()).await.map_err(|_| Error::OutOfTime)??;
        let failed = |error: Error| FailedAttempt { with: Some(with.clone()), ..FailedAttempt::from(error) };

        let left = self.until.saturating_duration_since(Instant::now());
        let mut request = Request::from_parts(self.head.clone(), Body::new(Full::new(self.message.clone())));
        authorize(request.headers_mut(), with.bearer.clone());
        traces::inject(request.headers_mut());
        // A stream has no deadline unless its caller set one.
        let ends = !self.method.is_server_streaming() || self.head.headers.contains_key(GRPC_TIMEOUT);
        if let Some(left) = HeaderValue::from_str(&grpc_timeout::format(left)).ok().filter(|_| ends) {
            request.headers_mut().insert(GRPC_TIMEOUT, left);
        }
        let limit = left.min(self.calls.retry.attempt_timeout);
        let answer = timeout(limit, self.exchange(&with.line, request)).await.unwrap_or(Err(Error::OutOfTime));
        if matches!(answer, Err(Error::OutOfTime)) {
            // The peer may be gone, which a connection does not always notice.
            self.calls.connection.replace(&with.line);
        }
        let answer = answer.map_err(failed)?;
        match Status::from_header_map(answer.headers()) {
            Some(status) if status.code() != Code::Ok => {
                if status.code() == Code::Unavailable {
                    self.calls.connection.switch_gateway(&with.line);
                }
                Err(FailedAttempt { error: status.into(), answer: Ok(answer), with: Some(with) })
            }
            Some(_) | None => Ok(answer),
        }
    }

    /// Sends a request and reads an answer of one message completely, so that a connection lost halfway fails here.
    async fn exchange(&self, line: &LiveConnection, request: Request<Body>) -> Result<Response<Body>, Error> {
        let answer = send(line, request).await?;
        if self.method.is_server_streaming() {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_LEN_MAX).collect().await.map_err(unreachable)?;
        let trailers = body.trailers().cloned();
        // Keep the status in one place.
        if let Some(trailers) = trailers.as_ref().filter(|trailers| is_error(trailers)) {
            head.headers.extend(trailers.clone());
            return Ok(Response::from_parts(head, Body::default()));
        }
        let message = body.to_bytes();
        if let Some(receipt) = self.method.receipt_in(&message) {
            head.extensions.insert(receipt);
        }
        let body = Full::new(message).with_trailers(std::future::ready(trailers.map(Ok)));
        Ok(Response::from_parts(head, Body::new(body)))
    }

    /// Whether the next attempt has another token or certificate.
    async fn renew(&self, with: &AttemptCredentials) -> bool {
        let Authorized { token, connection, retry, .. } = self.calls;
        let renewed = async || token.renew(with.bearer.as_ref()).await | connection.renew(&with.line).await;
        let renewed_in_time = async {
            if renewed().await {
                return true;
            }
            // The files may be in the middle of being replaced.
            sleep(retry.pause).await;
            renewed().await
        };
        timeout_at(self.until, renewed_in_time).await.unwrap_or(false)
    }
}

async fn send(line: &LiveConnection, request: Request<Body>) -> Result<Response<Body>, Error> {
    let mut channel = line.channel.clone();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.map_err(unreachable)?;
    channel.call(request).await.map_err(unreachable)
}

fn authorize(headers: &mut HeaderMap, bearer: Option<HeaderValue>) {
    if let Some(bearer) = bearer {
        headers.insert(header::AUTHORIZATION, bearer);
    }
}

pub(super) fn unreachable(error: impl Into<BoxError>) -> Error {
    let error = error.into();
    // The channel also enforces the deadline, and may report it first.
    if is_out_of_time(&*error) { Error::OutOfTime } else { Error::Unreachable(error.into()) }
}

fn is_out_of_time(error: &(dyn StdError + 'static)) -> bool {
    error.is::<TimeoutExpired>() || error.source().is_some_and(is_out_of_time)
}

fn is_error(trailers: &HeaderMap) -> bool {
    Status::from_header_map(trailers).is_some_and(|status| status.code() != Code::Ok)
}
