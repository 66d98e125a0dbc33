//! What is due and cannot fire keeps nothing else from firing: a case has room for few clocks that have fired, and more
//! cases are in that state than one batch takes.

use comity::domain::case::StoredCase;
use comity::domain::ids::CaseName;
use comity::store::sqlite::SqliteStore;
use comity::store::{Append, Store as _, Wanted};
use comity::wire::entry::read_leaf;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::World;
use crate::harness::requests::{NY_CUSTODY, detainer_for};

/// One batch takes 256 clocks.
const CASES: usize = 260;
/// A case remembers 64 clocks that fired.
const MARKS: usize = 63;

/// Fills what each case remembers with clocks that fired after those it knows.
fn fill(world: &World, names: &[String]) {
    let key = std::fs::read_to_string(world.directory().join("keys/wrapping.key")).unwrap();
    let key: [u8; 32] = hex::decode(key.trim()).unwrap().try_into().unwrap();
    let mut store = SqliteStore::open(&world.directory().join("comity.db"), &key).unwrap();
    let names: Vec<CaseName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let loaded = store.load(&Wanted { cases: names.iter().cloned().collect(), ..Wanted::default() }).unwrap();
    let filled = loaded.cases.into_values().map(|case| {
        let mut case: Value = serde_json::to_value(case).unwrap();
        let fired = case["Detainer"]["clocks"]["fired"].as_array_mut().unwrap();
        assert_eq!(fired.len(), 1, "the answer was due");
        for nth in 0..MARKS {
            let mut mark = fired[0].clone();
            mark["key"] = json!(format!("window-closed/{nth}"));
            fired.push(mark);
        }
        serde_json::from_value::<StoredCase>(case).unwrap()
    });
    let append = Append { cases: filled.collect(), ..Append::default() };
    store.commit(&append).unwrap();
}

async fn fired(world: &World, clock: &str, detainer: &str) -> usize {
    let entries = world.oversight().entries(NY_CUSTODY).await.accepted();
    let leaves = entries.iter().map(|entry| read_leaf(&entry.leaf).unwrap());
    leaves.filter(|leaf| leaf.method == clock && leaf.resource == detainer).count()
}

#[tokio::test]
async fn clocks_that_cannot_fire_keep_no_other_from_firing() {
    let mut world = World::with(|_, config| {
        config.clocks.answer_hours = 1;
        config.rate.requests_per_s = 1_000_000.try_into().unwrap();
        config.rate.burst = 1_000_000.try_into().unwrap();
    });
    let mut names = Vec::new();
    for _ in 0..CASES {
        let mut lodging = detainer_for("us-ny-doccs");
        lodging.detainer.as_mut().unwrap().flags.as_mut().unwrap().citizenship_claim = true;
        names.push(world.ice().lodge(lodging).await.accepted().detainer.unwrap().name);
    }
    world.pass(SignedDuration::from_hours(2));
    assert_eq!(world.gateway().tick().await, Ok(CASES));
    world.stop().await;
    fill(&world, &names);
    world.open_again();
    // The claims are due to be reviewed: one clock more than each case remembers.
    world.pass(SignedDuration::from_hours(5 * 24));
    assert_eq!(world.gateway().tick().await, Ok(CASES));
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(world.gateway().tick().await, Ok(0), "what has fired and still runs is not forgotten");
    let late = world.lodged("us-ny-doccs").await;
    world.pass(SignedDuration::from_hours(2));
    assert_eq!(world.gateway().tick().await, Ok(1));
    assert_eq!(fired(&world, "Clock/AnswerDue", &late).await, 1);
    assert_eq!(fired(&world, "Clock/AnswerDue", &names[0]).await, 1);
}
