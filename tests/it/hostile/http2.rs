//! Frames that break HTTP/2 or bend it: each costs its stream or its connection, and nothing else.

use comity::wire::Message as _;
use comity::wire::v1;

use crate::hostile::call::{GET, framed};
use crate::hostile::frames::*;
use crate::hostile::peer::Peer;
use crate::hostile::siege::Siege;

type Row = (&'static str, Vec<u8>, &'static str);

const PROTOCOL: &str = "GOAWAY PROTOCOL_ERROR";
const SIZE: &str = "GOAWAY FRAME_SIZE_ERROR";
const FLOW: &str = "GOAWAY FLOW_CONTROL_ERROR";
const STREAM_PROTOCOL: &str = "RST_STREAM PROTOCOL_ERROR";
const ANSWERED: &str = "answered";
const BORNE: &str = "borne";

/// An honest call's headers, and others beside them.
pub(super) struct Head {
    token: String,
}

impl Head {
    pub(super) fn of(siege: &Siege, agency: &str) -> Self {
        Self { token: format!("Bearer {}", siege.token(agency)) }
    }

    pub(super) fn block(&self, more: &[(&str, &[u8])]) -> Vec<u8> {
        let honest: [(&str, &[u8]); 7] = [
            (":method", b"POST"),
            (":scheme", b"https"),
            (":path", GET.as_bytes()),
            (":authority", b"localhost"),
            ("content-type", b"application/grpc"),
            ("te", b"trailers"),
            ("authorization", self.token.as_bytes()),
        ];
        [block(&honest), block(more)].concat()
    }

    /// A call whose body is still to come.
    pub(super) fn open(&self, stream: u32) -> Vec<u8> {
        frame(HEADERS, END_HEADERS, stream, &self.block(&[]))
    }

    fn with(&self, more: &[(&str, &[u8])]) -> Vec<u8> {
        frame(HEADERS, END_HEADERS, 1, &self.block(more))
    }
}

/// What is about the connection.
fn of_connection() -> Vec<Row> {
    let settings = |name, id, value, seen| (name, frame(SETTINGS, 0, 0, &setting(id, value)), seen);
    vec![
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[]), PROTOCOL),
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5]), PROTOCOL),
        ("SETTINGS acknowledged with content", frame(SETTINGS, ACK, 0, &[0; 6]), PROTOCOL),
        ("SETTINGS acknowledged that were not sent", frame(SETTINGS, ACK, 0, &[]).repeat(3), PROTOCOL),
        settings("a window of 2 GiB", 4, 1 << 31, PROTOCOL),
        settings("frames of one byte", 5, 1, PROTOCOL),
        settings("frames of 16 MiB", 5, 1 << 24, PROTOCOL),
        settings("push, twice enabled", 2, 2, PROTOCOL),
        settings("a setting of nobody's", 0xff, 1, BORNE),
        ("PING of 7 bytes", frame(PING, 0, 0, &[0; 7]), PROTOCOL),
        ("PING on a stream", frame(PING, 0, 1, &[0; 8]), PROTOCOL),
        ("GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), PROTOCOL),
        ("GOAWAY of 7 bytes", frame(GOAWAY, 0, 0, &[0; 7]), PROTOCOL),
        ("a window of the connection opened by nothing", window_update(0, 0), PROTOCOL),
        ("a window of the connection overflown", window_update(0, 0x7fff_ffff), FLOW),
        ("a window update of 3 bytes", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), PROTOCOL),
        ("a promise from a client", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]), PROTOCOL),
        ("a frame of 16 KiB and one", frame(DATA, 0, 1, &vec![0; 16_385]), SIZE),
        ("a frame of 16 MiB, announced", vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1], SIZE),
        ("a frame of nobody's kind", frame(0xee, 0xff, 1, b"Zebulon"), BORNE),
    ]
}

/// What ends a call's body, in place of the last DATA.
fn trailers(more: &[(&str, &[u8])]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(more))
}

/// What is about a stream.
fn of_streams(head: &Head) -> Vec<Row> {
    let after = |name, more: Vec<u8>, seen| (name, [head.open(1), more].concat(), seen);
    let depends_on_itself = [&1_u32.to_be_bytes()[..], &[16]].concat();
    let ended = frame(HEADERS, END_HEADERS | END_STREAM, 1, &head.block(&[]));
    let padded = [&[255], head.block(&[]).as_slice()].concat();
    vec![
        ("DATA on the connection", frame(DATA, 0, 0, b"x"), PROTOCOL),
        ("DATA on an idle stream", frame(DATA, 0, 1, b"x"), PROTOCOL),
        ("DATA after the end", [ended, frame(DATA, 0, 1, b"x")].concat(), PROTOCOL),
        ("HEADERS on the connection", frame(HEADERS, END_HEADERS, 0, &head.block(&[])), PROTOCOL),
        ("HEADERS on a stream of the server's", frame(HEADERS, END_HEADERS, 2, &head.block(&[])), PROTOCOL),
        ("HEADERS on a stream left behind", [head.open(5), head.open(3)].concat(), PROTOCOL),
        ("HEADERS of more padding than content", frame(HEADERS, END_HEADERS | PADDED, 1, &padded[..20]), PROTOCOL),
        after("HEADERS again, without an end", frame(HEADERS, END_HEADERS, 1, &block(&[("x", b"1")])), STREAM_PROTOCOL),
        after(
            "trailers that name a path",
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[(":path", b"/")])),
            ANSWERED,
        ),
        after("trailers of another version's", trailers(&[("connection", b"close")]), STREAM_PROTOCOL),
        after("trailers in capitals", trailers(&[("X-Zebulon", b"1")]), PROTOCOL),
        after("trailers with a status", trailers(&[("grpc-status", b"0")]), ANSWERED),
        after(
            "trailers before the message is whole",
            [frame(DATA, 0, 1, &[0, 0, 0]), trailers(&[])].concat(),
            ANSWERED,
        ),
        after("trailers twice", [trailers(&[]), trailers(&[])].concat(), PROTOCOL),
        after("DATA after trailers", [trailers(&[]), frame(DATA, END_STREAM, 1, b"x")].concat(), PROTOCOL),
        after("DATA of more padding than content", frame(DATA, PADDED, 1, &[9, 0]), PROTOCOL),
        after("a window opened by nothing", window_update(1, 0), PROTOCOL),
        after("a window overflown", window_update(1, 0x7fff_ffff), "RST_STREAM FLOW_CONTROL_ERROR"),
        ("a window of an idle stream", window_update(1, 1), PROTOCOL),
        ("PRIORITY on itself", frame(PRIORITY, 0, 1, &depends_on_itself), STREAM_PROTOCOL),
        ("PRIORITY of 4 bytes", frame(PRIORITY, 0, 1, &[0; 4]), PROTOCOL),
        ("PRIORITY on the connection", frame(PRIORITY, 0, 0, &[0; 5]), PROTOCOL),
        ("RST_STREAM on an idle stream", reset(1), PROTOCOL),
        ("RST_STREAM on the connection", reset(0), PROTOCOL),
        after("RST_STREAM of 3 bytes", frame(RST_STREAM, 0, 1, &[0; 3]), PROTOCOL),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &[]), PROTOCOL),
        (
            "headers, interrupted by another frame",
            [frame(HEADERS, 0, 1, &[]), frame(PING, 0, 0, &[0; 8])].concat(),
            PROTOCOL,
        ),
        (
            "headers, continued on another stream",
            [frame(HEADERS, 0, 1, &[]), frame(CONTINUATION, END_HEADERS, 3, &[])].concat(),
            PROTOCOL,
        ),
    ]
}

/// What is in the headers.
fn of_headers(head: &Head) -> Vec<Row> {
    let with = |name, header: (&str, &[u8]), seen| (name, head.with(&[header]), seen);
    let raw = |name, bytes: &[u8], seen| (name, frame(HEADERS, END_HEADERS, 1, bytes), seen);
    let without_path = block(&[(":method", b"POST"), (":scheme", b"https"), (":authority", b"localhost")]);
    let nowhere = block(&[(":method", b"POST"), (":scheme", b"https"), (":path", b""), (":authority", b"localhost")]);
    let star = block(&[(":method", b"POST"), (":scheme", b"https"), (":path", b"*"), (":authority", b"localhost")]);
    let space = block(&[(":method", b"POST"), (":scheme", b"https"), (":path", b"/a b"), (":authority", b"localhost")]);
    vec![
        with("a header in capitals", ("X-Zebulon", b"1"), PROTOCOL),
        with("a header without a name", ("", b"1"), PROTOCOL),
        with("a header with a space", ("x zebulon", b"1"), PROTOCOL),
        with("a value with NUL", ("x-zebulon", b"a\0b"), PROTOCOL),
        with("a value with a line break", ("x-zebulon", b"a\r\nb: c"), PROTOCOL),
        with("a header of HTTP/1.1's", ("connection", b"close"), STREAM_PROTOCOL),
        with("chunks", ("transfer-encoding", b"chunked"), STREAM_PROTOCOL),
        with("te of other things", ("te", b"gzip"), STREAM_PROTOCOL),
        with("a path after headers", (":path", b"/"), STREAM_PROTOCOL),
        with("a pseudo-header of nobody's", (":zebulon", b"1"), PROTOCOL),
        with("a status from a client", (":status", b"200"), STREAM_PROTOCOL),
        raw("no path", &without_path, STREAM_PROTOCOL),
        raw("an empty path", &nowhere, STREAM_PROTOCOL),
        raw("a path that is a star", &star, ANSWERED),
        raw("a path with a space", &space, STREAM_PROTOCOL),
        ("less content than announced", announced(head, b"100"), STREAM_PROTOCOL),
        ("more content than announced", announced(head, b"1"), STREAM_PROTOCOL),
        ("two lengths announced", announced(head, b"1, 2"), STREAM_PROTOCOL),
        raw("index 0", &[0x80], PROTOCOL),
        raw("an index of nothing", &[0xff, 0x80, 0x01], PROTOCOL),
        raw("an index beyond numbers", &[[0xff].as_slice(), &[0xff; 12]].concat(), PROTOCOL),
        raw("a length beyond the block", &[0, 0x7f, 0xff, 0x01], PROTOCOL),
        raw("Huffman code of nothing", &[0, 0x84, 0xff, 0xff, 0xff, 0xff, 0], PROTOCOL),
        raw("a table of 1 GiB", &[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x03], PROTOCOL),
    ]
}

fn announced(head: &Head, len: &[u8]) -> Vec<u8> {
    let message = framed(&v1::GetDetainerRequest { name: "x".to_owned() }.encode_to_vec());
    [head.with(&[("content-length", len)]), frame(DATA, END_STREAM, 1, &message)].concat()
}

pub(super) async fn check(siege: &mut Siege) {
    let head = Head::of(siege, "us-ice");
    let rows = of_connection().into_iter().chain(of_streams(&head)).chain(of_headers(&head));
    // Who is cut off is named; what costs a stream only is not worth a line.
    let audited = |seen: &'static str| seen.strip_prefix("GOAWAY ").unwrap_or("");
    let cases = rows.map(|(name, bytes, seen)| (name, bytes, seen, audited(seen)).into()).collect();
    let send = async |siege: &Siege, bytes| {
        let stream = Peer::of(siege, "us-ice").connect(siege).await.unwrap();
        Wire::open(stream).await.outcome_of(bytes).await
    };
    siege.check("http2", cases, send).await;
}
