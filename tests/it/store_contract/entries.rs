//! What a store promises of reading a log.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity::domain::agency::{AgencyKind, Caller};
use comity::domain::ids::{LogKind, LogName};

use crate::sample;
use crate::store_contract::Open;
use crate::store_contract::batch::{Drafts, custody, detainer, log};

pub(super) fn entries_come_in_order_page_by_page(open: Open<'_>) {
    let mut store = open();
    let case = detainer(1, None);
    let append = Drafts::recover(&mut *store).batch(&[(LogKind::Exchange, Some(&case)); 10]);
    store.commit(&append).unwrap();
    let reader = store.reader();
    let page = |from, limit| -> Vec<u64> {
        let entries = reader.entries(&log(LogKind::Exchange), from, limit).unwrap();
        entries.iter().map(|entry| entry.index).collect()
    };
    assert_eq!(page(0, 4), [0, 1, 2, 3]);
    assert_eq!(page(4, 4), [4, 5, 6, 7]);
    assert_eq!(page(8, 4), [8, 9]);
    for (from, limit) in [(10, 4), (1 << 30, 4), (0, 0)] {
        assert!(page(from, limit).is_empty(), "{from}");
    }
}

pub(super) fn an_entry_comes_without_content_for_whom_it_is_not_meant(open: Open<'_>) {
    let mut store = open();
    let case = detainer(1, None);
    // The audience of every draft is oversight alone.
    let append = Drafts::recover(&mut *store).batch(&[(LogKind::Exchange, Some(&case)); 2]);
    store.commit(&append).unwrap();
    let reader = store.reader();
    let contents = |caller: &Caller| -> Vec<(u64, usize)> {
        let entries = reader.entries_for(caller, &log(LogKind::Exchange), 0, 10).unwrap();
        entries.iter().map(|entry| (entry.index, entry.openings.len())).collect()
    };
    let mut overseer = sample::officer("doccs");
    assert_eq!(contents(&overseer), [(0, 0), (1, 0)]);
    Arc::make_mut(&mut overseer.agency).kind = AgencyKind::Oversight;
    assert_eq!(contents(&overseer), [(0, 3), (1, 3)]);
}

pub(super) fn no_log_shows_an_entry_of_another(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let (case, held) = (detainer(1, None), custody(2, "doccs"));
    let both = [(LogKind::Exchange, Some(&case)), (LogKind::Custody, Some(&held)), (LogKind::Custody, Some(&held))];
    store.commit(&drafts.batch(&both)).unwrap();
    let reader = store.reader();
    let resources = |log: &LogName| -> BTreeSet<String> {
        let entries = reader.entries(log, 0, 100).unwrap();
        entries.iter().map(|entry| comity::wire::entry::read_leaf(&entry.leaf).unwrap().resource).collect()
    };
    assert_eq!(resources(&log(LogKind::Exchange)), [case.name().to_string()].into());
    assert_eq!(resources(&log(LogKind::Custody)), [held.name().to_string()].into());
    let elsewhere = "jurisdictions/us-tx/logs/exchange".parse().unwrap();
    assert!(resources(&elsewhere).is_empty());
    assert_eq!(reader.checkpoint(&elsewhere).unwrap(), None);
    assert_eq!(reader.checkpoint_at(&log(LogKind::Exchange), 2).unwrap(), None, "that is the custody log's");
    assert!(reader.answer(&log(LogKind::Exchange), 1).unwrap().is_none());
}
