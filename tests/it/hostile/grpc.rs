//! Calls that are no calls of gRPC, or not as the contract has them.

use comity::wire::Message as _;
use comity::wire::v1;
use http::Method;

use crate::harness::requests::detainer_for;
use crate::hostile::call::{Call, GET, LODGE, Line, framed, prefixed};
use crate::hostile::siege::Siege;

const MALFORMED: &str = "InvalidArgument MALFORMED_MESSAGE";
const COMPRESSED: &str = "Unimplemented MALFORMED_MESSAGE, takes identity";
const TOO_LARGE: &str = "ResourceExhausted MESSAGE_TOO_LARGE";
const UNKNOWN: &str = "Unimplemented UNKNOWN_METHOD";
const NOT_THERE: &str = "HTTP 404 Unimplemented UNKNOWN_METHOD";
const NOT_FOUND: &str = "NotFound NOT_FOUND";
const TOO_LATE: &str = "DeadlineExceeded DEADLINE_EXCEEDED";
const NOT_GRPC: &str = "HTTP 415 InvalidArgument MALFORMED_MESSAGE";
const NOT_POST: &str = "HTTP 405 InvalidArgument MALFORMED_MESSAGE";
const CALM: &str = "GOAWAY ENHANCE_YOUR_CALM";
const BAD: &str = "HTTP 400 InvalidArgument MALFORMED_MESSAGE";

type Row = (&'static str, Call, &'static str, &'static str);

/// The message and what stands before it. But for these the request is good.
fn of_framing(lodge: &Call, good: &[u8]) -> Vec<Row> {
    let body = |name, body: Vec<u8>, seen| (name, lodge.clone().body(body), seen, "");
    let len = good.len();
    let bomb = bomb();
    let encoded = |name, encoding: &str, flag| {
        (name, lodge.clone().with("grpc-encoding", encoding).body(prefixed(flag, len, good)), COMPRESSED, "")
    };
    vec![
        body("no message", Vec::new(), MALFORMED),
        body("half a prefix", vec![0, 0, 0], MALFORMED),
        body("a prefix alone", prefixed(0, len, &[]), MALFORMED),
        body("a length beyond the end", prefixed(0, len + 1, good), MALFORMED),
        body("a length short of the end", prefixed(0, len - 1, good), MALFORMED),
        body("a length of 4 GiB", prefixed(0, 0xffff_ffff, good), TOO_LARGE),
        body("a length over the limit by one", prefixed(0, 256 * 1_024 + 1, good), TOO_LARGE),
        body("a message over the limit", framed(&vec![0; 300 * 1_024]), TOO_LARGE),
        body("something after the message", [framed(good), vec![0]].concat(), MALFORMED),
        body("two messages", [framed(good), framed(good)].concat(), MALFORMED),
        body("a message, and one that is empty", [framed(good), framed(&[])].concat(), MALFORMED),
        body("flag 2", prefixed(2, len, good), MALFORMED),
        body("flag 255", prefixed(255, len, good), MALFORMED),
        body("compressed, in no encoding", prefixed(1, len, good), MALFORMED),
        encoded("gzip", "gzip", 1),
        encoded("gzip, but not compressed", "gzip", 0),
        encoded("deflate", "deflate", 1),
        encoded("zstd", "zstd", 1),
        encoded("an encoding of nobody's", "zebulon", 1),
        encoded("two encodings", "identity, gzip", 1),
        (
            "identity, but compressed",
            lodge.clone().with("grpc-encoding", "identity").body(prefixed(1, len, good)),
            MALFORMED,
            "",
        ),
        ("a bomb", lodge.clone().with("grpc-encoding", "gzip").body(prefixed(1, bomb.len(), &bomb)), COMPRESSED, ""),
    ]
}

/// 100 KiB that gunzip to 16 MiB of one letter: a literal, then matches of 258 at distance 1, in fixed Huffman codes.
fn bomb() -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut pending, mut len) = (0_u32, 0);
    let mut put = |bits: u32, count: u32| {
        pending |= bits << len;
        len += count;
        while len >= 8 {
            bytes.push(u8::try_from(pending & 0xff).unwrap());
            pending >>= 8;
            len -= 8;
        }
    };
    // The last block, of fixed codes; then Huffman codes from their first bit on (RFC 1951 3.2.6).
    put(0b011, 3);
    put((0x30_u32 + 0x61).reverse_bits() >> 24, 8);
    for _ in 0..65_536 {
        put(0b1100_0101_u32.reverse_bits() >> 24, 8);
        put(0, 5);
    }
    put(0, 7 + 8);
    bytes
}

/// What the path names, or does not.
fn of_path(lodge: &Call) -> Vec<Row> {
    let path = |name, path: &str| (name, lodge.clone().path(path), UNKNOWN, "");
    vec![
        path("a method that there is not", "/comity.v1.DetainerService/ExpungeDetainer"),
        path("a service that there is not", "/comity.v1.WarrantService/LodgeDetainer"),
        path("another version", "/comity.v2.DetainerService/LodgeDetainer"),
        path("no package", "/DetainerService/LodgeDetainer"),
        path("a method in small letters", "/comity.v1.DetainerService/lodgedetainer"),
        path("a slash at the end", "/comity.v1.DetainerService/LodgeDetainer/"),
        path("two slashes at the start", "//comity.v1.DetainerService/LodgeDetainer"),
        path("two slashes within", "/comity.v1.DetainerService//LodgeDetainer"),
        path("a way up", "/comity.v1.LedgerService/../DetainerService/LodgeDetainer"),
        path("an escape", "/comity.v1.DetainerService/%4CodgeDetainer"),
        path("a parameter", "/comity.v1.DetainerService/LodgeDetainer;x=1"),
        path("a service alone", "/comity.v1.DetainerService"),
        path("the root", "/"),
        path("a probe", "/livez"),
        path("a person", "/Zebulon-Quackenbush"),
        path("very long", &format!("/{}", "x".repeat(8_000))),
        ("a probe by GET", lodge.clone().path("/livez").method(Method::GET), NOT_THERE, ""),
        ("a person in JSON", lodge.clone().path("/Zebulon").but("content-type", "application/json"), NOT_THERE, ""),
        ("compressed, for nobody", lodge.clone().path("/x.Y/Z").with("grpc-encoding", "gzip"), NOT_THERE, ""),
        ("a query", lodge.clone().path(&format!("{LODGE}?Zebulon")), BAD, ""),
    ]
}

/// What stands around the message.
fn of_headers(lodge: &Call, get: &Call) -> Vec<Row> {
    let lodge = || lodge.clone();
    let kind = |name, value: &str| (name, lodge().but("content-type", value), NOT_GRPC, "");
    let borne = |name, header, value: &[u8]| (name, get.clone().with(header, value), NOT_FOUND, "NOT_FOUND");
    let mut many = lodge();
    for _ in 0..2_000 {
        many = many.with("x-zebulon", "1");
    }
    vec![
        ("GET", lodge().method(Method::GET), NOT_POST, ""),
        ("PUT", lodge().method(Method::PUT), NOT_POST, ""),
        ("OPTIONS", lodge().method(Method::OPTIONS), NOT_POST, ""),
        kind("plain text", "text/plain"),
        kind("JSON", "application/json"),
        kind("gRPC for browsers", "application/grpc-web+proto"),
        kind("gRPC with JSON", "application/grpc+json"),
        kind("a content type with a parameter", "application/grpc; charset=utf-8"),
        kind("an empty content type", ""),
        ("no content type", lodge().without("content-type"), NOT_GRPC, ""),
        ("two content types", lodge().with("content-type", "text/plain"), NOT_GRPC, ""),
        ("no te", lodge().without("te"), BAD, ""),
        ("te twice", lodge().with("te", "trailers"), BAD, ""),
        ("te of other things", lodge().but("te", "trailers, deflate"), BAD, ""),
        ("two deadlines", get.clone().with("grpc-timeout", "1S").with("grpc-timeout", "0n"), NOT_FOUND, "NOT_FOUND"),
        (
            "two encodings, one after the other",
            lodge().with("grpc-encoding", "identity").with("grpc-encoding", "gzip"),
            COMPRESSED,
            "",
        ),
        ("headers of 20 KiB", lodge().with("x-zebulon", vec![b'x'; 20 * 1_024]), "HTTP 431 no status", ""),
        ("2,000 headers", many, CALM, "ENHANCE_YOUR_CALM"),
        borne("a -bin that is not base64", "x-zebulon-bin", b"!!!"),
        borne("bytes that are no text", "x-zebulon", b"\xff\xfe"),
        borne("a status of its own", "grpc-status", b"0"),
        borne("details of its own", "grpc-status-details-bin", b"CAA"),
    ]
}

/// The deadline: what is none counts for nothing, and ours holds; none is longer than ours.
fn of_deadline(get: &Call) -> Vec<Row> {
    let timeout = |name, value: &str, seen, audited| (name, get.clone().with("grpc-timeout", value), seen, audited);
    let nonsense = |name, value: &str| timeout(name, value, NOT_FOUND, "NOT_FOUND");
    vec![
        nonsense("a deadline without a unit", "1"),
        nonsense("a unit alone", "S"),
        nonsense("an empty deadline", ""),
        nonsense("eleven digits", "99999999999S"),
        nonsense("a negative deadline", "-1S"),
        nonsense("a fraction", "1.5S"),
        nonsense("a space", "1 S"),
        nonsense("another unit", "1Y"),
        nonsense("eleven thousand years", "99999999H"),
        timeout("no time at all", "0n", TOO_LATE, ""),
        timeout("no seconds", "0S", TOO_LATE, ""),
    ]
}

/// What stands beside our own methods, and is read by the library's codec: nothing is authorized by what it holds, so what nobody
/// knows is passed over.
fn of_health(token: &str) -> Vec<Row> {
    let health = |message: &[u8]| Call::new("/grpc.health.v1.Health/Check", Some(token), message);
    let unknown = [0x7a, 1, b'x'];
    vec![
        ("health", health(&[]), "Ok", ""),
        ("health, of a service that there is not", health(b"\x0a\x01x"), NOT_FOUND, "NOT_FOUND"),
        ("health, with a field of nobody's", health(&unknown), "Ok", ""),
        ("health, in two messages", health(&[]).body([framed(&[]), framed(&[])].concat()), "Ok", ""),
        ("health, in no message", health(&[]).body(Vec::new()), MALFORMED, ""),
        ("health, half of it", health(&[]).body(prefixed(0, 9, b"x")), MALFORMED, ""),
        ("health, of no protobuf", health(&[0x0a, 9]), MALFORMED, ""),
        ("health, compressed in no encoding", health(&[]).body(prefixed(1, 0, &[])), MALFORMED, ""),
        ("health, at length", health(&[0; 1_025]), TOO_LARGE, ""),
        ("health, in another way", health(&[]).but("content-type", "application/json"), NOT_GRPC, ""),
    ]
}

pub(super) async fn check(siege: &mut Siege) {
    let token = siege.token("us-ice");
    let good = detainer_for("us-ny-doccs").encode_to_vec();
    let lodge = Call::new(LODGE, Some(&token), &good);
    let (rest, last) = siege.detainer.split_at(siege.detainer.len() - 1);
    let missing = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let missing = v1::GetDetainerRequest { name: missing };
    let get = Call::new(GET, Some(&token), &missing.encode_to_vec());
    let mut rows = of_framing(&lodge, &good);
    rows.extend(of_path(&lodge));
    rows.extend(of_headers(&lodge, &get));
    rows.extend(of_deadline(&get));
    rows.extend(of_health(&token));
    let cases = rows.into_iter().map(Into::into).collect();
    // A line each, since some are cut.
    let call = async |siege: &Siege, call| Line::open(siege, "us-ice").await.answer_to(call).await;
    siege.check("grpc", cases, call).await;
}
