//! What is durable where a standby must have it too: nothing, for as long as it has not.

use std::time::{Duration, Instant};

use comity::domain::ids::LogKind;
use comity::sandbox::private_postgres::{Durability, PrivateServer};
use comity::store::postgres::PostgresStore;
use comity::store::{Append, Store as _, StoreError, Wanted};

use crate::harness::postgres::{Database, start};
use crate::store_contract::KEY;
use crate::store_contract::batch::{Drafts, detainer, everything, log};

/// A server whose standby is called as nobody is.
struct Lonely {
    server: PrivateServer,
    database: Database,
}

impl Lonely {
    fn start() -> Option<Self> {
        let server = start(Durability::Unsynced)?;
        let database = Database::of(&server);
        Some(Self { server, database })
    }

    fn wait_for_a_standby(&self, wait: bool) {
        let names = if wait { "nobody" } else { "" };
        // Each by itself: neither may be part of a transaction.
        self.database.run(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"));
        self.database.run("SELECT pg_reload_conf()");
        let begun = Instant::now();
        while self.database.run("SHOW synchronous_standby_names") != [names] {
            assert!(begun.elapsed() < Duration::from_mins(1));
        }
        // The server's own processes take it up one after the other.
        while wait && !self.somebody_waits() {
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody waits");
        }
    }

    /// Whether somebody who commits now waits. If so, that is ended.
    fn somebody_waits(&self) -> bool {
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        std::thread::scope(|scope| {
            let commit = "SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'probe', '')";
            let commits = scope.spawn(|| self.database.run(commit));
            loop {
                if !self.database.run(cancel).is_empty() {
                    return true;
                }
                if commits.is_finished() {
                    return false;
                }
            }
        })
    }

    /// Somebody has had enough of waiting for the standby.
    fn give_up_waiting(&self) {
        self.to_whoever_waits("pg_cancel_backend");
    }

    fn to_whoever_waits(&self, what: &str) {
        let begun = Instant::now();
        let done = format!("SELECT {what}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        while self.database.run(&done).is_empty() {
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody waits");
        }
    }
}

#[test]
fn a_commit_that_no_standby_has_confirmed_is_not_said_to_be_durable() {
    let Some(lonely) = Lonely::start() else { return };
    let mut store = PostgresStore::open(&lonely.database.address(), &KEY).unwrap();
    let mut drafts = Drafts::recover(&mut store);
    // What announces a batch must not make the next one less durable, which begins at once.
    store.commit(&drafts.batch(&[(LogKind::Exchange, None)])).unwrap();
    store.begin(&[log(LogKind::Exchange)].into()).unwrap();
    lonely.wait_for_a_standby(true);
    // Whoever does not wait is not found waiting.
    let attempt = |store: &mut PostgresStore, append: &Append| interrupted(store, append, || lonely.give_up_waiting());
    let append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))]);
    attempt(&mut store, &append);
    // The connection was given up. On the next one nothing is read before what there is to read is durable.
    std::thread::scope(|scope| {
        let beginning = scope.spawn(|| store.begin(&[log(LogKind::Exchange)].into()));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!beginning.is_finished(), "what was read may still be lost");
        lonely.wait_for_a_standby(false);
        assert!(beginning.join().unwrap().is_ok());
    });
    // All of it is there: nobody knew, and now somebody does.
    assert_eq!(everything(&*store.reader()), drafts.expected);
    lonely.wait_for_a_standby(true);
    attempt(&mut store, &Append::default());
    lonely.wait_for_a_standby(false);
    store.begin(&[].into()).unwrap();
    lonely.wait_for_a_standby(true);
    attempt(&mut store, &Append::default());
}

#[test]
fn a_commit_whose_answer_was_lost_is_found_by_whoever_begins_again() {
    let Some(lonely) = Lonely::start() else { return };
    let mut store = PostgresStore::open(&lonely.database.address(), &KEY).unwrap();
    let mut drafts = Drafts::recover(&mut store);
    lonely.wait_for_a_standby(true);
    interrupted(&mut store, &drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))]), || {
        lonely.to_whoever_waits("pg_terminate_backend");
    });
    lonely.wait_for_a_standby(false);
    store.begin(&[log(LogKind::Exchange)].into()).unwrap();
    let requests = drafts.requests.keys().cloned().collect();
    assert_eq!(store.load(&Wanted { requests, ..Wanted::default() }).unwrap().requests, drafts.requests);
    store.commit(&Append::default()).unwrap();
    assert_eq!(everything(&*store.reader()), drafts.expected);
}

/// A commit in the middle of which something happens.
fn interrupted(store: &mut PostgresStore, append: &Append, happens: impl FnOnce()) {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.commit(append));
        happens();
        let outcome = waiting.join().unwrap();
        assert!(matches!(outcome, Err(StoreError::Interrupted(_))), "{outcome:?}");
    });
}

#[test]
fn nothing_is_told_of_others_that_no_standby_has() {
    let Some(lonely) = Lonely::start() else { return };
    let mut store = PostgresStore::open(&lonely.database.address(), &KEY).unwrap();
    let mut drafts = Drafts::recover(&mut store);
    let mut others = store.follower().unwrap();
    let exchange = log(LogKind::Exchange);
    assert_eq!(others.sizes(Duration::ZERO).unwrap()[&exchange], 0);
    // The wait is given up, and the entry is to be seen, though no standby has it.
    lonely.wait_for_a_standby(true);
    std::thread::scope(|scope| {
        let append = drafts.batch(&[(LogKind::Exchange, None)]);
        let waiting = scope.spawn(move || store.commit(&append).unwrap_err());
        lonely.give_up_waiting();
        waiting.join().unwrap();
        let telling = scope.spawn(|| others.sizes(Duration::from_millis(50)));
        std::thread::sleep(Duration::from_millis(400));
        assert!(!telling.is_finished(), "it was told");
        lonely.wait_for_a_standby(false);
        assert_eq!(telling.join().unwrap().unwrap()[&exchange], 1);
    });
}

#[test]
fn a_server_that_is_killed_interrupts_and_is_found_again() {
    let Some(lonely) = Lonely::start() else { return };
    let mut store = PostgresStore::open(&lonely.database.address(), &KEY).unwrap();
    let mut drafts = Drafts::recover(&mut store);
    let mut others = store.follower().unwrap();
    others.sizes(Duration::ZERO).unwrap();
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))])).unwrap();
    store.begin(&[log(LogKind::Exchange)].into()).unwrap();
    let append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(2, None)))]);
    let before = everything(&*store.reader());
    lonely.server.kill().unwrap();
    let reader = store.reader();
    let outcomes = [
        store.commit(&append).unwrap_err(),
        store.begin(&[].into()).unwrap_err(),
        store.recover(&log(LogKind::Exchange)).unwrap_err(),
        reader.probe().unwrap_err(),
        others.sizes(Duration::from_secs(20)).unwrap_err(),
        others.sizes(Duration::from_secs(20)).unwrap_err(),
        PostgresStore::open(&lonely.database.address(), &KEY).unwrap_err(),
    ];
    assert!(outcomes.iter().all(|error| matches!(error, StoreError::Interrupted(_))), "{outcomes:?}");
    lonely.server.start_again().unwrap();
    assert_eq!(everything(&*reader), before);
    assert_eq!(others.sizes(Duration::ZERO).unwrap()[&log(LogKind::Exchange)], 1);
    store.begin(&[log(LogKind::Exchange)].into()).unwrap();
    store.commit(&append).unwrap();
    assert_eq!(everything(&*reader), drafts.expected);
}
