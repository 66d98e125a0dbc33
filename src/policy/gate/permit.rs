//! Lets a command pass, or says why not. The only maker of [`Permitted`].

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::detainer::Detainer;
use crate::domain::permit::{Admitted, Permitted};
use crate::domain::times::{self, ImpossibleTime};
use crate::domain::warrant::differing;
use crate::policy::gate::Gate;
use crate::policy::gate::denial::Denial;
use crate::policy::gate::question::CommandQuestion;

impl Gate {
    /// Lets a command pass, or says why not. `id` is for the case that the command would create.
    pub fn permit(
        &self,
        admitted: Admitted<Arc<CaseCommand>>,
        case: &Case,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Permitted<CaseCommand>, Denial> {
        let caller = &admitted.caller;
        let jurisdiction = &admitted.jurisdiction;
        if !caller.takes_part_in(jurisdiction) {
            return Err(Denial::NoSuchJurisdiction);
        }
        // Admission was asked when the call arrived, perhaps of another policy set. Here one set answers both
        // questions.
        self.admit(caller, admitted.value.method().rpc()).map_err(|_| Denial::NotAdmitted)?;
        let laws = CommandQuestion { gate: self, admitted: &admitted, case, now }.laws(id)?;
        // Checked last: a caller without permission must not learn what is on record.
        let mut impossible = times::impossible_times(&admitted.value, case, now, self.zones.of(jurisdiction));
        impossible.extend(contradictions(&admitted.value, case));
        if !impossible.is_empty() {
            return Err(Denial::ImpossibleTime(impossible));
        }
        Ok(Permitted::by_gate(admitted, laws))
    }
}

/// What contradicts the record. A warrant must not be verified if what the officer saw differs from the request: it is
/// refused, or the request is amended. Another ground for holding the person must not be the warrant that came with a
/// request.
fn contradictions(command: &CaseCommand, case: &Case) -> Vec<ImpossibleTime> {
    if let CaseCommand::VerifyWarrant { verification, .. } = command {
        let asserted = case.detainer.as_ref().map(|detainer| &detainer.request.warrant);
        let differing = asserted.map(|asserted| differing(verification, asserted)).unwrap_or_default();
        let at_fault = |field| ImpossibleTime {
            field: format!("verification.seen.{field}"),
            expected: "what the request says of it, where the warrant is verified: else it is refused",
        };
        return differing.into_iter().map(at_fault).collect();
    }
    let cited = command.other_ground().map(|ground| ground.document_sha256);
    let came_with = |detainer: &Detainer| {
        let found = detainer.verified.as_ref();
        let looked_at = found.map(|found| [&found.asserted, &found.verification.seen]).into_iter().flatten();
        let documents = looked_at.chain([&detainer.request.warrant]);
        documents.filter_map(|warrant| warrant.document.as_ref()).any(|document| Some(document.sha256) == cited)
    };
    let of_a_request = case.linked.iter().any(came_with);
    let at_fault = ImpossibleTime {
        field: "other_ground.document_sha256".to_owned(),
        expected: "another document than the warrant that came with a request",
    };
    of_a_request.then_some(at_fault).into_iter().collect()
}
