//! What was found of a row of a roster.

use crate::domain::ids::{CaseName, JurisdictionId};
use crate::domain::roster::{Candidate, RosterFinding};
use crate::wire::enums::to_wire;
use crate::wire::show::agency_name;
use crate::wire::v1;

/// What was found of a row.
pub fn roster_finding(row: i64, finding: &RosterFinding, jurisdiction: &JurisdictionId) -> v1::RosterFinding {
    let custodies = finding.custodies.iter().map(|id| CaseName::custody(jurisdiction.clone(), *id).to_string());
    let candidates = finding.candidates.iter().map(|candidate| shown(candidate, jurisdiction));
    v1::RosterFinding { row, custodies: custodies.collect(), candidates: candidates.collect() }
}

fn shown(candidate: &Candidate, jurisdiction: &JurisdictionId) -> v1::RosterCandidate {
    let Candidate { detainer, issuer, likeness } = candidate;
    v1::RosterCandidate {
        detainer: CaseName::detainer(jurisdiction.clone(), *detainer).to_string(),
        issuer: agency_name(issuer),
        exact: likeness.is_exact(),
        score: likeness.score,
        name_score: likeness.names,
        birth_dates: to_wire(likeness.births),
        in_common: likeness.in_common.iter().copied().map(to_wire).collect(),
        contradicting: likeness.contradict.iter().copied().map(to_wire).collect(),
    }
}
