//! Whose custody a command is upon by which a person is handed on, and who is named for it.

use crate::domain::case::Case;
use crate::domain::command::{CaseCommand, Command};
use crate::domain::custody::Custody;
use crate::domain::event::Record;
use crate::domain::ids::{AgencyId, CaseKind, LogKind, OfficerPseudonym};
use crate::domain::method::Method;
use crate::domain::permit::Admitted;
use crate::domain::search::Term;
use crate::recorder::plan::naming::Who;
use crate::store::FoundBy;

/// By which terms the custodies are found that are offered to the callers of commands. INVARIANT: a custody that is not
/// offered to its caller is not opened for it.
pub(in crate::recorder) fn found_by<'a>(
    writes: impl Iterator<Item = (&'a Admitted<Command>, &'a CaseCommand)>,
) -> FoundBy {
    let mut wanted = FoundBy::new();
    for (admitted, command) in writes {
        if let CaseCommand::AcceptMove { custody, .. } | CaseCommand::DeclineMove { custody, .. } = command {
            let of = (admitted.jurisdiction.clone(), CaseKind::Custody);
            wanted.entry(of).or_default().insert(Term::shown_to(&admitted.caller.agency.id, custody));
        }
    }
    wanted
}

/// Who is named for a record. What an issuer reads of a person who was taken over names who handed them on, as a move within
/// an agency does. None: whoever caused it. INVARIANT: the leaf is read by issuers that may not learn who holds the person now, or that an offer was
/// answered.
pub(in crate::recorder) fn named<'a>(
    record: &Record,
    mover: Option<&'a (AgencyId, OfficerPseudonym)>,
) -> Option<Who<'a>> {
    let (agency, officer) = mover.filter(|_| record.log == LogKind::Exchange)?;
    Some((agency, officer, Method::MoveCustody.rpc()))
}

/// The agency and officer that handed a person on, where a command takes that person over.
pub(in crate::recorder) fn handed_on_by(command: &CaseCommand, case: &Case) -> Option<(AgencyId, OfficerPseudonym)> {
    let CaseCommand::AcceptMove { .. } = command else { return None };
    let Custody { custodian, offer, .. } = case.custody.as_ref()?;
    Some((custodian.clone(), offer.as_ref()?.offered_by.clone()))
}
