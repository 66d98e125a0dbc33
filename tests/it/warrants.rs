//! What a custodian's officer saw of a warrant counts for that warrant, that person and that custodian, and for no more.

use std::fs;
use std::path::Path;

use comity::wire::v1::{self, AnswerKind::HonorHold};
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::World;
use crate::harness::changes::{amendment_of, movement_to, taking_over, verification_of};
use crate::harness::law::AS_READ;
use crate::harness::requests::{
    answer_to, detainer_for, detainer_with_judicial_warrant_for, match_of, reasoned_answer_to, withdrawal_of,
};

const HARRIS: &str = "us-tx-harris-jail";
const ERIE: &str = "us-ny-erie-jail";
const DOCCS: &str = "us-ny-doccs";

#[tokio::test]
async fn a_verification_counts_for_the_warrant_that_was_seen_and_no_other() {
    let world = World::start();
    let agency = "us-ny-erie-jail";
    let officer = world.officer(agency);
    let honors = |detainer: String| {
        let reasoned = reasoned_answer_to(&detainer, HonorHold);
        let officer = world.officer(agency);
        async move { officer.answer(reasoned).await }
    };
    // Refused: not even the document counts.
    let refused = world.matched_on_a_claimed_warrant(agency).await.detainer;
    let mut verification = verification_of(&refused);
    let said = verification.verification.as_mut().unwrap();
    (said.outcome, said.reason) = (v1::VerificationOutcome::Refused.into(), "no such docket".to_owned());
    officer.verify_warrant(verification).await.accepted();
    honors(refused).await.barred();
    // Expired: good until the end of its last day.
    let expired = world.matched_on_a_claimed_warrant(agency).await.detainer;
    let mut verification = verification_of(&expired);
    verification.verification.as_mut().unwrap().seen.as_mut().unwrap().expires_on = "2026-01-31".to_owned();
    officer.verify_warrant(verification).await.accepted();
    honors(expired).await.barred();
    // Withdrawn by the custodian.
    let withdrawn = world.matched_with_judicial_warrant(agency).await.detainer;
    let mut verification = verification_of(&withdrawn);
    let said = verification.verification.as_mut().unwrap();
    (said.outcome, said.reason) = (v1::VerificationOutcome::Withdrawn.into(), "vacated".to_owned());
    officer.verify_warrant(verification).await.accepted();
    honors(withdrawn).await.barred();
    // Another warrant than the one that was seen.
    let amended = world.matched_with_judicial_warrant(agency).await.detainer;
    let mut amendment = amendment_of(&amended, detainer_with_judicial_warrant_for(agency));
    amendment.detainer.as_mut().unwrap().warrant.as_mut().unwrap().docket = "26-mj-0002".to_owned();
    world.ice().amend(amendment).await.accepted();
    honors(amended).await.barred();
    // Another person than the one that it was compared with.
    let other = world.matched_with_judicial_warrant(agency).await.detainer;
    let mut amendment = amendment_of(&other, detainer_with_judicial_warrant_for(agency));
    let subject = amendment.detainer.as_mut().unwrap().subject.as_mut().unwrap();
    subject.name = Some(v1::PersonName { given: "Ada".to_owned(), family: "Synthetic".to_owned() });
    world.ice().amend(amendment).await.accepted();
    honors(other).await.barred();
    // A refusal stands, whatever the issuer says instead.
    let again = world.matched_on_a_claimed_warrant(agency).await.detainer;
    let mut verification = verification_of(&again);
    let said = verification.verification.as_mut().unwrap();
    (said.outcome, said.reason) = (v1::VerificationOutcome::Refused.into(), "forged".to_owned());
    officer.verify_warrant(verification).await.accepted();
    let mut amendment = amendment_of(&again, detainer_with_judicial_warrant_for(agency));
    amendment.detainer.as_mut().unwrap().warrant.as_mut().unwrap().docket = "26-mj-0003".to_owned();
    world.ice().amend(amendment).await.accepted();
    honors(again).await.barred();
}

/// What an officer made of a warrant, in place of having verified it.
fn found(detainer: &str, change: impl FnOnce(&mut v1::WarrantVerification)) -> v1::VerifyWarrantRequest {
    let mut verification = verification_of(detainer);
    change(verification.verification.as_mut().unwrap());
    verification
}

fn refused(verification: &mut v1::WarrantVerification) {
    (verification.outcome, verification.reason) = (v1::VerificationOutcome::Refused.into(), "forged".to_owned());
}

/// A law under which an officer's warrant commands a hold by its document alone, as Florida's does.
const BY_DOCUMENT: &str = r#"
@id("us-tx.hold") @cite("c") @duty("must") @trigger("c")
permit (principal, action == Action::"hold", resource) when { context.warrant != Warrant::"none" };
@id("us-tx.other-acts") @cite("c") permit (principal, action in [Action::"notify", Action::"disclose"], resource);
"#;

#[tokio::test]
async fn a_warrant_that_was_refused_is_refused_though_it_is_lodged_anew() {
    let law = |directory: &Path| fs::write(directory.join(AS_READ).join("law/us-tx.cedar"), BY_DOCUMENT).unwrap();
    let world = World::with(|directory, _| law(directory));
    let (system, officer) = (world.harris(), world.officer(HARRIS));
    let first = world.matched(HARRIS).await;
    officer.verify_warrant(found(&first.detainer, refused)).await.accepted();
    let barred = system.answer(answer_to(&first.detainer, HonorHold)).await.0.unwrap_err();
    world.ice().withdraw(withdrawal_of(&first.detainer)).await.accepted();

    let again = world.lodged(HARRIS).await;
    system.acknowledge(match_of(&again, &first.custody)).await.accepted();
    let second = system.answer(answer_to(&again, HonorHold)).await.0.unwrap_err();
    assert_eq!((second.code(), second.message()), (barred.code(), barred.message()));
    // Until an officer has looked at that one.
    let received = |said: &mut v1::WarrantVerification| {
        said.outcome = v1::VerificationOutcome::Received.into();
        said.seen = detainer_for(HARRIS).detainer.unwrap().warrant;
    };
    officer.verify_warrant(found(&again, received)).await.accepted();
    system.answer(answer_to(&again, HonorHold)).await.accepted();
}

#[tokio::test]
async fn the_hash_of_nothing_is_no_document() {
    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let world = World::start();
    let matched = world.matched(HARRIS).await;
    let of_nothing: Vec<u8> =
        (0..32).map(|at| u8::from_str_radix(&OF_NOTHING[2 * at..2 * at + 2], 16).unwrap()).collect();
    for digest in [vec![0; 32], vec![0xff; 32], of_nothing, vec![7; 31]] {
        let mut lodging = detainer_for(HARRIS);
        lodging.detainer.as_mut().unwrap().warrant.as_mut().unwrap().document_sha256.clone_from(&digest);
        let at_fault = world.ice().lodge(lodging).await.refused(Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(at_fault.fields(), ["detainer.warrant.document_sha256"]);
        let seen = |said: &mut v1::WarrantVerification| {
            let seen = said.seen.as_mut().unwrap();
            (seen.document_sha256, seen.document_media_type) = (digest.clone(), "application/pdf".to_owned());
        };
        let verification = world.officer(HARRIS).verify_warrant(found(&matched.detainer, seen)).await;
        let at_fault = verification.refused(Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(at_fault.fields(), ["verification.seen.document_sha256"]);
    }
}

#[tokio::test]
async fn a_warrant_expires_as_its_issuer_says_where_nobody_read_otherwise() {
    let world = World::start();
    let mut lodging = detainer_with_judicial_warrant_for(ERIE);
    lodging.detainer.as_mut().unwrap().warrant.as_mut().unwrap().expires_on = "2026-02-10".to_owned();
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    let custody = world.held(ERIE).await;
    world.erie().acknowledge(match_of(&detainer, &custody)).await.accepted();
    let officer = world.officer(ERIE);
    officer.verify_warrant(verification_of(&detainer)).await.accepted();
    world.pass(SignedDuration::from_hours(12 * 24));
    officer.answer(reasoned_answer_to(&detainer, HonorHold)).await.barred();
    // What the warrant itself says instead, its issuer says by amending the request.
    let later = |said: &mut v1::WarrantVerification| {
        said.seen.as_mut().unwrap().expires_on = "2026-03-10".to_owned();
    };
    let refused = officer.verify_warrant(found(&detainer, later)).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(refused.fields(), ["verification.seen.expires_on"]);
}

#[tokio::test]
async fn what_was_seen_of_a_warrant_is_gone_once_the_person_has_been_elsewhere() {
    let world = World::start();
    let matched = world.matched_with_judicial_warrant(ERIE).await;
    world.erie().relocate(movement_to(&matched.custody, DOCCS)).await.accepted();
    world.doccs().accept_move(taking_over(&matched.custody)).await.accepted();
    world.doccs().relocate(movement_to(&matched.custody, ERIE)).await.accepted();
    world.erie().accept_move(taking_over(&matched.custody)).await.accepted();
    let officer = world.officer(ERIE);
    officer.answer(reasoned_answer_to(&matched.detainer, HonorHold)).await.barred();
    officer.verify_warrant(verification_of(&matched.detainer)).await.accepted();
    officer.answer(reasoned_answer_to(&matched.detainer, HonorHold)).await.accepted();
}

/// A field, how it comes to read otherwise, and what was compared if it was.
type Differing = (&'static str, fn(&mut v1::Warrant), v1::WarrantDetail);

#[tokio::test]
async fn what_was_compared_agrees_with_what_was_said_or_the_warrant_is_not_verified() {
    use v1::WarrantDetail::{Court, Docket, DocumentHash, ExpiryDate, SignedDate, Signer, Subject};
    let world = World::start();
    let mut lodging = detainer_with_judicial_warrant_for(ERIE);
    let said = lodging.detainer.as_mut().unwrap().warrant.as_mut().unwrap();
    (said.court, said.signer) = ("W.D.N.Y.".to_owned(), "A. Magistrate Judge".to_owned());
    (said.docket, said.expires_on) = ("26-mj-0001".to_owned(), "2026-05-01".to_owned());
    let said = said.clone();
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    let custody = world.held(ERIE).await;
    world.erie().acknowledge(match_of(&detainer, &custody)).await.accepted();
    let officer = world.officer(ERIE);
    let differs: [Differing; 6] = [
        ("court", |seen| seen.court = "E.D.N.Y.".to_owned(), Court),
        ("signer", |seen| seen.signer = "another".to_owned(), Signer),
        ("docket", |seen| seen.docket = "26-mj-0002".to_owned(), Docket),
        ("signed_at", |seen| seen.signed_at.as_mut().unwrap().seconds -= 3 * 86_400, SignedDate),
        ("expires_on", |seen| seen.expires_on = "2026-05-02".to_owned(), ExpiryDate),
        ("document_sha256", |seen| seen.document_sha256 = vec![6; 32], DocumentHash),
    ];
    let compared = |change: fn(&mut v1::Warrant), details: &[v1::WarrantDetail]| {
        found(&detainer, |verification| {
            let mut seen = said.clone();
            change(&mut seen);
            verification.compared = details.iter().map(|detail| i32::from(*detail)).collect();
            verification.seen = Some(seen);
        })
    };
    for (field, change, detail) in differs {
        let verification = officer.verify_warrant(compared(change, &[Subject, detail])).await;
        let at_fault = verification.refused(Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(at_fault.fields(), [format!("verification.seen.{field}")]);
        // A warrant that reads otherwise is refused, or was not compared in that.
        let mut verification = compared(change, &[Subject, detail]);
        refused(verification.verification.as_mut().unwrap());
        officer.verify_warrant(verification).await.accepted();
        let uncompared = officer.verify_warrant(compared(change, &[Subject])).await;
        // What tells one judge's warrant from another is the same, whatever is said to have been compared.
        uncompared.refused(Code::InvalidArgument, "INVALID_FIELD");
    }
    let nobodys = officer.verify_warrant(compared(|_| (), &[Court, Docket])).await;
    assert_eq!(nobodys.refused(Code::InvalidArgument, "INVALID_FIELD").fields(), ["verification.compared"]);
    // How it is punctuated says nothing, nor in which zone it was signed.
    let respelt = |seen: &mut v1::Warrant| {
        (seen.court, seen.docket) = ("WDNY".to_owned(), "26 MJ 0001".to_owned());
        seen.signer = "a. magistrate judge".to_owned();
        seen.signed_at.as_mut().unwrap().seconds += 36_000;
    };
    officer.verify_warrant(compared(respelt, &[Subject, Court, Signer, Docket, SignedDate])).await.accepted();
}
