//! Interviews, as far as a reader may see them.

use crate::domain::detainer::Viewpoint;
use crate::domain::determination::FieldClass;
use crate::domain::interview::{Interview, InterviewAdvisal, InterviewAnswer, InterviewOutcome};
use crate::wire::enums::to_wire;
use crate::wire::show::timestamp;
use crate::wire::v1;

/// An interview as seen from a viewpoint.
pub(super) fn interview(interview: &Interview, viewpoint: Viewpoint) -> v1::Interview {
    let given = interview.answer.as_ref();
    v1::Interview {
        mode: to_wire(interview.request.mode),
        language: interview.request.language.to_string(),
        proposed_at: interview.request.proposed_at.map(timestamp),
        request_time: Some(timestamp(interview.requested_at)),
        withdrawn: interview.is_withdrawn,
        answer: match viewpoint {
            Viewpoint::Custodian => given.map(|given| v1::InterviewAnswer {
                declined: given.outcome == InterviewOutcome::Declined,
                ..as_recorded(given, FieldClass::Custody)
            }),
            Viewpoint::Issuer => given.zip(interview.told_as).map(|(given, told_as)| as_told(given, told_as)),
        },
    }
}

/// An answer as an entry records it, each part in the class that it reveals.
pub(super) fn as_recorded(answer: &InterviewAnswer, revealed_class: FieldClass) -> v1::InterviewAnswer {
    v1::InterviewAnswer {
        outcome: to_wire(answer.outcome),
        declined: revealed_class == FieldClass::Answer,
        advisal: answer.advisal.as_ref().map(advisal),
        counsel_told: answer.counsel_told,
        starts_at: answer.starts_at.map(timestamp),
        reason: answer.reason.clone().unwrap_or_default(),
    }
}

/// An answer as its issuer was told of it.
fn as_told(answer: &InterviewAnswer, told_as: FieldClass) -> v1::InterviewAnswer {
    if told_as == FieldClass::Answer {
        return v1::InterviewAnswer { declined: true, ..v1::InterviewAnswer::default() };
    }
    v1::InterviewAnswer {
        outcome: to_wire(answer.outcome),
        starts_at: answer.starts_at.map(timestamp),
        ..v1::InterviewAnswer::default()
    }
}

fn advisal(advisal: &InterviewAdvisal) -> v1::InterviewAdvisal {
    v1::InterviewAdvisal {
        advised_at: Some(timestamp(advisal.advised_at)),
        method: to_wire(advisal.method),
        language: advisal.language.to_string(),
        form_sha256: advisal.form_sha256.map(Vec::from).unwrap_or_default(),
    }
}
