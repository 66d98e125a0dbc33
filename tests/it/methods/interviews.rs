//! The methods by which officers ask to speak with a person.

use comity::wire::v1;
use tonic::Code;

use crate::harness::changes::{interview_answer, interview_under, no_interview_under};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, too_soon_or_late};

pub(super) async fn accepted(world: &World, verb: &str) {
    let (ice, doccs) = (world.ice(), world.doccs());
    match verb {
        "RequestInterview" => {
            let asked = ice.request_interview(interview_under(&world.lodged("us-ny-doccs").await)).await.accepted();
            let interview = asked.detainer.unwrap().interview.unwrap();
            assert_eq!((interview.language.as_str(), interview.answer), ("es", None));
        }
        "AnswerInterview" => {
            let matched = world.matched("us-ny-doccs").await;
            ice.request_interview(interview_under(&matched.detainer)).await.accepted();
            let refusal = interview_answer(&matched.detainer, v1::InterviewOutcome::Refused);
            let said = doccs.answer_interview(refusal.clone()).await.accepted().detainer.unwrap().interview.unwrap();
            assert_eq!(said.answer, refusal.answer);
            let told = ice.detainer(&matched.detainer).await.accepted().interview.unwrap().answer.unwrap();
            assert_eq!((told.outcome(), told.advisal), (v1::InterviewOutcome::Refused, None));
        }
        "WithdrawInterview" => {
            let lodged = world.lodged("us-ny-doccs").await;
            ice.request_interview(interview_under(&lodged)).await.accepted();
            let withdrawn = ice.withdraw_interview(no_interview_under(&lodged)).await.accepted().detainer.unwrap();
            assert!(withdrawn.interview.unwrap().withdrawn);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    match verb {
        "RequestInterview" => {
            let lodged = world.lodged("us-ny-doccs").await;
            denied(doccs.request_interview(interview_under(&lodged)).await);
            let mut unspoken = interview_under(&lodged);
            unspoken.interview.as_mut().unwrap().language.clear();
            at_fault(ice.request_interview(unspoken).await);
            ice.request_interview(interview_under(&lodged)).await.accepted();
            too_soon_or_late(ice.request_interview(interview_under(&lodged)).await)
        }
        "AnswerInterview" => {
            let matched = world.matched("us-ny-doccs").await;
            let answer = |outcome| interview_answer(&matched.detainer, outcome);
            too_soon_or_late(doccs.answer_interview(answer(v1::InterviewOutcome::Refused)).await);
            ice.request_interview(interview_under(&matched.detainer)).await.accepted();
            erie.answer_interview(answer(v1::InterviewOutcome::Declined)).await.not_found();
            let mut unadvised = answer(v1::InterviewOutcome::Consented);
            unadvised.answer.as_mut().unwrap().advisal = None;
            at_fault(doccs.answer_interview(unadvised).await);
            // The law leaves it to a person, which a machine is not.
            let consent = answer(v1::InterviewOutcome::Consented);
            doccs.answer_interview(consent).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED")
        }
        "WithdrawInterview" => {
            let lodged = world.lodged("us-ny-doccs").await;
            denied(doccs.withdraw_interview(no_interview_under(&lodged)).await);
            too_soon_or_late(ice.withdraw_interview(no_interview_under(&lodged)).await)
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}
