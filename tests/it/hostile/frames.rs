//! HTTP/2 written by hand: frames as no library of ours would send them, and what comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const PRIORITY: u8 = 0x2;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PUSH_PROMISE: u8 = 0x5;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame; its length is that of its payload.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a client says first.
pub(super) fn hello() -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()
}

pub(super) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub(super) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

pub(super) fn setting(id: u16, value: u32) -> Vec<u8> {
    [id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat()
}

/// Headers as they are compressed least: every name and value as it stands, nothing remembered (RFC 7541 6.2.2).
pub(super) fn block(headers: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(0);
        text(&mut bytes, name.as_bytes());
        text(&mut bytes, value);
    }
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    integer(bytes, 0, 7, text.len());
    bytes.extend_from_slice(text);
}

/// RFC 7541 5.1.
pub(super) fn integer(bytes: &mut Vec<u8>, flags: u8, prefix_bits: u32, value: usize) {
    let max = (1_usize << prefix_bits) - 1;
    if value < max {
        bytes.push(flags | u8::try_from(value).unwrap());
        return;
    }
    bytes.push(flags | u8::try_from(max).unwrap());
    let mut rest = value - max;
    while rest > 0x7f {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
}

/// What came back.
#[derive(Debug, Default)]
struct Seen {
    went_away: Option<String>,
    resets: BTreeSet<String>,
    answers: usize,
    closed: bool,
}

impl Seen {
    fn word(&self) -> String {
        let resets: Vec<_> = self.resets.iter().map(String::as_str).collect();
        match &self.went_away {
            Some(reason) => format!("GOAWAY {reason}"),
            None if !resets.is_empty() => format!("RST_STREAM {}", resets.join(", ")),
            None if self.answers > 0 => "answered".to_owned(),
            None if self.closed => "closed".to_owned(),
            None => "borne".to_owned(),
        }
    }
}

/// A connection that says hello properly, and then anything.
pub(super) struct Wire {
    read: ReadHalf<TlsStream<TcpStream>>,
    write: mpsc::Sender<Vec<u8>>,
    seen: Seen,
}

impl Wire {
    pub(super) async fn open(stream: TlsStream<TcpStream>) -> Self {
        let (read, write) = tokio::io::split(stream);
        let (sender, bytes) = mpsc::channel(8);
        tokio::spawn(pump(write, bytes));
        let wire = Self { read, write: sender, seen: Seen::default() };
        wire.send(hello()).await;
        wire
    }

    /// Whoever has closed does not take it; that is found out by reading.
    pub(super) async fn send(&self, bytes: Vec<u8>) {
        drop(self.write.send(bytes).await);
    }

    /// Sends, and reads until the gateway has dealt with it or closed: a reset, a GOAWAY, an answer, or nothing.
    pub(super) async fn outcome_of(mut self, bytes: Vec<u8>) -> String {
        self.send(bytes).await;
        // Twice: the answer to a PING may overtake what went before it once.
        for mark in [b"hostile1", b"hostile2"] {
            self.send(frame(PING, 0, 0, mark)).await;
            self.read_until(mark).await;
        }
        self.seen.word()
    }

    /// What a peer may send before any of it is read, in bytes: of a stream, and of a connection (RFC 9113 6.9.2).
    pub(super) async fn windows(mut self) -> (u32, u32) {
        let (mut stream, mut connection) = (65_535, 65_535);
        let (mut answered, pings) = (0, 2);
        // Twice: the answer to a PING may overtake what was to go before it once.
        self.send(frame(PING, 0, 0, b"hostile1")).await;
        while answered < pings {
            let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
            match self.next().await.expect("closed") {
                (SETTINGS, 0, payload) => {
                    let initial = payload.chunks(6).find(|setting| setting[..2] == [0, 4]);
                    stream = initial.map_or(stream, |setting| number(&setting[2..]));
                }
                (WINDOW_UPDATE, _, payload) => connection += number(&payload),
                (PING, ACK, _) => {
                    answered += 1;
                    self.send(frame(PING, 0, 0, b"hostile2")).await;
                }
                _ => {}
            }
        }
        (stream, connection)
    }

    /// Reads until the gateway closes.
    pub(super) async fn outcome_at_the_end(mut self) -> String {
        self.read_until(b"never ..").await;
        self.seen.word()
    }

    /// Reads until there is an answer or an end, and sends this again and again meanwhile.
    pub(super) async fn outcome_while_sending(mut self, bytes: &[u8], pause: Duration) -> String {
        let write = self.write.clone();
        let drip = async {
            loop {
                tokio::time::sleep(pause).await;
                drop(write.send(bytes.to_vec()).await);
            }
        };
        let read = async {
            while self.seen.answers == 0 && !self.seen.closed {
                self.read_one().await;
            }
        };
        tokio::select! {
            () = read => self.seen.word(),
            () = drip => unreachable!("drips on"),
        }
    }

    async fn read_until(&mut self, mark: &[u8; 8]) {
        while !self.seen.closed && self.read_one().await.as_deref() != Some(mark) {}
    }

    /// Takes note of a frame. What a PING brings back is returned.
    async fn read_one(&mut self) -> Option<Vec<u8>> {
        match self.next().await {
            Some((PING, ACK, payload)) => return Some(payload),
            // Without an error: an answer that did not wait for the rest of its question.
            Some((RST_STREAM, _, payload)) if payload == [0; 4] => {}
            Some((RST_STREAM, _, payload)) => drop(self.seen.resets.insert(reason(&payload))),
            Some((GOAWAY, _, payload)) if payload[4..8] != [0; 4] => {
                self.seen.went_away = Some(reason(&payload[4..8]));
            }
            Some((HEADERS, _, _)) => self.seen.answers += 1,
            Some(_) => {}
            None => self.seen.closed = true,
        }
        None
    }

    async fn next(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.read.read_exact(&mut head).await.ok()?;
        let len = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let mut payload = vec![0; len];
        self.read.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }
}

async fn pump(mut write: WriteHalf<TlsStream<TcpStream>>, mut bytes: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = bytes.recv().await {
        if write.write_all(&bytes).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
}

/// RFC 9113 7.
fn reason(code: &[u8]) -> String {
    format!("{:?}", h2::Reason::from(u32::from_be_bytes(code.try_into().unwrap())))
}
