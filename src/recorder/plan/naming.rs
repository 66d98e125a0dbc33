//! What a leaf names as its author and its method: its requester reads it, whatever it is shown of the rest.

use std::borrow::Cow;

use crate::domain::agency::gateway;
use crate::domain::event::{Event, Record};
use crate::domain::ids::{AgencyId, OfficerPseudonym};
use crate::recorder::plan::outcome::PlanError;

/// Whoever acts where no officer does.
pub(in crate::recorder) const NO_OFFICER: &str = "00000000000000000000000000000000";

/// In place of the method where that would tell the requester why what it knows no longer stands.
const RETRACTION: &str = "Retraction";

/// In place of the method where that would tell the requester what a notice waited for: whether a person had to decide it,
/// above all.
const NOTICE: &str = "Notice";

/// In place of the method where the gateway itself alarms the jurisdiction.
const UNLAWFUL_HAND_OVER: &str = "Alarm/UnlawfulHandOver";

/// Who a leaf says did what.
#[derive(Debug)]
pub(in crate::recorder) struct Named<'a> {
    /// The agency.
    pub(in crate::recorder) agency: Cow<'a, AgencyId>,
    /// Its officer.
    pub(in crate::recorder) officer: Cow<'a, OfficerPseudonym>,
    /// The method.
    pub(in crate::recorder) method: &'static str,
}

/// What the leaf of a record names, which an officer of an agency brought about by a method.
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
    } else if matches!(record.event, Event::ReleaseNoticed { .. }) {
        // A notice that waited for an officer would else be told by the officer from one that did not. Who brought it about
        // stands in the entry that it follows from.
        Named { method: NOTICE, officer: nobody()?, ..named }
    } else if is_alarm(record) {
        // The gateway itself says it, whichever command brought it about.
        Named { agency: Cow::Owned(gateway()), officer: nobody()?, method: UNLAWFUL_HAND_OVER }
    } else {
        named
    })
}

/// Whether a record alarms the jurisdiction.
pub(in crate::recorder) fn is_alarm(record: &Record) -> bool {
    matches!(record.event, Event::UnlawfulHandOver { .. })
}
