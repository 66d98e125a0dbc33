//! Refuses what is not a gRPC call before any other layer sees it. The library would accept any method, any content
//! type and any query as the call that the path names.

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::api::status;
use crate::wire::failure::Failure;
use crate::wire::methods;
use crate::wire::v1::ErrorReason;

const CONTENT_TYPES: [&str; 2] = ["application/grpc", "application/grpc+proto"];

/// The answer to a request that is not a gRPC call. Its HTTP status is not 200, so that no other kind of client takes
/// it for a success.
///
/// An unknown path comes first: other faults of the call do not matter then.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Response<Body>> {
    let refusal = refusal_of_form(request)?;
    if methods::at(request.uri().path()).is_some() {
        return Some(refusal);
    }
    let mut unknown = status::unknown_method().into_http();
    *unknown.status_mut() = StatusCode::NOT_FOUND;
    Some(unknown)
}

fn refusal_of_form<B>(request: &Request<B>) -> Option<Response<Body>> {
    let headers = request.headers();
    let (status, code, message) = if request.method() != Method::POST {
        (StatusCode::METHOD_NOT_ALLOWED, Code::InvalidArgument, "a call is a POST")
    } else if !only(headers, CONTENT_TYPE.as_str()).is_some_and(|kind| CONTENT_TYPES.contains(&kind)) {
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, "a call is application/grpc")
    } else if only(headers, TE.as_str()) != Some("trailers") {
        (StatusCode::BAD_REQUEST, Code::InvalidArgument, "a caller takes trailers")
    } else if request.uri().query().is_some() {
        (StatusCode::BAD_REQUEST, Code::InvalidArgument, "a call has no query")
    } else if headers.contains_key("grpc-encoding") && only(headers, "grpc-encoding") != Some("identity") {
        // The gRPC protocol fixes the code, the HTTP status and a header of this answer (grpc/doc/compression.md).
        (StatusCode::OK, Code::Unimplemented, "compressed messages are not taken")
    } else {
        return None;
    };
    let mut response = Status::from(Failure::new(code, ErrorReason::MalformedMessage, message)).into_http();
    *response.status_mut() = status;
    if code == Code::Unimplemented {
        response.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
    }
    Some(response)
}

/// The value of a header that occurs once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}
