//! The end of a detainer whose custodian did not have the person by the day that it gave.

use crate::domain::asked_again::waits_until;
use crate::domain::detainer::{Acknowledgement, Detainer, Finding};
use crate::domain::determination::{FieldClass, LawView};
use crate::domain::event::{Counts, Event, Party, Record, Revision};
use crate::domain::record::{about_detainer, disclosed_classes, disclosure_of};

/// Records that the person was not found in time. The issuer is told as of any finding: if the law lets it know of custody.
/// None: the detainer does not wait for the person.
pub fn not_found_in_time(detainer: &Detainer, law: &LawView) -> Option<Record> {
    waits_until(detainer)?;
    let custodian = detainer.holder()?.clone();
    let disclosed = disclosed_classes(detainer, law, FieldClass::Custody, Revision::First);
    let event = Event::DetainerAcknowledged {
        detainer: detainer.name.clone(),
        custodian: custodian.clone(),
        acknowledgement: Acknowledgement {
            finding: Finding::NotFoundInTime,
            custody: None,
            method: None,
            confidence_percent: None,
            occurred_at: None,
            reason: None,
            duplicate_of: None,
            ask_again_until: None,
        },
        correction: None,
        disclosure: disclosure_of(disclosed, FieldClass::Custody),
    };
    let counts = Counts { custodian_class: law.facts.custodian_class, ..Counts::of_request(detainer) };
    Some(about_detainer(detainer, &Party::Agency(custodian), law, disclosed, counts, event))
}
