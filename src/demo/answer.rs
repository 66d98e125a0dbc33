//! What a custodian says of a detainer: whom it found, and what it answers, derived from the determinations that the gateway returns.

use crate::demo::agency_client::request_id;
use crate::demo::person::Decision;
use crate::domain::detainer::{AnswerKind, DeclineGround, Finding};
use crate::domain::determination::{LawAction, Ruling};
use crate::domain::subject::MatchMethod;
use crate::wire::enums::{from_wire, to_wire};
use crate::wire::v1;

/// The longest citation in an answer, in characters.
const CITATION_LEN_MAX: usize = 200;
pub(super) const REASON: &str = "An officer read the file and the rule (synthetic).";

/// The answers that the law lets a custodian give, and those that an officer may give where the law leaves it to a
/// person.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Advice {
    /// The answer that needs no person's judgement.
    pub(super) first: v1::Answer,
    grant: v1::Answer,
    decline: v1::Answer,
}

/// Derives the answers from the determinations.
pub(super) fn advice(determinations: &[v1::Determination]) -> Advice {
    let of = |action: LawAction| determinations.iter().find(|found| found.action == to_wire(action));
    let (hold, notify) = (Law::of(of(LawAction::Hold)), Law::of(of(LawAction::Notify)));
    // A declined duty needs a reason, whoever declines it.
    let duty = hold.ruling == Ruling::Must || notify.ruling == Ruling::Must;
    let leaving = |answer: v1::Answer| if duty { reasoned(answer) } else { answer };
    let decline = leaving(decline(&hold, &notify));
    let first = match (hold.ruling, notify.ruling) {
        // Honouring a hold promises notice too.
        (Ruling::Must | Ruling::May, Ruling::Must | Ruling::May) => answer(AnswerKind::HonorHold, &hold.cited),
        (Ruling::MustNot | Ruling::Review, Ruling::Must | Ruling::May) => answer(AnswerKind::NotifyOnly, &notify.cited),
        (_, Ruling::Review) => leaving(answer(AnswerKind::PendingReview, &notify.cited)),
        (_, Ruling::MustNot) => decline.clone(),
    };
    let grant = match hold.ruling {
        Ruling::Must | Ruling::May | Ruling::Review => answer(AnswerKind::HonorHold, &hold.cited),
        Ruling::MustNot => answer(AnswerKind::NotifyOnly, &notify.cited),
    };
    Advice { first, grant, decline }
}

/// A custodian's word that the person asked for is in a custody of its own, found by name and birth date.
pub(crate) fn match_by_name(detainer: &str, custody: &str) -> v1::AcknowledgeDetainerRequest {
    v1::AcknowledgeDetainerRequest {
        name: detainer.to_owned(),
        acknowledgement: Some(v1::Acknowledgement {
            finding: to_wire(Finding::MatchedCustody),
            custody: custody.to_owned(),
            match_method: to_wire(MatchMethod::NameAndBirthDate),
            ..Default::default()
        }),
        request_id: request_id(),
        ..Default::default()
    }
}

/// The answer that the law lets a custodian give without a person's judgement.
pub(crate) fn lawful_answer(determinations: &[v1::Determination]) -> v1::Answer {
    advice(determinations).first
}

/// An officer's answer, with a reason.
pub(super) fn decided(advice: &Advice, decision: Decision) -> Option<v1::Answer> {
    let answer = match decision {
        Decision::Grant => &advice.grant,
        Decision::Decline => &advice.decline,
        Decision::None => return None,
    };
    Some(reasoned(answer.clone()))
}

fn reasoned(answer: v1::Answer) -> v1::Answer {
    v1::Answer { reason: REASON.to_owned(), ..answer }
}

/// The part of a determination that an answer needs.
struct Law {
    ruling: Ruling,
    policies: Vec<String>,
    cited: String,
}

impl Law {
    /// Without a determination, a person decides.
    fn of(determination: Option<&v1::Determination>) -> Self {
        let ruling = determination.and_then(|found| from_wire(found.ruling)).unwrap_or(Ruling::Review);
        let policies = determination.map(|found| found.policies.clone()).unwrap_or_default();
        let cited = determination.map(|found| found.citations.join("; ")).unwrap_or_default();
        let cited = if cited.is_empty() { "no rule of the jurisdiction speaks to it".to_owned() } else { cited };
        Self { ruling, policies, cited: cited.chars().take(CITATION_LEN_MAX).collect() }
    }

    fn rests_on(&self, end: &str) -> bool {
        self.policies.iter().any(|policy| policy.ends_with(end))
    }
}

fn decline(hold: &Law, notify: &Law) -> v1::Answer {
    let (ground, cited) = if notify.rests_on(".sealed") {
        (DeclineGround::Sealed, &notify.cited)
    } else if hold.rests_on("without-judicial-warrant") {
        (DeclineGround::NeedsJudicialWarrant, &hold.cited)
    } else if notify.ruling == Ruling::MustNot {
        (DeclineGround::ProhibitedByLaw, &notify.cited)
    } else {
        (DeclineGround::OtherCited, &notify.cited)
    };
    v1::Answer { ground: to_wire(ground), ..answer(AnswerKind::Decline, cited) }
}

fn answer(kind: AnswerKind, cited: &str) -> v1::Answer {
    v1::Answer { kind: to_wire(kind), legal_basis: cited.to_owned(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_within_the_law_and_says_which() {
        fn check(hold: Ruling, notify: Ruling, first: AnswerKind, grant: AnswerKind) {
            let one = |action, ruling| v1::Determination {
                action: to_wire(action),
                ruling: to_wire(ruling),
                citations: vec![format!("{action:?}")],
                ..Default::default()
            };
            let advice = advice(&[one(LawAction::Hold, hold), one(LawAction::Notify, notify)]);
            assert_eq!(advice.first.kind, to_wire(first));
            assert!(!advice.first.legal_basis.is_empty());
            let granted = decided(&advice, Decision::Grant).unwrap();
            assert_eq!(granted.kind, to_wire(grant));
            assert!(!granted.reason.is_empty());
            assert_eq!(decided(&advice, Decision::None), None);
        }
        check(Ruling::Must, Ruling::Must, AnswerKind::HonorHold, AnswerKind::HonorHold);
        check(Ruling::May, Ruling::Review, AnswerKind::PendingReview, AnswerKind::HonorHold);
        check(Ruling::MustNot, Ruling::May, AnswerKind::NotifyOnly, AnswerKind::NotifyOnly);
        check(Ruling::MustNot, Ruling::Review, AnswerKind::PendingReview, AnswerKind::NotifyOnly);
        check(Ruling::Review, Ruling::Review, AnswerKind::PendingReview, AnswerKind::HonorHold);
        check(Ruling::MustNot, Ruling::MustNot, AnswerKind::Decline, AnswerKind::NotifyOnly);
    }
}
