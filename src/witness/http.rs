//! The witness's listeners: `add-checkpoint` and the heads for monitors over HTTP/1.1, with TLS or for this machine alone; and probes.
//!
//! Whoever reaches it may ask: a request is worth what its signatures are. So everything is bounded: connections, the length of a
//! request, and the time to send one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS13;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::files::pem;
use crate::metrics::Metrics;
use crate::sockets::serve_sockets;
use crate::witness::config::WitnessError;
use crate::witness::keeper::{Answer, Keeper};
use crate::witness::request::{AddCheckpoint, REQUEST_LEN_MAX};

/// Requests that are decided at a time. Each takes a thread that may wait for the disk.
const DECISIONS_MAX: usize = 16;
/// How long a handshake, the head of a request and its body may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection ends at this age.
const AGE_MAX: Duration = Duration::from_mins(10);
/// How long open connections may take to finish at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The content type of a size (C2SP tlog-witness).
const SIZE_TYPE: &str = "text/x.tlog.size";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";
/// The content type of the text that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What requests are answered by.
#[derive(Debug, Clone)]
struct Asked {
    keeper: Arc<Keeper>,
    decisions: Arc<Semaphore>,
}

/// The TLS of a witness: any client may connect.
pub(super) fn server_tls(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, WitnessError> {
    let unusable = |what: &str, why: &str| WitnessError::Tls(format!("{what} {why}"));
    let chain = pem::certificates(chain_pem).map_err(|error| unusable("certificate", error.word()))?;
    let key = pem::private_key(key_pem).map_err(|error| unusable("key", error.word()))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| WitnessError::Tls(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// `add-checkpoint`, and the newest head of each log by the hash of its origin.
pub(super) fn witness_routes(keeper: Arc<Keeper>) -> Router {
    let asked = Asked { keeper, decisions: Arc::new(Semaphore::new(DECISIONS_MAX)) };
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin_hash}/checkpoint", get(checkpoint))
        .with_state(asked)
}

/// Probes of operators.
pub(super) fn ops_routes(metrics: Arc<Metrics>) -> Router {
    let render = async |State(metrics): State<Arc<Metrics>>| answer(StatusCode::OK, METRICS_TYPE, metrics.render());
    Router::new()
        // Ready as soon as it listens: everything that can fail comes before.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(|| async { "serving\n" }))
        .route("/metrics", get(render))
        .with_state(metrics)
}

async fn add_checkpoint(State(asked): State<Asked>, request: Request<Body>) -> Response<Body> {
    let body = timeout(BODY_TIMEOUT, Limited::new(request.into_body(), REQUEST_LEN_MAX).collect()).await;
    let body = body.ok().and_then(Result::ok).and_then(|body| String::from_utf8(body.to_bytes().to_vec()).ok());
    let request = body.as_deref().and_then(AddCheckpoint::parse);
    let Ok(permit) = Arc::clone(&asked.decisions).acquire_owned().await else {
        return answer(StatusCode::SERVICE_UNAVAILABLE, TEXT_TYPE, String::new());
    };
    let keeper = Arc::clone(&asked.keeper);
    // A client that goes away loses its answer, not what was cosigned.
    let decided = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
        keeper.add(request.as_ref(), now)
    });
    let text = |code, words: &str| answer(code, TEXT_TYPE, format!("{words}\n"));
    match decided.await.unwrap_or(Answer::Failed) {
        Answer::Cosigned(lines) => answer(StatusCode::OK, TEXT_TYPE, lines),
        Answer::Malformed => text(StatusCode::BAD_REQUEST, "this is no add-checkpoint request"),
        Answer::NotSigned => text(StatusCode::FORBIDDEN, "no known key of this log has signed it"),
        Answer::UnknownLog => text(StatusCode::NOT_FOUND, "this log is not watched"),
        Answer::OtherSize(size) => answer(StatusCode::CONFLICT, SIZE_TYPE, format!("{size}\n")),
        Answer::Inconsistent => text(StatusCode::UNPROCESSABLE_ENTITY, "it was not shown to extend what was cosigned"),
        Answer::Failed => text(StatusCode::INTERNAL_SERVER_ERROR, "it could not be kept, so it is not cosigned"),
    }
}

async fn checkpoint(State(asked): State<Asked>, Path(origin_hash): Path<String>) -> Response<Body> {
    match asked.keeper.note_of(&origin_hash) {
        Some(note) => answer(StatusCode::OK, TEXT_TYPE, note),
        None => answer(StatusCode::NOT_FOUND, TEXT_TYPE, "nothing was cosigned of such a log\n".to_owned()),
    }
}

fn answer(code: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Serves until it is told to stop. `name` is what the listener is called in the log.
pub(super) async fn serve(
    name: &'static str,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    stop: CancellationToken,
) {
    serve_sockets(name, listener, SHUTDOWN_TIMEOUT, stop.clone(), |socket| {
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        async move {
            let Some(tls) = tls else { return connection(socket, router, stop).await };
            let shaken = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(socket)).await;
            // A failed handshake concerns the client, who sees it too.
            if let Ok(Ok(stream)) = shaken {
                connection(stream, router, stop).await;
            }
        }
    })
    .await;
}

async fn connection<S>(stream: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| router.clone().call(request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).keep_alive(true);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // An error here concerns the client, who sees it too.
        _ = serving.as_mut() => {}
        () = tokio::time::sleep(AGE_MAX) => {}
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            drop(serving.await);
        }
    }
}
