//! The write path against its limit: durable `LodgeDetainer` calls, and the same bytes through a bare mutual-TLS echo,
//! in the same run on the same cores. Absolute figures move with the machine's mood; the ratio is what to compare.
//!
//! With `--postgres` also on a PostgreSQL server of its own, by one gateway and by two on the same database.
//!
//! `cargo bench --bench write_path [-- --seconds N] [--postgres]`

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use comity::cli::private_postgres::{Durability, PrivateServer};
use comity::cli::sandbox::Sandbox;
use comity::client::{Client, Retry};
use comity::config::{Config, StoreConfig};
use comity::domain::agency::ActorKind;
use comity::identity::clock::WallClock;
use comity::identity::registry::Registry;
use comity::server::accept::{Material, TlsState, accept_loop, handshakes};
use comity::server::{Gateway, Seams};
use comity::wire::v1;
use comity::wire::v1::detainer_service_server::{DetainerService, DetainerServiceServer};
use futures_util::StreamExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tower::Service as _;

const CONNECTIONS: usize = 8;
const IN_FLIGHT: usize = 16;
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let seconds = arguments.iter().skip_while(|argument| *argument != "--seconds").nth(1);
    let seconds: u64 = seconds.map_or(Ok(3), |text| text.parse())?;
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::establish(directory.path())?;
    let mut config = sandbox.config.clone();
    config.rate.requests_per_s = 1_000_000.try_into()?;
    config.rate.burst = 1_000_000.try_into()?;
    let start = |store: &StoreConfig| {
        let config = Config { store: store.clone(), ..config.clone() };
        Gateway::start(&config, sandbox.directory(), Seams::default())
    };
    let mut houses = vec![House { name: "SQLite", gateways: vec![start(&config.store)?] }];
    let server = if arguments.iter().any(|argument| argument == "--postgres") {
        let tls = sandbox.server_certificate()?;
        let server = PrivateServer::start(&directory.path().join("postgres"), &tls, Durability::Synced)?;
        server.create_database("shared")?;
        let (alone, shared) = (StoreConfig::server(server.url()), StoreConfig::server(server.url_of("shared")));
        houses.push(House { name: "PostgreSQL, one gateway", gateways: vec![start(&alone)?] });
        houses.push(House { name: "PostgreSQL, two gateways", gateways: vec![start(&shared)?, start(&shared)?] });
        Some(server)
    } else {
        None
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let first = runtime.block_on(async {
        let client = connect(
            &sandbox,
            houses.iter().flat_map(|house| &house.gateways).map(Gateway::grpc).next().context("no gateway")?,
        )
        .await?;
        anyhow::Ok(client.detainers().lodge_detainer(request()).await?.into_inner())
    })?;
    let echo = Echo::start(&config, &sandbox, &first)?;
    let length = Duration::from_secs(seconds);
    let mut bare = Vec::new();
    let mut durable = vec![Vec::new(); houses.len()];
    for _ in 0..ROUNDS {
        bare.push(runtime.block_on(round(&sandbox, &[echo.address], length))?);
        for (house, rates) in houses.iter().zip(&mut durable) {
            let addresses: Vec<SocketAddr> = house.gateways.iter().map(Gateway::grpc).collect();
            rates.push(runtime.block_on(round(&sandbox, &addresses, length))?);
        }
    }
    let bare = median(bare);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{CONNECTIONS} connections x {IN_FLIGHT} in flight, {ROUNDS} interleaved rounds of {seconds} s, medians"
    )?;
    writeln!(out, "{:<42}{bare:>9.0} calls/s", "bare mutual-TLS echo")?;
    for (house, rates) in houses.iter().zip(durable) {
        let (name, rate) = (format!("durable LodgeDetainer, {}", house.name), median(rates));
        writeln!(out, "{name:<42}{rate:>9.0} calls/s   ratio {:.2}", rate / bare)?;
    }
    for gateway in houses.into_iter().flat_map(|house| house.gateways) {
        gateway.stop()?;
    }
    echo.stop();
    drop(server);
    Ok(())
}

/// Gateways on one store.
struct House {
    name: &'static str,
    gateways: Vec<Gateway>,
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

async fn connect(sandbox: &Sandbox, address: SocketAddr) -> Result<Client> {
    let config = sandbox.client(address, "us-ice", ActorKind::System);
    Ok(Client::connect(config).await?.with_retry(Retry::NEVER))
}

/// Calls a second, over so long.
async fn round(sandbox: &Sandbox, addresses: &[SocketAddr], length: Duration) -> Result<f64> {
    let done = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for address in addresses.iter().cycle().take(CONNECTIONS) {
        let client = connect(sandbox, *address).await?;
        for _ in 0..IN_FLIGHT {
            let (client, done) = (client.clone(), Arc::clone(&done));
            tasks.spawn(async move {
                let mut detainers = client.detainers();
                while begin.elapsed() < length {
                    detainers.lodge_detainer(request()).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            });
        }
    }
    while let Some(task) = tasks.join_next().await {
        task.context("a task panicked")??;
    }
    let count = u32::try_from(done.load(Ordering::Relaxed))?;
    Ok(f64::from(count) / begin.elapsed().as_secs_f64())
}

fn request() -> v1::LodgeDetainerRequest {
    let charge = v1::Charge {
        statute: "PL 120.05".to_owned(),
        ncic_code: "1313".to_owned(),
        severity: v1::Severity::Felony.into(),
        status: v1::ChargeStatus::Charged.into(),
        charged_on: "2026-01-02".to_owned(),
        ..Default::default()
    };
    let subject = v1::Subject {
        name: Some(v1::PersonName { given: "Synthetic".to_owned(), family: "Benchmark".to_owned() }),
        birth_date: "1980-02-03".to_owned(),
        sex: v1::Sex::X.into(),
        identifiers: Some(v1::Identifiers { alien_number: "012345678".to_owned(), ..Default::default() }),
        citizenship: "ZZZ".to_owned(),
        ..Default::default()
    };
    let detainer = v1::Detainer {
        custodian: "agencies/us-ny-doccs".to_owned(),
        form: v1::DetainerForm::I247a.into(),
        basis: vec![v1::DetainerBasis::FinalOrder.into()],
        subject: Some(subject),
        charges: vec![charge],
        contact_phone: "+1 555 0100".to_owned(),
        ..Default::default()
    };
    v1::LodgeDetainerRequest {
        parent: "jurisdictions/us-ny".to_owned(),
        detainer: Some(detainer),
        request_id: uuid::Uuid::new_v4().to_string(),
    }
}

/// The same TLS, HTTP/2 and codec on one runtime a core, and a service that answers the same bytes every time.
struct Echo {
    address: SocketAddr,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Echo {
    fn start(config: &Config, sandbox: &Sandbox, answer: &v1::LodgeDetainerResponse) -> Result<Self> {
        let base = sandbox.directory();
        let registry = Arc::new(Registry::load(&config.registry, base, &config.jurisdictions)?);
        let material = Material::read(&config.tls, base)?;
        let tls = TlsState::new(config.accept.clone(), material, registry, WallClock::system())?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let (mut threads, mut sockets) = (Vec::new(), Vec::new());
        for _ in 0..config.server.worker_count() {
            let (sender, receiver) = tokio::sync::mpsc::channel(64);
            sockets.push(sender);
            let (tls, stop, answer) = (Arc::clone(&tls), stop.clone(), answer.clone());
            threads.push(on_a_thread(async move {
                let mut connections = handshakes(receiver, tls);
                while let Some(Some(Ok(connection))) = stop.run_until_cancelled(connections.next()).await {
                    let routes = Routes::new(DetainerServiceServer::new(Canned(answer.clone()))).prepare();
                    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                        let answered = routes.clone().call(request.map(Body::new));
                        async move { Ok::<_, Infallible>(answered.await.unwrap_or_else(|never| match never {})) }
                    });
                    let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    tokio::spawn(http2.serve_connection(TokioIo::new(connection), service));
                }
            })?);
        }
        let accept_stop = stop.clone();
        threads.push(on_a_thread(async move {
            if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                accept_loop(listener, sockets, tls, accept_stop).await;
            }
        })?);
        Ok(Self { address, stop, threads })
    }

    fn stop(self) {
        self.stop.cancel();
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn on_a_thread(work: impl Future<Output = ()> + Send + 'static) -> Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(std::thread::spawn(move || runtime.block_on(work)))
}

struct Canned(v1::LodgeDetainerResponse);

#[tonic::async_trait]
impl DetainerService for Canned {
    async fn lodge_detainer(
        &self,
        _: Request<v1::LodgeDetainerRequest>,
    ) -> Result<Response<v1::LodgeDetainerResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }

    async fn acknowledge_detainer(
        &self,
        _: Request<v1::AcknowledgeDetainerRequest>,
    ) -> Result<Response<v1::AcknowledgeDetainerResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn answer_detainer(
        &self,
        _: Request<v1::AnswerDetainerRequest>,
    ) -> Result<Response<v1::AnswerDetainerResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn amend_detainer(
        &self,
        _: Request<v1::AmendDetainerRequest>,
    ) -> Result<Response<v1::AmendDetainerResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn verify_warrant(
        &self,
        _: Request<v1::VerifyWarrantRequest>,
    ) -> Result<Response<v1::VerifyWarrantResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn record_service_of_copy(
        &self,
        _: Request<v1::RecordServiceOfCopyRequest>,
    ) -> Result<Response<v1::RecordServiceOfCopyResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn raise_citizenship_claim(
        &self,
        _: Request<v1::RaiseCitizenshipClaimRequest>,
    ) -> Result<Response<v1::RaiseCitizenshipClaimResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn resolve_citizenship_claim(
        &self,
        _: Request<v1::ResolveCitizenshipClaimRequest>,
    ) -> Result<Response<v1::ResolveCitizenshipClaimResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn withdraw_detainer(
        &self,
        _: Request<v1::WithdrawDetainerRequest>,
    ) -> Result<Response<v1::WithdrawDetainerResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_detainer(
        &self,
        _: Request<v1::GetDetainerRequest>,
    ) -> Result<Response<v1::GetDetainerResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_detainers(
        &self,
        _: Request<v1::ListDetainersRequest>,
    ) -> Result<Response<v1::ListDetainersResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
