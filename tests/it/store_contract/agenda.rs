//! What a store promises of what is open.

use comity::domain::agenda::{Item, ItemKind};
use comity::domain::ids::{CaseName, LogKind};
use comity::store::{AgendaChange, AgendaFilter, ListedItem, Wanted};
use jiff::{SignedDuration, Timestamp};

use crate::sample;
use crate::store_contract::Open;
use crate::store_contract::batch::{Drafts, custody, detainer};

fn after(hours: i64) -> Timestamp {
    sample::start().checked_add(SignedDuration::from_hours(hours)).unwrap()
}

fn item(key: &str, hours: i64, holder: Option<&str>) -> Item {
    let holder = holder.map(|agency| sample::officer(agency).agency.id.clone());
    Item { kind: ItemKind::Clock, key: key.to_owned(), due_at: after(hours), holder }
}

fn opened(case: &CaseName, open: &[Item]) -> AgendaChange {
    AgendaChange { case: case.clone(), closed: Vec::new(), open: open.to_vec() }
}

fn keys(items: &[ListedItem]) -> Vec<&str> {
    items.iter().map(|listed| listed.item.key.as_str()).collect()
}

pub(super) fn what_is_open_is_listed_by_the_time_it_is_due(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (ours, theirs) = (detainer(1, Some("doccs")), custody(2, "doccs"));
    let mut append = drafts.batch(&[(LogKind::Exchange, Some(&ours)), (LogKind::Custody, Some(&theirs))]);
    append.agenda = vec![
        opened(ours.name(), &[item("late", 9, Some("doccs")), item("first", 1, None)]),
        opened(theirs.name(), &[item("b", 5, Some("nassau")), item("a", 5, Some("doccs"))]),
    ];
    store.commit(&append).unwrap();
    drop(store);

    let mut store = open();
    let all = |after, limit| AgendaFilter {
        jurisdiction: sample::jurisdiction(),
        kind: ItemKind::Clock,
        holder: None,
        unassigned: false,
        after,
        limit,
    };
    let reader = store.reader();
    let mut paged = Vec::new();
    loop {
        let page = reader.agenda(&all(paged.last().map(ListedItem::position), 1)).unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(keys(&paged), ["first", "a", "b", "late"]);
    assert_eq!(paged[0], ListedItem { case: ours.name().clone(), item: item("first", 1, None) });
    assert_eq!(reader.agenda(&all(None, 9)).unwrap(), paged);
    let of = |agency, unassigned| {
        let holder = Some(sample::officer(agency).agency.id.clone());
        reader.agenda(&AgendaFilter { holder, unassigned, ..all(None, 9) }).unwrap()
    };
    assert_eq!(keys(&of("doccs", false)), ["a", "late"]);
    assert_eq!(keys(&of("doccs", true)), ["first", "a", "late"]);
    assert_eq!(keys(&of("cbp", false)), [""; 0]);
    let elsewhere = AgendaFilter { jurisdiction: "us-tx".parse().unwrap(), ..all(None, 9) };
    assert!(reader.agenda(&elsewhere).unwrap().is_empty());

    let mut due = |hours, limit| {
        let due = store.due(&sample::jurisdiction(), ItemKind::Clock, after(hours), limit).unwrap();
        keys(&due).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(due(0, 9), [""; 0]);
    assert_eq!(due(1, 9), ["first"]);
    assert_eq!(due(8, 2), ["first", "a"]);
    assert_eq!(due(9, 9), ["first", "a", "b", "late"]);
    assert!(store.due(&"us-tx".parse().unwrap(), ItemKind::Clock, after(9), 9).unwrap().is_empty());
}

pub(super) fn a_case_is_loaded_with_what_is_open_about_it(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (ours, other) = (detainer(1, Some("doccs")), detainer(3, None));
    let mut append = drafts.batch(&[(LogKind::Exchange, Some(&ours)), (LogKind::Exchange, Some(&other))]);
    append.agenda = vec![opened(ours.name(), &[item("a", 1, None), item("b", 2, Some("doccs"))])];
    store.commit(&append).unwrap();
    let wanted = Wanted { cases: [ours.name().clone(), other.name().clone()].into(), ..Wanted::default() };
    let loaded = |open: Open<'_>| open().load(&wanted).unwrap().agenda;
    assert_eq!(loaded(open)[ours.name()], [item("a", 1, None), item("b", 2, Some("doccs"))]);
    assert!(loaded(open)[other.name()].is_empty());

    store.load(&wanted).unwrap();
    let mut append = drafts.batch(&[(LogKind::Exchange, Some(&ours))]);
    let closed = vec![(ItemKind::Clock, "a".to_owned())];
    append.agenda = vec![AgendaChange { case: ours.name().clone(), closed, open: vec![item("b", 7, None)] }];
    store.commit(&append).unwrap();
    assert_eq!(loaded(open)[ours.name()], [item("b", 7, None)]);
}
