//! Two gateways on one store: the second does not start, and touches nothing.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::crash::Trial;
use crate::crash::client::Order;
use crate::crash::gateway::Gateway;

/// Name, content and time of every file of a store.
fn files(directory: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("comity.db"))
        .map(|entry| {
            let changed = entry.metadata().unwrap().modified().unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap(), changed)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_second_gateway_on_the_same_store_does_not_start() {
    let trial = Trial::new();
    let first = trial.start();
    trial.client(&first, Order { lanes: 1, stories: 1, again: 0, patience_s: 0 }).done();
    let before = files(trial.directory());
    for _ in 0..2 {
        let refused = Gateway::start(trial.directory(), &[]).expect_err("a second gateway serves");
        assert!(refused.is_loud(), "{refused:?}");
        assert!(refused.errors.contains("another gateway has the store open"), "{refused:?}");
    }
    assert_eq!(before, files(trial.directory()), "the second changed something");
    assert_eq!(first.ready(), "serving");
    trial.client(&first, Order { lanes: 1, stories: 1, again: 99, patience_s: 0 }).done();
    // Let go by a kill too.
    first.kill();
    trial.settle();
}
