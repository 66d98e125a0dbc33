//! The methods of `DetainerService`, each once answered and once refused.

use comity::wire::v1;
use tonic::Code;

use crate::harness::changes::{amendment_of, claim_on, resolution_of, service_on, verification_of};
use crate::harness::requests::{
    NY, TX, answer_to, detainer_for, detainer_with_judicial_warrant_for, match_of, withdrawal_of,
};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done, interviews, too_soon_or_late};

pub(super) async fn accepted(world: &World, verb: &str) {
    let (ice, doccs) = (world.ice(), world.doccs());
    match verb {
        "LodgeDetainer" => done(ice.lodge(detainer_for("us-ny-doccs")).await),
        "AcknowledgeDetainer" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-doccs").await);
            done(doccs.acknowledge(match_of(&detainer, &custody)).await);
        }
        "AnswerDetainer" => {
            let matched = world.matched("us-ny-doccs").await;
            done(world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await);
        }
        "AmendDetainer" => {
            let lodged = world.lodged("us-ny-doccs").await;
            let amendment = amendment_of(&lodged, detainer_with_judicial_warrant_for("us-ny-doccs"));
            let amended = ice.amend(amendment).await.accepted().detainer.unwrap();
            assert_eq!((amended.version, amended.warrant.unwrap().kind()), (2, v1::WarrantKind::Judicial));
        }
        "VerifyWarrant" => {
            let matched = world.matched_on_a_claimed_warrant("us-ny-doccs").await;
            let verification = verification_of(&matched.detainer);
            let verified = world.officer("us-ny-doccs").verify_warrant(verification.clone()).await.accepted();
            assert_eq!(verified.detainer.unwrap().warrant_verification, verification.verification);
            // What the custodian saw stays with it.
            assert_eq!(ice.detainer(&matched.detainer).await.accepted().warrant_verification, None);
        }
        "RecordServiceOfCopy" => {
            let matched = world.matched("us-ny-doccs").await;
            let served = doccs.serve(service_on(&matched.detainer)).await.accepted().detainer.unwrap();
            assert_eq!(served.service_of_copy, service_on(&matched.detainer).service_of_copy);
        }
        "RaiseCitizenshipClaim" => {
            let matched = world.matched("us-ny-doccs").await;
            done(doccs.claim(claim_on(&matched.detainer)).await);
            // Each side as it sees the detainer: the issuer's own flags are among what it sees.
            let raised = ice.claim(claim_on(&matched.detainer)).await.accepted().detainer.unwrap();
            assert!(raised.flags.unwrap().citizenship_claim && raised.etag.starts_with('i'));
        }
        "ResolveCitizenshipClaim" => {
            let matched = world.matched("us-ny-doccs").await;
            doccs.claim(claim_on(&matched.detainer)).await.accepted();
            let resolution = resolution_of(&matched.detainer, v1::ClaimOutcome::Confirmed);
            let resolved = world.officer("us-ny-doccs").resolve(resolution).await.accepted().detainer.unwrap();
            assert!(resolved.etag.starts_with('c'));
            let held = doccs.custody(&matched.custody).await.accepted().flags.unwrap();
            assert!(held.proof_of_status && !held.citizenship_claim);
        }
        "WithdrawDetainer" => done(ice.withdraw(withdrawal_of(&world.lodged("us-ny-doccs").await)).await),
        "LodgeDetainers" => done(ice.lodge_by_stream(detainer_for("us-ny-doccs")).await),
        "AcknowledgeDetainers" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-doccs").await);
            done(doccs.acknowledge_by_stream(match_of(&detainer, &custody)).await);
        }
        "AnswerDetainers" => {
            let matched = world.matched("us-ny-doccs").await;
            done(doccs.answer_by_stream(answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly)).await);
        }
        "GetDetainer" => done(doccs.detainer(&world.lodged("us-ny-doccs").await).await),
        "ListDetainers" => done(ice.detainers(NY).await),
        _ => interviews::accepted(world, verb).await,
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    match verb {
        "LodgeDetainer" => denied(doccs.lodge(detainer_for("us-ny-doccs")).await),
        "AcknowledgeDetainer" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-erie-jail").await);
            erie.acknowledge(match_of(&detainer, &custody)).await.not_found()
        }
        "AnswerDetainer" => {
            let detainer = world.lodged("us-ny-doccs").await;
            too_soon_or_late(world.answers("us-ny-doccs", &detainer, v1::AnswerKind::NotifyOnly).await)
        }
        "LodgeDetainers" => denied(doccs.lodge_by_stream(detainer_for("us-ny-doccs")).await),
        "AcknowledgeDetainers" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-erie-jail").await);
            denied(ice.acknowledge_by_stream(match_of(&detainer, &custody)).await);
            erie.acknowledge_by_stream(match_of(&detainer, &custody)).await.not_found()
        }
        "AnswerDetainers" => {
            let detainer = world.lodged("us-ny-doccs").await;
            denied(ice.answer_by_stream(answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await);
            too_soon_or_late(doccs.answer_by_stream(answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await)
        }
        "AmendDetainer" => {
            let lodged = world.lodged("us-ny-doccs").await;
            denied(doccs.amend(amendment_of(&lodged, detainer_for("us-ny-doccs"))).await);
            // The addressee stays.
            at_fault(ice.amend(amendment_of(&lodged, detainer_for("us-ny-erie-jail"))).await)
        }
        "VerifyWarrant" => {
            let matched = world.matched_on_a_claimed_warrant("us-ny-doccs").await;
            denied(world.officer("us-ice").verify_warrant(verification_of(&matched.detainer)).await);
            erie.verify_warrant(verification_of(&matched.detainer)).await.not_found();
            let mut unread = verification_of(&matched.detainer);
            unread.verification.as_mut().unwrap().seen.as_mut().unwrap().docket.clear();
            at_fault(world.officer("us-ny-doccs").verify_warrant(unread).await);
            // A machine has seen nothing.
            doccs
                .verify_warrant(verification_of(&matched.detainer))
                .await
                .refused(Code::PermissionDenied, "REVIEW_REQUIRED")
        }
        "RecordServiceOfCopy" => {
            let matched = world.matched("us-ny-doccs").await;
            denied(ice.serve(service_on(&matched.detainer)).await);
            too_soon_or_late(doccs.serve(service_on(&world.lodged("us-ny-doccs").await)).await);
            let mut short = service_on(&matched.detainer);
            short.service_of_copy.as_mut().unwrap().copy_sha256 = vec![7; 31];
            at_fault(doccs.serve(short).await)
        }
        "RaiseCitizenshipClaim" => {
            let matched = world.matched("us-ny-doccs").await;
            erie.claim(claim_on(&matched.detainer)).await.not_found();
            doccs.claim(claim_on(&matched.detainer)).await.accepted();
            too_soon_or_late(doccs.claim(claim_on(&matched.detainer)).await)
        }
        "ResolveCitizenshipClaim" => {
            let matched = world.matched("us-ny-doccs").await;
            let resolution = || resolution_of(&matched.detainer, v1::ClaimOutcome::NotConfirmed);
            too_soon_or_late(world.officer("us-ny-doccs").resolve(resolution()).await);
            doccs.claim(claim_on(&matched.detainer)).await.accepted();
            // The claim is the custodian's, and for a person to resolve.
            too_soon_or_late(world.officer("us-ice").resolve(resolution()).await);
            doccs.resolve(resolution()).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED")
        }
        "WithdrawDetainer" => denied(doccs.withdraw(withdrawal_of(&world.lodged("us-ny-doccs").await)).await),
        "GetDetainer" => erie.detainer(&world.lodged("us-ny-doccs").await).await.not_found(),
        "ListDetainers" => doccs.detainers(TX).await.not_found(),
        _ => interviews::refused(world, verb).await,
    }
}
