//! The search index: a case is found by the terms that it has now, whatever they were before, and by nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity::domain::case::StoredCase;
use comity::domain::detainer::{DetainerState, Finding};
use comity::domain::expungement::Expunged;
use comity::domain::ids::{AgencyId, CaseKind, CaseName, LogKind};
use comity::domain::search::{self, PersonNumber, Term};
use comity::store::postgres::PostgresStore;
use comity::store::sqlite::SqliteStore;
use comity::store::{Append, CaseFilter, Expungement, Reader, SealedFrom, Store, StoreLocation, Wanted, rewrap};
use uuid::Uuid;

use crate::flood::told;
use crate::harness::postgres::Database;
use crate::sample;
use crate::store_contract::batch::{Drafts, custody, detainer};
use crate::store_contract::{KEY, Open};

/// Rounds of changes, and queries after each.
const ROUNDS: usize = 10;
const QUERIES: usize = 150;

/// Finds rows by SQL, or changes them.
type Raw<'a> = &'a dyn Fn(&str) -> Vec<String>;

fn id_of(agency: &str) -> AgencyId {
    sample::officer(agency).agency.id.clone()
}

/// Another number below `end` with each call (a linear congruential generator, its high bits).
fn below(state: &mut u64, end: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % end
}

/// A case with another number, state or holder.
fn changed(case: &StoredCase, chance: &mut u64) -> StoredCase {
    let number = |chance: &mut u64| Some(format!("A00000000{}", below(chance, 5)).parse().unwrap());
    let mut case = case.clone();
    match &mut case {
        StoredCase::Detainer(detainer) => {
            detainer.state = DetainerState::ALL[below(chance, 4)];
            detainer.issuer_view.state = DetainerState::ALL[below(chance, 4)];
            detainer.custodian = [None, Some(id_of("doccs")), Some(id_of("erie"))][below(chance, 3)].clone();
            Arc::make_mut(&mut detainer.request).subject.identifiers.alien_number = number(chance);
        }
        StoredCase::Custody(custody) => {
            custody.custodian = id_of(["doccs", "erie"][below(chance, 2)]);
            custody.intake.subject.identifiers.alien_number = number(chance);
        }
        StoredCase::Appeal(_) | StoredCase::Expunged(_) => unreachable!("there is none here"),
    }
    case
}

fn keep(store: &mut dyn Store, drafts: &mut Drafts, cases: &[&StoredCase]) {
    let names: BTreeSet<CaseName> = cases.iter().map(|case| case.name().clone()).collect();
    store.load(&Wanted { cases: names, ..Wanted::default() }).unwrap();
    let entries: Vec<_> = cases.iter().map(|case| (LogKind::Exchange, Some(*case))).collect();
    store.commit(&drafts.batch(&entries)).unwrap();
}

fn parties(case: &StoredCase) -> (Option<AgencyId>, Option<AgencyId>) {
    match case {
        StoredCase::Detainer(detainer) => (Some(detainer.issuer.clone()), detainer.holder().cloned()),
        StoredCase::Custody(custody) => (None, Some(custody.custodian.clone())),
        StoredCase::Appeal(_) | StoredCase::Expunged(_) => (None, None),
    }
}

/// What must be found.
fn expected(cases: &BTreeMap<u128, StoredCase>, filter: &CaseFilter) -> Vec<u128> {
    let found = cases.iter().filter(|(id, case)| {
        let (issuer, holder) = parties(case);
        let own = filter.agency.is_none() || issuer == filter.agency || holder == filter.agency;
        let terms = search::terms(case);
        case.name().kind == filter.kind
            && filter.after.is_none_or(|after| **id > after.as_u128())
            && (own || (filter.unassigned && holder.is_none()))
            && filter.terms.iter().any(|term| terms.contains(term))
    });
    found.map(|(id, _)| *id).take(filter.limit).collect()
}

pub(super) fn cases_are_found_by_the_terms_that_they_have_now(open: Open<'_>) {
    let mut chance = 20_261_130;
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let mut cases: BTreeMap<u128, StoredCase> = (1..=60)
        .map(|id| {
            (
                id,
                if id % 3 == 0 {
                    custody(id, "nassau")
                } else {
                    detainer(id, [None, Some("doccs")][usize::from(id % 2 == 0)])
                },
            )
        })
        .collect();
    keep(&mut *store, &mut drafts, &cases.values().collect::<Vec<_>>());
    let mut pool: BTreeSet<Term> = cases.values().flat_map(search::terms).collect();
    let queries = told("COMITY_QUERIES").map_or(QUERIES, |each| usize::try_from(each).unwrap());
    let mut found_in_all = 0;
    for _ in 0..ROUNDS {
        for case in cases.values_mut() {
            if below(&mut chance, 2) == 0 {
                *case = changed(case, &mut chance);
            }
        }
        // Terms that no case has any more are asked for too.
        pool.extend(cases.values().flat_map(search::terms));
        keep(&mut *store, &mut drafts, &cases.values().collect::<Vec<_>>());
        let reader = store.reader();
        let pool: Vec<&Term> = pool.iter().collect();
        for _ in 0..queries {
            let agencies = [None, Some(id_of("ice")), Some(id_of("doccs")), Some(id_of("erie"))];
            let filter = CaseFilter {
                jurisdiction: sample::jurisdiction(),
                kind: [CaseKind::Detainer, CaseKind::Custody][below(&mut chance, 2)],
                agency: agencies[below(&mut chance, 4)].clone(),
                unassigned: below(&mut chance, 2) == 0,
                terms: (0..=below(&mut chance, 3)).map(|_| pool[below(&mut chance, pool.len())].clone()).collect(),
                after: [None, Some(Uuid::from_u128(30))][below(&mut chance, 2)],
                limit: 1 + below(&mut chance, 20),
            };
            let found: Vec<u128> = reader.cases(&filter).unwrap().iter().map(|case| case.name().id.as_u128()).collect();
            assert_eq!(found, expected(&cases, &filter), "{filter:?}");
            found_in_all += found.len();
        }
    }
    println!("{} queries found {found_in_all} cases", ROUNDS * queries);
    assert!(found_in_all > ROUNDS * queries / 2, "{found_in_all} were found: the queries are about nothing");
}

/// The names that a batch is given by these terms.
fn given(store: &mut dyn Store, kind: CaseKind, terms: BTreeSet<Term>) -> BTreeSet<u128> {
    let found_by = [((sample::jurisdiction(), kind), terms)].into();
    let loaded = store.load(&Wanted { found_by, ..Wanted::default() }).unwrap();
    assert!(loaded.cases.keys().all(|name| loaded.agenda.contains_key(name)), "with their agenda");
    loaded.cases.keys().map(|name| name.id.as_u128()).collect()
}

pub(super) fn a_batch_is_given_the_cases_that_wait_for_a_person(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let asked = search::asked_again(&id_of("doccs"), &sample::subject());
    assert!(asked.len() > 1, "by more than one term");
    assert_eq!(given(&mut *store, CaseKind::Detainer, asked.clone()), [].into(), "of a jurisdiction without a number");
    let waiting = |id, addressee| {
        let mut case = detainer(id, Some(addressee));
        let StoredCase::Detainer(detainer) = &mut case else { unreachable!() };
        detainer.state = DetainerState::NotInCustody;
        detainer.acknowledgement = Some(sample::found(Finding::NotInCustody, None));
        case
    };
    let mut cases: Vec<StoredCase> = (1..=20).map(|id| waiting(id, "doccs")).collect();
    cases.extend([waiting(31, "erie"), detainer(32, Some("doccs")), custody(33, "doccs")]);
    keep(&mut *store, &mut drafts, &cases.iter().collect::<Vec<_>>());
    let oldest: BTreeSet<u128> = (1..=16).collect();
    assert_eq!(given(&mut *store, CaseKind::Detainer, asked.clone()), oldest, "no more than it asks about");
    assert_eq!(given(&mut *store, CaseKind::Custody, asked.clone()), [].into());
    let another = search::asked_again(&id_of("nassau"), &sample::subject());
    assert_eq!(given(&mut *store, CaseKind::Detainer, another), [].into());
    // It waits no longer, and so it is not found any more. Nor does it need its case to be asked for before it is changed.
    for case in cases.iter_mut().take(10) {
        let StoredCase::Detainer(detainer) = case else { unreachable!() };
        detainer.state = DetainerState::NotFoundInTime;
    }
    drop(store);
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    given(&mut *store, CaseKind::Detainer, asked.clone());
    let entries: Vec<_> = cases.iter().take(10).map(|case| (LogKind::Exchange, Some(case))).collect();
    store.commit(&drafts.batch(&entries)).unwrap();
    assert_eq!(given(&mut *store, CaseKind::Detainer, asked), (11..=20).collect());
}

/// By the one number that the samples have.
fn found(reader: &dyn Reader, kind: CaseKind) -> usize {
    let filter = CaseFilter {
        jurisdiction: sample::jurisdiction(),
        kind,
        agency: None,
        unassigned: false,
        terms: vec![Term::number(PersonNumber::Alien, "079314159")],
        after: None,
        limit: 10,
    };
    reader.cases(&filter).unwrap().len()
}

fn what_was_expunged_leaves_no_row(open: Open<'_>, raw: Raw<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (ours, gone) = (detainer(1, Some("doccs")), custody(2, "doccs"));
    keep(&mut *store, &mut drafts, &[&ours, &gone]);
    let count = |id: u128| raw(&format!("SELECT count(*) FROM search WHERE id = {}", sql_of(raw, id)));
    assert_eq!((count(1), count(2)), (vec!["6".to_owned()], vec!["3".to_owned()]));
    let left = StoredCase::Expunged(Box::new(Expunged::custody(gone.custody().unwrap(), sample::start())));
    store.load(&Wanted { cases: [gone.name().clone()].into(), ..Wanted::default() }).unwrap();
    let mut append = drafts.batch(&[(LogKind::Custody, Some(&left))]);
    let from = SealedFrom { exchange: 2, custody: 0 };
    append.expunged.push(Expungement { case: gone.name().clone(), from });
    store.commit(&append).unwrap();
    assert_eq!((count(1), count(2)), (vec!["6".to_owned()], vec!["0".to_owned()]));
    assert_eq!(found(&*store.reader(), CaseKind::Detainer), 1);
    assert_eq!(found(&*store.reader(), CaseKind::Custody), 0);
}

/// An id as the engine writes it.
fn sql_of(raw: Raw<'_>, id: u128) -> String {
    let is_sqlite = raw("SELECT typeof(1) = 'integer'") == ["1"];
    let hex = format!("{id:032x}");
    if is_sqlite { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
}

fn an_index_without_its_mark_is_built_anew(open: Open<'_>, raw: Raw<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    keep(&mut *store, &mut drafts, &[&detainer(1, Some("doccs")), &custody(2, "doccs")]);
    drop(store);
    // As a store of the version before, after its tables were made.
    raw("DELETE FROM search");
    assert_eq!(found(&*open().reader(), CaseKind::Detainer), 0, "with its mark it is taken as it is");
    raw("DELETE FROM search_key");
    for _ in 0..2 {
        let reader = open().reader();
        assert_eq!((found(&*reader, CaseKind::Detainer), found(&*reader, CaseKind::Custody)), (1, 1));
    }
    assert_eq!(raw("SELECT count(*) FROM search"), ["9"]);
}

/// Under another wrapping key every digest is another.
fn a_rotated_index_has_no_digest_of_before(location: &StoreLocation, open: &dyn Fn(&[u8; 32]) -> Box<dyn Store>) {
    const NEXT: [u8; 32] = [43; 32];
    let digests = || comity::store::digest(location).unwrap().remove("search").unwrap();
    let mut store = open(&KEY);
    let mut drafts = Drafts::recover(&mut *store);
    keep(&mut *store, &mut drafts, &[&detainer(1, Some("doccs"))]);
    drop(store);
    let before = digests();
    assert_eq!(rewrap(location, &KEY, &NEXT).unwrap().cases, 1);
    let emptied = digests();
    assert_eq!(found(&*open(&NEXT).reader(), CaseKind::Detainer), 1);
    let after = digests();
    assert!(before != after && before != emptied && after != emptied);
    // Another rewrap changes nothing.
    rewrap(location, &KEY, &NEXT).unwrap();
    assert_eq!(digests(), after);
}

/// How long a page takes on average, in microseconds.
fn page_us(reader: &dyn Reader, filter: &CaseFilter, expected: usize) -> u128 {
    const PAGES: u32 = 50;
    let begun = std::time::Instant::now();
    for _ in 0..PAGES {
        assert_eq!(reader.cases(filter).unwrap().len(), expected);
    }
    (begun.elapsed() / PAGES).as_micros()
}

#[test]
fn a_page_costs_what_it_looks_at() {
    let most = told("COMITY_SEARCH").map_or(3_000, u128::from);
    for count in [1_000, most] {
        let directory = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&directory.path().join("shard.sqlite"), &KEY).unwrap();
        // One in a hundred is of the prison, and each person has a number of their own.
        for chunk in (1..=count).collect::<Vec<u128>>().chunks(1_000) {
            let cases = chunk.iter().map(|id| {
                let mut case = detainer(*id, Some(if id % 100 == 0 { "doccs" } else { "erie" }));
                let StoredCase::Detainer(detainer) = &mut case else { unreachable!("a detainer was made") };
                let number = format!("A{:09}", id + 1_000_000);
                Arc::make_mut(&mut detainer.request).subject.identifiers.alien_number = Some(number.parse().unwrap());
                case
            });
            store.commit(&Append { cases: cases.collect(), ..Append::default() }).unwrap();
        }
        let filter = |agency: &str, term: Term| CaseFilter {
            jurisdiction: sample::jurisdiction(),
            kind: CaseKind::Detainer,
            agency: Some(id_of(agency)),
            unassigned: false,
            terms: vec![term],
            after: Some(Uuid::from_u128(count / 2)),
            limit: 5,
        };
        let reader = store.reader();
        let number = Term::number(PersonNumber::Alien, &format!("{:09}", count + 1_000_000));
        let doccs = id_of("doccs");
        let own = Term::held_by(Some(&doccs));
        let state = Term::state_to_holder(Some(&doccs), DetainerState::Lodged);
        println!(
            "{count} cases: a page by a number {} us, of one in a hundred {} us, of these in a state {} us",
            page_us(&*reader, &filter("ice", number), 1),
            page_us(&*reader, &filter("doccs", own), 5),
            page_us(&*reader, &filter("doccs", state), 5),
        );
    }
}

type OpenedBy<'a> = &'a dyn Fn(Open<'_>, Raw<'_>);

fn on_file(test: OpenedBy<'_>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shard.sqlite");
    let raw = |sql: &str| -> Vec<String> {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|row| row.unwrap().to_string()).collect()
    };
    test(&|| Box::new(SqliteStore::open(&path, &KEY).unwrap()), &raw);
}

fn on_server(test: OpenedBy<'_>) {
    let Some(database) = Database::schema() else { return };
    let raw = |sql: &str| if sql.contains("typeof") { vec!["0".to_owned()] } else { database.run(sql) };
    test(&|| Box::new(PostgresStore::open(&database.address(), &KEY).unwrap()), &raw);
}

#[test]
fn of_what_was_expunged_no_row_is_left_in_a_file() {
    on_file(&what_was_expunged_leaves_no_row);
}

#[test]
fn of_what_was_expunged_no_row_is_left_in_a_database() {
    on_server(&what_was_expunged_leaves_no_row);
}

#[test]
fn an_index_of_a_file_that_was_never_built_is_built_when_it_is_opened() {
    on_file(&an_index_without_its_mark_is_built_anew);
}

#[test]
fn an_index_of_a_database_that_was_never_built_is_built_when_it_is_opened() {
    on_server(&an_index_without_its_mark_is_built_anew);
}

#[test]
fn a_file_under_another_key_is_indexed_under_that_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shard.sqlite");
    let location = StoreLocation::File(path.clone());
    a_rotated_index_has_no_digest_of_before(&location, &|key| Box::new(SqliteStore::open(&path, key).unwrap()));
}

#[test]
fn a_database_under_another_key_is_indexed_under_that_key() {
    let Some(database) = Database::schema() else { return };
    let location = StoreLocation::Server(database.address());
    a_rotated_index_has_no_digest_of_before(&location, &|key| {
        Box::new(PostgresStore::open(&database.address(), key).unwrap())
    });
}
