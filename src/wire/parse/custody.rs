//! What is said of a custody: intake, expected release, release.

use crate::domain::custody::{ActualRelease, Intake, ScheduledRelease};
use crate::wire::parse::{Form, subject};
use crate::wire::v1;

const ORDER_LEN_MAX: usize = 200;

pub(super) fn intake(form: &mut Form, field: &str, custody: Option<v1::Custody>) -> Option<Intake> {
    let custody = form.required(field, custody)?;
    let facility = form.parsed(&format!("{field}.facility"), custody.facility.parse());
    let subject = subject::subject(form, &format!("{field}.subject"), custody.subject);
    let charges = subject::charges(form, &format!("{field}.charges"), custody.charges);
    let occurred_at = form.time(&format!("{field}.occurred_at"), custody.occurred_at);
    Some(Intake { facility: facility?, subject: subject?, charges, flags: subject::flags(custody.flags), occurred_at })
}

pub(super) fn scheduled(
    form: &mut Form,
    field: &str,
    release: Option<v1::ScheduledRelease>,
) -> Option<ScheduledRelease> {
    let release = form.required(field, release)?;
    let expected_at = form.required_time(&format!("{field}.expected_at"), release.expected_at);
    let basis = form.required_word(&format!("{field}.basis"), release.basis);
    let as_of = form.time(&format!("{field}.as_of"), release.as_of);
    Some(ScheduledRelease { expected_at: expected_at?, basis: basis?, as_of })
}

pub(super) fn released(form: &mut Form, field: &str, release: Option<v1::ActualRelease>) -> Option<ActualRelease> {
    let release = form.required(field, release)?;
    let released_at = form.required_time(&format!("{field}.released_at"), release.released_at);
    let reason = form.required_word(&format!("{field}.reason"), release.reason);
    let recipient = form.required_word(&format!("{field}.recipient"), release.recipient);
    let ordered_by = form.required_text(&format!("{field}.ordered_by"), release.ordered_by, ORDER_LEN_MAX);
    Some(ActualRelease { released_at: released_at?, reason: reason?, recipient: recipient?, ordered_by: ordered_by? })
}
