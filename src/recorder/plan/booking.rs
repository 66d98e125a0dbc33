//! Whether a command would use a booking number that another open custody of the same agency has.

use crate::domain::booking::Booking;
use crate::domain::case::StoredCase;
use crate::domain::command::{CaseCommand, Command};
use crate::domain::custody::Custody;
use crate::domain::ids::{CaseKind, CaseName};
use crate::domain::permit::Admitted;
use crate::domain::search::Term;
use crate::recorder::plan::Plan;
use crate::store::{FoundBy, Loaded};

/// By which terms the open custodies are found that may have the booking numbers of commands. `loaded` has the custodies that
/// they name: what a command would use of one that is not loaded is not looked for.
pub(in crate::recorder) fn found_by<'a>(
    writes: impl Iterator<Item = (&'a Admitted<Command>, &'a CaseCommand)>,
    loaded: &Loaded,
) -> FoundBy {
    let mut wanted = FoundBy::new();
    for (admitted, command) in writes {
        let named = command.target().and_then(|name| loaded.cases.get(name)).and_then(StoredCase::custody);
        if let Some(booking) = Booking::used_by(command, &admitted.caller.agency.id, named) {
            let of = (admitted.jurisdiction.clone(), CaseKind::Custody);
            wanted.entry(of).or_default().insert(Term::open_booking(&booking));
        }
    }
    wanted
}

impl Plan<'_> {
    /// The open custody with the booking number that a command would use. One writer decides for a jurisdiction, and sees
    /// what it opened before in the same batch.
    pub(in crate::recorder) fn booked(
        &self,
        admitted: &Admitted<Command>,
        command: &CaseCommand,
        named: Option<&Custody>,
    ) -> Option<CaseName> {
        let booking = Booking::used_by(command, &admitted.caller.agency.id, named)?;
        let custodies = self.loaded.cases.values().filter_map(StoredCase::custody);
        let own = custodies.filter(|custody| custody.name.jurisdiction == admitted.jurisdiction);
        booking.found_in(own, named.map(|custody| &custody.name))
    }
}
