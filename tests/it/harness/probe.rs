//! Questions to the ops listener, as a prober asks them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The whole answer, head and body.
pub(crate) async fn probe(ops: SocketAddr, path: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(ops).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    answer
}

/// The body of an answer that must be good.
pub(crate) async fn body(ops: SocketAddr, path: &str) -> String {
    let answer = String::from_utf8(probe(ops, path).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    body.to_owned()
}
