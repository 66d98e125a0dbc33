//! One gRPC call with any headers and any body, and what it got, in one line.

use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::bytes::Bytes;
use tonic::{Code, Status};
use tonic_types::{ErrorDetail, StatusExt as _};

use crate::hostile::peer::Peer;
use crate::hostile::siege::{Siege, TOKEN};
use crate::sample::CANARIES;

pub(super) const LODGE: &str = "/comity.v1.DetainerService/LodgeDetainer";
pub(super) const GET: &str = "/comity.v1.DetainerService/GetDetainer";

/// A message with its prefix: not compressed, and as long as it is.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    prefixed(0, message.len(), message)
}

/// A message with any prefix.
pub(super) fn prefixed(flag: u8, len: usize, message: &[u8]) -> Vec<u8> {
    [&[flag], u32::try_from(len).unwrap().to_be_bytes().as_slice(), message].concat()
}

/// A call before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

impl Call {
    /// As an honest client makes one, with a token or without.
    pub(super) fn new(path: &str, token: Option<&str>, message: &[u8]) -> Self {
        let mut headers = vec![("content-type", b"application/grpc".to_vec()), ("te", b"trailers".to_vec())];
        headers.extend(token.map(|token| ("authorization", format!("Bearer {token}").into_bytes())));
        Self { method: Method::POST, path: path.to_owned(), headers, body: framed(message) }
    }

    pub(super) fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    pub(super) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// One more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self
    }

    /// Another value of a header.
    pub(super) fn but(self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.without(name).with(name, value)
    }

    pub(super) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

/// A connection of an agency, to call on.
pub(super) struct Line(SendRequest<Sent>);

/// All of a request's body, or one that never comes.
type Sent = Either<Full<Bytes>, Never>;

pub(super) struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// An answer that has begun and is not read.
pub(super) struct Unread {
    answer: Response<Incoming>,
    // A line that is dropped is closed.
    _line: Line,
}

impl Line {
    pub(super) async fn open(siege: &Siege, agency: &str) -> Self {
        Self::with(siege, agency, &Builder::new(TokioExecutor::new())).await
    }

    /// That takes few bytes at a time.
    pub(super) async fn narrow(siege: &Siege, agency: &str) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        Self::with(siege, agency, builder.initial_stream_window_size(512)).await
    }

    /// That takes no byte of an answer.
    pub(super) async fn shut(siege: &Siege, agency: &str) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        Self::with(siege, agency, builder.initial_stream_window_size(0)).await
    }

    async fn with(siege: &Siege, agency: &str, builder: &Builder<TokioExecutor>) -> Self {
        let stream = Peer::of(siege, agency).connect(siege).await.unwrap();
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    /// The code and the reason; before them the HTTP status if it is not 200, after them what is wrong in the answer.
    pub(super) async fn answer_to(&self, call: Call) -> String {
        let body = Either::Left(Full::new(Bytes::from(call.body.clone())));
        self.answer_to_body(call, body).await
    }

    /// The same, where the message never comes.
    pub(super) async fn begin(&self, call: Call) -> String {
        self.answer_to_body(call, Either::Right(Never)).await
    }

    /// Sends a call and does not read the answer.
    pub(super) async fn leave_unread(self, call: Call) -> Unread {
        let body = Either::Left(Full::new(Bytes::from(call.body.clone())));
        let answer = self.send(call, body).await.unwrap();
        Unread { answer, _line: self }
    }

    async fn answer_to_body(&self, call: Call, body: Sent) -> String {
        match self.send(call, body).await {
            Ok(answer) => words_of_answer(answer).await,
            Err(error) => end_of(&error),
        }
    }

    async fn send(&self, call: Call, body: Sent) -> Result<Response<Incoming>, hyper::Error> {
        let mut request = Request::new(body);
        *request.method_mut() = call.method;
        *request.uri_mut() = format!("https://localhost{}", call.path).parse().unwrap();
        for (name, value) in call.headers {
            let value = HeaderValue::from_bytes(&value).unwrap();
            request.headers_mut().append(HeaderName::from_static(name), value);
        }
        self.0.clone().send_request(request).await
    }
}

impl Unread {
    /// Reads it after all.
    pub(super) async fn read(self) -> String {
        words_of_answer(self.answer).await
    }
}

async fn words_of_answer(answer: Response<Incoming>) -> String {
    let (head, body) = answer.into_parts();
    let trailers = body.collect().await.ok().and_then(|body| body.trailers().cloned());
    let status = Status::from_header_map(&head.headers)
        .or_else(|| trailers.as_ref().and_then(Status::from_header_map))
        .map_or_else(|| "no status".to_owned(), |status| words_of(&status));
    let taken = head.headers.get("grpc-accept-encoding").map(|taken| format!(", takes {}", taken.to_str().unwrap()));
    let status = status + &taken.unwrap_or_default();
    match head.status.as_u16() {
        200 => status,
        other => format!("HTTP {other} {status}"),
    }
}

/// How the connection or the stream ended instead of an answer.
fn end_of(error: &hyper::Error) -> String {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    match cause.and_then(|cause| Some((cause, cause.reason()?))) {
        Some((cause, reason)) if cause.is_go_away() => format!("GOAWAY {reason:?}"),
        Some((_, reason)) => format!("RST_STREAM {reason:?}"),
        None => format!("{error:?}"),
    }
}

fn words_of(status: &Status) -> String {
    if status.code() == Code::Ok {
        return "Ok".to_owned();
    }
    let details = status.get_error_details_vec();
    let infos =
        details.iter().filter_map(|detail| if let ErrorDetail::ErrorInfo(info) = detail { Some(info) } else { None });
    let infos: Vec<_> = infos.collect();
    let reason = match infos.as_slice() {
        [info] if info.domain == "comity" => info.reason.clone(),
        other => format!("(an error must have one ErrorInfo: {other:?})"),
    };
    let whole = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
    let told = CANARIES.iter().chain(&[TOKEN]).find(|word| whole.contains(**word));
    let told = told.map_or_else(String::new, |word| format!(" (the answer tells {word})"));
    format!("{:?} {reason}{told}", status.code())
}
