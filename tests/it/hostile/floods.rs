//! Too much of what is allowed once: the gateway's memory stays where it was, and it goes on serving everybody else.

use std::cell::RefCell;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::hostile::call::prefixed;
use crate::hostile::frames::*;
use crate::hostile::http2::Head;
use crate::hostile::peer::Peer;
use crate::hostile::siege::Siege;

/// What one flood may add to the memory of the gateway. Without its defences 20,000 streams alone take 174 MB.
const GROWTH_MAX_KIB: u64 = 16 * 1_024;
/// Has its own share of the rate, so that nobody else's is used up.
const AGENCY: &str = "us-ny-suffolk-jail";

enum Flood {
    /// Frames, all answers read.
    Frames(Vec<u8>),
    /// Frames, no answer read until everything is sent or nothing more is taken.
    Deaf(Vec<u8>),
    /// Sockets that say nothing.
    Sockets(usize),
    /// TLS, and then nothing.
    Handshakes(usize),
}

type Row = (&'static str, Flood, &'static str, &'static str);

/// A stream for each, opened and then something that ends it.
fn streams(head: &Head, count: u32, then: impl Fn(u32) -> Vec<u8>) -> Flood {
    let stream = |at: u32| [head.open(2 * at + 1), then(2 * at + 1)].concat();
    Flood::Frames((0..count).flat_map(stream).collect())
}

/// Provoked resets: the client breaks a rule of a stream, so that the server resets it (CVE-2025-8671).
fn of_resets(head: &Head) -> Vec<Row> {
    let calm = |name, flood| (name, flood, "GOAWAY ENHANCE_YOUR_CALM", "ENHANCE_YOUR_CALM");
    let itself = |stream: u32| frame(PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[16]].concat());
    let again = |stream| frame(HEADERS, END_HEADERS, stream, &block(&[("x", b"1")]));
    let content = |stream| frame(DATA, END_STREAM, stream, b"not as announced");
    let announcing = |stream| frame(HEADERS, END_HEADERS, stream, &head.block(&[("content-length", b"1")]));
    let announced = |at: u32| [announcing(2 * at + 1), content(2 * at + 1)].concat();
    let forbidden = |at: u32| frame(HEADERS, END_HEADERS, 2 * at + 1, &head.block(&[("connection", b"close")]));
    vec![
        // Cut, unless the gateway has taken up each stream before its end comes: then none of them waits, and nothing grows.
        // The rows below have it reset streams itself, and are cut however fast it is.
        (
            "20,000 streams, each reset at once",
            streams(head, 20_000, reset),
            "GOAWAY ENHANCE_YOUR_CALM || borne",
            "ENHANCE_YOUR_CALM || ",
        ),
        calm("windows overflown", streams(head, 1_000, |stream| window_update(stream, 0x7fff_ffff))),
        calm("streams that depend on themselves", streams(head, 1_000, itself)),
        ("headers twice", streams(head, 1_000, again), "GOAWAY PROTOCOL_ERROR", "PROTOCOL_ERROR"),
        calm("more content than announced", Flood::Frames((0..1_000).flat_map(announced).collect())),
        calm("forbidden headers", Flood::Frames((0..1_000).flat_map(forbidden).collect())),
    ]
}

fn of_frames(head: &Head) -> Vec<Row> {
    let borne = |name, flood| (name, flood, "borne", "");
    let many = |one: Vec<u8>| Flood::Frames(one.repeat(100_000));
    let on_one = |one: Vec<u8>, count| Flood::Frames([head.open(1), one.repeat(count)].concat());
    let (ping, settings) = (frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &setting(4, 65_535)));
    vec![
        borne("100,000 PINGs", many(ping.clone())),
        borne("100,000 PINGs, answers not read", Flood::Deaf(ping.repeat(100_000))),
        borne("100,000 SETTINGS", many(settings.clone())),
        borne("100,000 SETTINGS, answers not read", Flood::Deaf(settings.repeat(100_000))),
        borne("100,000 window updates", many(window_update(0, 1))),
        borne("100,000 priorities", many(frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 16]))),
        borne("100,000 frames of nobody's kind", many(frame(0xee, 0, 0, b"x"))),
        ("100,000 times no DATA", on_one(frame(DATA, 0, 1, &[]), 100_000), CALM, "ENHANCE_YOUR_CALM"),
        ("100,000 times padding", on_one(frame(DATA, PADDED, 1, &[0]), 100_000), CALM, "ENHANCE_YOUR_CALM"),
    ]
}

const CALM: &str = "GOAWAY ENHANCE_YOUR_CALM";

fn of_headers(head: &Head) -> Vec<Row> {
    let continued = |one: &[u8], count| {
        let begun = frame(HEADERS, 0, 1, &head.block(&[]));
        Flood::Frames([begun, frame(CONTINUATION, 0, 1, one).repeat(count)].concat())
    };
    let large = block(&[("x-zebulon", &[b'x'; 900])]);
    // One header of 4 KB remembered, then named in a byte each time (RFC 7541 6.1, 6.2.1).
    let mut bomb = vec![0x40, 1, b'x'];
    integer(&mut bomb, 0, 7, 4_000);
    bomb.extend(std::iter::repeat_n(b'x', 4_000));
    bomb.extend(std::iter::repeat_n(0xbe, 10_000));
    let bombs = |at: u32| frame(HEADERS, END_HEADERS, 2 * at + 1, &bomb);
    vec![
        ("10,000 continuations", continued(&large, 10_000), CALM, "ENHANCE_YOUR_CALM"),
        ("100,000 continuations with nothing", continued(&[], 100_000), CALM, "ENHANCE_YOUR_CALM"),
        ("a header that unpacks to 40 MB", Flood::Frames(bombs(0)), CALM, "ENHANCE_YOUR_CALM"),
        ("100 of them", Flood::Frames((0..100).flat_map(bombs).collect()), CALM, "ENHANCE_YOUR_CALM"),
    ]
}

fn of_numbers(head: &Head) -> Vec<Row> {
    let declared = |stream| frame(DATA, 0, stream, &prefixed(0, 256 * 1_024, &[0; 500]));
    vec![
        ("150 streams", streams(head, 150, |_| Vec::new()), "RST_STREAM REFUSED_STREAM", ""),
        ("20,000 streams", streams(head, 20_000, |_| Vec::new()), CALM, "ENHANCE_YOUR_CALM"),
        ("100 streams with the beginning of 256 KiB", streams(head, 100, declared), "borne", ""),
        (
            "600 silent sockets",
            Flood::Sockets(600),
            "all closed",
            "600 times handshake_timeout or handshake_slot_taken",
        ),
        (
            "300 silences after TLS",
            Flood::Handshakes(300),
            "all closed",
            "300 times handshake_timeout or handshake_slot_taken",
        ),
    ]
}

impl Flood {
    async fn outcome(self, siege: &Siege) -> String {
        match self {
            Self::Frames(bytes) => wire(siege).await.outcome_of(bytes).await,
            Self::Deaf(bytes) => {
                let wire = wire(siege).await;
                wire.send(bytes).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                wire.outcome_of(Vec::new()).await
            }
            Self::Sockets(count) => {
                let mut sockets = Vec::new();
                for _ in 0..count {
                    sockets.push(TcpStream::connect(siege.grpc).await.unwrap());
                }
                all_closed(sockets).await
            }
            Self::Handshakes(count) => {
                let mut streams = Vec::new();
                let peer = Peer::of(siege, AGENCY);
                for _ in 0..count {
                    streams.push(peer.connect(siege).await.unwrap());
                }
                all_closed(streams).await
            }
        }
    }
}

async fn wire(siege: &Siege) -> Wire {
    Wire::open(Peer::of(siege, AGENCY).connect(siege).await.unwrap()).await
}

async fn all_closed<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin>(sockets: Vec<S>) -> String {
    for mut socket in sockets {
        let mut heard = Vec::new();
        // An end or an error: either way the gateway has let go of it.
        drop(tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut heard).await);
        drop(socket.shutdown().await);
    }
    "all closed".to_owned()
}

pub(super) async fn check(siege: &mut Siege) {
    let head = Head::of(siege, AGENCY);
    let mut rows = of_resets(&head);
    rows.extend(of_frames(&head));
    rows.extend(of_headers(&head));
    rows.extend(of_numbers(&head));
    let worst = RefCell::new(0);
    let flood = async |siege: &Siege, flood: Flood| {
        let before_kib = siege.memory_from_here_kib();
        let outcome = flood.outcome(siege).await;
        let grown_kib = siege.memory_peak_kib().saturating_sub(before_kib);
        worst.replace_with(|worst| grown_kib.max(*worst));
        if grown_kib <= GROWTH_MAX_KIB { outcome } else { format!("{outcome}, and {grown_kib} KiB more memory") }
    };
    siege.check("floods", rows.into_iter().map(Into::into).collect(), flood).await;
    let peak_kib = siege.memory_peak_kib();
    println!("hostile: no flood took more than {} KiB; the gateway has {peak_kib} KiB", worst.into_inner());
}
