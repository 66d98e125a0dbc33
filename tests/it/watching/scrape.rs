//! A scrape of a gateway in which a little of everything has happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use comity::config::Config;
use comity::ledger::Cosigner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::harness::requests::{NY, detainer_for};
use crate::harness::{World, probe};

/// A metric as a scrape shows it.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) labels: BTreeSet<String>,
    /// How many series there are.
    pub(super) series: usize,
}

/// What a scrape shows.
#[derive(Debug, Default)]
pub(super) struct Scrape {
    /// By the name of the metric.
    pub(super) families: BTreeMap<String, Family>,
    /// The labels of each name that a query may use: a histogram has several.
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
    /// Values by series.
    pub(super) values: BTreeMap<String, f64>,
}

impl Scrape {
    pub(super) async fn of(world: &World) -> Self {
        Self::read(&probe::body(world.gateway().ops(), "/metrics").await)
    }

    fn read(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(typed) = line.strip_prefix("# TYPE ") {
                let (name, kind) = typed.split_once(' ').unwrap();
                scrape.families.insert(name.to_owned(), Family { kind: kind.to_owned(), ..Family::default() });
            }
            if line.starts_with('#') {
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels =
                labels.trim_end_matches('}').split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
            let labels: BTreeSet<String> = labels.collect();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let base = base.filter(|base| scrape.families.contains_key(*base)).unwrap_or(name);
            let family = scrape.families.get_mut(base).unwrap_or_else(|| panic!("not typed before: {line}"));
            family.labels.extend(labels.iter().filter(|label| *label != "le").cloned());
            family.series += 1;
            scrape.labels.entry(name.to_owned()).or_default().extend(labels);
            scrape.values.insert(series.to_owned(), value.parse().unwrap());
        }
        scrape
    }

    /// The value of a series, which MUST be there.
    pub(super) fn value(&self, series: &str) -> f64 {
        *self.values.get(series).unwrap_or_else(|| panic!("{series} is not in {:#?}", self.values))
    }
}

/// An exchange that asks a witness where nobody listens.
pub(super) fn world_with_an_absent_witness() -> World {
    World::with(|directory: &Path, config: &mut Config| {
        let log = fs::read_to_string(directory.join("keys/log.vkey")).unwrap();
        let (witness, _) = Cosigner::generate("witness.us-ice.example/1").unwrap();
        let key = &witness.keys()[0];
        let policy = format!("log {}\nwitness w {key} http://127.0.0.1:1\nquorum w\n", log.trim_end());
        fs::write(directory.join("witnesses.policy"), policy).unwrap();
        config.witness.policy = Some("witnesses.policy".into());
        config.witness.push_every_ms = 10;
    })
}

/// Looks again and again until a series has come to be.
pub(super) async fn until(world: &World, what: &str, has_come: impl Fn(&Scrape) -> bool) -> Scrape {
    let begun = Instant::now();
    loop {
        let scrape = Scrape::of(world).await;
        if has_come(&scrape) {
            return scrape;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came to be: {what} in {:#?}", scrape.values);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A little of everything: writes, a denial, a subscription, a peer that speaks no TLS, and a look at the store.
pub(crate) async fn a_story(world: &World) {
    world.matched("us-ny-doccs").await;
    world.doccs().lodge(detainer_for("us-ny-doccs")).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    world.ice().receive(NY, "").await.accepted();
    let mut stranger = TcpStream::connect(world.gateway().grpc()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    drop(stranger.read_to_end(&mut Vec::new()).await);
    world.gateway().sample();
}

/// A scrape after it, with a witness that is away.
pub(super) async fn after_a_story() -> Scrape {
    let world = world_with_an_absent_witness();
    a_story(&world).await;
    let refused = "comity_handshakes_refused_total{reason=\"handshake_failed\"}";
    let lag = "comity_witness_lag_entries{jurisdiction=\"us-ny\",log=\"exchange\"}";
    until(&world, "a refusal and a lag", |scrape| {
        [refused, lag].iter().all(|series| scrape.values.contains_key(*series))
    })
    .await
}
