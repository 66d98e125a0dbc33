//! Another policy set comes into force while the gateway runs: whole, recorded, and only if it is fit.

mod load;
pub(crate) mod sets;
mod signed;

use std::fs;
use std::path::Path;
use std::time::Duration;

use comity::domain::agency::ActorKind;
use comity::server::{ReloadError, Reloaded};
use comity::wire::{Message as _, entry, v1};
use tonic::Code;

use crate::harness::process::Served;
use crate::harness::requests::{NY, TX, detainer_for};
use crate::harness::{World, probe};
use crate::reload::sets::{Letter, lay, sets_in};

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway whose policies are the small set `a` in a directory, looked at so often.
fn world(look_every_ms: u64) -> World {
    World::with(|directory, config| {
        sets_in(directory);
        lay(directory, Letter::A);
        config.policy.directory = Some("policies".into());
        config.policy.look_every_ms = look_every_ms;
        config.rate.requests_per_s = 1_000_000.try_into().unwrap();
        config.rate.burst = 1_000_000.try_into().unwrap();
    })
}

async fn figure(world: &World, name: &str) -> Option<String> {
    let text = probe::body(world.gateway().ops(), "/metrics").await;
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

async fn reloads(world: &World, outcome: &str) -> String {
    figure(world, &format!("comity_policy_reloads_total{{outcome=\"{outcome}\"}}")).await.unwrap()
}

/// Waits until a gateway says something of itself.
async fn until(ops: std::net::SocketAddr, path: &str, says: &str) {
    let waited = async {
        while !probe::body(ops, path).await.contains(says) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("{path} never said {says}"));
}

/// The activations in a log, each with the place where it stands.
fn activations(world: &World, log: &str) -> Vec<(u64, v1::PolicyActivated)> {
    let entries = world.kept().entries(&log.parse().unwrap()).into_iter();
    entries.filter_map(|stored| Some((stored.index, sets::activation(&stored)?))).collect()
}

#[tokio::test]
async fn a_log_begins_without_an_activation_and_a_restart_with_the_same_set_is_none() {
    let mut world = world(0);
    let before = world.kept().rows();
    assert_eq!(before["entries"], 0);
    world.restart().await;
    assert_eq!(world.kept().rows(), before);
    assert_eq!(world.gateway().reload_policies().unwrap(), Reloaded::Unchanged);
    assert_eq!(world.kept().rows(), before);
}

#[tokio::test]
async fn a_restart_with_another_set_is_an_activation_in_the_logs_whose_law_changed() {
    let mut world = world(0);
    world.lodged("us-ny-doccs").await;
    // From a to c the law of New York changes alone.
    world.restart_after(|directory| lay(directory, Letter::C)).await;
    let (a, c) = (Letter::A.digest(world.directory()), Letter::C.digest(world.directory()));
    for kind in ["exchange", "custody"] {
        let found = activations(&world, &format!("{NY}/logs/{kind}"));
        let [(index, activated)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(*index, u64::from(kind == "exchange"));
        assert_eq!((&activated.digest_before[..], &activated.digest_after[..]), (&a[..], &c[..]));
        let files: Vec<&str> = activated.changed.iter().map(|changed| changed.file.as_str()).collect();
        assert_eq!(files, ["law/us-ny.cedar"]);
        assert!(activated.changed.iter().all(|changed| changed.digest_before != changed.digest_after));
        assert!(activations(&world, &format!("{TX}/logs/{kind}")).is_empty());
    }
    // Access rules are everybody's.
    lay(world.directory(), Letter::B);
    assert_eq!(world.gateway().reload_policies().unwrap(), Reloaded::Activated { entries: 4 });
    assert_eq!(activations(&world, &format!("{TX}/logs/exchange")).len(), 1);
}

#[tokio::test]
async fn whoever_reads_a_log_is_told_under_which_law_it_goes_on() {
    let world = world(0);
    lay(world.directory(), Letter::C);
    world.gateway().reload_policies().unwrap();
    for (party, logs) in [(world.ice(), 1), (world.doccs(), 2), (world.oversight(), 0)] {
        // Oversight has no inbox.
        let received = if logs > 0 { party.receive(NY, "").await.accepted().deliveries } else { Vec::new() };
        assert_eq!(received.len(), logs);
        for delivery in received {
            let shown = delivery.entry.unwrap();
            assert_eq!(
                shown.openings.iter().map(v1::Opening::field_class).collect::<Vec<_>>(),
                [v1::FieldClass::Count]
            );
            let Some(v1::event::Event::PolicyActivated(activated)) = entry::merge(&shown).unwrap().event else {
                panic!("{shown:?}")
            };
            assert_eq!(activated.digest_after, Letter::C.digest(world.directory()));
            let leaf = v1::Leaf::decode(shown.leaf.as_slice()).unwrap();
            assert_eq!((leaf.agency.as_str(), leaf.method.as_str()), ("agencies/comity", "Activation"));
            assert_eq!((leaf.resource.as_str(), leaf.policy_digest), (NY, activated.digest_after));
        }
    }
    assert_eq!(world.oversight().entries(&format!("{NY}/logs/custody")).await.accepted().len(), 1);
    world.ice().entries(&format!("{NY}/logs/custody")).await.not_found();
}

#[tokio::test]
async fn a_set_that_is_not_fit_changes_nothing_and_says_so() {
    let world = world(0);
    let law = world.directory().join("policies/law/us-ny.cedar");
    let good = fs::read_to_string(&law).unwrap();
    let rows = world.kept().rows();
    let spoilt = [
        (format!("{good} permit ("), "law/us-ny.cedar"),
        (good.replace("Action::\"notify\"", "Action::\"notfy\""), "law/us-ny.cedar"),
        (good.replacen("@cite", "@site", 1), "law/us-ny.cedar: policy"),
        (format!("{good}{}", " ".repeat(300_000)), "law/us-ny.cedar"),
    ];
    for (number, (text, named)) in spoilt.iter().enumerate() {
        fs::write(&law, text).unwrap();
        assert!(matches!(world.gateway().reload_policies(), Err(ReloadError::Unfit(_))), "{named}");
        let ready = probe::body(world.gateway().ops(), "/readyz").await;
        let (first, detail) = ready.split_once('\n').unwrap();
        assert_eq!(first, "serving");
        assert!(detail.starts_with("policy set not taken up: ") && detail.contains(named), "{ready}");
        assert_eq!(detail.lines().count(), 1, "{ready}");
        assert_eq!(reloads(&world, "failed").await, (number + 1).to_string());
    }
    // A law that does not say what its own case expects.
    fs::write(
        &law,
        good.replace("permit (principal, action == Action::\"hold\"", "forbid (principal, action == Action::\"hold\""),
    )
    .unwrap();
    let unfit = world.gateway().reload_policies().unwrap_err().to_string();
    assert!(unfit.contains("law/us-ny.cases.toml: any"), "{unfit}");
    // A jurisdiction without a law.
    fs::remove_file(&law).unwrap();
    assert!(world.gateway().reload_policies().unwrap_err().to_string().contains("jurisdiction us-ny"));
    let digest = hex::encode(Letter::A.digest(world.directory()));
    assert!(figure(&world, &format!("comity_policy_set_info{{digest=\"{digest}\"}}")).await.is_some());
    assert_eq!(world.kept().rows(), rows);
    // What judges is the set before.
    world.lodged("us-ny-doccs").await;
    // Put back as it was, there is nothing to say any more.
    fs::write(&law, good).unwrap();
    assert_eq!(world.gateway().reload_policies().unwrap(), Reloaded::Unchanged);
    assert_eq!(probe::body(world.gateway().ops(), "/readyz").await, "serving\n");
}

#[tokio::test]
async fn a_change_of_the_files_is_noticed_and_a_bad_one_is_tried_once() {
    let world = world(10);
    let ops = world.gateway().ops();
    lay(world.directory(), Letter::C);
    until(ops, "/metrics", &hex::encode(Letter::C.digest(world.directory()))).await;
    let law = world.directory().join("policies/law/us-ny.cedar");
    let good = fs::read_to_string(&law).unwrap();
    fs::write(&law, format!("{good} forbid")).unwrap();
    until(ops, "/readyz", "law/us-ny.cedar").await;
    // Many looks later it is still the one try.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(reloads(&world, "failed").await, "1");
    assert_eq!(world.journal.lines_with("was not taken up").len(), 1);
    fs::write(&law, format!("{good} // As it should have been.")).unwrap();
    let fixed = async {
        while reloads(&world, "activated").await != "2" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, fixed).await.unwrap();
    assert_eq!(probe::body(ops, "/readyz").await, "serving\n");
    assert_eq!(activations(&world, &format!("{NY}/logs/exchange")).len(), 2);
}

/// Neither hinders the other, whichever is in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_takes_up_policies_and_certificates_each_by_itself() {
    let served = Served::start_on(
        "info",
        |config| {
            config.policy.directory = Some("policies".into());
            config.policy.look_every_ms = 0;
            config.server.look_every_ms = 0;
        },
        |directory| {
            sets_in(directory);
            lay(directory, Letter::A);
        },
    );
    let counted =
        |what: &str, outcome: &str, count: u32| format!("comity_{what}_reloads_total{{outcome=\"{outcome}\"}} {count}");
    let certificate = served.directory().join("certs/gateway.pem");
    let (good, law) = (fs::read(&certificate).unwrap(), served.directory().join("policies/law/us-ny.cedar"));
    fs::write(&certificate, "no certificate").unwrap();
    lay(served.directory(), Letter::C);
    served.hang_up();
    until(served.ops, "/metrics", &counted("policy", "activated", 1)).await;
    until(served.ops, "/metrics", &counted("configuration", "failed", 1)).await;
    fs::write(&certificate, good).unwrap();
    fs::write(&law, "nothing that is a policy").unwrap();
    served.hang_up();
    until(served.ops, "/metrics", &counted("configuration", "activated", 1)).await;
    until(served.ops, "/metrics", &counted("policy", "failed", 1)).await;
    served.party("us-ice", ActorKind::System).lodge(detainer_for("us-ny-doccs")).await.accepted();
    assert!(served.stop().status.success());
}

/// The door may have let in what the set in force does not: then the writer does not.
#[tokio::test]
async fn a_write_is_asked_for_access_by_the_set_that_judges_it() {
    use comity::domain::ids::LogName;
    let world = world(0);
    lay(world.directory(), Letter::B);
    world.gateway().reload_policies().unwrap();
    let lodged = world.lodged("us-ny-doccs").await;
    let amendment = crate::harness::changes::amendment_of(&lodged, detainer_for("us-ny-doccs"));
    world.ice().amend(amendment.clone()).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    world.ice().detainers(NY).await.0.unwrap_err();
    lay(world.directory(), Letter::A);
    world.gateway().reload_policies().unwrap();
    world.ice().amend(amendment).await.accepted();
    let log: LogName = format!("{NY}/logs/exchange").parse().unwrap();
    let last = world.kept().entries(&log).pop().unwrap();
    let leaf = v1::Leaf::decode(last.leaf.as_slice()).unwrap();
    assert_eq!(leaf.policy_digest, Letter::A.digest(world.directory()));
}

/// Where a directory of policies is, in the directory of a gateway.
fn policies(directory: &Path) -> std::path::PathBuf {
    directory.join("policies")
}
