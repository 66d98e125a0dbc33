//! An OpenTelemetry collector that keeps what it is sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::service::RoutesBuilder;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A collector that runs as long as its test.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    messages: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    /// One that listens, and where.
    pub(crate) fn start() -> (Self, SocketAddr) {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let collector = Self::default();
        let mut routes = RoutesBuilder::default();
        routes.add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(tonic::transport::Server::builder().add_routes(routes.routes()).serve_with_incoming(incoming));
        (collector, address)
    }

    /// Everything it was sent, as bytes of protobuf.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.messages.lock().unwrap().iter().flat_map(prost::Message::encode_to_vec).collect()
    }

    /// The spans it was sent.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let messages = self.messages.lock().unwrap();
        let resources = messages.iter().flat_map(|message| &message.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.messages.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
