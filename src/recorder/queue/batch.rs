//! A batch: the jobs that the writer takes from its queue at once.

use tokio::sync::oneshot;

use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::domain::permit::Admitted;
use crate::recorder::plan::clocks::Ticked;
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::job::{Activating, Adopting, Job};
use crate::recorder::queue::submission::{Disclosing, Writing};

pub(in crate::recorder) type Ticking = oneshot::Sender<Result<Ticked, SubmitError>>;

/// A job that ends a batch, and is done once the batch is durable.
pub(in crate::recorder) enum Closing {
    /// Another policy set comes into force. One batch is judged by one set.
    Activate(Activating),
    /// Other settings. One batch is recorded by one of them.
    Adopt(Adopting),
    /// The writer ends.
    Stop,
    /// The writer ends, because nobody knows what is durable.
    SyncFailed,
}

/// The jobs that came while the last batch was being written.
#[derive(Default)]
pub(in crate::recorder) struct Batch {
    pub(in crate::recorder) writes: Vec<Writing>,
    pub(in crate::recorder) disclosures: Vec<Disclosing>,
    /// Requests to fire clocks. However many there are, the clocks are checked once.
    pub(in crate::recorder) ticks: Vec<Ticking>,
}

impl Batch {
    /// Adds a job. Returns the job instead if it ends the batch.
    pub(in crate::recorder) fn take(&mut self, job: Job) -> Option<Closing> {
        match job {
            Job::Write(write) => self.writes.push(write.taken()),
            Job::Disclose(disclosure) => self.disclosures.push(disclosure.taken()),
            Job::Tick(reply) => self.ticks.push(reply),
            Job::Activate(activating) => return Some(Closing::Activate(activating)),
            Job::Adopt(adopting) => return Some(Closing::Adopt(adopting)),
            Job::Stop => return Some(Closing::Stop),
            Job::SyncFailed => return Some(Closing::SyncFailed),
        }
        None
    }

    /// Refuses every job of the batch.
    pub(in crate::recorder) fn refuse(self, error: &SubmitError) {
        for write in self.writes {
            let _hung_up = write.reply.send(Err(error.clone()));
        }
        for disclosure in self.disclosures {
            let _hung_up = disclosure.reply.send(Err(error.clone()));
        }
        for reply in self.ticks {
            let _hung_up = reply.send(Err(error.clone()));
        }
    }

    pub(in crate::recorder) fn len(&self) -> usize {
        self.writes.len().saturating_add(self.disclosures.len()).saturating_add(self.ticks.len())
    }
}

/// The command on a case that a write carries, if it carries one.
pub(in crate::recorder) fn case_command(write: &Admitted<Command>) -> Option<&CaseCommand> {
    match &write.value.action {
        Action::Case(command) => Some(command),
        Action::Inbox(_) => None,
    }
}

/// The agency and jurisdiction whose inbox a write confirms, if it confirms one.
pub(in crate::recorder) fn confirms(write: &Admitted<Command>) -> Option<(AgencyId, JurisdictionId)> {
    match &write.value.action {
        Action::Case(_) => None,
        Action::Inbox(_) => Some((write.caller.agency.id.clone(), write.jurisdiction.clone())),
    }
}
