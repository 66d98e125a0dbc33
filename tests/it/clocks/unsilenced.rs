//! What clocks count down to is not silenced by what anybody says: over the wire.

use comity::wire::entry::{merge, read_leaf};
use comity::wire::v1::event::Event;
use comity::wire::{Timestamp, v1};
use jiff::SignedDuration;

use crate::harness::changes::{
    amendment_of, birth_date_in, cancellation_in, claim_on, correction, dismissal_in, escape_from, movement_to,
    other_ground, reopening_of, rescheduling_of, taking_over,
};
use crate::harness::duties::{decision_on, reviews_of};
use crate::harness::requests::{
    NY, NY_CUSTODY, TX, charge, detainer_for, detainer_with_judicial_warrant_for, intake_at, match_of,
    reasoned_answer_to, release_of, schedule_of, withdrawal_of,
};
use crate::harness::story::Matched;
use crate::harness::{Party, World};
use crate::reload::sets::{Letter, lay, sets_in};

const DOCCS: &str = "us-ny-doccs";
const ERIE: &str = "us-ny-erie-jail";
const HARRIS: &str = "us-tx-harris-jail";
/// When the release is expected: noon of 1 March 2026, in UTC an hour later.
const EXPECTED_AT: i64 = 1_772_370_000;

/// A hold on a judge's warrant, in force when the expected release has been reached by an hour.
async fn held_past_the_moment(world: &World) -> Matched {
    let matched = world.matched_with_judicial_warrant(DOCCS).await;
    world.officer(DOCCS).answer(reasoned_answer_to(&matched.detainer, v1::AnswerKind::HonorHold)).await.accepted();
    world.doccs().schedule(schedule_of(&matched.custody)).await.accepted();
    let passed = world.pass(SignedDuration::ZERO).as_second();
    world.pass(SignedDuration::from_secs(EXPECTED_AT - passed + 3_600));
    matched
}

/// How often the alarm that a person is held too long was recorded.
async fn alarms(world: &World) -> usize {
    let entries = world.oversight().entries(NY_CUSTODY).await.accepted();
    let fired = entries.iter().filter(|entry| read_leaf(&entry.leaf).unwrap().method == "Clock/OverHold");
    fired.count()
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Amended,
    Withdrawn,
    Corrected,
    Declined,
    Claimed,
    Moved,
    PutOff,
    CalledOff,
    ClosedOtherwise,
    ClosedAsGone,
    Parted,
}

async fn does(world: &World, act: Act, matched: &Matched) {
    let Matched { detainer, custody } = matched;
    let (ice, doccs, officer) = (world.ice(), world.doccs(), world.officer(DOCCS));
    match act {
        Act::Amended => {
            ice.amend(amendment_of(detainer, detainer_with_judicial_warrant_for(DOCCS))).await.accepted();
        }
        Act::Withdrawn => {
            ice.withdraw(withdrawal_of(detainer)).await.accepted();
        }
        Act::Corrected | Act::Declined => {
            let kind = if let Act::Corrected = act { v1::AnswerKind::NotifyOnly } else { v1::AnswerKind::Decline };
            let mut corrected = reasoned_answer_to(detainer, kind);
            corrected.correction = Some(correction());
            officer.answer(corrected).await.accepted();
        }
        Act::Claimed => {
            ice.claim(claim_on(detainer)).await.accepted();
            ice.withdraw(withdrawal_of(detainer)).await.accepted();
        }
        Act::Moved => {
            doccs.relocate(movement_to(custody, ERIE)).await.accepted();
            world.erie().accept_move(taking_over(custody)).await.accepted();
        }
        Act::PutOff => {
            ice.withdraw(withdrawal_of(detainer)).await.accepted();
            doccs.reschedule(rescheduling_of(custody)).await.accepted();
        }
        Act::CalledOff => {
            doccs.cancel(cancellation_in(custody)).await.accepted();
        }
        Act::ClosedOtherwise | Act::ClosedAsGone => {
            let reason = if let Act::ClosedAsGone = act {
                v1::ClosingReason::LeftJurisdiction
            } else {
                v1::ClosingReason::Other
            };
            let mut closed = escape_from(custody);
            closed.closing.as_mut().unwrap().reason = reason.into();
            // For another reason no machine closes what guards somebody.
            officer.close(closed).await.accepted();
        }
        Act::Parted => {
            let mut parted = match_of(detainer, custody);
            parted.acknowledgement = Some(v1::Acknowledgement {
                finding: v1::Finding::IdentityMismatch.into(),
                ..v1::Acknowledgement::default()
            });
            parted.correction = Some(correction());
            // A witness is among the circumstances: what guards somebody no machine takes from the match.
            officer.acknowledge(parted).await.accepted();
        }
    }
}

#[tokio::test]
async fn nothing_that_is_said_after_the_moment_silences_the_alarm_of_a_hold() {
    use Act::{
        Amended, CalledOff, Claimed, ClosedAsGone, ClosedOtherwise, Corrected, Declined, Moved, Parted, PutOff,
        Withdrawn,
    };
    let acts = [
        Amended,
        Withdrawn,
        Corrected,
        Declined,
        Claimed,
        Moved,
        PutOff,
        CalledOff,
        ClosedOtherwise,
        ClosedAsGone,
        Parted,
    ];
    let mut silenced = Vec::new();
    for act in acts {
        let world = World::start();
        let matched = held_past_the_moment(&world).await;
        does(&world, act, &matched).await;
        world.pass(SignedDuration::from_hours(48));
        world.gateway().tick().await.unwrap();
        world.pass(SignedDuration::from_hours(1));
        world.gateway().tick().await.unwrap();
        if alarms(&world).await != 2 {
            silenced.push(act);
        }
    }
    assert!(silenced.is_empty(), "{silenced:?}");
}

#[tokio::test]
async fn a_release_that_took_place_ends_the_alarm_and_its_correction_brings_it_back() {
    let world = World::start();
    let matched = held_past_the_moment(&world).await;
    world.ice().withdraw(withdrawal_of(&matched.detainer)).await.accepted();
    let mut release = release_of(&matched.custody);
    release.release.as_mut().unwrap().released_at = Some(Timestamp { seconds: EXPECTED_AT + 3_000, nanos: 0 });
    world.doccs().release(release).await.accepted();
    world.pass(SignedDuration::from_hours(60));
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms(&world).await, 0, "the person is gone");
    world.doccs().reopen(reopening_of(&matched.custody)).await.accepted();
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms(&world).await, 1, "the person never left");
}

#[tokio::test]
async fn another_ground_ends_the_alarm_where_an_officer_cites_a_document() {
    for way in ["cancel", "charges", "close"] {
        let world = World::start();
        let matched = held_past_the_moment(&world).await;
        for (party, may) in [(world.doccs(), false), (world.officer(DOCCS), true)] {
            let cited = Some(other_ground());
            let refused = match way {
                "cancel" => {
                    let request = v1::CancelReleaseRequest { other_ground: cited, ..cancellation_in(&matched.custody) };
                    party.cancel(request).await.map(drop)
                }
                "charges" => {
                    let live = vec![charge()];
                    let request = v1::UpdateChargesRequest {
                        other_ground: cited,
                        charges: live,
                        ..dismissal_in(&matched.custody)
                    };
                    party.update_charges(request).await.map(drop)
                }
                _ => {
                    let mut request = v1::CloseCustodyRequest { other_ground: cited, ..escape_from(&matched.custody) };
                    request.closing.as_mut().unwrap().reason = v1::ClosingReason::LeftJurisdiction.into();
                    party.close(request).await.map(drop)
                }
            };
            if may {
                refused.accepted();
            } else {
                refused.refused(tonic::Code::PermissionDenied, "REVIEW_REQUIRED");
            }
        }
        world.pass(SignedDuration::from_hours(60));
        world.gateway().tick().await.unwrap();
        assert_eq!(alarms(&world).await, 0, "{way}");
        world.journal.assert_nothing_personal();
    }
}

/// Nobody is held on a request beside itself, on a document that is not there, or on a charge that was dismissed.
#[tokio::test]
async fn what_is_no_other_ground_does_not_end_the_alarm() {
    let world = World::start();
    let matched = held_past_the_moment(&world).await;
    let officer = world.officer(DOCCS);
    let cited = |citation: &str| v1::OtherGround { citation: citation.to_owned(), ..other_ground() };
    for citation in [
        "8 CFR 287.7",
        "8 C.F.R. \u{a7} 287.7(d)",
        "the immigration detainer",
        "Form I-247A",
        "I-205",
        "8 USC 1226(a)",
        "8 U.S.C. 1231",
        "INA \u{a7} 287(d)",
    ] {
        let request =
            v1::CancelReleaseRequest { other_ground: Some(cited(citation)), ..cancellation_in(&matched.custody) };
        let at_fault = officer.cancel(request).await.refused(tonic::Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(at_fault.fields(), ["other_ground.citation"], "{citation}");
    }
    let nothing = Some(v1::OtherGround { document_sha256: vec![0; 32], ..other_ground() });
    let request = v1::CancelReleaseRequest { other_ground: nothing, ..cancellation_in(&matched.custody) };
    let at_fault = officer.cancel(request).await.refused(tonic::Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(at_fault.fields(), ["other_ground.document_sha256"]);
    for charges in [dismissal_in("").charges, Vec::new()] {
        let ground = Some(other_ground());
        let request = v1::UpdateChargesRequest { other_ground: ground, charges, ..dismissal_in(&matched.custody) };
        let at_fault = officer.update_charges(request).await.refused(tonic::Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(at_fault.fields(), ["charges"]);
    }
    world.pass(SignedDuration::from_hours(60));
    world.gateway().tick().await.unwrap();
    assert_eq!(alarms(&world).await, 1);
    // Illegal re-entry is a crime, of another section of the same title.
    let charged = Some(cited("8 USC 1326(a)"));
    let request = v1::CancelReleaseRequest { other_ground: charged, ..cancellation_in(&matched.custody) };
    officer.cancel(request).await.accepted();
}

/// What waits for the officers of an agency: the matter, and when it is due.
async fn reviews(party: &Party, place: &str) -> Vec<(String, i64)> {
    let reviews = party.list_reviews(reviews_of(place)).await.accepted().reviews;
    let found = reviews.iter().map(|review| {
        (review.name.rsplit('/').next().unwrap().to_owned(), review.due_time.map_or(0, |due| due.seconds))
    });
    let mut found: Vec<_> = found.collect();
    found.sort();
    found
}

fn matters(reviews: &[(String, i64)]) -> Vec<&str> {
    reviews.iter().map(|(matter, _)| matter.as_str()).collect()
}

#[tokio::test]
async fn what_was_promised_waits_for_a_person_once_the_facts_forbid_it() {
    let world = World::start();
    let Matched { detainer, custody } = world.matched(HARRIS).await;
    world.answers(HARRIS, &detainer, v1::AnswerKind::HonorHold).await.accepted();
    world.harris().schedule(schedule_of(&custody)).await.accepted();
    let mut proof = birth_date_in(&custody);
    proof.flags.as_mut().unwrap().proof_of_status = true;
    world.harris().correct_identity(proof).await.accepted();
    let stands = world.harris().detainer(&detainer).await.accepted();
    assert_eq!(stands.state(), v1::DetainerState::UnderReview);
    assert_eq!(matters(&reviews(&world.harris(), TX).await), ["hold", "notify"]);
    // The hold is forbidden now: an officer may not permit it, and answers anew.
    let officer = world.officer(HARRIS);
    let permitted = officer.decide(decision_on(&detainer, "hold", v1::ReviewDecision::Permit)).await;
    permitted.refused(tonic::Code::PermissionDenied, "FORBIDDEN_BY_LAW");
    officer.answer(reasoned_answer_to(&detainer, v1::AnswerKind::Decline)).await.accepted();
    assert_eq!(reviews(&world.harris(), TX).await, []);
}

#[tokio::test]
async fn a_law_that_takes_effect_is_asked_again_of_what_was_promised() {
    let world = World::start();
    let Matched { detainer, .. } = world.matched(ERIE).await;
    let officer = world.officer(ERIE);
    officer.answer(reasoned_answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
    let before = world.oversight().entries(NY_CUSTODY).await.accepted().len();
    let issuer_saw = world.ice().detainer(&detainer).await.accepted();
    // The statutes of 2026 take the place of the order on 27 May.
    world.pass(SignedDuration::from_secs(1_779_854_400 - world.pass(SignedDuration::ZERO).as_second() - 1));
    world.gateway().tick().await.unwrap();
    assert_eq!(world.erie().detainer(&detainer).await.accepted().state(), v1::DetainerState::NotifyOnly);
    world.pass(SignedDuration::from_secs(1));
    world.gateway().tick().await.unwrap();
    assert_eq!(world.erie().detainer(&detainer).await.accepted().state(), v1::DetainerState::UnderReview);
    assert_eq!(matters(&reviews(&world.erie(), NY).await), ["notify"]);
    // Which law withholds what is the law's own to say, by the request alone: decision 0012.
    let but_citations = |mut seen: v1::Detainer| {
        seen.withheld.iter_mut().for_each(|withheld| withheld.citations.clear());
        seen
    };
    assert_eq!(but_citations(world.ice().detainer(&detainer).await.accepted()), but_citations(issuer_saw));
    let after = world.oversight().entries(NY_CUSTODY).await.accepted().len();
    assert!(after > before);
    world.pass(SignedDuration::from_hours(1));
    world.gateway().tick().await.unwrap();
    assert_eq!(world.oversight().entries(NY_CUSTODY).await.accepted().len(), after, "what changes nothing is no entry");
}

#[tokio::test]
async fn a_birthday_is_a_reason_to_ask_the_law_again() {
    let world = World::start();
    let (mut lodging, mut intake) = (detainer_for(HARRIS), intake_at(HARRIS));
    // Eighteen on 4 March; the tests begin on 1 February.
    let born = "2008-03-04".to_owned();
    lodging.detainer.as_mut().unwrap().subject.as_mut().unwrap().birth_date.clone_from(&born);
    intake.custody.as_mut().unwrap().subject.as_mut().unwrap().birth_date = born;
    let custody = world.harris().open(intake).await.accepted().custody.unwrap().name;
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    world.harris().acknowledge(match_of(&detainer, &custody)).await.accepted();
    assert_eq!(matters(&reviews(&world.harris(), TX).await), ["hold", "notify"]);
    for (days, open) in [(20, 2), (10, 2), (2, 0)] {
        world.pass(SignedDuration::from_hours(24 * days));
        world.gateway().tick().await.unwrap();
        assert_eq!(reviews(&world.harris(), TX).await.len(), open);
    }
    let entries = world.harris().entries("jurisdictions/us-tx/logs/custody").await.accepted();
    let judged = entries.iter().filter(|entry| read_leaf(&entry.leaf).unwrap().method == "Judgement").count();
    assert_eq!(judged, 2, "what changes nothing is no entry");
}

#[tokio::test]
async fn another_set_is_asked_of_what_was_promised() {
    for restarts in [false, true] {
        let mut world = World::with(|directory, config| {
            sets_in(directory);
            lay(directory, Letter::A);
            config.policy.directory = Some("policies".into());
        });
        let Matched { detainer, .. } = world.matched(DOCCS).await;
        world.answers(DOCCS, &detainer, v1::AnswerKind::HonorHold).await.accepted();
        // The other forbids a hold.
        if restarts {
            world.restart_after(|directory| lay(directory, Letter::B)).await;
        } else {
            lay(world.directory(), Letter::B);
            world.gateway().reload_policies().unwrap();
        }
        world.gateway().tick().await.unwrap();
        let stands = world.doccs().detainer(&detainer).await.accepted();
        assert_eq!(stands.state(), v1::DetainerState::UnderReview, "restarts: {restarts}");
        assert_eq!(matters(&reviews(&world.doccs(), NY).await), ["hold"]);
    }
}

#[tokio::test]
async fn a_review_is_due_before_the_notice_and_a_release_that_overtakes_it_is_said() {
    let world = World::start();
    let Matched { custody, .. } = world.matched(ERIE).await;
    let now = world.pass(SignedDuration::ZERO).as_second();
    assert_eq!(reviews(&world.erie(), NY).await, [("notify".to_owned(), now + 24 * 3_600)]);
    let mut bail = schedule_of(&custody);
    bail.release.as_mut().unwrap().expected_at = Some(Timestamp { seconds: now + 2 * 3_600, nanos: 0 });
    world.erie().schedule(bail).await.accepted();
    assert_eq!(reviews(&world.erie(), NY).await, [("notify".to_owned(), now - 46 * 3_600)], "48 hours before");
    world.erie().reschedule(rescheduling_of(&custody)).await.accepted();
    assert_eq!(reviews(&world.erie(), NY).await, [("notify".to_owned(), now - 46 * 3_600)], "never later");
    world.pass(SignedDuration::from_hours(2));
    let mut release = release_of(&custody);
    release.release.as_mut().unwrap().released_at = Some(Timestamp { seconds: now + 2 * 3_600, nanos: 0 });
    world.erie().release(release).await.accepted();
    let entries = world.oversight().entries(NY_CUSTODY).await.accepted();
    let ends: Vec<_> = entries
        .iter()
        .filter_map(|entry| match merge(entry).unwrap().event {
            Some(Event::ReviewResolved(resolved)) => resolved.review.map(|review| review.state().as_str_name()),
            _ => None,
        })
        .collect();
    assert_eq!(ends, ["REVIEW_STATE_RELEASED_UNDECIDED"]);
    assert!(world.journal.lines().iter().any(|line| line.field("message").contains("before it was decided")));
    world.journal.assert_nothing_personal();
}
