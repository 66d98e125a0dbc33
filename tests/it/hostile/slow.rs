//! Peers that begin and do not go on: each has a time limit of its own, and none is asked for more than that.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hostile::call::framed;
use crate::hostile::frames::*;
use crate::hostile::http2::Head;
use crate::hostile::peer::{Peer, what_ended};
use crate::hostile::siege::Siege;

/// Longer than any limit the gateway is started with, twice over.
const LIMIT: Duration = Duration::from_secs(16);
const DRIP: Duration = Duration::from_millis(100);

/// What is said, to which depth, and how.
enum Said {
    /// To the socket.
    Plain(Vec<u8>),
    /// To the socket, a byte at a time.
    PlainInDrips(Vec<u8>),
    /// Within TLS.
    Secret(Vec<u8>),
    /// Within TLS, a byte at a time.
    SecretInDrips(Vec<u8>),
    /// Within HTTP/2, and then nothing.
    Framed(Vec<u8>),
    /// Within HTTP/2, a frame and then others now and then.
    FramedInDrips(Vec<u8>, Vec<u8>),
}

fn rows(siege: &Siege) -> Vec<(&'static str, Said, &'static str, &'static str)> {
    let head = Head::of(siege, "us-ice");
    let (timeout, no_tls, no_h2) = ("handshake_timeout", "handshake_failed", "protocol_not_h2");
    let half = || hello()[..12].to_vec();
    let client_hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let unfinished = frame(HEADERS, 0, 1, &head.block(&[])[..40]);
    let too_late = "answered";
    let drop = frame(DATA, 0, 1, &framed(b"x")[..1]);
    vec![
        ("nothing at all", Said::Plain(Vec::new()), "closed", timeout),
        ("half of a handshake", Said::Plain(client_hello.clone()), "closed", timeout),
        ("a handshake, a byte at a time", Said::PlainInDrips([client_hello, vec![0; 500]].concat()), "closed", timeout),
        ("HTTP/1.1 without TLS", Said::Plain(b"GET / HTTP/1.1\r\n\r\n".to_vec()), "closed", no_tls),
        ("HTTP/2 without TLS", Said::Plain(hello()), "closed", no_tls),
        ("random bytes", Said::Plain(vec![0xa5; 64]), "closed", no_tls),
        ("a record of 64 KiB", Said::Plain(vec![0x16, 3, 3, 0xff, 0xff, 1, 0, 0]), "closed", no_tls),
        ("an alert first", Said::Plain(vec![0x15, 3, 3, 0, 2, 2, 40]), "closed", no_tls),
        ("no preface", Said::Secret(Vec::new()), "closed", timeout),
        ("half of a preface", Said::Secret(half()), "closed", timeout),
        ("a preface, a byte at a time", Said::SecretInDrips(half()), "closed", timeout),
        ("HTTP/1.1", Said::Secret(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()), "closed", no_h2),
        ("another preface", Said::Secret(b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n".to_vec()), "closed", no_h2),
        ("random bytes within TLS", Said::Secret(vec![0xa5; 64]), "closed", no_h2),
        ("silence after hello", Said::Framed(Vec::new()), "closed", ""),
        ("headers without an end", Said::Framed(unfinished), "closed", ""),
        ("a call without a body", Said::Framed(head.open(1)), too_late, ""),
        ("a body, a byte at a time", Said::FramedInDrips(head.open(1), drop), too_late, ""),
    ]
}

impl Said {
    /// Says it, and what it gets for that. A gateway that still listens at the limit is "borne with".
    async fn outcome(self, siege: &Siege) -> String {
        let begun = Instant::now();
        let said = async {
            match self {
                Self::Plain(bytes) => plainly(siege, bytes, Duration::ZERO).await,
                Self::PlainInDrips(bytes) => plainly(siege, bytes, DRIP).await,
                Self::Secret(bytes) => secretly(siege, bytes, Duration::ZERO).await,
                Self::SecretInDrips(bytes) => secretly(siege, bytes, DRIP).await,
                Self::Framed(bytes) => in_frames(siege, bytes, None).await,
                Self::FramedInDrips(bytes, more) => in_frames(siege, bytes, Some(more)).await,
            }
        };
        let outcome = tokio::time::timeout(LIMIT, said).await;
        outcome.unwrap_or_else(|_| format!("borne with for {} s", begun.elapsed().as_secs()))
    }
}

async fn plainly(siege: &Siege, bytes: Vec<u8>, pause: Duration) -> String {
    let (read, write) = TcpStream::connect(siege.grpc).await.unwrap().into_split();
    speak(read, write, bytes, pause).await
}

async fn secretly(siege: &Siege, bytes: Vec<u8>, pause: Duration) -> String {
    let (read, write) = tokio::io::split(Peer::of(siege, "us-ice").connect(siege).await.unwrap());
    speak(read, write, bytes, pause).await
}

/// Reads to the end while it writes. What comes before the end is an alert that nobody can decode.
async fn speak<R, W>(mut read: R, mut write: W, bytes: Vec<u8>, pause: Duration) -> String
where
    R: tokio::io::AsyncRead + Unpin,
    W: tokio::io::AsyncWrite + Unpin,
{
    let writing = async {
        for chunk in bytes.chunks(if pause.is_zero() { bytes.len().max(1) } else { 1 }) {
            if write.write_all(chunk).await.is_err() || write.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        std::future::pending::<()>().await;
    };
    let mut heard = Vec::new();
    tokio::select! {
        ended = read.read_to_end(&mut heard) => ended.map_or_else(|error| what_ended(&error), |_| "closed".to_owned()),
        () = writing => unreachable!("pends"),
    }
}

async fn in_frames(siege: &Siege, bytes: Vec<u8>, drips: Option<Vec<u8>>) -> String {
    let wire = Wire::open(Peer::of(siege, "us-ice").connect(siege).await.unwrap()).await;
    wire.send(bytes).await;
    match drips {
        None => wire.outcome_at_the_end().await,
        Some(drip) => wire.outcome_while_sending(&drip, DRIP).await,
    }
}

pub(super) async fn check(siege: &mut Siege) {
    let cases = rows(siege).into_iter().map(Into::into).collect();
    siege.check("slow", cases, async |siege, said: Said| said.outcome(siege).await).await;
}
