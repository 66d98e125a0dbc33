//! The command that destroys the record of a stay.

use crate::domain::case::Case;
use crate::domain::custody::CustodyState;
use crate::domain::detainer::Detainer;
use crate::domain::event::{Counts, Event, Record};
use crate::domain::expungement::ExpungementOrder;
use crate::domain::record::{about_custody, retraction_record};
use crate::domain::refusal::Refusal;

/// Destroys a custody, and each detainer on it whose issuer knows of the custody: the issuer learns that what it was told
/// is to be destroyed. A detainer whose issuer was never told stays, unless the order is said to cover it too: that it
/// disappears would tell the issuer of the custody.
pub(super) fn expunge(case: &Case, order: &ExpungementOrder, covers_undisclosed: bool) -> Result<Vec<Record>, Refusal> {
    let custody = case.custody.as_ref().ok_or(Refusal::NoSuchCase)?;
    match custody.state {
        CustodyState::Released | CustodyState::Closed => {}
        CustodyState::Held | CustodyState::ReleaseScheduled => return Err(Refusal::StillHeld),
        CustodyState::MovedOn => return Err(Refusal::NoSuchCase),
    }
    let is_covered = |detainer: &&Detainer| covers_undisclosed || detainer.anything_disclosed();
    let covered: Vec<&Detainer> = case.linked.iter().filter(is_covered).collect();
    let event = Event::CustodyExpunged {
        custody: custody.name.clone(),
        order: order.clone(),
        detainers: covered.iter().map(|detainer| detainer.name.clone()).collect(),
    };
    let mut records = vec![about_custody(custody, Counts::default(), Vec::new(), None, event)];
    let retraction =
        |detainer: &&Detainer| retraction_record(detainer, Event::DetainerExpunged { detainer: detainer.name.clone() });
    records.extend(covered.iter().map(retraction));
    Ok(records)
}
