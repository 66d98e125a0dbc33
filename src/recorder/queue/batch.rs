//! What the writer takes from its queue for one batch.

use tokio::sync::oneshot;

use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::domain::inbox::SendDecision;
use crate::domain::permit::Admitted;
use crate::recorder::plan::attempts::Delivering;
use crate::recorder::plan::clocks::Ticked;
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::job::{Activating, Job};
use crate::recorder::queue::recorded::Recorded;

pub(in crate::recorder) type Writing = (Box<Admitted<Command>>, oneshot::Sender<Result<Recorded, SubmitError>>);
pub(in crate::recorder) type Disclosing = (Box<Delivering>, oneshot::Sender<Result<SendDecision, SubmitError>>);
pub(in crate::recorder) type Ticking = oneshot::Sender<Result<Ticked, SubmitError>>;

/// What is to be done when a batch is durable, and what no batch is taken across.
pub(in crate::recorder) enum Closing {
    /// Another policy set comes into force: a batch is judged by one.
    Activate(Activating),
    /// The writer ends.
    Stop,
    /// The writer ends, for nobody knows what is durable.
    SyncFailed,
}

/// What has come while the last batch was being written.
#[derive(Default)]
pub(in crate::recorder) struct Batch {
    pub(in crate::recorder) writes: Vec<Writing>,
    pub(in crate::recorder) disclosures: Vec<Disclosing>,
    /// However many there are, clocks are looked at once.
    pub(in crate::recorder) ticks: Vec<Ticking>,
}

impl Batch {
    /// Takes a job, or says what ends the batch.
    pub(in crate::recorder) fn take(&mut self, job: Job) -> Option<Closing> {
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
    pub(in crate::recorder) fn refuse(self, error: &SubmitError) {
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

    pub(in crate::recorder) fn len(&self) -> usize {
        self.writes.len().saturating_add(self.disclosures.len()).saturating_add(self.ticks.len())
    }
}

pub(in crate::recorder) fn case_command(write: &Admitted<Command>) -> Option<&CaseCommand> {
    match &write.value.action {
        Action::Case(command) => Some(command),
        Action::Inbox(_) => None,
    }
}

/// Whose inbox a confirmation is of, and in which jurisdiction.
pub(in crate::recorder) fn confirms(write: &Admitted<Command>) -> Option<(AgencyId, JurisdictionId)> {
    match &write.value.action {
        Action::Case(_) => None,
        Action::Inbox(_) => Some((write.caller.agency.id.clone(), write.jurisdiction.clone())),
    }
}
