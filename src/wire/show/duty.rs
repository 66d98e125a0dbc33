//! Reviews and obligations. Only the custodian and oversight see them.

use jiff::Timestamp;

use crate::domain::ids::CaseName;
use crate::domain::obligation::{Evidence, ObligationName, OwedObligation};
use crate::domain::review::{Ground, Review, ReviewName};
use crate::wire::enums::to_wire;
use crate::wire::show::{agency_name, timestamp};
use crate::wire::v1;

/// A review under a detainer. `now` is given to say whether the review is overdue, which an entry does not say.
pub fn review(detainer: &CaseName, review: &Review, now: Option<Timestamp>) -> v1::Review {
    v1::Review {
        name: ReviewName { detainer: detainer.clone(), matter: review.matter }.to_string(),
        matter: to_wire(review.matter),
        state: to_wire(review.state),
        custodian: agency_name(&review.basis.custodian),
        policies: review.basis.policies.clone(),
        grounds: review.grounds.clone(),
        citations: review.citations.clone(),
        create_time: Some(timestamp(review.opened_at)),
        due_time: Some(timestamp(review.due_at)),
        update_time: Some(timestamp(review.updated_at)),
        ground: review.ground.as_ref().map(ground),
        etag: review_etag(review),
        overdue: now.is_some_and(|now| review.is_overdue(now)),
    }
}

fn ground(ground: &Ground) -> v1::ReviewGround {
    v1::ReviewGround { reason: ground.reason.clone(), citation: ground.citation.clone().unwrap_or_default() }
}

/// Changes with every change of the review.
pub fn review_etag(review: &Review) -> String {
    format!("r{}", review.version)
}

/// An obligation under a detainer. `now` as in [`review`].
pub fn obligation(detainer: &CaseName, owed: &OwedObligation, now: Option<Timestamp>) -> v1::Obligation {
    v1::Obligation {
        name: ObligationName { detainer: detainer.clone(), obligation: owed.obligation }.to_string(),
        kind: to_wire(owed.obligation),
        custodian: agency_name(&owed.custodian),
        citations: owed.citations.clone(),
        create_time: Some(timestamp(owed.since)),
        due_time: Some(timestamp(owed.due_at)),
        evidence: owed.evidence.as_ref().map(evidence),
        overdue: now.is_some_and(|now| owed.is_overdue(now)),
        etag: obligation_etag(owed),
        on_receipt: owed.on_receipt,
    }
}

fn evidence(evidence: &Evidence) -> v1::ObligationEvidence {
    v1::ObligationEvidence {
        method: to_wire(evidence.method),
        met_at: Some(timestamp(evidence.met_at)),
        note: evidence.note.clone().unwrap_or_default(),
    }
}

/// Changes with every change of the obligation.
pub fn obligation_etag(owed: &OwedObligation) -> String {
    format!("o{}", owed.version)
}
