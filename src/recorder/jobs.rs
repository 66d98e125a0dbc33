//! What the writer takes from its queue for one batch.

use tokio::sync::oneshot;

use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::domain::inbox::SendDecision;
use crate::domain::permit::Admitted;
use crate::recorder::activate::Activating;
use crate::recorder::handle::{Job, Recorded, SubmitError};
use crate::recorder::ticks::Ticked;
use crate::recorder::tries::Delivering;

pub(super) type Writing = (Box<Admitted<Command>>, oneshot::Sender<Result<Recorded, SubmitError>>);
pub(super) type Disclosing = (Box<Delivering>, oneshot::Sender<Result<SendDecision, SubmitError>>);
pub(super) type Ticking = oneshot::Sender<Result<Ticked, SubmitError>>;

/// What is to be done when a batch is durable, and what no batch is taken across.
pub(super) enum Closing {
    /// Another policy set comes into force: a batch is judged by one.
    Activate(Activating),
    /// The writer ends.
    Stop,
    /// The writer ends, for nobody knows what is durable.
    SyncFailed,
}

/// What has come while the last batch was being written.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) writes: Vec<Writing>,
    pub(super) disclosures: Vec<Disclosing>,
    /// However many there are, clocks are looked at once.
    pub(super) ticks: Vec<Ticking>,
}

impl Batch {
    /// Takes a job, or says what ends the batch.
    pub(super) fn take(&mut self, job: Job) -> Option<Closing> {
        match job {
            Job::Write(write, reply) => self.writes.push((write, reply)),
            Job::Disclose(delivering, reply) => self.disclosures.push((delivering, reply)),
            Job::Tick(reply) => self.ticks.push(reply),
            Job::Activate(activating) => return Some(Closing::Activate(activating)),
            Job::Stop => return Some(Closing::Stop),
            Job::SyncFailed => return Some(Closing::SyncFailed),
        }
        None
    }

    /// Refuses all of it.
    pub(super) fn refuse(self, error: &SubmitError) {
        for (_, reply) in self.writes {
            let _hung_up = reply.send(Err(error.clone()));
        }
        for (_, reply) in self.disclosures {
            let _hung_up = reply.send(Err(error.clone()));
        }
        for reply in self.ticks {
            let _hung_up = reply.send(Err(error.clone()));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.writes.len().saturating_add(self.disclosures.len()).saturating_add(self.ticks.len())
    }
}

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
