//! What a store promises of appeals.

use comity::domain::appeal::{Appeal, AppealAnswer, AppealAnswerKind, AppealItem, Bar};
use comity::domain::case::StoredCase;
use comity::domain::determination::LawAction;
use comity::domain::ids::{AgencyId, CaseName, LogKind};
use comity::store::appeals::{AppealsWanted, ItemFilter, Listed, NewAppeal, NewBar, NewItem};
use comity::store::{Append, Store, Wanted};
use uuid::Uuid;

use crate::sample;
use crate::store_contract::Open;
use crate::store_contract::batch::{Drafts, custody, detainer, log};

fn ice() -> AgencyId {
    sample::officer("ice").agency.id.clone()
}

fn appeal(id: u128) -> StoredCase {
    StoredCase::Appeal(Box::new(Appeal {
        name: CaseName::appeal(sample::jurisdiction(), Uuid::from_u128(id)),
        issuer: ice(),
        ground: "Quigley must be held".to_owned(),
        due_at: sample::start(),
        size: 3,
        custodians: [].into(),
        to_jurisdiction: true,
        issued_at: sample::start(),
    }))
}

fn issued(appeal: &StoredCase, members: &[u128]) -> NewAppeal {
    NewAppeal {
        appeal: appeal.name().clone(),
        issuer: ice(),
        due_at: sample::start(),
        members: members.iter().map(|id| Uuid::from_u128(*id)).collect(),
    }
}

fn answered(kind: AppealAnswerKind) -> AppealItem {
    let reason = Some("Quigley's file".to_owned());
    let answer = AppealAnswer { kind, legal_basis: "a statute".to_owned(), reason, occurred_at: None };
    AppealItem { given: Some(answer), ..AppealItem::default() }
}

/// Commits with these cases loaded.
fn commit(store: &mut dyn Store, drafts: &mut Drafts, cases: &[&StoredCase], change: impl FnOnce(&mut Append)) {
    let names = cases.iter().map(|case| case.name().clone()).collect();
    store.load(&Wanted { cases: names, ..Wanted::default() }).unwrap();
    let entries: Vec<_> = cases.iter().map(|case| (LogKind::Exchange, Some(*case))).collect();
    let mut append = drafts.batch(&entries);
    change(&mut append);
    store.commit(&append).unwrap();
}

fn items(store: &dyn Store, appeal: &StoredCase, holder: Option<&str>, after: Option<u128>) -> Vec<Listed> {
    let filter = ItemFilter {
        appeal: appeal.name().clone(),
        unassigned: holder.is_some(),
        holder: holder.map(|agency| sample::officer(agency).agency.id.clone()),
        after: after.map(Uuid::from_u128),
        limit: 2,
    };
    store.reader().items(&filter).unwrap()
}

fn ids(listed: &[Listed]) -> Vec<u128> {
    listed.iter().map(|listed| listed.detainer.name.id.as_u128()).collect()
}

pub(super) fn who_is_in_an_appeal_is_marked_once_and_listed_in_order(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let all = [detainer(1, Some("doccs")), detainer(2, Some("nassau")), detainer(3, None), detainer(4, Some("doccs"))];
    let (first, second) = (appeal(10), appeal(11));
    let cases: Vec<_> = all.iter().chain([&first, &second]).collect();
    commit(&mut *store, &mut drafts, &cases, |append| {
        append.appeals.issued = vec![issued(&first, &[1, 2, 3]), issued(&second, &[1, 4])];
    });
    for store in [store, open()] {
        assert_eq!(ids(&items(&*store, &first, None, None)), [1, 2]);
        assert_eq!(ids(&items(&*store, &first, None, Some(2))), [3]);
        assert_eq!(ids(&items(&*store, &first, Some("doccs"), None)), [1, 3]);
        assert_eq!(ids(&items(&*store, &first, Some("erie"), None)), [3]);
        assert_eq!(ids(&items(&*store, &second, Some("doccs"), None)), [1, 4]);
        assert!(items(&*store, &appeal(12), None, None).is_empty());
        drop(store);
    }
    let mut store = open();
    let none = detainer(7, None).name().clone();
    let wanted = AppealsWanted {
        issuers: [all[0].name().clone(), none].into(),
        due: [(ice(), sample::jurisdiction())].into(),
        ..AppealsWanted::default()
    };
    let loaded = store.load(&Wanted { appeals: wanted, ..Wanted::default() }).unwrap().appeals;
    assert_eq!(loaded.issuers, [(all[0].name().clone(), ice())].into());
    assert_eq!(loaded.due[&(ice(), sample::jurisdiction())], [sample::start(); 2]);
}

pub(super) fn an_answer_to_an_appeal_is_read_as_it_was_last_kept(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (one, demand) = (detainer(1, Some("doccs")), appeal(10));
    commit(&mut *store, &mut drafts, &[&one, &demand], |append| append.appeals.issued = vec![issued(&demand, &[1])]);
    let named = (demand.name().clone(), one.name().clone());
    for kind in [AppealAnswerKind::WillHold, AppealAnswerKind::Barred] {
        commit(&mut *store, &mut drafts, &[&one], |append| {
            let (appeal, detainer) = named.clone();
            append.appeals.items = vec![NewItem { appeal, detainer, item: answered(kind) }];
        });
        assert_eq!(items(&*store, &demand, None, None)[0].item, answered(kind));
        let wanted = AppealsWanted {
            items: [named.clone(), (demand.name().clone(), detainer(2, None).name().clone())].into(),
            ..AppealsWanted::default()
        };
        let loaded = store.load(&Wanted { appeals: wanted, ..Wanted::default() }).unwrap().appeals;
        assert_eq!(loaded.items, [(named.clone(), answered(kind))].into(), "one that is not in it has none");
    }
    // Of a detainer that is not in the appeal nothing is kept.
    let other = detainer(2, None);
    store.load(&Wanted { cases: [other.name().clone()].into(), ..Wanted::default() }).unwrap();
    let mut append = drafts.batch(&[(LogKind::Exchange, Some(&other))]);
    let item = answered(AppealAnswerKind::Barred);
    append.appeals.items = vec![NewItem { appeal: demand.name().clone(), detainer: other.name().clone(), item }];
    store.commit(&append).unwrap_err();
    assert_eq!(open().reader().case(other.name()).unwrap(), None, "nor anything else of that batch");
}

pub(super) fn what_bars_first_goes_on_barring(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (one, two, demand) = (detainer(1, Some("doccs")), detainer(2, None), appeal(10));
    let bar = |citation: &str| Bar {
        action: LawAction::Hold,
        also: vec![LawAction::Transfer],
        citations: vec![citation.to_owned()],
    };
    let new = |number, citation: &str, detainers: &[u128]| NewBar {
        appeal: demand.name().clone(),
        number,
        bar: bar(citation),
        detainers: detainers.iter().map(|id| Uuid::from_u128(*id)).collect(),
    };
    commit(&mut *store, &mut drafts, &[&one, &two, &demand], |append| {
        append.appeals.issued = vec![issued(&demand, &[1, 2])];
    });
    commit(&mut *store, &mut drafts, &[&demand], |append| append.appeals.bars = vec![new(1, "first", &[1])]);
    commit(&mut *store, &mut drafts, &[&demand], |append| append.appeals.bars = vec![new(2, "then", &[1, 2])]);
    for store in [store, open()] {
        let barred: Vec<_> = items(&*store, &demand, None, None).into_iter().map(|listed| listed.item.barred).collect();
        assert_eq!(barred, [Some(bar("first")), Some(bar("then"))]);
    }
}

pub(super) fn what_was_recorded_since_is_found_by_its_log(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (one, two, held) = (detainer(1, None), detainer(2, None), custody(3, "doccs"));
    commit(&mut *store, &mut drafts, &[&one, &two, &one], |_| ());
    let entries = [(LogKind::Custody, Some(&held))];
    store.commit(&drafts.batch(&entries)).unwrap();
    let mut since = |from| {
        let appeals = AppealsWanted { since: [(log(LogKind::Exchange), from)].into(), ..AppealsWanted::default() };
        store.load(&Wanted { appeals, ..Wanted::default() }).unwrap().appeals.since
    };
    let (one, two) = (one.name().clone(), two.name().clone());
    assert_eq!(since(0), [(one.clone(), 2), (two.clone(), 1)].into());
    assert_eq!(since(2), [(one, 2)].into());
    assert!(since(3).is_empty());
}
