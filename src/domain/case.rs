//! The case that a decision is made on: the detainer or custody named, and what belongs to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::appeal::{Appeal, AppealItem, Limits};
use crate::domain::custody::{Custody, Standing};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::expungement::Expunged;
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::transfer::{Transfer, TransferState};

/// A case as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoredCase {
    /// A detainer.
    Detainer(Box<Detainer>),
    /// A custody.
    Custody(Box<Custody>),
    /// An appeal.
    Appeal(Box<Appeal>),
    /// A case whose record was destroyed. For everybody it is as if it were not there.
    Expunged(Box<Expunged>),
}

impl StoredCase {
    /// Its name.
    pub fn name(&self) -> &CaseName {
        match self {
            Self::Detainer(detainer) => &detainer.name,
            Self::Custody(custody) => &custody.name,
            Self::Appeal(appeal) => &appeal.name,
            Self::Expunged(left) => &left.name,
        }
    }

    /// The detainer, if it is one.
    pub fn detainer(&self) -> Option<&Detainer> {
        match self {
            Self::Detainer(detainer) => Some(detainer),
            Self::Custody(_) | Self::Appeal(_) | Self::Expunged(_) => None,
        }
    }

    /// The custody, if it is one.
    pub fn custody(&self) -> Option<&Custody> {
        match self {
            Self::Custody(custody) => Some(custody),
            Self::Detainer(_) | Self::Appeal(_) | Self::Expunged(_) => None,
        }
    }

    /// The appeal, if it is one.
    pub fn appeal(&self) -> Option<&Appeal> {
        match self {
            Self::Appeal(appeal) => Some(appeal),
            Self::Detainer(_) | Self::Custody(_) | Self::Expunged(_) => None,
        }
    }
}

/// Everything that a command may touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// The detainer that the command names.
    pub detainer: Option<Detainer>,
    /// Another detainer that the command names.
    pub other: Option<Detainer>,
    /// The custody that the command names, or that the detainer is linked to.
    pub custody: Option<Custody>,
    /// The detainers linked to the custody, the named one and ended ones included.
    pub linked: Vec<Detainer>,
    /// The open custody of the same agency that has the booking number which the command would use.
    pub booked: Option<CaseName>,
    /// Detainers that the custodian is asked about again, if the command opens a custody.
    pub asked_again: Vec<CaseName>,
    /// When the notice of release was first delivered to each detainer's issuer.
    pub first_delivery: BTreeMap<CaseName, Timestamp>,
    /// The appeal that the command names.
    pub appeal: Option<Appeal>,
    /// What was answered in that appeal for the detainer, if the detainer is in it.
    pub item: Option<AppealItem>,
    /// What a command that issues an appeal is checked against.
    pub appealing: Appealing,
    /// What the command leaves of cases whose records it destroys.
    pub expunged: Vec<Expunged>,
}

/// What is known of an issuer that appeals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appealing {
    /// The issuer of each chosen detainer that exists.
    pub issuers: BTreeMap<Uuid, AgencyId>,
    /// The due dates of its other appeals in the jurisdiction.
    pub due: Vec<Timestamp>,
    /// Limits.
    pub limits: Limits,
}

impl Case {
    /// Every detainer of the case, each once.
    pub fn concerned(&self) -> impl Iterator<Item = &Detainer> {
        let apart = |named: &&Detainer| !self.linked.iter().any(|linked| linked.name == named.name);
        self.detainer.iter().filter(apart).chain(&self.linked)
    }

    /// Pick-ups of the case under which the custodian says that it handed the person over.
    pub fn hand_overs(&self) -> impl Iterator<Item = &Transfer> {
        self.concerned().flat_map(|detainer| &detainer.transfers).filter(|transfer| transfer.is_handed_over())
    }

    /// What would come with the person, if they were handed on.
    pub fn standing(&self) -> Standing {
        let of = |state| self.linked.iter().filter(|detainer| detainer.state == state).count();
        let transfers = self.linked.iter().flat_map(|detainer| &detainer.transfers);
        Standing {
            detainers: self.active().count(),
            holds: of(DetainerState::HoldHonored),
            notices: of(DetainerState::NotifyOnly),
            pick_ups: transfers.filter(|transfer| transfer.state == TransferState::Accepted).count(),
        }
    }

    /// Active detainers on the custody.
    pub fn active(&self) -> impl Iterator<Item = &Detainer> {
        self.linked.iter().filter(|detainer| detainer.state.is_active())
    }
}
