//! The logs over plain HTTP, for tools that read the C2SP tlog-tiles layout: `GET /{log}/checkpoint` and
//! `GET /{log}/tile/<L>/<N>[.p/<W>]`, where `{log}` is `jurisdictions/{jurisdiction}/logs/{log}`.
//!
//! A tile holds hashes and nothing else. Entries are not served here: what of an entry its reader may see is for the law
//! to say.
//!
//! A request passes the layers as a call of `LedgerService/GetCheckpoint`, so the same certificate, token, limits and
//! access rules apply to both (docs/decisions/0029).

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either, MapErr, TryFutureExt as _};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, TE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{BoxError, Service};

use crate::api::{Api, status};
use crate::domain::agency::Caller;
use crate::domain::ids::LogName;
use crate::ledger::TilePath;
use crate::server::audited::note_status;

/// The call whose way a request goes.
const AS_CALL: &str = "/comity.v1.LedgerService/GetCheckpoint";
/// Every path of a log begins so, and no method of the contract does.
const LOGS: &str = "/jurisdictions/";
/// A full tile never changes. It is for its reader alone.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
const NOT_STORED: HeaderValue = HeaderValue::from_static("no-store");

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LogRequest {
    log: LogName,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Checkpoint,
    Tile(TilePath),
}

impl LogRequest {
    fn at(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if let Some(log) = path.strip_suffix("/checkpoint") {
            return Some(Self { log: log.parse().ok()?, part: Part::Checkpoint });
        }
        let (log, _) = path.split_once("/tile/")?;
        let tile = path.strip_prefix(log)?.strip_prefix('/')?;
        Some(Self { log: log.parse().ok()?, part: Part::Tile(tile.parse().ok()?) })
    }
}

/// Turns a request for a part of a log into a call, and the call's answer into an answer of HTTP. Any other request goes
/// on as it is.
pub(super) async fn around<S>(request: Request<Body>, calls: impl FnOnce(Request<Body>) -> S) -> Response<Body>
where
    S: Future<Output = Response<Body>>,
{
    if !request.uri().path().starts_with(LOGS) {
        return calls(request).await;
    }
    // An answer to HEAD has no body, whatever it is (RFC 9110 9.3.2).
    let is_head = request.method() == Method::HEAD;
    let answer = if is_head || request.method() == Method::GET {
        let asked = LogRequest::at(request.uri().path()).filter(|_| request.uri().query().is_none());
        if let Some(asked) = asked {
            in_http(calls(as_call(request, asked)).await)
        } else {
            note_status(&status::not_found());
            plain(StatusCode::NOT_FOUND, "there is no such part of a log")
        }
    } else {
        note_status(&status::unknown_method());
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "a log is read with GET");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        refused
    };
    if is_head { answer.map(|_| Body::empty()) } else { answer }
}

/// The request as the layers expect a call.
fn as_call(request: Request<Body>, asked: LogRequest) -> Request<Body> {
    let (mut head, _) = request.into_parts();
    head.method = Method::POST;
    head.uri = Uri::from_static(AS_CALL);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    head.headers.insert(TE, HeaderValue::from_static("trailers"));
    head.extensions.insert(asked);
    Request::from_parts(head, Body::empty())
}

/// The answer in terms of HTTP: without the headers of gRPC, and with a status that says what they said.
fn in_http(answer: Response<Body>) -> Response<Body> {
    let status = Status::from_header_map(answer.headers());
    if let Some(status) = &status {
        note_status(status);
    }
    let Some(status) = status.filter(|status| status.code() != Code::Ok) else {
        let mut answer = answer;
        answer.headers_mut().remove(Status::GRPC_STATUS);
        return answer;
    };
    let code = match status.code() {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut answer = plain(code, status.message());
    let retry = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    // In whole seconds, and never before the moment (RFC 9110 10.2.3).
    if let Some(delay) = retry {
        let seconds = delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0));
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn plain(code: StatusCode, text: &str) -> Response<Body> {
    let mut answer = Response::new(Body::new(http_body_util::Full::from(format!("{text}\n"))));
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers_mut().insert(CACHE_CONTROL, NOT_STORED);
    answer
}

/// What stands behind the layers: the methods of the contract, and the parts of the logs.
#[derive(Debug, Clone)]
pub(super) struct CallsAndLogs {
    pub(super) calls: Routes,
    pub(super) api: Arc<Api>,
}

impl Service<Request<Body>> for CallsAndLogs {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Either<
        MapErr<<Routes as Service<Request<Body>>>::Future, fn(Infallible) -> BoxError>,
        BoxFuture<'static, Result<Response<Body>, BoxError>>,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::<Request<Body>>::poll_ready(&mut self.calls, context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(asked) = request.extensions_mut().remove::<LogRequest>() else {
            return Either::Left(self.calls.call(request).map_err(Into::into));
        };
        let api = Arc::clone(&self.api);
        Either::Right(Box::pin(async move {
            let caller = request.extensions().get::<Caller>().ok_or_else(status::no_caller);
            let answered = match caller {
                Ok(caller) => answer(&api, caller, asked).await,
                Err(error) => Err(error),
            };
            Ok(answered.unwrap_or_else(Status::into_http))
        }))
    }
}

async fn answer(api: &Api, caller: &Caller, asked: LogRequest) -> Result<Response<Body>, Status> {
    let LogRequest { log, part } = asked;
    let (body, kind, caching) = match part {
        Part::Checkpoint => {
            let note = api.witnessed_checkpoint(caller, log).await?;
            (note.into_bytes(), "text/plain; charset=utf-8", NOT_STORED)
        }
        Part::Tile(path) => (api.tile(caller, log, path).await?, "application/octet-stream", IMMUTABLE),
    };
    let mut answer = Response::new(Body::new(http_body_util::Full::from(body)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, caching);
    // For the metrics of the call, which end with its status.
    answer.headers_mut().insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_part_of_one_log_or_nothing() {
        let log = "jurisdictions/us-ny/logs/exchange";
        let part = |rest: &str| LogRequest::at(&format!("/{log}{rest}"));
        let found = |part| Some(LogRequest { log: log.parse().unwrap(), part });
        assert_eq!(part("/checkpoint"), found(Part::Checkpoint));
        assert_eq!(part("/tile/1/x001/234.p/7"), found(Part::Tile("tile/1/x001/234.p/7".parse().unwrap())));
        for rest in
            ["", "/", "/checkpoint/", "/tile/", "/tile/0/0", "/tile/entries/000", "//tile/0/000", "/x/tile/0/000"]
        {
            assert_eq!(part(rest), None, "{rest}");
        }
        for path in ["/jurisdictions/us-ny/logs/neither/checkpoint", "/jurisdictions/US-NY/logs/exchange/checkpoint"] {
            assert_eq!(LogRequest::at(path), None, "{path}");
        }
    }
}
