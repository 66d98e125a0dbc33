//! The standing of a detainer in an appeal as each side sees it, and the counts of standings.

use std::collections::BTreeMap;

use crate::domain::appeal::{AppealAnswer, AppealAnswerKind, AppealItem, AppealStanding, DetainerOutcome};
use crate::domain::detainer::{Detainer, DetainerState};
use crate::domain::determination::{FieldClasses, LawAction};

/// Who reads an appeal item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppealViewpoint {
    /// The issuer, which may see these classes now. The detainer MUST be redacted for it.
    Issuer(FieldClasses),
    /// The custodian or oversight, which know everything.
    Custodian,
}

/// The standing of a detainer in an appeal, with the answer and citations that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppealItemView {
    /// The standing.
    pub standing: AppealStanding,
    /// What the custodian answered.
    pub answer: Option<AppealAnswer>,
    /// Citations of what bars it.
    pub barred_by: Vec<String>,
    /// The acts that are barred.
    pub barred_actions: Vec<LawAction>,
}

impl AppealItemView {
    /// Makes the view. The issuer sees only what was disclosed and still may be. An answer that the detainer no longer
    /// supports is left out.
    pub fn of(detainer: &Detainer, item: &AppealItem, viewpoint: AppealViewpoint) -> Self {
        let (known, answer) = match viewpoint {
            AppealViewpoint::Issuer(classes) => {
                let known = DetainerOutcome::known_to_issuer(detainer);
                let disclosed = item.disclosed.as_ref().filter(|disclosed| classes.contains(disclosed.revealed_class));
                (
                    known,
                    disclosed
                        .filter(|disclosed| known.supports(disclosed.answer.kind))
                        .map(|disclosed| disclosed.answer.clone()),
                )
            }
            AppealViewpoint::Custodian => (DetainerOutcome::known_to_custodian(detainer), item.given.clone()),
        };
        let answered = answer.as_ref().map(|answer| answer.kind);
        let standing = standing(known, answered, item.barred.is_some());
        let by_answer = answer.as_ref().filter(|answer| answer.kind == AppealAnswerKind::Barred);
        let (barred_by, barred_actions) = match standing {
            AppealStanding::Barred => match (by_answer, &item.barred) {
                (Some(answer), _) => (vec![answer.legal_basis.clone()], vec![detainer.request.form.first_action()]),
                (None, Some(bar)) => (bar.citations.clone(), bar.actions()),
                (None, None) => Default::default(),
            },
            AppealStanding::Open
            | AppealStanding::StandsByAnswer
            | AppealStanding::WillHold
            | AppealStanding::WillNotify
            | AppealStanding::AlreadyReleased
            | AppealStanding::NoSuchPerson
            | AppealStanding::IdentityMismatch
            | AppealStanding::Duplicate
            | AppealStanding::NotFoundInTime
            | AppealStanding::Closed
            | AppealStanding::Withdrawn => Default::default(),
        };
        Self { standing, answer, barred_by, barred_actions }
    }
}

fn standing(known: DetainerOutcome<'_>, answered: Option<AppealAnswerKind>, barred: bool) -> AppealStanding {
    let of_the_detainer = match known.state {
        DetainerState::Withdrawn => return AppealStanding::Withdrawn,
        DetainerState::Released => return AppealStanding::AlreadyReleased,
        DetainerState::Closed => return AppealStanding::Closed,
        DetainerState::NoSuchPerson => Some(AppealStanding::NoSuchPerson),
        DetainerState::IdentityMismatch => Some(AppealStanding::IdentityMismatch),
        DetainerState::Duplicate => Some(AppealStanding::Duplicate),
        DetainerState::NotFoundInTime => Some(AppealStanding::NotFoundInTime),
        DetainerState::Lodged
        | DetainerState::Matched
        | DetainerState::UnderReview
        | DetainerState::HoldHonored
        | DetainerState::NotifyOnly
        | DetainerState::Declined
        | DetainerState::NotInCustody => None,
    };
    match answered {
        Some(AppealAnswerKind::StandsByAnswer) => AppealStanding::StandsByAnswer,
        Some(AppealAnswerKind::WillHold) => AppealStanding::WillHold,
        Some(AppealAnswerKind::WillNotify) => AppealStanding::WillNotify,
        Some(AppealAnswerKind::AlreadyReleased) => AppealStanding::AlreadyReleased,
        Some(AppealAnswerKind::NoSuchPerson) => AppealStanding::NoSuchPerson,
        Some(AppealAnswerKind::Barred) => AppealStanding::Barred,
        None if of_the_detainer.is_none() && barred => AppealStanding::Barred,
        None => of_the_detainer.unwrap_or(AppealStanding::Open),
    }
}

fn add<K: Ord>(sums: &mut BTreeMap<K, u32>, key: K, many: u32) {
    let sum = sums.entry(key).or_default();
    *sum = sum.saturating_add(many);
}

/// Counts of standings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandingCounts {
    /// The counts by standing.
    pub standings: BTreeMap<AppealStanding, u32>,
    /// The counts of barred detainers by citation.
    pub barred_by: BTreeMap<String, u32>,
    /// The counts of barred detainers by act.
    pub barred_actions: BTreeMap<LawAction, u32>,
}

impl StandingCounts {
    /// Counts several that stand alike.
    pub fn count(&mut self, standing: AppealStanding, many: u32) {
        add(&mut self.standings, standing, many);
    }

    /// Counts several that are barred alike.
    pub fn count_barred(&mut self, citations: &[String], actions: &[LawAction], many: u32) {
        self.count(AppealStanding::Barred, many);
        for citation in citations {
            add(&mut self.barred_by, citation.clone(), many);
        }
        for action in actions {
            add(&mut self.barred_actions, *action, many);
        }
    }

    /// Counts one as it is seen.
    pub fn count_one(&mut self, seen: &AppealItemView) {
        if seen.standing == AppealStanding::Barred {
            self.count_barred(&seen.barred_by, &seen.barred_actions, 1);
        } else {
            self.count(seen.standing, 1);
        }
    }

    /// Whether any is open.
    pub fn is_open(&self) -> bool {
        self.standings.contains_key(&AppealStanding::Open)
    }

    /// The total.
    pub fn total(&self) -> u32 {
        self.standings.values().copied().fold(0, u32::saturating_add)
    }
}
