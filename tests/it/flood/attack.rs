//! One attacker: takes a request that is right, or nearly, and changes its message, its frame, its headers or its path.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity::wire::failure::reason_of;
use comity::wire::v1::ErrorReason;
use fastrand::Rng;
use http::Method;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use uuid::Uuid;

use crate::flood::pool::{Kind, Pool};
use crate::flood::{ACTS_OF_OPERATORS, OPERATOR};
use crate::harness::descriptor::{self, Holds, Place};
use crate::harness::raw::{self, Call, Reply, frame};
use crate::mutate::{self, mutate};

/// Beside the contract's own.
const OTHERS: [&str; 2] = ["/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"];
const AGENCIES: [&str; 4] = ["us-ny-doccs", "us-ny-erie-jail", "us-tx-harris-jail", "us-nowhere"];
/// For how long a window stands open.
const OPEN_S: i64 = 7_200;
/// Who attacks does not read on for long: a stream of all entries grows with the story beside.
const ANSWER_LEN_MAX: usize = 32 * 1_024;

/// What was called, and what was changed.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) method: String,
    changed: &'static str,
}

pub(super) struct Attacker {
    agency: &'static str,
    token: String,
    pool: Arc<Pool>,
    random: Rng,
    methods: Vec<MethodDescriptor>,
    /// Methods that nobody like this one may call: the body of such a call is never read.
    denied: BTreeSet<String>,
}

impl Attacker {
    pub(super) fn new(agency: &'static str, token: String, pool: Arc<Pool>, random: Rng) -> Self {
        let spares = |method: &MethodDescriptor| {
            agency == OPERATOR && ACTS_OF_OPERATORS.contains(&descriptor::name(method).as_str())
        };
        let methods = descriptor::methods().into_iter().filter(|method| !spares(method)).collect();
        Self { agency, token, pool, random, methods, denied: BTreeSet::new() }
    }

    /// The next call.
    pub(super) fn next(&mut self) -> (Target, Call) {
        let (method, path, message) = self.base();
        let random = &mut self.random;
        let (words, other) = (self.pool.words(random), self.pool.any_message(random));
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut call = Call::new(&path, &self.token, &message);
        let changed = match random.u8(..100) {
            0..25 => "values",
            25..65 => {
                call.body = frame(&mutate(random, mutate::Kind::Wire, &message, &other, &words));
                "fields"
            }
            65..75 => {
                call.body = frame(&mutate(random, mutate::Kind::Bytes, &message, &other, &words));
                "bytes"
            }
            75..84 => {
                call.body = change_frame(random, &message, &other);
                "frame"
            }
            84..93 => {
                self.change_headers(&mut call);
                "headers"
            }
            _ => {
                self.change_path(&mut call);
                "path"
            }
        };
        call.answer_len_max = ANSWER_LEN_MAX;
        if !self.methods.iter().any(|method| descriptor::path(method) == call.path && !method.is_server_streaming()) {
            call.silence = raw::SILENCE;
        }
        (Target { method, changed }, call)
    }

    /// Takes note of what need not be tried again and again.
    pub(super) fn learn(&mut self, target: &Target, reply: &Result<Reply, hyper::Error>) {
        let reason = reply.as_ref().ok().and_then(|reply| reason_of(reply.status.as_ref()?));
        if reason == Some(ErrorReason::MethodDenied) && target.changed != "path" {
            self.denied.insert(target.method.clone());
        }
    }

    /// A call that is right, or nearly.
    fn base(&mut self) -> (String, String, Vec<u8>) {
        if self.random.u8(..50) == 0 {
            let path = self.random.choice(OTHERS).unwrap();
            return (path[1..].to_owned(), path.to_owned(), Vec::new());
        }
        let mut method = self.random.choice(&self.methods).unwrap().clone();
        while self.denied.contains(&descriptor::name(&method)) && self.random.u8(..20) > 0 {
            method = self.random.choice(&self.methods).unwrap().clone();
        }
        let (name, path) = (descriptor::name(&method), descriptor::path(&method));
        let used = self.pool.message(&mut self.random, &name).filter(|_| self.random.bool());
        let message = match used {
            Some(used) => self.used_again(&method, &used),
            None => descriptor::fill(&method.input(), &mut |place| {
                // What marks a correction is there or not; of all else there is something.
                let absent = place.path.starts_with("correction") && self.random.bool();
                (!absent).then(|| self.value(place))
            })
            .encode_to_vec(),
        };
        (name, path, message)
    }

    /// A message of the story's: as it was, or with a request id of its own and upon another case.
    fn used_again(&mut self, method: &MethodDescriptor, used: &[u8]) -> Vec<u8> {
        if self.random.u8(..3) == 0 {
            return used.to_vec();
        }
        let mut message = DynamicMessage::decode(method.input(), used).unwrap();
        for field in method.input().fields() {
            let place = Place { path: field.name().to_owned(), field, class: None, output_only: false };
            let of_a_case = place.collection().is_some_and(|collection| collection != "jurisdictions");
            let of_its_own = of_a_case || ["request_id", "etag"].contains(&place.field.name());
            if of_its_own && self.random.u8(..5) > 0 {
                let value = self.value(&place);
                message.set_field(&place.field, value);
            }
        }
        message.encode_to_vec()
    }

    fn value(&mut self, place: &Place) -> Value {
        let random = &mut self.random;
        match place.holds() {
            Holds::Time => {
                let seconds = [1_772_370_000, 0, -1, 4_102_444_800, 4_102_444_801, i64::MAX, i64::MIN];
                let nanos = [0, 999_999_999, -1, i32::MAX];
                let usual = random.u8(..10) > 0;
                let mut at = |len| if usual { 0 } else { random.usize(..len) };
                // Only what closes later was ever open.
                let open_s = if place.field.name() == "closes_at" { OPEN_S } else { 0 };
                descriptor::time(seconds[at(seconds.len())].saturating_add(open_s), nanos[at(nanos.len())])
            }
            Holds::Flag => Value::Bool(random.u8(..8) == 0),
            Holds::Word(kind) => {
                let known: Vec<i32> = kind.values().map(|value| value.number()).collect();
                let unknown = random.choice([-1, 999, i32::MAX, i32::MIN]);
                let usual = random.u8(..30) > 0;
                Value::EnumNumber(if usual { random.choice(known) } else { unknown }.unwrap())
            }
            Holds::Int32 => Value::I32(random.choice([0, 1, 2, 50, 99, 100, 101, -1, i32::MAX]).unwrap()),
            Holds::Int64 => Value::I64(random.choice([0, 1, 2, 7, 1_000, -1, i64::MAX, i64::MIN]).unwrap()),
            Holds::Text => Value::String(self.text(place)),
            Holds::Bytes => {
                let len = if random.bool() { 32 } else { random.usize(..64) };
                Value::Bytes(vec![random.u8(..); len].into())
            }
            Holds::Message(message) => Value::Message(DynamicMessage::new(message)),
        }
    }

    fn text(&mut self, place: &Place) -> String {
        let pooled = |attacker: &mut Self, kind| attacker.pool.text(&mut attacker.random, kind).unwrap_or_default();
        let seldom = self.random.u8(..4) == 0;
        match place.collection().as_deref() {
            Some("jurisdictions") => {
                return self.random.choice(["jurisdictions/us-ny", "jurisdictions/us-tx"]).unwrap().to_owned();
            }
            Some("logs") => {
                let log = self.random.choice(["exchange", "custody"]).unwrap();
                return format!("jurisdictions/{}/logs/{log}", self.random.choice(["us-ny", "us-tx"]).unwrap());
            }
            Some("entries") => return pooled(self, Kind::Entry),
            Some(_) if seldom => {
                let other = self.random.choice([Kind::Detainer, Kind::Custody, Kind::Transfer, Kind::Appeal]).unwrap();
                return pooled(self, other);
            }
            Some("detainers") => return pooled(self, Kind::Detainer),
            Some("custodies") => return pooled(self, Kind::Custody),
            Some("transfers") => return pooled(self, Kind::Transfer),
            Some("appeals") => return pooled(self, Kind::Appeal),
            Some("reviews") => return format!("{}/reviews/notify", pooled(self, Kind::Detainer)),
            Some("obligations") => return format!("{}/obligations/tell-the-subject", pooled(self, Kind::Detainer)),
            other => assert_eq!(other, None, "nothing is known of what {} names", place.path),
        }
        match place.field.name() {
            "custody" => pooled(self, Kind::Custody),
            "request_id" if seldom => pooled(self, Kind::RequestId),
            "request_id" => Uuid::from_u128(self.random.u128(1..)).to_string(),
            "etag" if seldom => pooled(self, Kind::Etag),
            "cursor" if !seldom => pooled(self, Kind::Cursor),
            "page_token" if seldom => pooled(self, Kind::PageToken),
            "etag" | "cursor" | "page_token" => String::new(),
            "consumer" => self.random.choice(["", "", "cases", "statistics"]).unwrap().to_owned(),
            "custodian" | "agency" => format!("agencies/{}", self.random.choice(AGENCIES).unwrap()),
            "birth_date" | "charged_on" => "1980-02-29".to_owned(),
            "facility" => "NY029".to_owned(),
            "family" | "legal_basis" | "ordered_by" | "reason" | "ground" => "Synthetic".to_owned(),
            "language" => "es".to_owned(),
            _ if seldom => "\u{0}\u{202e}é\u{10ffff}".to_owned(),
            _ => String::new(),
        }
    }

    fn change_headers(&mut self, call: &mut Call) {
        let random = &mut self.random;
        let bearer = |token: &[u8]| [b"Bearer ", token].concat();
        let forged = mutate(random, mutate::Kind::Bytes, self.token.as_bytes(), self.token.as_bytes(), &[b".", b"="]);
        match random.u8(..12) {
            0 => drop(call.headers.remove("authorization")),
            1 => call.put("authorization", &bearer(&forged)),
            2 => call.put("authorization", b"Basic dXNlcjpwYXNz"),
            3 => drop(call.headers.append("authorization", "Bearer a.b.c".parse().unwrap())),
            4 => {
                let timeouts = [&b"0n"[..], b"1n", b"1u", b"-1S", b"99999999H", b"x"];
                call.put("grpc-timeout", random.choice(timeouts).unwrap());
            }
            5 => call.put("grpc-encoding", random.choice([&b"gzip"[..], b"zstd", b"identity", b"x"]).unwrap()),
            6 => call.put("grpc-accept-encoding", b"gzip,deflate,x"),
            7 => {
                let types =
                    ["application/grpc+proto", "application/grpc+json", "application/grpc-web", "text/html", ""];
                call.put("content-type", random.choice(types).unwrap().as_bytes());
            }
            8 => drop(call.headers.remove("te")),
            9 => call.put("x-noise-bin", b"%%%not base64%%%"),
            10 => call.put("x-noise", &vec![b'n'; random.usize(..9_000)]),
            _ => call.put(self.agency, &[0xff, b'a', 0x80]),
        }
    }

    fn change_path(&mut self, call: &mut Call) {
        let random = &mut self.random;
        match random.u8(..4) {
            // The message of one method at the door of another.
            0 | 1 => call.path = descriptor::path(random.choice(&self.methods).unwrap()),
            2 => {
                let other =
                    ["/", "/comity.v1.DetainerService/", "/comity.v1.DetainerService/Nothing", "//x", "/a/b/c?d=e"];
                call.path = random.choice(other).unwrap().to_owned();
            }
            _ => call.verb = random.choice([Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS]).unwrap(),
        }
    }
}

/// What stands before a message says otherwise, or stands there twice, or not at all.
fn change_frame(random: &mut Rng, message: &[u8], other: &[u8]) -> Vec<u8> {
    let good = frame(message);
    match random.u8(..8) {
        0 => [&[1], &good[1..]].concat(),
        1 => [&[random.u8(2..)], &good[1..]].concat(),
        2 => {
            let told = random.choice([0, 1, u32::MAX, 0x0004_0001, 0x0010_0000]).unwrap().to_be_bytes();
            [&[0], told.as_slice(), message].concat()
        }
        3 => [good, frame(other)].concat(),
        4 => good[..random.usize(..good.len())].to_vec(),
        5 => Vec::new(),
        6 => [good.as_slice(), b"more"].concat(),
        _ => random
            .choice([&b"\0"[..], b"\0\0\0\0\0", b"\xff\xff\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"])
            .unwrap()
            .to_vec(),
    }
}
