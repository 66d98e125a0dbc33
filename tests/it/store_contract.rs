//! What every store promises, one function a promise. A backend is a module that names how its stores are opened.

mod address;
mod agenda;
mod answers;
mod appeals;
mod at_rest;
mod batch;
mod copies;
mod entries;
mod inboxes;
mod search;
mod shared;
mod standby;
mod unsynced;

use comity::domain::case::StoredCase;
use comity::domain::ids::{CaseKind, LogKind, RequestId};
use comity::ledger;
use comity::store::postgres::PostgresStore;
use comity::store::sqlite::SqliteStore;
use comity::store::{CaseFilter, CasesOf, Store, StoreError, Wanted};
use jiff::Timestamp;
use uuid::Uuid;

use crate::harness::postgres::Database;
use crate::sample;
use crate::store_contract::agenda::*;
use crate::store_contract::answers::*;
use crate::store_contract::batch::{Drafts, Everything, custody, delivered, detainer, everything, log};
use crate::store_contract::{appeals::*, entries::*, inboxes::*, search::*};

/// Opens the store under test; each time the same one, as another process would.
type Open<'a> = &'a dyn Fn() -> Box<dyn Store>;

const KEY: [u8; 32] = [42; 32];

/// Every promise, tried on every backend.
macro_rules! promises {
    ($($promise:ident,)+) => {
        mod sqlite {
            $(#[test]
            fn $promise() {
                super::on_sqlite(super::$promise);
            })+
        }
        mod postgres {
            $(#[test]
            fn $promise() {
                super::on_postgres(super::$promise);
            })+
        }
    };
}

promises! {
    an_empty_log_recovers_empty,
    a_batch_is_given_the_cases_that_wait_for_a_person,
    what_was_committed_is_read_again_after_reopening,
    a_log_goes_on_where_it_was_left,
    a_fenced_commit_changes_nothing,
    a_commit_that_fails_midway_changes_nothing,
    a_new_case_survives_a_commit_that_was_fenced_before,
    a_second_writer_on_the_same_store_is_fenced,
    entries_come_in_order_page_by_page,
    an_entry_comes_without_content_for_whom_it_is_not_meant,
    no_log_shows_an_entry_of_another,
    cases_are_listed_by_agency_and_kind_after_a_place,
    a_case_is_read_as_it_was_last_kept,
    cases_are_found_by_the_terms_that_they_have_now,
    a_request_is_found_by_its_agency_alone,
    the_first_delivery_of_an_entry_is_the_one_that_counts,
    what_a_confirmation_left_out_was_not_delivered_by_it,
    a_consumer_is_read_as_it_was_last_kept,
    what_is_open_is_listed_by_the_time_it_is_due,
    a_case_is_loaded_with_what_is_open_about_it,
    an_answer_is_read_with_the_batch_it_belongs_to,
    who_is_in_an_appeal_is_marked_once_and_listed_in_order,
    an_answer_to_an_appeal_is_read_as_it_was_last_kept,
    what_bars_first_goes_on_barring,
    what_was_recorded_since_is_found_by_its_log,
}

fn on_sqlite(promise: fn(Open<'_>)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shard.sqlite");
    promise(&|| Box::new(SqliteStore::open(&path, &KEY).unwrap()));
}

fn on_postgres(promise: fn(Open<'_>)) {
    let Some(database) = Database::schema() else { return };
    promise(&|| Box::new(PostgresStore::open(&database.address(), &KEY).unwrap()));
}

fn an_empty_log_recovers_empty(open: Open<'_>) {
    for _ in 0..2 {
        let mut store = open();
        let state = store.recover(&log(LogKind::Exchange)).unwrap();
        assert_eq!((state.tree.size(), state.tree.root()), (0, ledger::empty_root()));
        assert_eq!(state.recorded_at, Timestamp::UNIX_EPOCH);
        let reader = store.reader();
        reader.probe().unwrap();
        assert_eq!(reader.logs().unwrap(), [log(LogKind::Exchange)]);
        assert_eq!(reader.checkpoint(&log(LogKind::Exchange)).unwrap(), None);
        assert!(reader.entries(&log(LogKind::Exchange), 0, 10).unwrap().is_empty());
    }
}

fn what_was_committed_is_read_again_after_reopening(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (ours, theirs) = (detainer(1, Some("doccs")), custody(2, "doccs"));
    // More than one tile, so that the head is put together from several.
    for round in 0..5 {
        let entries = [(LogKind::Exchange, Some(&ours)), (LogKind::Custody, Some(&theirs))];
        let mut append = drafts.batch(&entries.repeat(30 + round));
        append.deliveries.push(delivered(7 + u64::try_from(round).unwrap(), round));
        let cases = [ours.name().clone(), theirs.name().clone()].into();
        store.load(&Wanted { cases, ..Wanted::default() }).unwrap();
        store.commit(&append).unwrap();
        assert_eq!(everything(&*store.reader()), drafts.expected, "a reader sees a batch as soon as it is committed");
    }
    let roots = drafts.roots();
    drop(store);

    let mut store = open();
    assert_eq!(everything(&*store.reader()), drafts.expected);
    assert_eq!(Drafts::recover(&mut *store).roots(), roots);
    let wanted = Wanted {
        cases: [ours.name().clone(), theirs.name().clone(), detainer(3, None).name().clone()].into(),
        requests: drafts.requests.keys().cloned().collect(),
        deliveries: [(sample::officer("ice").agency.id.clone(), log(LogKind::Exchange), 9)].into(),
        ..Wanted::default()
    };
    let loaded = store.load(&wanted).unwrap();
    assert_eq!(loaded.cases.values().collect::<Vec<_>>(), [&ours, &theirs]);
    assert_eq!(loaded.requests, drafts.requests);
    // Entry 9 was received when everything before 10 was confirmed, in round 3.
    assert_eq!(loaded.deliveries.into_values().collect::<Vec<_>>(), [delivered(10, 3).recorded_at]);
}

fn a_log_goes_on_where_it_was_left(open: Open<'_>) {
    let case = detainer(1, Some("doccs"));
    let mut whole = Drafts::new();
    for batch in [1, 255, 3, 40] {
        let mut store = open();
        let mut drafts = Drafts::recover(&mut *store);
        let entries = vec![(LogKind::Exchange, Some(&case)); batch];
        store.load(&Wanted { cases: [case.name().clone()].into(), ..Wanted::default() }).unwrap();
        let append = drafts.batch(&entries);
        store.commit(&append).unwrap();
        whole.batch(&entries);
        assert_eq!(drafts.roots(), whole.roots());
    }
    let reader = open().reader();
    let size = whole.size(LogKind::Exchange);
    let root = ledger::root_at(size, |tile| reader.tile(&log(LogKind::Exchange), tile)).unwrap();
    assert_eq!(Some(root), whole.roots().first().copied());
}

/// What is refused leaves everything as it was, for this store and for one opened after it.
fn check_unchanged(open: Open<'_>, store: &dyn Store, expected: &Everything, wanted: &Wanted) {
    assert_eq!(&everything(&*store.reader()), expected);
    let mut reopened = open();
    assert_eq!(&everything(&*reopened.reader()), expected);
    let loaded = reopened.load(wanted).unwrap();
    assert!(loaded.cases.is_empty() && loaded.requests.is_empty() && loaded.deliveries.is_empty(), "{loaded:?}");
}

fn a_fenced_commit_changes_nothing(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None))), (LogKind::Custody, None)]);
    store.commit(&append).unwrap();
    let before = drafts.expected.clone();
    for wrong in [0, 2, 700] {
        let mut drafts = Drafts::recover(&mut *store);
        // Both logs grow; one of them stands where it should.
        let mut append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(5, None))), (LogKind::Custody, None)]);
        append.deliveries.push(delivered(1, 0));
        append.heads.last_mut().unwrap().from.size = wrong;
        let fenced = store.commit(&append).unwrap_err();
        assert!(matches!(fenced, StoreError::Fenced(log) if log == append.heads.last().unwrap().log));
        check_unchanged(open, &*store, &before, &batch::wanted(&append));
    }
}

fn a_commit_that_fails_midway_changes_nothing(open: Open<'_>) {
    type Break = fn(&mut comity::store::Append);
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))])).unwrap();
    let before = drafts.expected.clone();
    let breaks: [(&str, Break); 3] = [
        ("a position that is taken", |append| append.entries.last_mut().unwrap().index = 0),
        ("a request that is recorded", |append| {
            let taken = append.requests.first().unwrap();
            let again = comity::store::NewRequest {
                agency: taken.agency.clone(),
                request_id: taken.request_id,
                seen: taken.seen.clone(),
            };
            append.requests.push(again);
        }),
        ("an entry of a log that does not grow", |append| {
            append.entries.last_mut().unwrap().log = log(LogKind::Custody);
        }),
    ];
    for (what, break_it) in breaks {
        let mut drafts = Drafts::recover(&mut *store);
        let new = detainer(5, None);
        let mut append = drafts.batch(&[(LogKind::Exchange, Some(&new)), (LogKind::Exchange, Some(&new))]);
        append.deliveries.push(delivered(1, 0));
        break_it(&mut append);
        let failed = store.commit(&append).expect_err(what);
        // Where others write too, a request that is recorded is one that another gateway took: a matter of beginning again.
        let gives_way = matches!(failed, StoreError::Fenced(_));
        assert!(!gives_way || (what == "a request that is recorded" && store.follower().is_some()), "{what}");
        check_unchanged(open, &*store, &before, &batch::wanted(&append));
    }
}

fn a_new_case_survives_a_commit_that_was_fenced_before(open: Open<'_>) {
    let mut store = open();
    let case = detainer(1, None);
    let mut append = Drafts::recover(&mut *store).batch(&[(LogKind::Exchange, Some(&case))]);
    append.heads.first_mut().unwrap().from.size = 9;
    assert!(matches!(store.commit(&append), Err(StoreError::Fenced(_))));
    // The writer reads where the logs stand and plans again.
    let mut drafts = Drafts::recover(&mut *store);
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&case))])).unwrap();
    assert_eq!(everything(&*open().reader()), drafts.expected);
    assert_eq!(open().reader().case(case.name()).unwrap(), Some(case));
}

fn a_second_writer_on_the_same_store_is_fenced(open: Open<'_>) {
    let (mut first, mut second) = (open(), open());
    let mut drafts = Drafts::recover(&mut *first);
    let mut stale = Drafts::recover(&mut *second);
    first.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))])).unwrap();
    let late = stale.batch(&[(LogKind::Exchange, Some(&detainer(2, None)))]);
    assert!(matches!(second.commit(&late), Err(StoreError::Fenced(_))));
    let cases = late.cases.iter().map(|case| case.name().clone()).collect();
    check_unchanged(open, &*second, &drafts.expected, &Wanted { cases, ..Wanted::default() });
    // Having read where the log stands, it may go on; now the first is the stale one.
    let mut caught_up = Drafts::recover(&mut *second);
    assert_eq!(caught_up.roots(), drafts.roots());
    second.commit(&caught_up.batch(&[(LogKind::Exchange, Some(&detainer(2, None)))])).unwrap();
    let late = drafts.batch(&[(LogKind::Exchange, Some(&detainer(3, None)))]);
    assert!(matches!(first.commit(&late), Err(StoreError::Fenced(_))));
    // Another log is nobody's yet.
    let mut apart = Drafts::recover(&mut *first);
    first.commit(&apart.batch(&[(LogKind::Custody, None)])).unwrap();
}

fn cases_are_listed_by_agency_and_kind_after_a_place(open: Open<'_>) {
    let mut store = open();
    let cases = [
        detainer(1, Some("doccs")),
        detainer(2, Some("nassau")),
        detainer(3, None),
        custody(4, "doccs"),
        custody(5, "nassau"),
        detainer(6, Some("doccs")),
    ];
    let entries: Vec<_> = cases.iter().map(|case| (LogKind::Exchange, Some(case))).collect();
    let append = Drafts::recover(&mut *store).batch(&entries);
    store.commit(&append).unwrap();
    let reader = store.reader();
    let all = CaseFilter {
        jurisdiction: sample::jurisdiction(),
        kind: CaseKind::Detainer,
        agency: None,
        unassigned: false,
        terms: Vec::new(),
        after: None,
        limit: 100,
    };
    let of = |agency: &str| Some(sample::officer(agency).agency.id.clone());
    let check = |filter: CaseFilter, expected: &[u128]| {
        let found = reader.cases(&filter).unwrap();
        let ids: Vec<u128> = found.iter().map(|case| case.name().id.as_u128()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        assert!(found.iter().all(|case| cases.contains(case)));
    };
    check(all.clone(), &[1, 2, 3, 6]);
    check(CaseFilter { kind: CaseKind::Custody, ..all.clone() }, &[4, 5]);
    check(CaseFilter { kind: CaseKind::Custody, agency: of("nassau"), ..all.clone() }, &[5]);
    check(CaseFilter { agency: of("ice"), ..all.clone() }, &[1, 2, 3, 6]);
    check(CaseFilter { agency: of("cbp"), ..all.clone() }, &[]);
    check(CaseFilter { agency: of("doccs"), ..all.clone() }, &[1, 6]);
    check(CaseFilter { agency: of("doccs"), unassigned: true, ..all.clone() }, &[1, 3, 6]);
    check(CaseFilter { agency: of("erie"), unassigned: true, ..all.clone() }, &[3]);
    check(CaseFilter { after: Some(Uuid::from_u128(2)), ..all.clone() }, &[3, 6]);
    check(CaseFilter { after: Some(Uuid::from_u128(1)), limit: 2, ..all.clone() }, &[2, 3]);
    check(CaseFilter { after: Some(Uuid::from_u128(6)), ..all.clone() }, &[]);
    check(CaseFilter { jurisdiction: "us-tx".parse().unwrap(), ..all }, &[]);
    // By its name each is found by those whose list it is in, and by nobody else.
    let read = |agency, unassigned| -> Vec<u128> {
        let whose = CasesOf { agency, unassigned };
        let found = cases.iter().filter(|case| reader.case_of(&whose, case.name()).unwrap().as_ref() == Some(case));
        found.map(|case| case.name().id.as_u128()).collect()
    };
    assert_eq!(read(None, false), [1, 2, 3, 4, 5, 6]);
    assert_eq!(read(of("ice"), false), [1, 2, 3, 6]);
    assert_eq!(read(of("cbp"), false), [0; 0]);
    assert_eq!(read(of("doccs"), true), [1, 3, 4, 6]);
    assert_eq!(read(of("nassau"), false), [2, 5]);
    assert_eq!(read(of("erie"), true), [3]);
}

fn a_case_is_read_as_it_was_last_kept(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let mut case = detainer(1, None);
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&case))])).unwrap();
    let found = store.load(&Wanted { cases: [case.name().clone()].into(), ..Wanted::default() }).unwrap();
    assert_eq!(found.cases.get(case.name()), Some(&case));
    if let StoredCase::Detainer(detainer) = &mut case {
        detainer.custodian = Some(sample::officer("nassau").agency.id.clone());
        detainer.version += 1;
    }
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&case))])).unwrap();
    let reader = open().reader();
    assert_eq!(reader.case(case.name()).unwrap(), Some(case.clone()));
    assert_eq!(everything(&*reader), drafts.expected, "entries before the change can still be opened");
    // Whoever took it on finds it among its own.
    let own = CaseFilter {
        jurisdiction: sample::jurisdiction(),
        kind: CaseKind::Detainer,
        agency: Some(sample::officer("nassau").agency.id.clone()),
        unassigned: false,
        terms: Vec::new(),
        after: None,
        limit: 10,
    };
    assert_eq!(reader.cases(&own).unwrap(), [case]);
}

fn a_request_is_found_by_its_agency_alone(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&detainer(1, None)))])).unwrap();
    let ((agency, id), seen) = drafts.requests.first_key_value().unwrap();
    let other = sample::officer("cbp").agency.id.clone();
    let unknown = RequestId(Uuid::from_u128(0xdead));
    let requests = [(agency.clone(), *id), (other, *id), (agency.clone(), unknown)].into();
    let loaded = open().load(&Wanted { requests, ..Wanted::default() }).unwrap();
    assert_eq!(loaded.requests.into_iter().collect::<Vec<_>>(), [((agency.clone(), *id), seen.clone())]);
}

fn the_first_delivery_of_an_entry_is_the_one_that_counts(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    // Everything before 3, then the same again later, then everything before 5, and less than that once more.
    for (position, day) in [(3, 1), (3, 2), (5, 3), (4, 4)] {
        let mut append = drafts.batch(&[(LogKind::Exchange, None)]);
        append.deliveries.push(delivered(position, day));
        store.commit(&append).unwrap();
    }
    let ice = sample::officer("ice").agency.id.clone();
    let key = |index| (ice.clone(), log(LogKind::Exchange), index);
    let loaded = store.load(&Wanted { deliveries: (0..6).map(key).collect(), ..Wanted::default() }).unwrap();
    let day = |index| loaded.deliveries.get(&key(index)).copied();
    let on = |day| Some(delivered(0, day).recorded_at);
    assert_eq!([0, 2, 3, 4, 5].map(day), [on(1), on(1), on(3), on(3), None]);
}
