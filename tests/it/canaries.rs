//! No personal data leaves but in answers to those who may have it. Every personal field of every write carries a canary;
//! then everything that the gateway wrote is searched for all of them: logs at their most talkative, the audit log, errors
//! with their details and trailers, probes, the database and every other file, in every form that bytes take.

mod needles;
mod plant;
mod story;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::Kind;

use crate::canaries::needles::Needles;
use crate::canaries::plant::{BARE, Planted, is_personal, key};
use crate::canaries::story::Stage;
use crate::harness::collector::Collector;
use crate::harness::descriptor;
use crate::harness::probe::{body, probe};
use crate::harness::process::{Served, assert_verified};

/// Everything that anybody may ask the ops listener for, and what nobody answers.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/metrics", "/Zebra"];

/// Every file below, with what is in it.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let read =
        |path: PathBuf| if path.is_dir() { files(&path) } else { vec![(path.clone(), fs::read(&path).unwrap())] };
    paths.flat_map(read).collect()
}

fn assert_clean(needles: &Needles, place: &str, bytes: &[u8], is_text: bool) {
    let found = if is_text { needles.found_in_text(bytes) } else { needles.found_in(bytes) };
    let shown: Vec<_> = found.iter().take(10).collect();
    assert!(found.is_empty(), "{} canaries in {place}, such as {shown:#?}", found.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_personal_is_anywhere_but_in_answers_to_those_who_may_have_it() {
    // Each call has its audit line: in a file, which is searched as the others are. And each is traced.
    let (collector, traces) = Collector::start();
    let environment = |directory: &Path| {
        let traces = format!("http://{traces}");
        vec![("COMITY_AUDIT_LOG", directory.join("audit.log").into()), ("COMITY_TRACES_TO", traces.into())]
    };
    let served = Served::start_with("trace", |config| config.audit.denials_burst = 20, |_| (), environment);
    let mut stage = Stage::set(&served).await;
    stage.play().await;
    stage.read_back().await;
    // They did arrive: else nothing is shown by not finding them.
    assert_eq!(stage.lost(), Vec::<&str>::new(), "planted, and not read back");
    stage.offend().await;
    stage.end().await;
    let mut probes = Vec::new();
    for path in PROBES {
        probes.extend(probe(served.ops, path).await);
    }
    // Its figures are among them, of all those calls.
    assert!(body(served.ops, "/metrics").await.contains("LodgeDetainer"));
    let Stage { planted, answers, told, .. } = stage;

    let needles = Needles::of(planted.canaries.iter().map(|(path, (canary, _))| (path.as_str(), canary)));
    assert!(!needles.found_in(&answers).is_empty(), "the search finds nothing where there is much");
    assert_clean(&needles, "statuses, headers and trailers", &told, true);
    assert_clean(&needles, "probes", &probes, true);
    // The write-ahead log is there only while it runs.
    let running = files(served.directory());
    let ended = served.stop();
    assert!(ended.status.success());
    println!(
        "{} canaries; {} bytes of logs, {} of errors, {} files",
        planted.canaries.len(),
        ended.stderr.len(),
        told.len(),
        running.len()
    );
    assert!(ended.stderr.len() > 100_000, "logs at their most talkative are long");
    let audited = fs::read_to_string(ended.directory.path().join("audit.log")).unwrap();
    for told in ["LodgeDetainer", "\"disclosed\":", "\"pseudonym\":", "\"outcome\":\"denied\"", "\"event\":\"denials\""]
    {
        assert!(
            audited.contains(told),
            "{told} is in no audit line, so nothing is shown by not finding canaries there"
        );
    }
    assert_clean(&needles, "standard output", ended.stdout.as_bytes(), true);
    assert_clean(&needles, "logs and audit lines", &ended.stderr, true);
    // Nobody but the gateway's end waits for the last of them.
    let traces = collector.bytes();
    assert!(collector.spans().iter().any(|span| span.name.ends_with("LodgeDetainer")), "{} bytes", traces.len());
    assert_clean(&needles, "traces", &traces, false);
    for (path, bytes) in running.into_iter().chain(files(ended.directory.path())) {
        assert_clean(&needles, &path.display().to_string(), &bytes, false);
    }
    assert_verified(ended.directory.path());
}

/// What is not searched for is listed, and what is listed exists.
#[test]
fn every_personal_field_of_a_write_carries_a_canary_or_says_why_not() {
    let (mut planted, mut personal, mut carried) = (Planted::default(), BTreeSet::new(), BTreeSet::new());
    for method in descriptor::methods().iter().filter(|method| descriptor::is_write(method)) {
        descriptor::fill(&method.input(), &mut |place| {
            if is_personal(place) {
                personal.insert(key(place));
            }
            None
        });
        let filled = planted.good(method, |_| true);
        collect(&filled, &mut carried);
    }
    let bare: BTreeSet<String> = BARE.iter().map(|(field, _)| (*field).to_owned()).collect();
    assert!(BARE.iter().all(|(_, why)| !why.is_empty()));
    assert_eq!(personal.difference(&carried).cloned().collect::<BTreeSet<_>>(), bare, "personal, and without a canary");
    assert!(personal.len() > 30, "{personal:?}");
}

/// Fields that hold something.
fn collect(message: &prost_reflect::DynamicMessage, carried: &mut BTreeSet<String>) {
    for (field, value) in message.fields() {
        carried.insert(format!("{}.{}", field.parent_message().name(), field.name()));
        let values = value.as_list().map_or_else(|| vec![value.clone()], <[_]>::to_vec);
        for inner in values.iter().filter_map(|value| value.as_message()) {
            if matches!(field.kind(), Kind::Message(_)) {
                collect(inner, carried);
            }
        }
    }
}
