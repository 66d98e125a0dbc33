//! The operators' console: a page that shows the metrics and the readiness of this gateway as they are. It changes nothing.
//!
//! It is served where only operators are: on an ops listener that is bound to a loopback address, and to their certificates
//! ([`crate::server::console_over_tls`]). A web page that an operator has open on the same machine gets nothing from it:
//! there the host that is asked for must be this machine, and nowhere may another origin begin a stream.

mod figures;
mod recent;
mod snapshot;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::WatchStream;

use crate::identity::clock::WallClock;
use crate::server::condition::Condition;
use crate::server::console::recent::Recent;
use crate::server::console::snapshot::Snapshot;
use crate::server::readiness::ProbeSources;

/// Most pages that are shown the gateway at a time. Each holds a socket of the ops listener, and probes keep the rest.
const VIEWERS_MAX: usize = 8;
/// How often a snapshot is taken while somebody looks.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);
/// After how long a page comes back whose stream was cut, in seconds.
const COME_BACK_S: u64 = 1;

const PAGE: &str = include_str!("console/index.html");
const PARTS: &str = include_str!("console/parts.js");
const SCRIPT: &str = include_str!("console/app.js");
const STYLE: &str = include_str!("console/style.css");

/// Headers of every answer. The page needs itself and nothing else, so nothing else is allowed.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// What all viewers share.
#[derive(Debug)]
pub(super) struct Console {
    probed: ProbeSources,
    wall: WallClock,
    viewers: Arc<Semaphore>,
    /// The newest snapshot, in JSON.
    newest: watch::Sender<Arc<str>>,
    begun: Instant,
    recent: Mutex<Recent>,
}

impl Console {
    /// Nobody looks at first.
    pub(super) fn new(probed: ProbeSources, wall: WallClock) -> Arc<Self> {
        Arc::new(Self {
            probed,
            wall,
            viewers: Arc::new(Semaphore::new(VIEWERS_MAX)),
            newest: watch::Sender::new(Arc::from("")),
            begun: Instant::now(),
            recent: Mutex::new(Recent::new()),
        })
    }

    /// Keeps what was counted lately, and takes a snapshot for all viewers each second while there are any. Never ends.
    pub(super) async fn run(self: Arc<Self>) {
        let mut kept = Instant::now();
        loop {
            tokio::time::sleep(SNAPSHOT_EVERY).await;
            let is_watched = self.newest.receiver_count() > 0;
            if is_watched || kept.elapsed() >= recent::KEEP_EVERY {
                kept = Instant::now();
                let snapshot = self.look();
                if is_watched && let Ok(json) = serde_json::to_string(&snapshot) {
                    self.newest.send_replace(json.into());
                }
            }
        }
    }

    /// The condition of the gateway.
    pub(super) fn condition(&self) -> Condition {
        self.probed.live.condition.clone()
    }

    /// Reads the metrics once.
    fn look(&self) -> Snapshot {
        let figures = figures::read(&self.probed.live.render());
        let running = self.begun.elapsed();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.keep(running, &snapshot::denials(&figures));
        Snapshot::of(figures, &self.probed, self.wall.now(), (running, &recent))
    }

    /// The page and the stream that fills it, for a listener that this machine alone reaches.
    pub(super) fn routes_on_this_machine(self: &Arc<Self>) -> Router {
        let routes = self.routes().route_layer(middleware::from_fn(asked_of_this_machine));
        // Of the routes alone: what else the listener is asked for is not the console's.
        routes.route_layer(middleware::map_response(with_headers))
    }

    /// The same for a listener that lets in operators alone.
    pub(super) fn routes_for_operators(self: &Arc<Self>) -> Router {
        self.routes().layer(middleware::map_response(with_headers))
    }

    fn routes(self: &Arc<Self>) -> Router {
        let file =
            |media: &'static str, text: &'static str| get(move || async move { ([(CONTENT_TYPE, media)], text) });
        Router::new()
            .route("/console", file("text/html; charset=utf-8", PAGE))
            .route("/console/parts.js", file("text/javascript; charset=utf-8", PARTS))
            .route("/console/app.js", file("text/javascript; charset=utf-8", SCRIPT))
            .route("/console/style.css", file("text/css; charset=utf-8", STYLE))
            .route("/console/events", get(events))
            .with_state(Arc::clone(self))
    }
}

/// Refuses a request for another host. Whoever makes a name of its own lead here (DNS rebinding) could otherwise read the
/// console through the browser of an operator.
async fn asked_of_this_machine(request: Request, next: Next) -> Response {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = named.or_else(|| request.uri().authority().map(Authority::as_str));
    if host.is_some_and(is_this_machine) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "ask for localhost\n").into_response()
}

async fn with_headers(mut answer: Response) -> Response {
    answer.headers_mut().extend(HEADERS);
    answer
}

/// Whether a name, with or without a port, can only be this machine.
fn is_this_machine(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Streams a snapshot each second.
async fn events(State(console): State<Arc<Console>>, headers: HeaderMap) -> Response {
    // A browser says where a request comes from. Another site could not read the stream, but it would take a place.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(place) = Arc::clone(&console.viewers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], "too many look already\n").into_response();
    };
    // What was taken before is old: the first that a viewer sees is the next.
    let snapshots = WatchStream::from_changes(console.newest.subscribe());
    let events = snapshots.map(move |json| {
        let _held = &place;
        Ok::<_, Infallible>(Event::default().retry(Duration::from_secs(COME_BACK_S)).data(&*json))
    });
    Sse::new(events).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_be_asked_for() {
        for name in ["localhost", "LOCALHOST:9443", "127.0.0.1", "127.8.9.1:80", "[::1]:9443", "[::1]"] {
            assert!(is_this_machine(name), "{name}");
        }
        for name in [
            "",
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:9443",
            "0.0.0.0",
            "[::]",
            "127.0.0.1.evil.example",
            "a b",
        ] {
            assert!(!is_this_machine(name), "{name}");
        }
    }
}
