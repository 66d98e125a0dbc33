//! Appeals, and answers to them. Everything personal in them is a canary.

use comity::wire::v1;
use uuid::Uuid;

use crate::harness::requests::{NY, REASON, at, request_id};

/// `2026-04-01T00:00:00Z`.
pub(crate) const DUE_AT: i64 = 1_775_001_600;

/// A demand on New York without anything chosen.
fn appeal() -> v1::IssueAppealRequest {
    let ground = "Every request rests on probable cause".to_owned();
    let appeal = v1::Appeal { ground, due_at: Some(at(DUE_AT)), ..Default::default() };
    v1::IssueAppealRequest {
        parent: NY.to_owned(),
        appeal: Some(appeal),
        request_id: request_id(),
        ..Default::default()
    }
}

/// Over these detainers.
pub(crate) fn appeal_over(detainers: &[&str]) -> v1::IssueAppealRequest {
    v1::IssueAppealRequest { detainer_ids: detainers.iter().map(|name| id_of(name)).collect(), ..appeal() }
}

/// Over whatever passes.
pub(crate) fn appeal_by(filter: v1::AppealFilter) -> v1::IssueAppealRequest {
    v1::IssueAppealRequest { filter: Some(filter), ..appeal() }
}

/// The last part of a name, as bytes.
pub(crate) fn id_of(name: &str) -> Vec<u8> {
    let id = name.rsplit('/').next().unwrap_or_default();
    id.parse::<Uuid>().unwrap_or_default().as_bytes().to_vec()
}

pub(crate) fn answered_by_law(appeal: &str) -> v1::AnswerAppealRequest {
    v1::AnswerAppealRequest { name: appeal.to_owned(), by_law: true, request_id: request_id(), ..Default::default() }
}

/// With a reason.
pub(crate) fn answered(appeal: &str, detainer: &str, kind: v1::AppealAnswerKind) -> v1::AnswerAppealRequest {
    let answer = v1::AppealAnswer {
        kind: kind.into(),
        legal_basis: "Correction Law 1".to_owned(),
        reason: REASON.to_owned(),
        occurred_at: None,
    };
    v1::AnswerAppealRequest {
        name: appeal.to_owned(),
        detainer: detainer.to_owned(),
        answer: Some(answer),
        request_id: request_id(),
        ..Default::default()
    }
}
