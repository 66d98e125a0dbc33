//! What a gateway shows of itself to whoever watches it.

use std::collections::{BTreeMap, BTreeSet};

use comity::domain::agency::ActorKind;
use comity::metrics::table;

use tonic::Code;

use crate::harness::raw::{Call, open, send};
use crate::harness::requests::detainer_for;
use crate::harness::{World, probe};

/// Series by their names and labels, read strictly: every line of the text is of the format.
fn series(text: &str) -> BTreeMap<String, f64> {
    let (mut series, mut typed) = (BTreeMap::new(), BTreeSet::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(["HELP", "TYPE"].contains(&kind) && words.next().is_some_and(|rest| !rest.is_empty()), "{line}");
            if kind == "TYPE" {
                assert!(typed.insert(name.to_owned()), "typed twice: {name}");
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        let family = name.split('{').next().unwrap();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| family.strip_suffix(suffix));
        assert!(typed.contains(family) || base.is_some_and(|base| typed.contains(base)), "not typed before: {line}");
        if let Some((_, labels)) = name.split_once('{') {
            for pair in labels.strip_suffix('}').unwrap().split(',') {
                let (label, quoted) = pair.split_once('=').unwrap();
                assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
                assert!(quoted.len() > 2 && quoted.starts_with('"') && quoted.ends_with('"'), "{line}");
            }
        }
        assert!(series.insert(name.to_owned(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    series
}

#[tokio::test]
async fn what_was_done_is_counted_and_only_in_words_of_ours() {
    let world = World::start();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    world.ice().lodge(detainer_for("us-tx-harris-jail")).await.accepted();
    // A custodian may not lodge.
    world.doccs().lodge(detainer_for("us-ny-doccs")).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    let token = world.sandbox.token("us-ice", ActorKind::System).unwrap();
    let mut connection = open(world.gateway().grpc(), &world.sandbox.credentials("us-ice").unwrap()).await;
    let smuggled = Call::new("/comity.v1.DetainerService/SmuggledName", &token, b"");
    send(&mut connection, smuggled, |_| false).await.unwrap();
    let text = probe::body(world.gateway().ops(), "/metrics").await;
    let series = series(&text);
    let is = |name: &str, value: f64| assert_eq!(series.get(name).copied(), Some(value), "{name} in\n{text}");
    let lodge = "comity.v1.DetainerService/LodgeDetainer";
    for (method, code, agency, count) in [
        (lodge, "OK", "us-ice", 2.0),
        (lodge, "PERMISSION_DENIED", "us-ny-doccs", 1.0),
        ("unknown", "UNIMPLEMENTED", "us-ice", 1.0),
    ] {
        is(&format!(r#"comity_calls_total{{method="{method}",code="{code}",agency="{agency}"}}"#), count);
    }
    // That the unknown method is answered once nobody can say.
    is(r#"comity_agency_call_duration_seconds_count{agency="us-ice"}"#, 2.0);
    is(r#"comity_agency_call_duration_seconds_count{agency="us-ny-doccs"}"#, 1.0);
    is(r#"comity_call_duration_seconds_count{method="comity.v1.DetainerService/LodgeDetainer"}"#, 3.0);
    is("comity_calls_in_flight", 0.0);
    is("comity_queue_full_total", 0.0);
    is(r#"comity_entries_recorded_total{jurisdiction="us-ny",log="exchange"}"#, 1.0);
    is(r#"comity_entries_recorded_total{jurisdiction="us-tx",log="exchange"}"#, 1.0);
    is("comity_batch_jobs_count", 2.0);
    // One more than batches: the first start keeps which policy set is in force.
    is("comity_commit_duration_seconds_count", 3.0);
    let denied: f64 =
        series.iter().filter(|(name, _)| name.starts_with("comity_calls_denied_total{")).map(|(_, n)| n).sum();
    assert!((denied - 1.0).abs() < 0.1, "a path that names no method is no denial: {text}");
    assert!(series.get("comity_certificate_expiry_timestamp_seconds").is_some_and(|at| *at > 1.0e9), "{text}");
    assert_eq!(series.keys().filter(|name| name.starts_with("comity_policy_set_info{digest=")).count(), 1);
    assert!(!text.contains("Smuggled"), "{text}");
    // Nothing is shown that is not in the table, hence in the manual.
    let known: BTreeSet<&str> = table::ALL.iter().map(|metric| metric.name).collect();
    for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        assert!(known.contains(name), "{name}");
    }
}
