//! The operators' console: who may open it, what it is made of, and that its numbers are those of the metrics.

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::harness::{World, probe, raw};
use crate::watching::scrape::a_story;

/// Only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// As many pages as may look at a time.
const VIEWERS_MAX: usize = 8;
const FILES: [(&str, &str); 4] = [
    ("/console", "text/html; charset=utf-8"),
    ("/console/parts.js", "text/javascript; charset=utf-8"),
    ("/console/app.js", "text/javascript; charset=utf-8"),
    ("/console/style.css", "text/css; charset=utf-8"),
];

/// What a scrape holds: each series by its name and labels.
type Series = Vec<(String, BTreeMap<String, String>, f64)>;

async fn scrape(ops: SocketAddr) -> Series {
    let text = probe::body(ops, "/metrics").await;
    let mut series = Series::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (named, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = named.split_once('{').unwrap_or((named, ""));
        let pair = |pair: &str| {
            let (label, value) = pair.split_once('=').unwrap();
            (label.to_owned(), value.trim_matches('"').to_owned())
        };
        let labels = labels.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty()).map(pair).collect();
        series.push((name.to_owned(), labels, value.parse().unwrap()));
    }
    series
}

/// The sum of the series of a metric that have these labels.
fn sum(series: &Series, name: &str, labels: &BTreeMap<String, String>) -> f64 {
    let has = |own: &BTreeMap<String, String>| labels.iter().all(|(label, value)| own.get(label) == Some(value));
    series.iter().filter(|(named, own, _)| named == name && has(own)).map(|(_, _, value)| value).sum()
}

fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(1.0)
}

/// The answer to a request that names a host and more.
async fn asked(ops: SocketAddr, path: &str, headers: &str) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(ops).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\n{headers}\r\n").as_bytes()).await.unwrap();
    BufReader::new(socket)
}

/// The status and the headers of an answer.
async fn head(answer: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).await.unwrap() > 0, "{head}");
    }
    head
}

/// One that looks, as a browser's page does.
struct Viewer(BufReader<TcpStream>);

impl Viewer {
    async fn open(ops: SocketAddr) -> Self {
        let mut answer = asked(ops, "/console/events", "host: localhost\r\nsec-fetch-site: same-origin\r\n").await;
        let head = head(&mut answer).await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: text/event-stream"), "{head}");
        Self(answer)
    }

    async fn next(&mut self) -> Value {
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await;
            assert!(read.expect("nothing is shown").unwrap() > 0, "the stream has ended");
            if let Some(json) = line.strip_prefix("data: ") {
                return serde_json::from_str(json).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn the_page_is_of_this_machine_and_allows_itself_alone() {
    let world = World::start();
    let ops = world.gateway().ops();
    for (path, media) in FILES {
        let answer = String::from_utf8(probe::probe(ops, path).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for header in [
            format!("content-type: {media}"),
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                .to_owned(),
            "x-content-type-options: nosniff".to_owned(),
            "referrer-policy: no-referrer".to_owned(),
            "cache-control: no-store".to_owned(),
            "cross-origin-resource-policy: same-origin".to_owned(),
        ] {
            assert!(answer.contains(&format!("{header}\r\n")), "{path} has no {header}: {answer}");
        }
        for inline in ["<style", " style=", " onclick=", "javascript:", "http://", "https://"] {
            let own = answer.replace("http://www.w3.org/", "the names of HTML and SVG: ");
            assert!(!own.contains(inline), "{path} has {inline}");
        }
    }
    assert_eq!(probe::body(ops, "/console").await.matches("<script src=\"/console/").count(), 2);
    let rebound = ["host: evil.example\r\n", "host: 10.0.0.7:9443\r\n", "host: localhost.evil.example\r\n", ""];
    for (path, host) in FILES.iter().map(|(path, _)| *path).chain(["/console/events"]).zip(rebound.iter().cycle()) {
        let refused = head(&mut asked(ops, path, host).await).await;
        assert!(refused.starts_with("HTTP/1.1 421"), "{path} {host}: {refused}");
    }
    let elsewhere = "host: localhost\r\nsec-fetch-site: cross-site\r\n";
    let refused = head(&mut asked(ops, "/console/events", elsewhere).await).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let followed = head(&mut asked(ops, "/console", elsewhere).await).await;
    assert!(followed.starts_with("HTTP/1.1 200"), "a link in a handbook leads there: {followed}");
}

#[tokio::test]
async fn there_is_no_console_where_others_than_this_machine_ask() {
    let world = World::with(|_, config| config.server.ops_listen = "0.0.0.0:0".parse().unwrap());
    let ops = SocketAddr::from(([127, 0, 0, 1], world.gateway().ops().port()));
    for path in FILES.iter().map(|(path, _)| *path).chain(["/console/events", "/console/"]) {
        let answer = String::from_utf8(probe::probe(ops, path).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    assert_eq!(probe::body(ops, "/livez").await, "ok\n");
}

/// Without a loopback address for probes, the console is for the certificates of operators.
#[tokio::test]
async fn over_mutual_tls_operators_open_the_console_and_nobody_else() {
    let world = World::with(|_, config| {
        config.server.ops_listen = "0.0.0.0:0".parse().unwrap();
        config.server.console_listen = Some("127.0.0.1:0".parse().unwrap());
    });
    let console = world.gateway().console().unwrap();
    let operator = world.sandbox.credentials("comity-operator").unwrap();
    for (path, media) in FILES {
        let page = raw::first_part(console, &operator, path).await.unwrap();
        assert_eq!((page.http.as_u16(), page.headers["content-type"].to_str().unwrap()), (200, media), "{path}");
        assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'; "));
    }
    let shown = raw::first_part(console, &operator, "/console/events").await.unwrap();
    let shown = String::from_utf8(shown.body).unwrap();
    assert!(shown.contains("\"phase\":\"serving\""), "{shown}");
    for path in ["/metrics", "/readyz", "/comity.v1.LedgerService/GetCheckpoint"] {
        // An answer without a body.
        assert!(raw::first_part(console, &operator, path).await.is_err(), "{path}");
    }
    for agency in ["us-ice", "us-ny-doccs", "us-ny-oversight"] {
        let credentials = world.sandbox.credentials(agency).unwrap();
        assert!(raw::first_part(console, &credentials, "/console").await.is_err(), "{agency}");
    }
    let mut plain = asked(console, "/console", "host: localhost\r\n").await;
    let mut said = Vec::new();
    let _cut = plain.read_to_end(&mut said).await;
    assert!(!said.starts_with(b"HTTP"), "without a certificate");
    let refused = |series: &Series| {
        let labels = [("reason".to_owned(), "agency_of_another_kind".to_owned())].into();
        is_same(sum(series, "comity_handshakes_refused_total", &labels), 3.0)
    };
    let ops = SocketAddr::from(([127, 0, 0, 1], world.gateway().ops().port()));
    let begun = Instant::now();
    while !refused(&scrape(ops).await) {
        assert!(begun.elapsed() < PATIENCE, "they were not counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn viewers_have_a_limit_and_probes_are_answered_all_the_while() {
    let world = World::start();
    let ops = world.gateway().ops();
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS_MAX {
        viewers.push(Viewer::open(ops).await);
    }
    let asking = "host: localhost\r\n";
    let refused = head(&mut asked(ops, "/console/events", asking).await).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5\r\n"), "{refused}");
    for path in ["/livez", "/readyz", "/metrics", "/console"] {
        probe::body(ops, path).await;
    }
    let first = viewers[0].next().await;
    assert_eq!(viewers[VIEWERS_MAX - 1].next().await["at"], first["at"], "one snapshot for all");
    // One that has gone makes room.
    drop(viewers.pop());
    let begun = Instant::now();
    while !head(&mut asked(ops, "/console/events", asking).await).await.starts_with("HTTP/1.1 200") {
        assert!(begun.elapsed() < PATIENCE, "a place is never given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn each_number_of_a_snapshot_is_that_of_a_scrape() {
    let world = World::start();
    a_story(&world).await;
    let ops = world.gateway().ops();
    let mut viewer = Viewer::open(ops).await;
    let begun = Instant::now();
    // Nothing changes any more but the room on the disk, which others use too: so it is looked at until it has stood still.
    let snapshot = loop {
        let snapshot = viewer.next().await;
        let now = scrape(ops).await;
        let differs = |figure: &&Value| {
            let labels = serde_json::from_value(figure["labels"].clone()).unwrap();
            !is_same(figure["value"].as_f64().unwrap(), sum(&now, figure["name"].as_str().unwrap(), &labels))
        };
        let different: Vec<&Value> = snapshot["figures"].as_array().unwrap().iter().filter(differs).collect();
        if different.is_empty() {
            break snapshot;
        }
        assert!(begun.elapsed() < PATIENCE, "{different:?}");
    };
    let figures = snapshot["figures"].as_array().unwrap();
    assert!(figures.len() > 50, "{} are shown", figures.len());
    let named: BTreeSet<&str> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    for name in [
        "comity_calls_total",
        "comity_calls_denied_total",
        "comity_handshakes_refused_total",
        "comity_connections",
        "comity_log_entries",
        "comity_log_head_timestamp_seconds",
        "comity_inbox_waiting_entries",
        "comity_inbox_oldest_waiting_seconds",
        "comity_clocks_overdue",
        "comity_reviews_waiting",
        "comity_certificate_expiry_timestamp_seconds",
        "comity_authority_certificate_expiry_timestamp_seconds",
        "comity_revocation_list_expiry_timestamp_seconds",
        "comity_partner_certificate_expiry_timestamp_seconds",
        "comity_queue_jobs",
        "comity_commit_duration_seconds_count",
    ] {
        assert!(named.contains(name), "{name} is not in {named:?}");
    }
    assert_eq!((&snapshot["phase"], &snapshot["serving"]), (&"serving".into(), &true.into()));
    let verbose = probe::body(ops, "/readyz?verbose").await;
    let checks = snapshot["checks"].as_array().unwrap();
    assert_eq!(checks.len() + 1, verbose.lines().count());
    for check in checks {
        let name = check["name"].as_str().unwrap();
        assert_eq!(check["fault"].is_null(), verbose.contains(&format!("[+]{name} ok")), "{name}");
    }
    // A gateway that has not run for so long: all that was ever denied.
    let denied = snapshot["denied"]["reasons"].as_array().unwrap();
    let since_the_start =
        |name: &str| figures.iter().filter(|figure| figure["name"] == name && figure["value"] != 0.0).count();
    assert_eq!(
        denied.len(),
        since_the_start("comity_calls_denied_total") + since_the_start("comity_handshakes_refused_total")
    );
    assert!(denied.iter().any(|of| of["reason"] == "METHOD_DENIED" && of["count"] == 1.0), "{denied:?}");
    let ends: Vec<f64> =
        snapshot["expiries"].as_array().unwrap().iter().map(|of| of["value"].as_f64().unwrap()).collect();
    assert!(ends.len() > 4 && ends.is_sorted(), "{ends:?}");
}
