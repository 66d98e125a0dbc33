//! What the custodian answers to a detainer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::detainer::{Addressee, DetainerState};
use crate::domain::determination::FieldClass;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What the custodian will do.
    pub enum AnswerKind {
        /// Hold as asked, and notify.
        HonorHold = "honor-hold",
        /// Notify of release, without a hold.
        NotifyOnly = "notify-only",
        /// Neither.
        Decline = "decline",
        /// A person must decide first.
        PendingReview = "pending-review",
    }
}

vocabulary! {
    /// Why a custodian declined.
    pub enum DeclineGround {
        /// No judge signed.
        NeedsJudicialWarrant = "needs-judicial-warrant",
        /// No offence that the law names.
        NoQualifyingOffence = "no-qualifying-offence",
        /// The law forbids it whatever the offence.
        ProhibitedByLaw = "prohibited-by-law",
        /// The record is sealed and nothing may be disclosed.
        Sealed = "sealed",
        /// Another ground, cited in the legal basis.
        OtherCited = "other-cited",
    }
}

impl AnswerKind {
    /// The state of a detainer with this answer.
    pub fn state(self) -> DetainerState {
        match self {
            Self::HonorHold => DetainerState::HoldHonored,
            Self::NotifyOnly => DetainerState::NotifyOnly,
            Self::Decline => DetainerState::Declined,
            Self::PendingReview => DetainerState::UnderReview,
        }
    }

    /// Whether it promises hold or notice.
    pub fn promises(self) -> bool {
        matches!(self, Self::HonorHold | Self::NotifyOnly)
    }

    /// The field class that an answer reveals. Whoever answers a detainer that is addressed to the jurisdiction reveals
    /// that it holds the person. So such an answer is disclosed only if the custody may be known, or if it is a
    /// promise.
    pub fn revealed_class(self, addressee: &Addressee) -> FieldClass {
        match (addressee, self) {
            (Addressee::Jurisdiction, AnswerKind::Decline | AnswerKind::PendingReview) => FieldClass::Custody,
            (Addressee::Jurisdiction, AnswerKind::HonorHold | AnswerKind::NotifyOnly) | (Addressee::Agency(_), _) => {
                FieldClass::Answer
            }
        }
    }
}

/// What the custodian will do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Hold, notify, decline or review.
    pub kind: AnswerKind,
    /// Why, where declined.
    pub ground: Option<DeclineGround>,
    /// The law relied on, as a citation. Every answer has one.
    pub legal_basis: String,
    /// Why, where a person decided or departed from a duty. May be personal: stays with the custodian.
    pub reason: Option<String>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
}
