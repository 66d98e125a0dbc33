//! A custody as a command would leave it, so that the law judges what will be recorded.

use crate::domain::command::CaseCommand;
use crate::domain::custody::Custody;

impl Custody {
    /// The custody after a command, as far as the law depends on it.
    ///
    /// INVARIANT: the law depends on nothing that the command's event changes and this function does not.
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
            CaseCommand::AcceptMove { acceptance, .. } => {
                if let Some(offer) = self.open_offer() {
                    let (facility, number) = (&acceptance.facility, acceptance.booking_number.as_ref());
                    custody = self.taken_over(&offer.proposal.to, facility, number);
                }
            }
            // These change a detainer or an appeal, or leave nothing that the law could be asked of.
            CaseCommand::LodgeDetainer(_)
            | CaseCommand::RecordReleaseEligibility { .. }
            | CaseCommand::ExpungeCustody { .. }
            | CaseCommand::AcknowledgeDetainer { .. }
            | CaseCommand::AnswerDetainer { .. }
            | CaseCommand::AmendDetainer { .. }
            | CaseCommand::VerifyWarrant { .. }
            | CaseCommand::RecordServiceOfCopy { .. }
            | CaseCommand::RequestInterview { .. }
            | CaseCommand::AnswerInterview { .. }
            | CaseCommand::WithdrawInterview { .. }
            | CaseCommand::WithdrawDetainer { .. }
            | CaseCommand::OpenCustody(_)
            | CaseCommand::MoveCustody { .. }
            | CaseCommand::OfferMove { .. }
            | CaseCommand::DeclineMove { .. }
            | CaseCommand::WithdrawMove { .. }
            | CaseCommand::OfferWindow { .. }
            | CaseCommand::AcceptWindow { .. }
            | CaseCommand::DeclineWindow { .. }
            | CaseCommand::ReviseWindow { .. }
            | CaseCommand::WithdrawWindow { .. }
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
