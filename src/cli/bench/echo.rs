//! The upper limit: the same TLS, HTTP/2 and codec on as many single-threaded runtimes, with services that always
//! answer the same bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Result;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Request, Response, Status, Streaming};
use tower::Service as _;

use crate::accept::{TlsMaterial, TlsState, accept_loop, handshakes};
use crate::cli::bench::driver::FirstAnswers;
use crate::config::Config;
use crate::identity::clock::WallClock;
use crate::identity::registry::Registry;
use crate::wire::v1;
use crate::wire::v1::detainer_service_server::{DetainerService, DetainerServiceServer};
use crate::wire::v1::inbox_service_server::{InboxService, InboxServiceServer};

#[derive(Debug)]
pub(super) struct Echo {
    address: SocketAddr,
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Echo {
    pub(super) fn start(config: &Config, base: &Path, answers: &FirstAnswers) -> Result<Self> {
        let registry = Arc::new(Registry::load(&config.registry, base, &config.jurisdictions)?);
        let material = TlsMaterial::read(&config.tls, base)?;
        let tls = TlsState::new(config.accept.clone(), material, registry, WallClock::system())?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let (mut threads, mut sockets) = (Vec::new(), Vec::new());
        for _ in 0..config.server.worker_count() {
            let (sender, receiver) = tokio::sync::mpsc::channel(64);
            sockets.push(sender);
            let (tls, stop) = (Arc::clone(&tls), stop.clone());
            let detainers = DetainerServiceServer::new(Canned(answers.lodged.clone()));
            let inbox = InboxServiceServer::new(Endless(answers.delivered.clone()));
            let routes = Routes::new(detainers).add_service(inbox).prepare();
            threads.push(on_a_thread(async move {
                let mut connections = handshakes(receiver, tls);
                while let Some(Some(Ok(connection))) = stop.run_until_cancelled(connections.next()).await {
                    let routes = routes.clone();
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

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn stop(self) {
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
    Ok(std::thread::Builder::new().name("echo".to_owned()).spawn(move || runtime.block_on(work))?)
}

struct Canned(v1::LodgeDetainerResponse);

/// Sends the same delivery for as long as it is read.
struct Endless(v1::ReceiveResponse);

#[tonic::async_trait]
impl InboxService for Endless {
    type ReceiveStream = BoxStream<'static, Result<v1::ReceiveResponse, Status>>;

    async fn receive(&self, _: Request<v1::ReceiveRequest>) -> Result<Response<Self::ReceiveStream>, Status> {
        Ok(Response::new(futures_util::stream::repeat(self.0.clone()).map(Ok).boxed()))
    }

    async fn acknowledge(
        &self,
        _: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn acknowledge_parked(
        &self,
        _: Request<v1::AcknowledgeParkedRequest>,
    ) -> Result<Response<v1::AcknowledgeParkedResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_backlog(&self, _: Request<v1::GetBacklogRequest>) -> Result<Response<v1::GetBacklogResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// A stream that says nothing.
type Silence<T> = futures_util::stream::Empty<Result<T, Status>>;

/// Every method except the one that is called.
macro_rules! not_called {
    (streams: $($streams:ident $of:ident: $items:ident => $outcome:ident),+; $($method:ident: $request:ident => $answer:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl DetainerService for Canned {
            async fn lodge_detainer(
                &self,
                _: Request<v1::LodgeDetainerRequest>,
            ) -> Result<Response<v1::LodgeDetainerResponse>, Status> {
                Ok(Response::new(self.0.clone()))
            }

            $(type $of = Silence<v1::$outcome>;

            async fn $streams(&self, _: Request<Streaming<v1::$items>>) -> Result<Response<Self::$of>, Status> {
                Err(Status::unimplemented(""))
            })+

            $(async fn $method(&self, _: Request<v1::$request>) -> Result<Response<v1::$answer>, Status> {
                Err(Status::unimplemented(""))
            })+
        }
    };
}

not_called!(
    streams: lodge_detainers LodgeDetainersStream: LodgeDetainersRequest => LodgeDetainersResponse,
        acknowledge_detainers AcknowledgeDetainersStream: AcknowledgeDetainersRequest => AcknowledgeDetainersResponse,
        answer_detainers AnswerDetainersStream: AnswerDetainersRequest => AnswerDetainersResponse;
    acknowledge_detainer: AcknowledgeDetainerRequest => AcknowledgeDetainerResponse,
    answer_detainer: AnswerDetainerRequest => AnswerDetainerResponse,
    amend_detainer: AmendDetainerRequest => AmendDetainerResponse,
    verify_warrant: VerifyWarrantRequest => VerifyWarrantResponse,
    record_service_of_copy: RecordServiceOfCopyRequest => RecordServiceOfCopyResponse,
    raise_citizenship_claim: RaiseCitizenshipClaimRequest => RaiseCitizenshipClaimResponse,
    resolve_citizenship_claim: ResolveCitizenshipClaimRequest => ResolveCitizenshipClaimResponse,
    request_interview: RequestInterviewRequest => RequestInterviewResponse,
    answer_interview: AnswerInterviewRequest => AnswerInterviewResponse,
    withdraw_interview: WithdrawInterviewRequest => WithdrawInterviewResponse,
    withdraw_detainer: WithdrawDetainerRequest => WithdrawDetainerResponse,
    get_detainer: GetDetainerRequest => GetDetainerResponse,
    list_detainers: ListDetainersRequest => ListDetainersResponse,
);
