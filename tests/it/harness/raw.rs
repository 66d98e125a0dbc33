//! Calls as bytes: any path, any headers, any body; and everything that comes back.

use std::sync::Arc;
use std::time::Duration;

use comity::client::Credentials;
use comity::client::tls::client_tls;
use comity::domain::method::own_at;
use comity::wire::Message as _;
use comity::wire::failure::{ERROR_DOMAIN, reason_of};
use comity::wire::methods;
use comity::wire::v1::ErrorReason;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::{Code, Status};
use tonic_types::{ErrorDetail, StatusExt as _};

use crate::harness::status_of;

/// A stream that has said nothing for so long has nothing more to say. Any other call comes to its end.
pub(crate) const SILENCE: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWER_LEN_MAX: usize = 8 * 1_024 * 1_024;

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) verb: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// How long the answer may be silent until it is taken for one that goes on.
    pub(crate) silence: Duration,
    /// More of the answer is not read.
    pub(crate) answer_len_max: usize,
}

impl Call {
    /// As a client makes it: one message in one frame.
    pub(crate) fn new(path: &str, token: &str, message: &[u8]) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        if !token.is_empty() {
            headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        Self {
            verb: Method::POST,
            path: path.to_owned(),
            headers,
            body: frame(message),
            silence: PATIENCE,
            answer_len_max: ANSWER_LEN_MAX,
        }
    }

    /// Adds a header, or puts another value to it. What no client could send is left out.
    pub(crate) fn put(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            self.headers.insert(name, value);
        }
    }
}

/// A message behind the five bytes that gRPC puts before it.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], len.as_slice(), message].concat()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) http: http::StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    /// The messages, each as it stood in its frame.
    pub(crate) messages: Vec<Vec<u8>>,
    /// Of a stream that goes on there is none yet.
    pub(crate) status: Option<Status>,
}

/// What every answer of a bulk stream may hold, whichever it is.
#[derive(Clone, PartialEq, prost::Message)]
struct Item {
    #[prost(message, tag = "3")]
    error: Option<tonic_types::Status>,
}

impl Reply {
    /// Takes what became of the one item of a bulk stream for what became of the call.
    fn settle(&mut self) {
        let error = self.messages.iter().find_map(|message| Item::decode(message.as_slice()).unwrap().error);
        self.status = error.map(status_of).or(self.status.take());
    }

    pub(crate) fn code(&self) -> Option<Code> {
        self.status.as_ref().map(Status::code)
    }

    /// `Ok` for an answer or a stream that goes on.
    pub(crate) fn reason(&self) -> Result<(), Option<ErrorReason>> {
        match &self.status {
            None => Ok(()),
            Some(status) if status.code() == Code::Ok => Ok(()),
            Some(status) => Err(reason_of(status)),
        }
    }

    /// Why an error has not the one shape that every error has. `None`: it has, or this is no error.
    pub(crate) fn misshapen(&self) -> Option<String> {
        let Some(status) = &self.status else {
            // Only a stream may be without one.
            return (self.http != http::StatusCode::OK).then(|| format!("HTTP {} without a status", self.http));
        };
        if status.code() == Code::Ok {
            return None;
        }
        let infos = status.get_error_details_vec();
        let infos: Vec<_> = infos.iter().filter(|detail| matches!(detail, ErrorDetail::ErrorInfo(_))).collect();
        let [ErrorDetail::ErrorInfo(info)] = infos.as_slice() else {
            return Some(format!("{} ErrorInfo in {:?} {}", infos.len(), status.code(), status.message()));
        };
        match reason_of(status) {
            None | Some(ErrorReason::Unspecified) => Some(format!("reason {} is none", info.reason)),
            Some(_) if info.domain != ERROR_DOMAIN => Some(format!("domain {}", info.domain)),
            Some(_) => None,
        }
    }
}

/// A connection of an agency's own. Cheap to clone. Not tonic's, which would keep to itself what it deems wrong.
#[derive(Clone)]
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

pub(crate) async fn open(address: std::net::SocketAddr, credentials: &Credentials) -> Connection {
    let Credentials { authorities_pem, certificate_pem, key_pem } = credentials;
    let tls = client_tls(authorities_pem, certificate_pem, key_pem).unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, socket).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    // Ends with the last sender.
    tokio::spawn(connection);
    Connection(sender)
}

/// Sends, and reads until the end, or until a stream is silent or `enough` of its messages says so.
pub(crate) async fn send(
    connection: &mut Connection,
    call: Call,
    enough: impl Fn(&[u8]) -> bool,
) -> Result<Reply, hyper::Error> {
    let uri = format!("https://localhost{}", call.path);
    let mut request = Request::new(Full::new(Bytes::from(call.body)));
    *request.method_mut() = call.verb;
    *request.uri_mut() = uri.parse().unwrap();
    *request.headers_mut() = call.headers;
    connection.0.ready().await?;
    let response = connection.0.send_request(request).await?;
    let (head, mut body) = response.into_parts();
    let mut reply = Reply {
        http: head.status,
        status: Status::from_header_map(&head.headers),
        headers: head.headers,
        trailers: HeaderMap::new(),
        messages: Vec::new(),
    };
    let mut bytes = Vec::new();
    while let Ok(Some(Ok(part))) = tokio::time::timeout(call.silence, body.frame()).await {
        match part.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(part) => reply.trailers = part.into_trailers().unwrap_or_default(),
        }
        take_messages(&mut bytes, &mut reply.messages);
        let read: usize = reply.messages.iter().map(Vec::len).sum();
        if reply.messages.last().is_some_and(|message| enough(message)) || read > call.answer_len_max {
            break;
        }
    }
    reply.status = reply.status.or_else(|| Status::from_header_map(&reply.trailers));
    if methods::at(&call.path).is_some_and(|method| method.is_client_streaming() && own_at(method.path()).is_some()) {
        reply.settle();
    }
    Ok(reply)
}

/// What a request that is no call came to.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) http: http::StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Asks for a path by any verb, with a bearer token if there is one.
pub(crate) async fn ask(connection: &mut Connection, verb: Method, path: &str, token: &str) -> Page {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = verb;
    *request.uri_mut() = format!("https://localhost{path}").parse().unwrap();
    if !token.is_empty() {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    connection.0.ready().await.unwrap();
    let (head, body) = connection.0.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    assert_eq!(body.trailers(), None, "an answer that is no call's ends with its body");
    Page { http: head.status, headers: head.headers, body: body.to_bytes().to_vec() }
}

/// Asks for a path on a connection of its own. Returns the head of the answer and the first part of its body, which may go on.
pub(crate) async fn first_part(
    address: std::net::SocketAddr,
    credentials: &Credentials,
    path: &str,
) -> Result<Page, Box<dyn std::error::Error>> {
    let Credentials { authorities_pem, certificate_pem, key_pem } = credentials;
    let tls = client_tls(authorities_pem, certificate_pem, key_pem).unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect("localhost".try_into().unwrap(), socket).await?;
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(format!("https://gateway.example{path}")).body(Full::new(Bytes::new()))?;
    let (head, mut body) = sender.send_request(request).await?.into_parts();
    let part = tokio::time::timeout(PATIENCE, body.frame()).await?.ok_or("there is no body")??;
    Ok(Page { http: head.status, headers: head.headers, body: part.into_data().unwrap_or_default().to_vec() })
}

/// Takes whole messages off the front.
fn take_messages(bytes: &mut Vec<u8>, messages: &mut Vec<Vec<u8>>) {
    while let Some(len) = bytes.get(1..5) {
        let end = 5 + usize::try_from(u32::from_be_bytes(len.try_into().unwrap())).unwrap();
        if bytes.len() < end {
            return;
        }
        messages.push(bytes.drain(..end).skip(5).collect());
    }
}
