//! What a store promises of answers.

use comity::domain::ids::LogKind;
use comity::store::Wanted;

use crate::store_contract::Open;
use crate::store_contract::batch::{self, Drafts, detainer, log};

pub(super) fn an_answer_is_read_with_the_batch_it_belongs_to(open: Open<'_>) {
    let mut store = open();
    let mut drafts = Drafts::recover(&mut *store);
    let case = detainer(1, None);
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&case)), (LogKind::Exchange, None)])).unwrap();
    store.load(&Wanted { cases: [case.name().clone()].into(), ..Wanted::default() }).unwrap();
    store.commit(&drafts.batch(&[(LogKind::Exchange, Some(&case)); 3])).unwrap();
    let reader = open().reader();
    for (index, batch_size) in [(0, 2), (1, 2), (2, 5), (4, 5)] {
        let found = reader.answer(&log(LogKind::Exchange), index).unwrap().unwrap();
        assert_eq!((found.answer, found.batch_size), (Some(batch::answer(index)), batch_size));
        let entries = reader.entries(&log(LogKind::Exchange), index, 1).unwrap();
        assert_eq!(found.leaf, entries.first().unwrap().leaf);
        assert!(reader.checkpoint_at(&log(LogKind::Exchange), batch_size).unwrap().is_some());
    }
    assert!(reader.answer(&log(LogKind::Exchange), 5).unwrap().is_none());
}
