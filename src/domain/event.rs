//! What happened, for whom it may be known, and how it changes a case. Events are never edited: a change of meaning
//! is a new variant.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::agency::AgencyClass;
use crate::domain::case::Case;
use crate::domain::charge::{self, ChargeStatus, OffenceCategory};
use crate::domain::custody::{ActualRelease, Custody, CustodyState, ScheduledRelease};
use crate::domain::detainer::{
    Acknowledgement, Answer, Detainer, DetainerForm, DetainerState, Finding, IssuingAuthority, LiftReason, WarrantKind,
};
use crate::domain::determination::{Determination, FieldClasses, LawAction};
use crate::domain::ids::{AgencyId, CaseName, LogKind};

/// Whether the issuer may know of an event. It decides which log the event is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// The issuer may know.
    ToIssuer,
    /// It stays within the jurisdiction.
    Internal,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A detainer was lodged.
    DetainerLodged(Box<Detainer>),
    /// The custodian said what it found.
    DetainerAcknowledged {
        /// Which detainer.
        detainer: CaseName,
        /// By whom.
        custodian: AgencyId,
        /// The finding.
        acknowledgement: Acknowledgement,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// The custodian answered.
    DetainerAnswered {
        /// Which detainer.
        detainer: CaseName,
        /// By whom.
        custodian: AgencyId,
        /// The answer.
        answer: Answer,
        /// Policies that left it to a person, who decided.
        reviewed_policies: Vec<String>,
        /// Whether the issuer may know.
        disclosure: Disclosure,
    },
    /// The issuer lifted its detainer.
    DetainerWithdrawn {
        /// Which detainer.
        detainer: CaseName,
        /// Why.
        reason: LiftReason,
    },
    /// A custody was opened.
    CustodyOpened(Box<Custody>),
    /// A release was scheduled.
    ReleaseScheduled {
        /// Of which custody.
        custody: CaseName,
        /// When, and what the date rests on.
        release: ScheduledRelease,
    },
    /// A person was released, and with it every detainer on the custody ended.
    ReleaseRecorded {
        /// From which custody.
        custody: CaseName,
        /// When, why, to whom.
        release: ActualRelease,
    },
    /// The issuer is told of an expected release.
    ReleaseNoticed {
        /// By which detainer.
        detainer: CaseName,
        /// The expected release.
        release: ScheduledRelease,
    },
    /// The issuer is told of a release.
    DetainerReleased {
        /// By which detainer.
        detainer: CaseName,
        /// The release.
        release: ActualRelease,
    },
}

/// Who may see an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// One agency.
    Agency(AgencyId),
    /// Every custodian of the jurisdiction.
    Custodians,
    /// Every federal agency that takes part in the jurisdiction.
    Requesters,
    /// The jurisdiction's oversight.
    Oversight,
}

/// The facts for counting. None is personal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The form.
    pub form: Option<DetainerForm>,
    /// The warrant.
    pub warrant: Option<WarrantKind>,
    /// Who signed it.
    pub issuing_authority: Option<IssuingAuthority>,
    /// Group of the leading charge.
    pub offence: Option<OffenceCategory>,
    /// Status of the leading charge.
    pub charge_status: Option<ChargeStatus>,
    /// What the custodian is.
    pub custodian_class: Option<AgencyClass>,
    /// Actual release minus first delivery of the notice.
    pub lead_time_seconds: Option<i64>,
}

impl Counts {
    /// Of a detainer, from what its issuer already knows.
    pub fn of_request(detainer: &Detainer) -> Self {
        let leading = charge::leading(&detainer.request.charges);
        Self {
            form: Some(detainer.request.form),
            warrant: Some(detainer.request.warrant.kind),
            issuing_authority: Some(detainer.request.warrant.issuing_authority),
            offence: leading.map(charge::Charge::category),
            charge_status: leading.map(|charge| charge.status),
            ..Self::default()
        }
    }

    /// The same, with the charges that the custodian holds the person on.
    #[must_use]
    pub fn with_custody(self, custody: &Custody) -> Self {
        let leading = charge::leading(&custody.intake.charges);
        Self {
            offence: leading.map(charge::Charge::category).or(self.offence),
            charge_status: leading.map(|charge| charge.status).or(self.charge_status),
            ..self
        }
    }
}

/// A determination that an event rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDetermination {
    /// Of which detainer.
    pub detainer: CaseName,
    /// Which act.
    pub action: LawAction,
    /// What the law says.
    pub determination: Arc<Determination>,
}

/// An event, and everything an entry says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What happened.
    pub event: Event,
    /// In which log of the jurisdiction.
    pub log: LogKind,
    /// The case it is about.
    pub resource: CaseName,
    /// Who may see it, and which classes. An upper bound for every later delivery.
    pub audience: Vec<(Party, FieldClasses)>,
    /// The facts for counting.
    pub counts: Counts,
    /// What the law was found to say.
    pub determinations: Vec<RecordedDetermination>,
    /// Digest of the policy set that was asked, where one was.
    pub policy_digest: Option<[u8; 32]>,
}

/// Changes a case by an event. `exchange_index` is the position the event's entry takes, for notices.
pub fn apply(case: &mut Case, event: &Event, exchange_index: u64, now: Timestamp) {
    match event {
        Event::DetainerLodged(detainer) => case.detainer = Some((**detainer).clone()),
        Event::DetainerAcknowledged { detainer, custodian, acknowledgement, disclosure } => {
            link(case, detainer, acknowledgement, now);
            change(case, detainer, now, |detainer| {
                detainer.state = acknowledgement.finding.state();
                detainer.custodian = Some(custodian.clone());
                detainer.acknowledgement = Some(acknowledgement.clone());
                if *disclosure == Disclosure::ToIssuer {
                    detainer.shown.finding = Some(acknowledgement.finding);
                    show(detainer, detainer.state, now);
                }
            });
        }
        Event::DetainerAnswered { detainer, custodian, answer, reviewed_policies, disclosure } => {
            change(case, detainer, now, |detainer| {
                detainer.state = answer.kind.state();
                detainer.custodian = Some(custodian.clone());
                detainer.answer = Some(answer.clone());
                detainer.reviewed_policies.clone_from(reviewed_policies);
                if *disclosure == Disclosure::ToIssuer {
                    detainer.shown.answer = Some(Answer { reason: None, ..answer.clone() });
                    show(detainer, detainer.state, now);
                }
            });
        }
        Event::DetainerWithdrawn { detainer, reason } => change(case, detainer, now, |detainer| {
            detainer.state = DetainerState::Withdrawn;
            detainer.lift_reason = Some(*reason);
            show(detainer, DetainerState::Withdrawn, now);
        }),
        Event::CustodyOpened(custody) => case.custody = Some((**custody).clone()),
        Event::ReleaseScheduled { release, .. } => {
            change_custody(case, now, |custody| {
                custody.scheduled = Some(release.clone());
                custody.state = CustodyState::ReleaseScheduled;
            });
        }
        Event::ReleaseRecorded { release, .. } => {
            change_custody(case, now, |custody| {
                custody.released = Some(release.clone());
                custody.state = CustodyState::Released;
            });
            let ended: Vec<CaseName> = case.active().map(|detainer| detainer.name.clone()).collect();
            for name in &ended {
                change(case, name, now, |detainer| detainer.state = DetainerState::Released);
            }
        }
        Event::ReleaseNoticed { detainer, .. } => change(case, detainer, now, |detainer| {
            detainer.notice_index.get_or_insert(exchange_index);
            show(detainer, detainer.shown.state, now);
        }),
        Event::DetainerReleased { detainer, .. } => {
            change(case, detainer, now, |detainer| show(detainer, DetainerState::Released, now));
        }
    }
}

/// Changes the named detainer wherever the case holds it.
fn change(case: &mut Case, name: &CaseName, now: Timestamp, mut how: impl FnMut(&mut Detainer)) {
    for detainer in case.detainer.iter_mut().chain(&mut case.standing).filter(|detainer| detainer.name == *name) {
        how(detainer);
        detainer.version = detainer.version.saturating_add(1);
        detainer.updated_at = now;
    }
}

fn change_custody(case: &mut Case, now: Timestamp, how: impl FnOnce(&mut Custody)) {
    if let Some(custody) = &mut case.custody {
        how(custody);
        custody.version = custody.version.saturating_add(1);
        custody.updated_at = now;
    }
}

/// Links a matched detainer to its custody.
fn link(case: &mut Case, detainer: &CaseName, acknowledgement: &Acknowledgement, now: Timestamp) {
    if acknowledgement.finding != Finding::MatchedCustody {
        return;
    }
    change_custody(case, now, |custody| custody.detainers.push(detainer.clone()));
    if let Some(found) = case.detainer.clone() {
        case.standing.push(found);
    }
}

fn show(detainer: &mut Detainer, state: DetainerState, now: Timestamp) {
    detainer.shown.state = state;
    detainer.shown.updated_at = now;
    detainer.shown.version = detainer.shown.version.saturating_add(1);
}
