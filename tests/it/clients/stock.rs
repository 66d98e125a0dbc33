//! Stubs that a generator made, with nothing written around them but docs/clients/service-config.json, on a line that fails: what
//! they are told is recorded is, once, and what they give up can be sent again.
//!
//! `COMITY_STOCK` says how many detainers each lodges.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comity::api::status::{self, LimitOwner};
use comity::domain::agency::ActorKind;
use comity::identity::clock::WallClock;
use comity::wire::{Message as _, v1};
use fastrand::Rng;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::{Code, Status};

use crate::clients::{ROOT, installed, limited_to, python_stubs, run, typescript_package};
use crate::flood::told;
use crate::harness::process::{Served, assert_verified};
use crate::harness::raw::{self, Call, Connection, Reply};
use crate::harness::requests::{NY_EXCHANGE, detainer_for};

const COUNT: u64 = 400;
/// Ten thousand on a busy machine take minutes.
const CHILD_TIMEOUT_S: &str = "900";
/// So soon that the test is not about waiting.
const COME_BACK_AFTER: Duration = Duration::from_millis(2);

/// What becomes of a call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passed,
    /// The gateway never hears of it.
    Lost,
    /// The caller is told to come back.
    TooMuch,
    /// The gateway answers, and the caller does not hear of it.
    Unheard,
}

fn fate(random: &mut Rng, per_cent: u8) -> Fate {
    if random.u8(..100) >= per_cent {
        return Fate::Passed;
    }
    random.choice([Fate::Lost, Fate::TooMuch, Fate::Unheard]).unwrap()
}

type Answer = BoxBody<Bytes, Infallible>;

/// An answer as it came, message and trailers.
fn passed_on(reply: Reply) -> Response<Answer> {
    let mut frames: Vec<_> =
        reply.messages.iter().map(|message| Ok(Frame::data(Bytes::from(raw::frame(message))))).collect();
    if !reply.trailers.is_empty() {
        frames.push(Ok(Frame::trailers(reply.trailers)));
    }
    // Without a frame the stream ends with its headers: only then does a client take them for trailers, and send again.
    let body = if frames.is_empty() {
        Empty::new().boxed()
    } else {
        BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)))
    };
    let mut response = Response::new(body);
    *response.headers_mut() = reply.headers;
    response
}

fn failed(status: &Status) -> Response<Answer> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    status.add_header(&mut headers).unwrap();
    passed_on(Reply {
        http: http::StatusCode::OK,
        headers,
        trailers: HeaderMap::new(),
        messages: Vec::new(),
        status: None,
    })
}

async fn forward(request: Request<Incoming>, mut gateway: Connection, fate: Fate) -> Response<Answer> {
    let token = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let too_much = status::overloaded(LimitOwner::Agency, COME_BACK_AFTER);
    let lost = Status::new(Code::Unavailable, "the line failed");
    match fate {
        Fate::Lost => return failed(&lost),
        Fate::TooMuch => return failed(&too_much),
        Fate::Passed | Fate::Unheard => {}
    }
    let mut call = Call::new(&path, &token, &[]);
    call.body = body.to_vec();
    let reply = raw::send(&mut gateway, call, |_| false).await.unwrap();
    if fate == Fate::Unheard { failed(&lost) } else { passed_on(reply) }
}

/// A line between ICE and the gateway, on which so many calls of a hundred fail. Returns where it is reached.
async fn failing_line(served: &Served, per_cent: u8, seed: u64) -> SocketAddr {
    let tls = served.sandbox.server_certificate().unwrap();
    let chain = CertificateDer::pem_slice_iter(tls.certificate_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(tls.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut accepting = rustls::ServerConfig::builder_with_details(provider, Arc::new(WallClock::system()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    accepting.alpn_protocols = vec![b"h2".to_vec()];
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(accepting)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (address, gateway) = (listener.local_addr().unwrap(), served.grpc);
    let credentials = served.sandbox.credentials("us-ice").unwrap();
    let random = Arc::new(Mutex::new(Rng::with_seed(seed)));
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let (connection, random) = (raw::open(gateway, &credentials).await, Arc::clone(&random));
            let service = hyper::service::service_fn(move |request| {
                let (connection, fate) = (connection.clone(), fate(&mut random.lock().unwrap(), per_cent));
                async move { Ok::<_, Infallible>(forward(request, connection, fate).await) }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

/// How large the exchange log of New York is.
async fn size(served: &Served) -> u64 {
    let checkpoint = served.party("us-ny-doccs", ActorKind::System).checkpoint(NY_EXCHANGE).await.accepted();
    // Of a log without entries there is none.
    checkpoint.lines().nth(1).map_or(0, |size| size.parse().unwrap())
}

/// Lodges on a line that fails, and settles what was given up. Returns how many were answered at first.
async fn play(of: impl FnOnce() -> Command, per_cent: u8) -> (u64, u64) {
    let served = Served::start("error", |config| {
        config.rate.requests_per_s = 1_000_000.try_into().unwrap();
        config.rate.burst = 1_000_000.try_into().unwrap();
    });
    let count = told("COMITY_STOCK").unwrap_or(COUNT);
    let lodging = detainer_for("us-ny-doccs");
    let ice = served.party("us-ice", ActorKind::System);
    let before = size(&served).await;
    ice.lodge(lodging.clone()).await.accepted();
    let grows_by = size(&served).await - before;
    let template = served.directory().join("lodging.bin");
    std::fs::write(&template, lodging.encode_to_vec()).unwrap();
    let line = failing_line(&served, per_cent, u64::from(per_cent)).await;
    let mut program = of();
    program
        .arg(served.directory())
        .arg(format!("localhost:{}", line.port()))
        .arg(template)
        .arg(Path::new(ROOT).join("docs/clients/service-config.json"))
        .arg(count.to_string());
    let said = tokio::task::spawn_blocking(move || run(&mut program)).await.unwrap();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(u64::try_from(lines.len()).unwrap(), count, "each is reported");
    let (mut names, mut answered) = (BTreeSet::new(), 0);
    for line in lines {
        let mut name = line["name"].as_str().unwrap().to_owned();
        if name.is_empty() {
            let given_up = line["code"].as_str().unwrap();
            assert!(["UNAVAILABLE", "RESOURCE_EXHAUSTED"].contains(&given_up), "{given_up}");
            let request_id = line["request_id"].as_str().unwrap().to_owned();
            let again = v1::LodgeDetainerRequest { request_id, ..lodging.clone() };
            name = ice.lodge(again).await.accepted().detainer.unwrap().name;
        } else {
            answered += 1;
        }
        assert!(names.insert(name), "two requests were answered with one detainer");
    }
    assert_eq!(size(&served).await - before, grows_by * (count + 1), "some were lost or recorded twice");
    println!("{per_cent} % of calls failed: {answered} of {count} were answered");
    let ended = served.stop();
    assert!(ended.status.success());
    assert_verified(ended.directory.path());
    (answered, count)
}

async fn holds(of: impl Fn() -> Command) {
    let (answered, count) = play(&of, 3).await;
    assert_eq!(answered, count, "five attempts are enough");
    let (answered, count) = play(&of, 30).await;
    assert!(answered * 1_000 >= count * 980, "{answered} of {count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_stub_in_python_sends_again_as_it_is_told() {
    let Some(python) = installed("COMITY_PYTHON", "a stock stub in Python") else { return };
    let stubs = python_stubs(&python, "stock-python");
    holds(|| {
        let mut program = limited_to(CHILD_TIMEOUT_S, &python);
        program.arg(Path::new(ROOT).join("tests/it/clients/stock.py"));
        program.env("PYTHONPATH", &stubs).env("PYTHONDONTWRITEBYTECODE", "1");
        program
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_stub_in_javascript_sends_again_as_it_is_told() {
    let Some(modules) = installed("COMITY_NODE_MODULES", "a stock stub in JavaScript") else { return };
    let package: PathBuf = typescript_package(&modules, "stock-typescript");
    std::fs::copy(Path::new(ROOT).join("tests/it/clients/stock.mjs"), package.join("stock.mjs")).unwrap();
    holds(|| {
        let mut program = limited_to(CHILD_TIMEOUT_S, "node");
        program.arg(package.join("stock.mjs"));
        program
    })
    .await;
}
