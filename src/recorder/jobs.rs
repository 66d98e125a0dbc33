//! The jobs of one batch, as they came.

use tokio::sync::oneshot;

use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::domain::inbox::Tried;
use crate::domain::permit::Admitted;
use crate::recorder::activate::Activating;
use crate::recorder::handle::{Job, Recorded, SubmitError};
use crate::recorder::tries::Delivering;

/// Where a write's outcome goes.
pub(super) type Reply = oneshot::Sender<Result<Recorded, SubmitError>>;
/// A delivery, and where its outcome goes.
pub(super) type Disclosing = (Box<Delivering>, oneshot::Sender<Result<Tried, SubmitError>>);

/// What is to be done when a batch is durable, and what no batch is taken across.
pub(super) enum Closing {
    /// Another policy set comes into force: a batch is judged by one.
    Activate(Activating),
    /// The writer ends.
    Stop,
}

/// What has come while the last batch was being written.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<(Box<Admitted<Command>>, Reply)>,
    pub(super) disclosures: Vec<Disclosing>,
}

impl Batch {
    /// Takes a job, or says what ends the batch.
    pub(super) fn take(&mut self, job: Job) -> Option<Closing> {
        match job {
            Job::Write(write, reply) => self.writes.push((write, reply)),
            Job::Disclose(delivering, reply) => self.disclosures.push((delivering, reply)),
            Job::Activate(activating) => return Some(Closing::Activate(activating)),
            Job::Stop => return Some(Closing::Stop),
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.writes.len().saturating_add(self.disclosures.len())
    }
}

/// The command upon a case, if a write is one.
pub(super) fn case_command(write: &Admitted<Command>) -> Option<&CaseCommand> {
    match &write.value.action {
        Action::Case(command) => Some(command),
        Action::AcknowledgeInbox { .. } | Action::AcknowledgeParked { .. } => None,
    }
}

/// Whose inbox a confirmation is of, and in which jurisdiction.
pub(super) fn confirms(write: &Admitted<Command>) -> Option<(AgencyId, JurisdictionId)> {
    match &write.value.action {
        Action::Case(_) => None,
        Action::AcknowledgeInbox { .. } | Action::AcknowledgeParked { .. } => {
            Some((write.caller.agency.id.clone(), write.jurisdiction.clone()))
        }
    }
}
