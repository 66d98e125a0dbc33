//! The agency, officer and method that a leaf names. The requester reads the leaf, whatever else of the entry is disclosed to it.

use std::borrow::Cow;

use crate::domain::agency::gateway;
use crate::domain::event::{Event, Record};
use crate::domain::ids::{AgencyId, OfficerPseudonym};
use crate::domain::transfer::{TransferState, WindowChange};
use crate::recorder::plan::outcome::PlanError;

/// The officer of an entry that no officer made.
pub(in crate::recorder) const NO_OFFICER: &str = "00000000000000000000000000000000";

/// Replaces the method if the method would reveal to the requester why what it knows no longer holds.
const RETRACTION: &str = "Retraction";

/// Replaces the method if the method would reveal to the requester what a notice waited for, above all whether a person
/// had to decide.
const NOTICE: &str = "Notice";

/// Replaces the method of an entry by which the gateway itself alarms the jurisdiction.
const UNLAWFUL_HAND_OVER: &str = "Alarm/UnlawfulHandOver";

/// An agency, its officer and a method.
pub(in crate::recorder) type Who<'a> = (&'a AgencyId, &'a OfficerPseudonym, &'static str);

/// The agency, officer and method that a leaf names.
#[derive(Debug)]
pub(in crate::recorder) struct Named<'a> {
    /// The agency.
    pub(in crate::recorder) agency: Cow<'a, AgencyId>,
    /// Its officer.
    pub(in crate::recorder) officer: Cow<'a, OfficerPseudonym>,
    /// The method.
    pub(in crate::recorder) method: &'static str,
}

/// What the leaf of a record names, if this officer of this agency caused it by this method.
pub(in crate::recorder) fn of<'a>(
    record: &Record,
    agency: &'a AgencyId,
    officer: &'a OfficerPseudonym,
    method: &'static str,
) -> Result<Named<'a>, PlanError> {
    let named = Named { agency: Cow::Borrowed(agency), officer: Cow::Borrowed(officer), method };
    let nobody = || NO_OFFICER.parse().map(Cow::Owned).map_err(|_| PlanError::NoOfficer);
    Ok(if record.is_retraction() {
        Named { method: RETRACTION, ..named }
    } else if is_notice(&record.event) {
        // Otherwise the officer's name would distinguish a notice that waited for an officer from one that did not. The entry
        // that caused the notice names the officer.
        Named { method: NOTICE, officer: nobody()?, ..named }
    } else if is_alarm(record) {
        // The gateway itself raises the alarm, whichever command caused it.
        Named { agency: Cow::Owned(gateway()), officer: nobody()?, method: UNLAWFUL_HAND_OVER }
    } else {
        named
    })
}

/// Whether an event tells the issuer of an expected release or an eligibility, or that a window no longer holds because
/// of the release that it is told of.
fn is_notice(event: &Event) -> bool {
    if matches!(event, Event::ReleaseNoticed { .. } | Event::EligibilityNoticed { .. }) {
        return true;
    }
    let Event::TransferRecorded { transfer, .. } = event else { return false };
    let ended = matches!(transfer.state, TransferState::Reopened | TransferState::Withdrawn);
    ended && transfer.window_change == Some(WindowChange::ReleaseAdvanced)
}

/// Whether a record alarms the jurisdiction.
pub(in crate::recorder) fn is_alarm(record: &Record) -> bool {
    matches!(record.event, Event::UnlawfulHandOver { .. })
}
