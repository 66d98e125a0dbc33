//! What a store promises that several writers share, and over whose server they do not rule: PostgreSQL.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use comity::domain::ids::{LogKind, LogName};
use comity::store::postgres::{Address, PostgresStore, open_read_only};
use comity::store::{Append, BatchStart, Head, PolicyInForce, Store, StoreError, Wanted};

use crate::harness::postgres::Database;
use crate::sample;
use crate::store_contract::KEY;
use crate::store_contract::batch::{Drafts, detainer, everything, log};

fn both() -> BTreeSet<LogName> {
    [log(LogKind::Exchange), log(LogKind::Custody)].into()
}

fn open(database: &Database) -> PostgresStore {
    PostgresStore::open(&database.address(), &KEY).unwrap()
}

/// Where a begun batch finds a log.
fn stands(standing: &BatchStart, kind: LogKind) -> Head {
    let BatchStart::Shared { heads, .. } = standing else { panic!("others may write") };
    heads[&log(kind)]
}

fn interrupted<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Interrupted(_))), "{outcome:?}");
}

/// Ends the connections of every gateway in the middle of whatever they do.
fn end_connections(database: &Database) {
    database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name = 'comity' AND datname = current_database()",
    );
}

#[test]
fn a_second_writer_waits_and_then_sees_what_the_first_wrote() {
    let Some(database) = Database::schema() else { return };
    let (mut first, mut second) = (open(&database), open(&database));
    let mut drafts = Drafts::recover(&mut first);
    first.begin(&both()).unwrap();
    let (began, begins) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let standing = second.begin(&both()).unwrap();
        began.send(()).unwrap();
        let state = second.recover(&log(LogKind::Exchange)).unwrap();
        let wanted = Wanted { cases: [detainer(1, None).name().clone()].into(), ..Wanted::default() };
        let loaded = second.load(&wanted).unwrap();
        second.commit(&Append::default()).unwrap();
        (standing, state, loaded)
    });
    assert!(begins.recv_timeout(Duration::from_millis(300)).is_err(), "the second did not wait");
    let mut append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))]);
    append.policy = Some(PolicyInForce { digest: [7; 32], files: [].into(), since: sample::start() });
    first.commit(&append).unwrap();
    let (standing, state, loaded) = waiting.join().unwrap();
    assert_eq!(stands(&standing, LogKind::Exchange), append.heads[0].to);
    assert_eq!(stands(&standing, LogKind::Custody).size, 0);
    assert!(matches!(standing, BatchStart::Shared { policy: Some(digest), .. } if digest == [7; 32]));
    assert_eq!((state.tree.root(), state.recorded_at), (append.heads[0].to.root, append.heads[0].recorded_at));
    assert_eq!(loaded.cases.into_values().collect::<Vec<_>>(), [detainer(1, None)]);
    // Other logs are nobody's meanwhile.
    let mut third = open(&database);
    first.begin(&[log(LogKind::Exchange)].into()).unwrap();
    third.begin(&[log(LogKind::Custody)].into()).unwrap();
    third.commit(&Append::default()).unwrap();
}

#[test]
fn writers_take_turns_and_none_is_fenced() {
    let Some(database) = Database::schema() else { return };
    Drafts::recover(&mut open(&database));
    let writers: Vec<_> = (0..3)
        .map(|writer: u128| {
            let mut store = open(&database);
            std::thread::spawn(move || {
                for round in 0..20 {
                    let case = detainer(1 + writer * 100 + round, None);
                    // The logs in whichever order: nobody waits in a circle.
                    store.begin(&both()).unwrap();
                    let mut drafts = Drafts::recover(&mut store);
                    let append = drafts.batch(&[(LogKind::Custody, None), (LogKind::Exchange, Some(&case))]);
                    store.commit(&append).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let reader = open(&database).reader();
    let read = everything(&*reader);
    assert_eq!(read, Drafts::recover(&mut open(&database)).expected);
    assert_eq!(reader.head(&log(LogKind::Exchange)).unwrap(), Some(60));
}

#[test]
fn two_writers_begin_on_an_empty_database_at_once() {
    for _ in 0..3 {
        let Some(database) = Database::schema() else { return };
        let opened: Vec<_> = (0..4)
            .map(|_| {
                let address = database.address();
                std::thread::spawn(move || {
                    let mut store = PostgresStore::open(&address, &KEY).unwrap();
                    store.recover(&log(LogKind::Custody)).unwrap();
                    store.recover(&log(LogKind::Exchange)).unwrap();
                })
            })
            .collect();
        for opening in opened {
            opening.join().unwrap();
        }
        assert_eq!(database.run("SELECT count(*) FROM heads"), ["2"]);
    }
}

#[test]
fn a_head_with_another_root_is_fenced() {
    let Some(database) = Database::schema() else { return };
    let mut store = open(&database);
    let mut append = Drafts::recover(&mut store).batch(&[(LogKind::Exchange, Some(&detainer(1, None)))]);
    append.heads[0].from.root = append.heads[0].to.root;
    assert!(matches!(store.commit(&append), Err(StoreError::Fenced(of)) if of == log(LogKind::Exchange)));
}

#[test]
fn a_batch_that_is_not_committed_leaves_nothing_and_keeps_nobody() {
    let Some(database) = Database::schema() else { return };
    let mut first = open(&database);
    let mut drafts = Drafts::recover(&mut first);
    let before = drafts.expected.clone();
    // A log, and so a name, that there is not yet.
    let elsewhere: LogName = "jurisdictions/us-tx/logs/exchange".parse().unwrap();
    first.begin(&both()).unwrap();
    first.recover(&elsewhere).unwrap();
    drop(first);
    let mut second = open(&database);
    let begun = Instant::now();
    assert_eq!(stands(&second.begin(&both()).unwrap(), LogKind::Exchange).size, 0);
    // Whoever waits for a lock gives up after ten.
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!(everything(&*second.reader()), before);
    assert_eq!(database.run("SELECT count(*) FROM names WHERE name LIKE '%us-tx%'"), ["0"]);
    // A batch that is begun anew, without an end to the one before, is another.
    second.recover(&elsewhere).unwrap();
    second.begin(&both()).unwrap();
    let append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))]);
    second.commit(&append).unwrap();
    assert_eq!(everything(&*second.reader()), drafts.expected);
}

#[test]
fn a_name_of_a_batch_that_came_to_nothing_is_given_anew() {
    let Some(database) = Database::schema() else { return };
    let mut store = open(&database);
    let mut append = Drafts::recover(&mut store).batch(&[(LogKind::Exchange, Some(&detainer(1, Some("nassau"))))]);
    append.heads[0].from.size = 9;
    // Fenced only after its names were given.
    assert!(matches!(store.commit(&append), Err(StoreError::Fenced(_))));
    assert_eq!(database.run("SELECT count(*) FROM names WHERE name LIKE '%nassau%'"), ["0"]);
    let mut drafts = Drafts::recover(&mut store);
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, Some("nassau"))))])).unwrap();
    assert_eq!(database.run("SELECT count(*) FROM names WHERE name LIKE '%nassau%'"), ["1"]);
    assert_eq!(everything(&*open(&database).reader()), drafts.expected);
}

type Cut<'a> = &'a dyn Fn(&mut PostgresStore, &Append);

#[test]
fn a_batch_that_is_cut_off_leaves_nothing_and_goes_through_when_begun_again() {
    let Some(database) = Database::whole() else { return };
    let mut store = open(&database);
    let mut drafts = Drafts::recover(&mut store);
    let before = drafts.expected.clone();
    let cuts: [(&str, Cut<'_>); 3] = [
        ("before it begins", &|store, _| {
            end_connections(&database);
            // One that is known to have ended is replaced; one that is not yet, interrupts.
            if let Err(error) = store.begin(&both()) {
                interrupted::<()>(&Err(error));
            }
        }),
        ("before it loads", &|store, _| {
            store.begin(&both()).unwrap();
            end_connections(&database);
            interrupted(&store.load(&Wanted { cases: [detainer(1, None).name().clone()].into(), ..Wanted::default() }));
        }),
        ("before it commits", &|store, append| {
            store.begin(&both()).unwrap();
            end_connections(&database);
            interrupted(&store.commit(append));
        }),
    ];
    let append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None))), (LogKind::Custody, None)]);
    for (when, cut) in cuts {
        cut(&mut store, &append);
        assert_eq!(everything(&*store.reader()), before, "{when}");
    }
    assert_eq!(stands(&store.begin(&both()).unwrap(), LogKind::Exchange).size, 0);
    store.commit(&append).unwrap();
    assert_eq!(everything(&*store.reader()), drafts.expected);
    assert_eq!(everything(&open_read_only(&database.address(), Some(&KEY)).unwrap()), drafts.expected);
}

#[test]
fn nothing_is_written_where_nothing_may_be() {
    let Some(database) = Database::whole() else { return };
    let mut store = open(&database);
    let mut drafts = Drafts::recover(&mut store);
    let name = database.run("SELECT current_database()").remove(0);
    let set = |only: &str| {
        database.run(&format!(
            "BEGIN READ WRITE; ALTER DATABASE {name} SET default_transaction_read_only = {only}; COMMIT"
        ));
        end_connections(&database);
    };
    set("on");
    // What it says of itself is the same whether it was just now demoted or long ago.
    for _ in 0..3 {
        interrupted(&store.begin(&both()));
        interrupted(&store.recover(&log(LogKind::Exchange)));
        interrupted(&store.commit(&Append::default()));
    }
    interrupted(&PostgresStore::open(&database.address(), &KEY));
    set("off");
    let append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))]);
    let begun = (0..10).find_map(|_| store.begin(&both()).ok());
    assert_eq!(stands(&begun.unwrap(), LogKind::Exchange).size, 0);
    store.commit(&append).unwrap();
    assert_eq!(everything(&*store.reader()), drafts.expected);
}

#[test]
fn a_database_that_holds_something_else_is_left_alone() {
    let check = |prepare: &str, expected: &str| {
        let Some(database) = Database::schema() else { return };
        if prepare.starts_with("UPDATE") {
            drop(open(&database));
        }
        database.run(prepare);
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
        let before = database.run(tables);
        let refused = PostgresStore::open(&database.address(), &KEY).unwrap_err().to_string();
        assert_eq!(refused, expected, "{prepare}");
        assert_eq!(database.run(tables), before, "{prepare}");
    };
    let foreign = "stored data is broken: the database holds tables that are not a store's";
    let other = "stored data is broken: the database is not a store of this version";
    check("CREATE TABLE names (id INT)", foreign);
    check("UPDATE comity SET version = version + 1", other);
    // No step leads from so early a version.
    check("UPDATE comity SET version = 3", other);
    // A step that cannot be taken leaves everything as it was.
    check("UPDATE comity SET version = 4", "the database failed: 42P07 relation \"restored\" already exists");
    check("UPDATE comity SET application = 'another'", other);
    let Some(database) = Database::schema() else { return };
    let nowhere =
        Address::parse(&database.url().replace("search_path%3Dt", "search_path%3Dno"), Path::new("/")).unwrap();
    let refused = PostgresStore::open(&nowhere, &KEY).unwrap_err().to_string();
    assert_eq!(refused, "the store's address cannot be used: search_path names no schema that there is");
}

#[test]
fn an_ordinary_role_is_enough() {
    let Some(database) = Database::schema() else { return };
    let schema = database.run("SELECT current_schema()").remove(0);
    database.run(&format!("CREATE ROLE {schema} LOGIN PASSWORD 'plain'; ALTER SCHEMA {schema} OWNER TO {schema}"));
    let url = database.url();
    let (at, rest) = (url.find("://").unwrap() + 3, url.find('@').unwrap());
    let url = format!("{}{schema}:plain{}", &url[..at], &url[rest..]);
    let address = Address::parse(&url, Path::new("/")).unwrap();
    let mut store = PostgresStore::open(&address, &KEY).unwrap();
    let mut drafts = Drafts::recover(&mut store);
    store.begin(&both()).unwrap();
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))])).unwrap();
    assert_eq!(store.follower().unwrap().sizes(Duration::ZERO).unwrap()[&log(LogKind::Exchange)], 1);
    assert_eq!(everything(&*store.reader()), drafts.expected);
}

#[test]
fn what_others_write_is_heard_and_what_this_one_writes_is_not() {
    let Some(database) = Database::schema() else { return };
    let (mut ours, mut theirs) = (open(&database), open(&database));
    let mut drafts = Drafts::recover(&mut ours);
    let mut others = ours.follower().unwrap();
    let exchange = log(LogKind::Exchange);
    assert_eq!(others.sizes(Duration::ZERO).unwrap()[&exchange], 0, "first it looks");
    theirs.commit(&drafts.batch(&[(LogKind::Exchange, None)])).unwrap();
    let begun = Instant::now();
    let long = Duration::from_secs(20);
    while others.sizes(long).unwrap()[&exchange] != 1 {}
    assert!(begun.elapsed() < long, "nothing was heard");
    // Without being told it looks after a while.
    let mut drafts = Drafts::recover(&mut ours);
    ours.commit(&drafts.batch(&[(LogKind::Exchange, None)])).unwrap();
    assert_eq!(others.sizes(Duration::from_millis(200)).unwrap()[&exchange], 2);
}

#[tokio::test]
async fn a_store_may_be_used_inside_a_runtime() {
    let Some(database) = Database::schema() else { return };
    let mut store = open(&database);
    let mut drafts = Drafts::recover(&mut store);
    store.begin(&both()).unwrap();
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))])).unwrap();
    let mut others = store.follower().unwrap();
    others.sizes(Duration::ZERO).unwrap();
    let reader = store.reader();
    assert_eq!(everything(&*reader), drafts.expected);
    drop(store);
    let reader = tokio::task::spawn_blocking(move || {
        assert_eq!(everything(&*reader), drafts.expected);
        reader
    });
    drop(reader.await.unwrap());
    drop(others);
}
