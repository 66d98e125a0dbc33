//! A custody as a command would leave it, beside what events do to it: what is judged is what will be recorded.

use crate::domain::command::CaseCommand;
use crate::domain::custody::{Custody, Destination};

impl Custody {
    /// The custody as a command leaves it, as far as law turns on it. INVARIANT: law turns on nothing that an event changes
    /// and this leaves.
    #[must_use]
    pub fn after(&self, command: &CaseCommand) -> Self {
        let mut custody = self.clone();
        let flags = custody.intake.flags;
        match command {
            CaseCommand::UpdateCharges { charges, .. } => custody.intake.charges.clone_from(charges),
            CaseCommand::CorrectIdentity { identity, .. } => {
                custody.intake.flags = flags.corrected(identity.flags);
                custody.intake.subject = identity.subject.clone();
            }
            CaseCommand::RaiseCitizenshipClaim { .. } => custody.intake.flags = flags.claimed(),
            CaseCommand::ResolveCitizenshipClaim { outcome, .. } => custody.intake.flags = flags.resolved(*outcome),
            CaseCommand::ScheduleRelease { release, .. } | CaseCommand::RescheduleRelease { release, .. } => {
                custody.scheduled = Some(release.clone());
            }
            CaseCommand::CancelRelease { .. } => custody.scheduled = None,
            CaseCommand::RecordRelease { release, .. } => custody.released = Some(release.clone()),
            CaseCommand::CloseCustody { closing, .. } => custody.closing = Some(closing.clone()),
            CaseCommand::ReopenCustody { .. } => (custody.released, custody.closing) = (None, None),
            CaseCommand::MoveCustody { movement, .. } => {
                if let Destination::Agency(custodian, _) = &movement.to {
                    custody.custodian = custodian.clone();
                }
            }
            // Upon the detainer, or an appeal.
            CaseCommand::LodgeDetainer(_)
            | CaseCommand::AcknowledgeDetainer { .. }
            | CaseCommand::AnswerDetainer { .. }
            | CaseCommand::AmendDetainer { .. }
            | CaseCommand::VerifyWarrant { .. }
            | CaseCommand::RecordServiceOfCopy { .. }
            | CaseCommand::WithdrawDetainer { .. }
            | CaseCommand::OpenCustody(_)
            | CaseCommand::OfferWindow { .. }
            | CaseCommand::AcceptWindow { .. }
            | CaseCommand::DeclineWindow { .. }
            | CaseCommand::ConfirmTransfer { .. }
            | CaseCommand::ReportFailure { .. }
            | CaseCommand::ResolveReview { .. }
            | CaseCommand::MeetObligation { .. }
            | CaseCommand::IssueAppeal(_)
            | CaseCommand::AnswerAppeal { .. }
            | CaseCommand::BarAppeal { .. } => {}
        }
        custody
    }
}
