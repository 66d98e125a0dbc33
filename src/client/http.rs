//! One HTTP request to a service that is no gateway, such as a witness: bounded in time and in what is read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::files::pem::{self, PemError};

/// The longest answer that is read, in bytes.
const ANSWER_LEN_MAX: usize = 128 * 1_024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL cannot be used.
    #[error("the URL is not https://HOST[:PORT][/PATH]; plain http is for this machine alone")]
    Url,
    /// The authorities cannot be used.
    #[error("authorities: the file {}", .0.word())]
    Authorities(#[from] PemError),
    /// TLS cannot be set up so.
    #[error("authorities: {0}")]
    Tls(#[from] rustls::Error),
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The answer is too long, or is no text.
    #[error("the answer is too long, or is no text")]
    Answer,
}

/// Where to ask. Plain HTTP goes to this machine alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    https: bool,
    host: String,
    port: u16,
    /// Without a slash at its end.
    path: String,
}

impl HttpUrl {
    /// Reads a URL prefix.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let uri: Uri = text.parse().map_err(|_| HttpError::Url)?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(HttpError::Url),
        };
        let authority = uri.authority().ok_or(HttpError::Url)?;
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(HttpError::Url);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_local =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if ServerName::try_from(host.clone()).is_err() || !(https || is_local) {
            return Err(HttpError::Url);
        }
        let port = authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        Ok(Self { https, host, port, path: uri.path().trim_end_matches('/').to_owned() })
    }

    /// Who is connected to.
    pub fn host_and_port(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.https
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The content type, if it is a text.
    pub content_type: Option<String>,
    /// The body.
    pub body: String,
}

/// Makes requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient {
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

impl HttpClient {
    /// Trusts these authorities, PEM. Without them only plain HTTP can be spoken.
    pub fn new(authorities_pem: Option<&[u8]>, timeout_ms: u64) -> Result<Self, HttpError> {
        let tls = authorities_pem.map(|pem| {
            let mut roots = RootCertStore::empty();
            for authority in pem::certificates(pem)? {
                roots.add(authority)?;
            }
            let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&TLS13])?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            config.resumption = Resumption::disabled();
            Ok::<_, HttpError>(Arc::new(config))
        });
        Ok(Self { tls: tls.transpose()?, timeout: Duration::from_millis(timeout_ms) })
    }

    /// Posts a text below a URL prefix.
    pub async fn post(&self, prefix: &HttpUrl, name: &str, body: String) -> Result<HttpAnswer, HttpError> {
        let asked = async {
            let socket = TcpStream::connect((prefix.host.as_str(), prefix.port)).await?;
            socket.set_nodelay(true)?;
            match (&self.tls, prefix.https) {
                (Some(tls), true) => {
                    let name_of_host = ServerName::try_from(prefix.host.clone()).map_err(|_| HttpError::Url)?;
                    let stream = TlsConnector::from(Arc::clone(tls)).connect(name_of_host, socket).await?;
                    exchange(stream, prefix, name, body).await
                }
                (None, true) => Err(HttpError::Url),
                (_, false) => exchange(socket, prefix, name, body).await,
            }
        };
        timeout(self.timeout, asked).await.map_err(|_| HttpError::TimedOut)?
    }
}

async fn exchange<S>(stream: S, prefix: &HttpUrl, name: &str, body: String) -> Result<HttpAnswer, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let host = if prefix.host.contains(':') { format!("[{}]", prefix.host) } else { prefix.host.clone() };
    let host = format!("{host}:{}", prefix.port);
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}/{name}", prefix.path))
        .header(HOST, host)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| HttpError::Url)?;
    // Both on this task: when the caller goes away, so does the connection.
    let answered = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(answer.into_body(), ANSWER_LEN_MAX).collect().await.map_err(|_| HttpError::Answer)?;
        let body = String::from_utf8(body.to_bytes().to_vec()).map_err(|_| HttpError::Answer)?;
        Ok(HttpAnswer { status, content_type, body })
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        answer = answered.as_mut() => answer,
        ended = connection => {
            ended?;
            answered.await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_that_can_be_asked_are_read() {
        let url = |https, host: &str, port, path: &str| HttpUrl { https, host: host.into(), port, path: path.into() };
        for (text, expected) in [
            ("https://witness.example", url(true, "witness.example", 443, "")),
            ("https://witness.example:7443/w1/", url(true, "witness.example", 7_443, "/w1")),
            ("https://192.0.2.1/a/b", url(true, "192.0.2.1", 443, "/a/b")),
            ("http://127.0.0.1:7443", url(false, "127.0.0.1", 7_443, "")),
            ("http://[::1]:7443/", url(false, "::1", 7_443, "")),
            ("http://localhost", url(false, "localhost", 80, "")),
        ] {
            assert_eq!(HttpUrl::parse(text).unwrap(), expected, "{text}");
        }
        for text in [
            "",
            "witness.example",
            "http://witness.example",
            "http://192.0.2.1",
            "ftp://127.0.0.1",
            "https://",
            "https://a@witness.example",
            "https://witness.example/?x",
            "https://a b",
            "http://localhost.example",
        ] {
            assert!(HttpUrl::parse(text).is_err(), "{text}");
        }
    }
}
