//! Officers ask to speak with a person in custody, who was advised and may refuse: what each side is told, and what it meets.

use std::sync::Arc;

use comity::domain::command::CaseCommand;
use comity::domain::detainer::Finding;
use comity::domain::determination::{Determination, FieldClass, FieldClasses, LawView, Obligation, Ruling};
use comity::domain::ids::{CaseName, LogKind};
use comity::domain::interview::InterviewOutcome;
use comity::domain::obligation::EvidenceMethod;
use comity::wire::v1;
use tonic::Code;

use crate::harness::World;
use crate::harness::changes::{interview_answer, interview_under, no_interview_under};
use crate::harness::requests::{NY_CUSTODY, NY_EXCHANGE, at, detainer_for, match_of};
use crate::sample;
use crate::world;

use v1::InterviewOutcome::{Consented, ConsentedWithCounsel, Declined, Refused};

const ERIE: &str = "us-ny-erie-jail";
const HARRIS: &str = "us-tx-harris-jail";

/// What the issuer is shown of the answer: nothing, that the custodian declined, or what the person said.
async fn told(world: &World, detainer: &str) -> Option<(bool, v1::InterviewOutcome)> {
    let interview = world.ice().detainer(detainer).await.accepted().interview.unwrap();
    interview.answer.map(|answer| {
        assert_eq!((answer.advisal.clone(), answer.counsel_told, answer.reason.as_str()), (None, false, ""));
        (answer.declined, answer.outcome())
    })
}

#[tokio::test]
async fn the_requester_is_told_what_the_person_says_where_it_may_know_of_the_custody() {
    let world = World::start();
    let (ice, jail, officer) = (world.ice(), world.system(HARRIS), world.officer(HARRIS));
    let matched = world.matched(HARRIS).await;
    ice.request_interview(interview_under(&matched.detainer)).await.accepted();
    assert_eq!(told(&world, &matched.detainer).await, None);
    let answer = |outcome| interview_answer(&matched.detainer, outcome);
    // No policy of Texas speaks to it: a person decides, and says why.
    jail.answer_interview(answer(Consented)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    let mut unreasoned = answer(Consented);
    unreasoned.answer.as_mut().unwrap().reason.clear();
    officer.answer_interview(unreasoned).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    assert_eq!(told(&world, &matched.detainer).await, None, "a refusal tells nothing");

    let mut consent = answer(ConsentedWithCounsel);
    consent.answer.as_mut().unwrap().starts_at = Some(at(4_000_000_000));
    let recorded = officer.answer_interview(consent.clone()).await.accepted();
    let acts = recorded.determinations.iter().map(v1::Determination::action);
    assert!(acts.into_iter().any(|act| act == v1::LawAction::Interview));
    assert_eq!(recorded.detainer.unwrap().interview.unwrap().answer, consent.answer);
    assert_eq!(told(&world, &matched.detainer).await, Some((false, ConsentedWithCounsel)));
    let shown = ice.detainer(&matched.detainer).await.accepted().interview.unwrap().answer.unwrap();
    assert_eq!(shown.starts_at, Some(at(4_000_000_000)));
    ice.withdraw_interview(no_interview_under(&matched.detainer))
        .await
        .refused(Code::FailedPrecondition, "WRONG_STATE");

    // The person thinks otherwise, and needs nobody's leave for it.
    jail.answer_interview(answer(Refused)).await.accepted();
    assert_eq!(told(&world, &matched.detainer).await, Some((false, Refused)));
    ice.request_interview(interview_under(&matched.detainer)).await.accepted();
    assert_eq!(told(&world, &matched.detainer).await, None);
}

#[tokio::test]
async fn where_a_custody_is_nothing_to_tell_of_a_decline_alone_is_told() {
    let world = World::start();
    let (ice, erie) = (world.ice(), world.erie());
    let matched = world.matched(ERIE).await;
    let answer = |outcome| interview_answer(&matched.detainer, outcome);
    let asked = ice.request_interview(interview_under(&matched.detainer)).await.accepted();
    assert_eq!(asked.receipt.unwrap().log, NY_EXCHANGE);
    let etag = asked.detainer.unwrap().etag;
    let refused = erie.answer_interview(answer(Refused)).await.accepted();
    assert_eq!(refused.receipt.unwrap().log, NY_CUSTODY);
    let seen = ice.detainer(&matched.detainer).await.accepted();
    assert_eq!((told(&world, &matched.detainer).await, seen.etag), (None, etag), "nothing changes for the requester");
    // For it, the interview is open: it may call it off, and may not ask twice.
    ice.request_interview(interview_under(&matched.detainer)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    assert_eq!(erie.answer_interview(answer(Declined)).await.accepted().receipt.unwrap().log, NY_EXCHANGE);
    assert_eq!(told(&world, &matched.detainer).await, Some((true, v1::InterviewOutcome::Unspecified)));

    // Whoever declines for a whole jurisdiction holds the person.
    let mut lodging = detainer_for(ERIE);
    lodging.detainer.as_mut().unwrap().custodian.clear();
    let wide = ice.lodge(lodging).await.accepted().detainer.unwrap().name;
    ice.request_interview(interview_under(&wide)).await.accepted();
    let decline = || interview_answer(&wide, Declined);
    erie.answer_interview(decline()).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    let custody = world.held(ERIE).await;
    erie.acknowledge(match_of(&wide, &custody)).await.accepted();
    assert_eq!(erie.answer_interview(decline()).await.accepted().receipt.unwrap().log, NY_CUSTODY);
    assert_eq!(told(&world, &wide).await, None);
}

/// A law that lets the person be spoken with once they were advised, and shows these classes.
fn once_advised(disclosed: FieldClasses) -> LawView {
    let law = sample::law(Ruling::Must, Ruling::Must, disclosed);
    let obligations = vec![Obligation::InterviewAdvisal];
    let interview = Determination { ruling: Ruling::May, obligations, ..Determination::clone(&law.interview) };
    LawView { interview: Arc::new(interview), ..law }
}

/// A detainer that is matched, and whose issuer asks for an interview.
fn asked(world: &mut world::World, law: &LawView) -> CaseName {
    let detainer = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), law);
    let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), law);
    let acknowledgement = sample::found(Finding::MatchedCustody, Some(&custody));
    let found = CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement, correction: None };
    world.pass("doccs", found, law);
    let request = sample::interview_request();
    world.pass("ice", CaseCommand::RequestInterview { detainer: detainer.clone(), request }, law);
    detainer
}

fn says(detainer: &CaseName, outcome: InterviewOutcome) -> CaseCommand {
    let answer = Box::new(sample::interview_answer(outcome));
    CaseCommand::AnswerInterview { detainer: detainer.clone(), answer }
}

/// The match was mistaken.
fn parts(detainer: &CaseName) -> CaseCommand {
    let (acknowledgement, correction) = (sample::found(Finding::IdentityMismatch, None), Some(sample::correction()));
    CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement, correction }
}

#[test]
fn the_advisal_meets_what_the_law_asks_before_an_interview() {
    let (law, mut world) = (once_advised(FieldClasses::all()), world::World::new());
    let detainer = asked(&mut world, &law);
    let evidence = |world: &world::World| {
        let owed = world.detainer(&detainer).unwrap().owed(Obligation::InterviewAdvisal);
        owed.map(|owed| owed.evidence.as_ref().map(|evidence| evidence.method))
    };
    world.pass("doccs", says(&detainer, InterviewOutcome::Declined), &law);
    assert_eq!(evidence(&world), None, "nobody was spoken with");
    world.pass("doccs", says(&detainer, InterviewOutcome::Consented), &law);
    assert_eq!(evidence(&world), Some(Some(EvidenceMethod::Advisal)));
}

#[test]
fn a_mistaken_match_takes_what_the_wrong_person_said_with_it_and_whoever_was_told_is_told() {
    let law = once_advised([FieldClass::Custody].into_iter().collect());
    for (outcome, stays) in [(InterviewOutcome::Consented, false), (InterviewOutcome::Declined, true)] {
        let mut world = world::World::new();
        let detainer = asked(&mut world, &law);
        world.pass("doccs", says(&detainer, outcome), &law);
        let interview = |world: &world::World| world.detainer(&detainer).unwrap().interview.clone().unwrap();
        assert_eq!(interview(&world).told_as, Some(FieldClass::Custody).filter(|_| !stays));
        let records = world.give("doccs", parts(&detainer), &once_advised(FieldClasses::NONE)).unwrap();
        assert!(records[0].is_retraction(), "it was told of the finding");
        assert_eq!(interview(&world).answer.is_some(), stays, "{outcome:?}");
        assert_eq!(interview(&world).told_as, None);
    }
}

#[test]
fn whoever_was_told_what_the_person_says_and_nothing_else_is_told_that_it_no_longer_holds() {
    let (shut, mut world) = (once_advised(FieldClasses::NONE), world::World::new());
    let detainer = asked(&mut world, &shut);
    world.pass("doccs", says(&detainer, InterviewOutcome::Consented), &once_advised(FieldClasses::all()));
    let records = world.give("doccs", parts(&detainer), &shut).unwrap();
    assert!(records[0].is_retraction());
}

#[test]
fn what_may_no_longer_be_told_is_taken_back() {
    let (open, mut world) = (once_advised(FieldClasses::all()), world::World::new());
    let detainer = asked(&mut world, &open);
    world.pass("doccs", says(&detainer, InterviewOutcome::Consented), &open);
    let shut = once_advised(FieldClasses::NONE);
    let records = world.give("doccs", says(&detainer, InterviewOutcome::Refused), &shut).unwrap();
    assert!(records[0].is_retraction() && records[0].log == LogKind::Exchange);
    let interview = world.detainer(&detainer).unwrap().interview.clone().unwrap();
    assert_eq!((interview.answer.unwrap().outcome, interview.told_as), (InterviewOutcome::Refused, None));
}
