//! The methods of `CustodyService`, each once answered and once refused.

use comity::wire::v1;

use crate::harness::changes::{
    birth_date_in, cancellation_in, correction, dismissal_in, eligibility_in, escape_from, expungement_of,
    reopening_of, rescheduling_of,
};
use crate::harness::requests::{NY, intake_at, release_of, schedule_of};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done, moves, too_soon_or_late};

pub(super) async fn accepted(world: &World, verb: &str) {
    let doccs = world.doccs();
    let held = world.held("us-ny-doccs").await;
    match verb {
        "OpenCustody" => done(doccs.open(intake_at("us-ny-doccs")).await),
        "ScheduleRelease" => done(doccs.schedule(schedule_of(&held)).await),
        "RecordRelease" => {
            doccs.release(release_of(&held)).await.accepted();
            // It may be corrected, and only as a correction.
            done(doccs.release(v1::RecordReleaseRequest { correction: Some(correction()), ..release_of(&held) }).await);
        }
        "RecordReleases" => done(doccs.release_by_stream(release_of(&world.held("us-ny-doccs").await)).await),
        "UpdateCharges" => {
            let updated = doccs.update_charges(dismissal_in(&held)).await.accepted().custody.unwrap();
            assert_eq!(updated.charges, dismissal_in(&held).charges);
        }
        "CorrectIdentity" => {
            let corrected = doccs.correct_identity(birth_date_in(&held)).await.accepted().custody.unwrap();
            assert_eq!(corrected.subject, birth_date_in(&held).subject);
        }
        "MoveCustody" | "AcceptMove" | "DeclineMove" | "WithdrawMove" => moves::accepted(world, verb, &held).await,
        "RescheduleRelease" => {
            doccs.schedule(schedule_of(&held)).await.accepted();
            let custody = doccs.reschedule(rescheduling_of(&held)).await.accepted().custody.unwrap();
            assert_eq!(custody.scheduled_release, rescheduling_of(&held).release);
        }
        "RecordReleaseEligibility" => {
            let custody = doccs.enter_eligibility(eligibility_in(&held)).await.accepted().custody.unwrap();
            assert_eq!(custody.release_eligibilities, Vec::from_iter(eligibility_in(&held).eligibility));
            // The last of each kind stands.
            let mut anew = eligibility_in(&held);
            anew.eligibility.as_mut().unwrap().eligible_on = "2030-01-02".to_owned();
            let custody = doccs.enter_eligibility(anew.clone()).await.accepted().custody.unwrap();
            assert_eq!(custody.release_eligibilities, Vec::from_iter(anew.eligibility));
        }
        "CancelRelease" => {
            doccs.schedule(schedule_of(&held)).await.accepted();
            let custody = doccs.cancel(cancellation_in(&held)).await.accepted().custody.unwrap();
            assert_eq!((custody.scheduled_release.as_ref(), custody.state()), (None, v1::CustodyState::Held));
        }
        "CloseCustody" => {
            let custody = doccs.close(escape_from(&held)).await.accepted().custody.unwrap();
            assert_eq!((&custody.closing, custody.state()), (&escape_from(&held).closing, v1::CustodyState::Closed));
        }
        "ReopenCustody" => {
            doccs.close(escape_from(&held)).await.accepted();
            let custody = doccs.reopen(reopening_of(&held)).await.accepted().custody.unwrap();
            assert_eq!((&custody.closing, custody.state()), (&None, v1::CustodyState::Held));
        }
        "ExpungeCustody" => {
            doccs.release(release_of(&held)).await.accepted();
            let expunged = world.officer("us-ny-doccs").expunge(expungement_of(&held)).await.accepted();
            assert_eq!((expunged.name, expunged.detainers), (held.clone(), Vec::new()));
        }
        "GetCustody" => done(world.oversight().custody(&held).await),
        "ListCustodies" => done(doccs.custodies(NY).await),
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    let held = world.held("us-ny-doccs").await;
    match verb {
        "OpenCustody" => denied(ice.open(intake_at("us-ny-doccs")).await),
        "ScheduleRelease" => {
            doccs.schedule(schedule_of(&held)).await.accepted();
            too_soon_or_late(doccs.schedule(schedule_of(&held)).await)
        }
        "RecordRelease" => {
            let correction = v1::RecordReleaseRequest { correction: Some(correction()), ..release_of(&held) };
            too_soon_or_late(doccs.release(correction).await);
            let mut release = release_of(&held);
            release.release.as_mut().unwrap().ordered_by = String::new();
            at_fault(doccs.release(release).await)
        }
        "RecordReleases" => {
            denied(ice.release_by_stream(release_of(&held)).await);
            erie.release_by_stream(release_of(&held)).await.not_found()
        }
        "UpdateCharges" => {
            denied(ice.update_charges(dismissal_in(&held)).await);
            erie.update_charges(dismissal_in(&held)).await.not_found()
        }
        "CorrectIdentity" => {
            erie.correct_identity(birth_date_in(&held)).await.not_found();
            let mut claim = birth_date_in(&held);
            claim.flags.as_mut().unwrap().citizenship_claim = true;
            at_fault(doccs.correct_identity(claim).await);
            at_fault(
                doccs.correct_identity(v1::CorrectIdentityRequest { correction: None, ..birth_date_in(&held) }).await,
            )
        }
        "MoveCustody" | "AcceptMove" | "DeclineMove" | "WithdrawMove" => moves::refused(world, verb, &held).await,
        "RescheduleRelease" => too_soon_or_late(doccs.reschedule(rescheduling_of(&held)).await),
        "RecordReleaseEligibility" => {
            erie.enter_eligibility(eligibility_in(&held)).await.not_found();
            let mut dateless = eligibility_in(&held);
            dateless.eligibility.as_mut().unwrap().eligible_on = String::new();
            at_fault(doccs.enter_eligibility(dateless).await);
            doccs.release(release_of(&held)).await.accepted();
            too_soon_or_late(doccs.enter_eligibility(eligibility_in(&held)).await)
        }
        "CancelRelease" => too_soon_or_late(doccs.cancel(cancellation_in(&held)).await),
        "CloseCustody" => {
            doccs.release(release_of(&held)).await.accepted();
            too_soon_or_late(doccs.close(escape_from(&held)).await)
        }
        "ReopenCustody" => {
            at_fault(doccs.reopen(v1::ReopenCustodyRequest { correction: None, ..reopening_of(&held) }).await);
            too_soon_or_late(doccs.reopen(reopening_of(&held)).await)
        }
        "ExpungeCustody" => {
            let officer = world.officer("us-ny-doccs");
            at_fault(officer.expunge(v1::ExpungeCustodyRequest { order: None, ..expungement_of(&held) }).await);
            erie.expunge(expungement_of(&held)).await.not_found();
            too_soon_or_late(officer.expunge(expungement_of(&held)).await)
        }
        "GetCustody" => denied(ice.custody(&held).await),
        "ListCustodies" => at_fault(doccs.custodies("us-ny").await),
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}
