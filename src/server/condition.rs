//! The condition of a gateway, as probes tell it: its phase, and whether what it depends on does its part. All of it is
//! in memory, so a probe waits for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use crate::api::MaintenanceNow;
use crate::audit::Away;
use crate::domain::agency::{Agency, AgencyKind};
use crate::domain::ids::{AgencyId, LogName};

/// The phase of a gateway's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Keys, store and policies are being read.
    Starting,
    /// Calls are answered.
    Serving,
    /// The database is unreachable: writes wait for it, and reads fail.
    StoreAway,
    /// Another policy set is in force in the store, and this gateway has yet to activate it. Other gateways answer
    /// meanwhile.
    OtherLaw,
    /// No audit line can be written, so no call is taken.
    AuditAway,
    /// An operator has begun maintenance: no writes are taken.
    Maintenance,
    /// No new calls are accepted; open calls are finished.
    Draining,
    /// The writer has stopped. Nothing can be recorded until a restart.
    WriterStopped,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Serving,
        Self::StoreAway,
        Self::OtherLaw,
        Self::AuditAway,
        Self::Maintenance,
        Self::Draining,
        Self::WriterStopped,
    ];

    /// The word that `/readyz` shows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::StoreAway => "store-away",
            Self::OtherLaw => "other-law",
            Self::AuditAway => "audit-away",
            Self::Maintenance => "maintenance",
            Self::Draining => "draining",
            Self::WriterStopped => "writer-stopped",
        }
    }

    /// Whether the store takes writes. While the gateway drains it does, until the last call is finished.
    pub(super) fn has_store(self) -> bool {
        match self {
            Self::Serving | Self::OtherLaw | Self::AuditAway | Self::Maintenance | Self::Draining => true,
            Self::Starting | Self::StoreAway | Self::WriterStopped => false,
        }
    }

    /// Whether the law in force is the one that this gateway judges by.
    pub(super) fn has_law(self) -> bool {
        match self {
            Self::Serving
            | Self::StoreAway
            | Self::AuditAway
            | Self::Maintenance
            | Self::Draining
            | Self::WriterStopped => true,
            Self::Starting | Self::OtherLaw => false,
        }
    }

    /// Whether inboxes are served. During maintenance they are: an account of disclosures is no write of a caller.
    pub(super) fn delivers(self) -> bool {
        match self {
            Self::Serving | Self::Maintenance => true,
            Self::Starting
            | Self::StoreAway
            | Self::OtherLaw
            | Self::AuditAway
            | Self::Draining
            | Self::WriterStopped => false,
        }
    }
}

/// Moves to phase `to`, if the gateway is now in one of the phases `from`.
pub(super) fn advance(phase: &watch::Sender<Phase>, from: &[Phase], to: Phase) {
    phase.send_if_modified(|phase| {
        let moves = from.contains(phase);
        if moves {
            *phase = to;
        }
        moves
    });
}

/// What is late, as of the last look at the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Late {
    /// Legal clocks fell due and have not fired.
    pub(super) clocks: bool,
    /// Agencies for which something has waited for too long.
    pub(super) agencies: BTreeSet<AgencyId>,
}

/// The agencies of the registry.
pub(super) type Agencies = BTreeMap<AgencyId, Arc<Agency>>;

/// What probes tell. Each clone takes note of changes by itself.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    phase: watch::Receiver<Phase>,
    late: watch::Receiver<Late>,
    /// Why no audit line can be written.
    audit: watch::Receiver<Option<Away>>,
    /// Logs that lack the cosignatures of a quorum.
    uncosigned: watch::Receiver<BTreeSet<LogName>>,
    agencies: watch::Receiver<Arc<Agencies>>,
    maintenance: MaintenanceNow,
}

impl Condition {
    pub(super) fn new(
        (phase, audit, maintenance): (watch::Receiver<Phase>, watch::Receiver<Option<Away>>, MaintenanceNow),
        late: watch::Receiver<Late>,
        uncosigned: watch::Receiver<BTreeSet<LogName>>,
        agencies: watch::Receiver<Arc<Agencies>>,
    ) -> Self {
        Self { phase, late, audit, uncosigned, agencies, maintenance }
    }

    /// The phase of the gateway.
    pub(super) fn phase(&self) -> Phase {
        let phase = *self.phase.borrow();
        if phase != Phase::Serving {
            phase
        } else if self.audit_away().is_some() {
            Phase::AuditAway
        } else if self.maintenance.borrow().is_some() {
            Phase::Maintenance
        } else {
            phase
        }
    }

    /// Why no audit line can be written, if none can.
    pub(super) fn audit_away(&self) -> Option<Away> {
        *self.audit.borrow()
    }

    /// Whether legal clocks do not fire in time.
    pub(super) fn clocks_are_late(&self) -> bool {
        self.late.borrow().clocks
    }

    /// Whether something has waited for an agency for too long.
    pub(super) fn is_behind(&self, agency: &AgencyId) -> bool {
        self.late.borrow().agencies.contains(agency)
    }

    /// Whether a log lacks the cosignatures that it should have. Where no witness is asked none does.
    pub(super) fn is_uncosigned(&self) -> bool {
        !self.uncosigned.borrow().is_empty()
    }

    /// The kind of an agency of the registry.
    pub(super) fn kind_of(&self, agency: &AgencyId) -> Option<AgencyKind> {
        self.agencies.borrow().get(agency).map(|agency| agency.kind)
    }

    /// The agencies of the registry.
    pub(super) fn agencies(&self) -> Arc<Agencies> {
        Arc::clone(&self.agencies.borrow())
    }

    /// Takes note of everything, so that [`Self::changed`] waits for what comes after.
    pub(super) fn take_note(&mut self) {
        self.phase.mark_unchanged();
        self.late.mark_unchanged();
        self.audit.mark_unchanged();
        self.uncosigned.mark_unchanged();
        self.agencies.mark_unchanged();
        self.maintenance.mark_unchanged();
    }

    /// Waits for a change. `None`: the gateway has ended.
    pub(super) async fn changed(&mut self) -> Option<()> {
        let Self { phase, late, audit, uncosigned, agencies, maintenance } = self;
        tokio::select! {
            changed = phase.changed() => changed.ok(),
            Ok(()) = late.changed() => Some(()),
            Ok(()) = audit.changed() => Some(()),
            Ok(()) = uncosigned.changed() => Some(()),
            Ok(()) = agencies.changed() => Some(()),
            Ok(()) = maintenance.changed() => Some(()),
        }
    }
}
