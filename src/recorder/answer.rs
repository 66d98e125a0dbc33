//! What a write is answered with, but for the receipt, and whether its caller has seen the case as it stands.

use crate::domain::case::Case;
use crate::domain::command::{CaseCommand, Command};
use crate::domain::detainer::Viewpoint;
use crate::domain::event::Record;
use crate::domain::ids::CaseKind;
use crate::domain::permit::Admitted;
use crate::wire::{Message as _, show, v1};

/// Whether the caller has seen the case as it stands, if it says what it has seen.
pub(super) fn etag_matches(admitted: &Admitted<Command>, command: &CaseCommand, case: &Case) -> bool {
    let Some(given) = &admitted.value.etag else { return true };
    let current = match command.target().map(|name| name.kind) {
        Some(CaseKind::Detainer) => case.detainer.as_ref().map(|detainer| {
            let viewpoint =
                if detainer.issuer == admitted.caller.agency.id { Viewpoint::Issuer } else { Viewpoint::Custodian };
            show::detainer_etag(detainer, viewpoint)
        }),
        Some(CaseKind::Custody) => case.custody.as_ref().map(show::custody_etag),
        None => None,
    };
    current.as_ref() == Some(given)
}

/// The answer to a write, without its receipt: kept, so that a repeated request gets the very same.
pub(super) fn answer(command: &CaseCommand, case: &Case, records: &[Record]) -> Vec<u8> {
    let detainer = |viewpoint| case.detainer.as_ref().map(|detainer| show::detainer(detainer, viewpoint));
    let custody = || case.custody.as_ref().map(show::custody);
    let determinations =
        || records.first().map_or_else(Vec::new, |record| show::determinations(&record.determinations));
    match command {
        CaseCommand::LodgeDetainer(_) => {
            v1::LodgeDetainerResponse { detainer: detainer(Viewpoint::Issuer), receipt: None }.encode_to_vec()
        }
        CaseCommand::WithdrawDetainer { .. } => {
            v1::WithdrawDetainerResponse { detainer: detainer(Viewpoint::Issuer), receipt: None }.encode_to_vec()
        }
        CaseCommand::AcknowledgeDetainer { .. } => v1::AcknowledgeDetainerResponse {
            detainer: detainer(Viewpoint::Custodian),
            receipt: None,
            determinations: determinations(),
        }
        .encode_to_vec(),
        CaseCommand::AnswerDetainer { .. } => v1::AnswerDetainerResponse {
            detainer: detainer(Viewpoint::Custodian),
            receipt: None,
            determinations: determinations(),
        }
        .encode_to_vec(),
        CaseCommand::OpenCustody(_) => v1::OpenCustodyResponse { custody: custody(), receipt: None }.encode_to_vec(),
        CaseCommand::ScheduleRelease { .. } => {
            v1::ScheduleReleaseResponse { custody: custody(), receipt: None }.encode_to_vec()
        }
        CaseCommand::RecordRelease { .. } => {
            v1::RecordReleaseResponse { custody: custody(), receipt: None }.encode_to_vec()
        }
    }
}
