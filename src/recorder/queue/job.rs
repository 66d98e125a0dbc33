//! The jobs of the writer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use tokio::sync::oneshot;

use crate::domain::agency::Agency;
use crate::domain::ids::AgencyId;
use crate::domain::timetable::Timetable;
use crate::ledger::Signer;
use crate::policy::engine::Engine;
use crate::recorder::plan::clocks::Ticked;
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::submission::{Disclosing, Writing};

/// A job of the writer.
pub(in crate::recorder) enum Job {
    /// Record a write.
    Write(Writing),
    /// Account for a disclosure before it is made.
    Disclose(Disclosing),
    /// Fire the clocks that are due.
    Tick(oneshot::Sender<Result<Ticked, SubmitError>>),
    /// Bring another policy set into force, after the jobs that came before.
    Activate(Activating),
    /// Record by other settings, after the jobs that came before.
    Adopt(Adopting),
    /// Finish the jobs that came before, then end.
    Stop,
    /// End, because a sync failed and nobody knows what is durable.
    SyncFailed,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Write(_) => "Write",
            Self::Disclose(_) => "Disclose",
            Self::Tick(_) => "Tick",
            Self::Activate(_) => "Activate",
            Self::Adopt(_) => "Adopt",
            Self::Stop => "Stop",
            Self::SyncFailed => "SyncFailed",
        })
    }
}

/// An activation on its way to the writer.
pub(in crate::recorder) struct Activating {
    pub(in crate::recorder) engine: Arc<Engine>,
    pub(in crate::recorder) reply: SyncSender<Activated>,
}

/// Settings of the writers that an operator may change while they run. They are adopted together.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// The agencies of the registry.
    pub agencies: Arc<BTreeMap<AgencyId, Arc<Agency>>>,
    /// How long clocks run, and in which time zones.
    pub timetable: Timetable,
    /// Signs checkpoints.
    pub signer: Signer,
}

/// Settings on their way to the writer.
pub(in crate::recorder) struct Adopting {
    pub(in crate::recorder) settings: Box<WriterSettings>,
    pub(in crate::recorder) reply: SyncSender<()>,
}

/// The outcome of an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activated {
    /// It was in force already.
    Already,
    /// It is the first set in this store.
    First,
    /// It replaced another set.
    Instead {
        /// Entries recorded: two for each jurisdiction whose law changed.
        entries: usize,
    },
}

impl Activated {
    /// The outcome for two shards together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Instead { entries }, Self::Instead { entries: more }) => {
                Self::Instead { entries: entries.saturating_add(more) }
            }
            (instead @ Self::Instead { .. }, _) | (_, instead @ Self::Instead { .. }) => instead,
            (Self::First, _) | (_, Self::First) => Self::First,
            (Self::Already, Self::Already) => Self::Already,
        }
    }
}
