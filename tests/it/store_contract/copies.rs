//! A store that is copied is the same afterwards, on whichever engine, and goes on there.

use std::collections::BTreeMap;
use std::path::Path;

use comity::domain::agenda::{Item, ItemKind};
use comity::domain::appeal::{Appeal, AppealAnswer, AppealAnswerKind, Bar};
use comity::domain::case::StoredCase;
use comity::domain::determination::{FieldClasses, LawAction};
use comity::domain::ids::{CaseName, LogKind};
use comity::domain::inbox::{Attempt, Consumer, DeliveryState, EntryPosition as Where, InboxConsumer};
use comity::domain::method::ReadMethod;
use comity::store::appeals::{NewAppeal, NewBar, NewItem};
use comity::store::{
    AgendaChange, Append, DisclosedResource, NewConsumer, NewDisclosure, PolicyInForce, StoreError, StoreLocation,
    Wanted, copy, digest,
};
use uuid::Uuid;

use crate::harness::postgres::Database;
use crate::sample;
use crate::store_contract::KEY;
use crate::store_contract::batch::{Drafts, custody, delivered, detainer, everything, log};

/// A disclosure to an agency, of no resources and by nobody in particular.
fn disclosure(to: &str, classes: FieldClasses) -> NewDisclosure {
    NewDisclosure {
        recorded_at: sample::start(),
        recipient: sample::officer(to).agency.id.clone(),
        officer: None,
        method: ReadMethod::Receive,
        jurisdiction: sample::jurisdiction(),
        resources: Vec::new(),
        classes,
    }
}

/// A store with rows of every kind, and more of some than are copied at a time.
fn fill(place: &StoreLocation) {
    let mut store = place.open(&KEY).unwrap();
    let mut drafts = Drafts::recover(&mut *store);
    let ice = sample::officer("ice");
    let (one, held) = (detainer(1, Some("doccs")), custody(2, "doccs"));
    let demand = StoredCase::Appeal(Box::new(Appeal {
        name: CaseName::appeal(sample::jurisdiction(), Uuid::from_u128(3)),
        issuer: ice.agency.id.clone(),
        ground: "Quigley must be held".to_owned(),
        due_at: sample::start(),
        size: 1,
        custodians: [].into(),
        to_jurisdiction: true,
        issued_at: sample::start(),
    }));
    let about = [(LogKind::Exchange, Some(&one)), (LogKind::Custody, Some(&held)), (LogKind::Exchange, Some(&demand))];
    let mut append = drafts.batch(&about);
    append.appeals.issued.push(NewAppeal {
        appeal: demand.name().clone(),
        issuer: ice.agency.id.clone(),
        due_at: sample::start(),
        members: vec![Uuid::from_u128(1), Uuid::from_u128(9)],
    });
    let item = |key: &str, holder| Item { kind: ItemKind::Clock, key: key.to_owned(), due_at: sample::start(), holder };
    let open = vec![item("hold-ends", Some(ice.agency.id.clone())), item("üben", None)];
    append.agenda = vec![AgendaChange { case: one.name().clone(), closed: Vec::new(), open }];
    append.deliveries = (1..4_500).map(|position| delivered(position, 1)).collect();
    let attempt = Attempt { tries: 3, since: sample::start(), state: DeliveryState::Parked };
    let attempts =
        [(Where { log: LogKind::Exchange, index: 1 }, attempt), (Where { log: LogKind::Custody, index: 0 }, attempt)];
    for name in ["default", "statistics"] {
        let (agency, jurisdiction) = (ice.agency.id.clone(), sample::jurisdiction());
        let whose = InboxConsumer { agency, jurisdiction, consumer: name.parse().unwrap() };
        let state = Consumer { exchange: 1, custody: 0, attempts: attempts.into() };
        append.consumers.push(NewConsumer { whose, state });
    }
    for officer in [None, Some(ice.actor.as_ref().unwrap().pseudonym.clone())] {
        let resources = vec![DisclosedResource::from(one.name()), DisclosedResource::entry(&log(LogKind::Custody), 7)];
        append.disclosures.push(NewDisclosure { officer, resources, ..disclosure("ice", FieldClasses::all()) });
    }
    append.policy = Some(PolicyInForce {
        digest: [7; 32],
        files: [("access.cedar".to_owned(), [8; 32])].into(),
        since: sample::start(),
    });
    store.commit(&append).unwrap();

    let wanted = Wanted { cases: [one.name().clone(), demand.name().clone()].into(), ..Wanted::default() };
    store.load(&wanted).unwrap();
    let about = [(LogKind::Exchange, Some(&one)), (LogKind::Exchange, Some(&demand)), (LogKind::Custody, None)];
    let mut append = drafts.batch(&about.repeat(100));
    let answer = AppealAnswer {
        kind: AppealAnswerKind::WillHold,
        legal_basis: "a statute".to_owned(),
        reason: None,
        occurred_at: None,
    };
    let item = comity::domain::appeal::AppealItem { given: Some(answer), ..<_>::default() };
    append.appeals.items = vec![NewItem { appeal: demand.name().clone(), detainer: one.name().clone(), item }];
    append.appeals.bars = vec![NewBar {
        appeal: demand.name().clone(),
        number: 4,
        bar: Bar { action: LawAction::Hold, also: vec![LawAction::Transfer], citations: vec!["a statute".to_owned()] },
        detainers: vec![Uuid::from_u128(9)],
    }];
    store.commit(&append).unwrap();
}

/// Copies, and hears of every table.
fn copied(from: &StoreLocation, to: &StoreLocation) -> BTreeMap<String, u64> {
    let mut heard = BTreeMap::new();
    let mut hear = |table: &str, rows| {
        heard.insert(table.to_owned(), rows);
    };
    let copied = copy(from, to, &mut hear).unwrap();
    let mut rows: BTreeMap<String, u64> = copied.rows.into_iter().collect();
    assert_eq!(rows.remove("restored"), Some(0), "only a store that was restored has marks");
    assert_eq!(heard, rows, "every other table has rows, and each was told of");
    rows
}

#[test]
fn a_copy_is_the_same_on_every_engine_and_goes_on_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| StoreLocation::File(directory.path().join(name));
    let (Some(one), Some(two)) = (Database::schema(), Database::schema()) else { return };
    let places =
        [file("first.db"), StoreLocation::Server(one.address()), StoreLocation::Server(two.address()), file("last.db")];
    fill(&places[0]);
    let first = digest(&places[0]).unwrap();
    assert_eq!(first.len(), 19);
    let expected = everything(&*places[0].read(Some(&KEY)).unwrap());
    let account_after = |place: &StoreLocation, after| {
        place.read(None).unwrap().disclosures(&"us-ny".parse().unwrap(), after, 9).unwrap()
    };
    let account = |place: &StoreLocation| account_after(place, 0);
    let accounted = account(&places[0]);
    let [unattributed, by_officer] = accounted.as_slice() else { panic!("{accounted:?}") };
    assert_eq!(unattributed.officer, None);
    assert_eq!(by_officer.officer, Some(sample::officer("ice").actor.unwrap().pseudonym));
    assert_eq!((by_officer.recorded_at, by_officer.classes), (sample::start(), FieldClasses::all()));
    assert_eq!(by_officer.method, "InboxService/Receive");
    let names = [detainer(1, Some("doccs")).name().to_string(), log(LogKind::Custody).entry(7)];
    assert_eq!(by_officer.resources, names);
    for pair in places.windows(2) {
        let rows = copied(&pair[0], &pair[1]);
        assert_eq!((rows["deliveries"], rows["entries"], rows["attempts"]), (4_499, 303, 4));
        assert_eq!(digest(&pair[1]).unwrap(), first, "{}", pair[1]);
        assert_eq!(account(&pair[1]), accounted, "{}", pair[1]);
        assert_eq!(account_after(&pair[1], accounted[0].number), accounted[1..]);
        assert_eq!(everything(&*pair[1].read(Some(&KEY)).unwrap()), expected);
    }
    for place in &places[1..] {
        // It goes on as if it had always been there, with numbers that nobody has.
        let mut store = place.open(&KEY).unwrap();
        let mut drafts = Drafts::recover(&mut *store);
        let mut append = drafts.batch(&[(LogKind::Exchange, Some(&detainer(77, Some("nassau"))))]);
        // The drafts begin their request ids anew.
        append.requests.clear();
        append.disclosures.push(disclosure("nassau", FieldClasses::NONE));
        let (agency, jurisdiction) = (sample::officer("nassau").agency.id.clone(), sample::jurisdiction());
        let whose = InboxConsumer { agency, jurisdiction, consumer: "default".parse().unwrap() };
        append.consumers.push(NewConsumer { whose, state: Consumer::default() });
        store.commit(&append).unwrap();
        assert_eq!(everything(&*store.reader()), drafts.expected);
        assert_ne!(digest(place).unwrap(), first);
    }
}

#[test]
fn nothing_is_copied_over_something_else_or_while_it_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| StoreLocation::File(directory.path().join(name));
    let Some(database) = Database::schema() else { return };
    let (small, server) = (file("small.db"), StoreLocation::Server(database.address()));
    let begin = |place: &StoreLocation| drop(place.open(&KEY).unwrap().recover(&log(LogKind::Exchange)).unwrap());
    begin(&small);
    let refused = |from: &StoreLocation, to: &StoreLocation, expected: &str| {
        let refused = copy(from, to, &mut |_, _| ()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    };
    // Served, at either end; or both ends the same.
    for served in [&small, &server] {
        let mut store = served.open(&KEY).unwrap();
        store.commit(&Append::default()).unwrap();
        let why = "gateway has the store open";
        refused(served, &file("other.db"), why);
        refused(&file("small.db"), &server, why);
        drop(store);
    }
    refused(&small, &small, "gateway has the store open");
    // Not empty any more.
    begin(&server);
    begin(&file("taken.db"));
    refused(&small, &server, "there is a store already");
    refused(&small, &file("taken.db"), "there is a store already");
    // Not there.
    refused(&file("nowhere.db"), &file("other.db"), "could not be opened");
    assert!(!Path::new(&directory.path().join("nowhere.db")).exists());
    let Some(empty) = Database::schema() else { return };
    let error = copy(&StoreLocation::Server(empty.address()), &file("other.db"), &mut |_, _| ()).unwrap_err();
    assert!(matches!(&error, StoreError::Server(why) if why.starts_with("42P01")), "{error}");
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| StoreLocation::File(directory.path().join(name));
    let Some(database) = Database::schema() else { return };
    fill(&file("whole.db"));
    let connection = rusqlite::Connection::open(directory.path().join("whole.db")).unwrap();
    // What PostgreSQL does not take: the last table but for one.
    connection.execute("UPDATE policy SET files = 'a' || char(0)", []).unwrap();
    drop(connection);
    let place = StoreLocation::Server(database.address());
    copy(&file("whole.db"), &place, &mut |_, _| ()).unwrap_err();
    assert_eq!(database.run("SELECT count(*) FROM entries"), ["0"]);
    assert_eq!(place.read(None).unwrap().logs().unwrap(), []);
}
