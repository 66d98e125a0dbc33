//! What must be done about a case, and by when. It is computed from the case alone whenever that changes. The store
//! indexes it, so that due items are found without reading every case.
//!
//! A new kind of item is a variant of [`ItemKind`] and a line in `of_detainer` or `of_custody`. An item MUST NOT hold
//! anything personal: it is stored unencrypted.

mod item;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use item::{Item, ItemKind};

use crate::domain::asked_again;
use crate::domain::case::Case;
use crate::domain::clocks;
use crate::domain::custody::Custody;
use crate::domain::detainer::{Addressee, Detainer};
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::timetable::Timetable;

/// The due time of a judgement for which no change is in sight. No case lasts that long.
const NO_DATE_SECONDS: i64 = 7_258_118_400;

/// The item that asks the law again about a custody. None: no time is known at which the law would change.
pub fn judgement(again_at: Option<Timestamp>) -> Item {
    let due_at = again_at.unwrap_or_else(no_date);
    Item { kind: ItemKind::Judgement, key: "law".to_owned(), due_at, holder: None }
}

/// 1 January 2200.
pub fn no_date() -> Timestamp {
    Timestamp::from_second(NO_DATE_SECONDS).unwrap_or(Timestamp::MAX)
}

/// The open items of a custody and its detainers, or of a detainer without custody. A case without open items has an
/// empty list, which removes what was indexed before.
pub fn agenda(case: &Case, timetable: &Timetable) -> BTreeMap<CaseName, Vec<Item>> {
    let detainers = case.detainer.iter().chain(&case.linked);
    let mut items: BTreeMap<CaseName, Vec<Item>> = detainers
        .map(|detainer| (detainer.name.clone(), of_detainer(detainer, case.custody.as_ref(), timetable)))
        .collect();
    if let Some(custody) = &case.custody {
        items.insert(custody.name.clone(), of_custody(custody, &case.linked, timetable));
    }
    items
}

fn of_detainer(detainer: &Detainer, custody: Option<&Custody>, timetable: &Timetable) -> Vec<Item> {
    let clocks = clocks::of_detainer(detainer, custody, timetable);
    let clocks = clocks.into_iter().map(|running| running.item(holder(detainer)));
    let reviews = detainer.reviews.iter().filter(|review| review.is_open()).map(|review| Item {
        kind: ItemKind::Review,
        key: review.matter.word().to_owned(),
        due_at: review.due_at,
        holder: Some(review.basis.custodian.clone()),
    });
    let obligations = detainer.obligations.iter().filter(|owed| owed.is_open()).map(|owed| Item {
        kind: ItemKind::Obligation,
        key: owed.obligation.word().to_owned(),
        due_at: owed.due_at,
        holder: Some(owed.custodian.clone()),
    });
    let expiry = asked_again::ends_at(detainer, &timetable.zones).map(|due_at| Item {
        kind: ItemKind::Expiry,
        key: "finding".to_owned(),
        due_at,
        holder: holder(detainer),
    });
    clocks.chain(reviews).chain(obligations).chain(expiry).collect()
}

fn of_custody(custody: &Custody, linked: &[Detainer], timetable: &Timetable) -> Vec<Item> {
    let clocks = clocks::of_custody(custody, linked, timetable);
    clocks.into_iter().map(|running| running.item(Some(custody.custodian.clone()))).collect()
}

/// The agency that must act on a detainer.
fn holder(detainer: &Detainer) -> Option<AgencyId> {
    match (&detainer.custodian, &detainer.request.addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => Some(agency.clone()),
        (None, Addressee::Jurisdiction) => None,
    }
}
