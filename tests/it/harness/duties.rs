//! Requests about what a custodian is to decide, and what it owes. Everything personal in them is a canary.

use comity::wire::v1;

use crate::harness::requests::{HAPPENED_AT, REASON, at, request_id};

/// An officer decides a matter of a detainer: `notify`, `hold`.
pub(crate) fn decision_on(detainer: &str, matter: &str, decision: v1::ReviewDecision) -> v1::ResolveReviewRequest {
    v1::ResolveReviewRequest {
        name: format!("{detainer}/reviews/{matter}"),
        decision: decision.into(),
        ground: Some(v1::ReviewGround { reason: REASON.to_owned(), citation: "Executive Order 170".to_owned() }),
        request_id: request_id(),
        etag: String::new(),
    }
}

/// The person was told face to face.
pub(crate) fn meeting_of(detainer: &str, obligation: &str) -> v1::MeetObligationRequest {
    let evidence = v1::ObligationEvidence {
        method: v1::EvidenceMethod::InPerson.into(),
        met_at: Some(at(HAPPENED_AT)),
        note: REASON.to_owned(),
    };
    v1::MeetObligationRequest {
        name: format!("{detainer}/obligations/{obligation}"),
        evidence: Some(evidence),
        request_id: request_id(),
        etag: String::new(),
    }
}

pub(crate) fn reviews_of(parent: &str) -> v1::ListReviewsRequest {
    v1::ListReviewsRequest { parent: parent.to_owned(), ..Default::default() }
}

pub(crate) fn obligations_of(parent: &str) -> v1::ListObligationsRequest {
    v1::ListObligationsRequest { parent: parent.to_owned(), ..Default::default() }
}
