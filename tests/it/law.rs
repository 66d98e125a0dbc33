//! New York and Texas over the wire: what each law lets a custodian answer, and what of a release it lets ICE know.
//!
//! The gateway is no oracle: what the law does not disclose leaves no trace on anything that ICE can see.

use comity::domain::ids::LogName;
use comity::ledger::{Hash, opens};
use comity::wire::{entry, v1};
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::changes::{claim_on, resolution_of, verification_of};
use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, REASON, TX, answer_to, at, detainer_for, detainer_with_judicial_warrant_for,
    intake_at, match_of, reasoned_answer_to, receipt_of, release_of, schedule_of, withdrawal_of,
};
use crate::harness::{Outcome, Party, Refused, World};

use v1::AnswerKind::{Decline, HonorHold, NotifyOnly};
use v1::FieldClass::{
    Answer, Count, Custody, Determination, ReleaseDate, ReleaseDetail, ReleasePlace, Restricted, Safeguard,
};

/// What the issuer is never shown. Withheld from it whether there is any or not, so that this tells nothing either.
const NEVER: [v1::FieldClass; 3] = [Safeguard, Restricted, Determination];

/// A refusal of the law explains itself: which act, which ruling, which policy, which law.
#[track_caller]
fn explains(refused: &Refused, action: &str, ruling: &str, policy: &str, citation: &str) {
    let said = |key: &str| refused.metadata[key].as_str();
    assert_eq!((said("action"), said("ruling"), said("policies")), (action, ruling, policy));
    assert!(said("citations").contains(citation), "{}", said("citations"));
}

#[tokio::test]
async fn new_york_holds_on_a_judges_warrant_alone() {
    let world = World::start();
    let wells = "People ex rel. Wells v. DeMarco";
    for agency in ["us-ny-doccs", "us-ny-erie-jail"] {
        let matched = world.matched(agency).await;
        let refused = world.answers(agency, &matched.detainer, HonorHold).await;
        let refused = refused.refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW");
        explains(&refused, "hold", "must-not", "us-ny.hold-without-judicial-warrant", wells);
        // An officer's reason does not help: what is forbidden is not left to a person.
        let reasoned = reasoned_answer_to(&matched.detainer, HonorHold);
        let refused = world.officer(agency).answer(reasoned).await;
        refused.refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW");

        let matched = world.matched_with_judicial_warrant(agency).await;
        let answered = world.answers(agency, &matched.detainer, HonorHold).await.accepted();
        assert_eq!(answered.detainer.unwrap().state(), v1::DetainerState::HoldHonored);
    }
}

#[tokio::test]
async fn a_judges_warrant_that_nobody_saw_opens_nothing() {
    let world = World::start();
    let agency = "us-ny-erie-jail";
    let matched = world.matched_on_a_claimed_warrant(agency).await;
    // Neither the jail's unattended system nor an officer with a reason holds anybody on the requester's word.
    world.answers(agency, &matched.detainer, HonorHold).await.barred();
    let officer = world.officer(agency);
    officer.answer(reasoned_answer_to(&matched.detainer, HonorHold)).await.barred();

    officer.verify_warrant(verification_of(&matched.detainer)).await.accepted();
    world.answers(agency, &matched.detainer, HonorHold).await.accepted();
}

#[tokio::test]
async fn what_the_requester_claims_of_the_person_opens_no_law() {
    let world = World::start();
    // New Jersey's, California's and New York City's laws turn on convictions, a list match and a final order.
    let mut lodging = detainer_with_judicial_warrant_for("us-ny-erie-jail");
    let asked = lodging.detainer.as_mut().unwrap();
    asked.terrorist_list_match = true;
    asked.basis = vec![v1::DetainerBasis::FinalOrder.into()];
    asked.charges[0].status = v1::ChargeStatus::Convicted.into();
    asked.charges[0].severity = v1::Severity::Felony.into();
    asked.charges[0].convicted_on = "2025-06-01".to_owned();
    let lodged = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    let custody = world.held("us-ny-erie-jail").await;
    let said = world.erie().acknowledge(match_of(&lodged, &custody)).await.accepted().determinations;
    let acts = said.iter().filter(|one| one.action() != v1::LawAction::Disclose);
    assert!(acts.clone().count() > 0);
    for one in acts {
        assert!(!matches!(one.ruling(), v1::Ruling::May | v1::Ruling::Must), "{one:?}");
    }
}

#[tokio::test]
async fn a_citizen_is_neither_held_nor_told_of_nor_offered_anywhere() {
    let world = World::start();
    for (agency, law) in [("us-tx-harris-jail", "Texas commands it"), ("us-ny-doccs", "a prison may tell")] {
        let matched = world.matched(agency).await;
        world.system(agency).claim(claim_on(&matched.detainer)).await.accepted();
        let confirmed = resolution_of(&matched.detainer, v1::ClaimOutcome::Confirmed);
        let officer = world.officer(agency);
        officer.resolve(confirmed).await.accepted();
        for kind in [HonorHold, NotifyOnly] {
            world.answers(agency, &matched.detainer, kind).await.refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW");
            let reasoned = reasoned_answer_to(&matched.detainer, kind);
            let refused = officer.answer(reasoned).await.refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW");
            assert!(refused.metadata["policies"].contains("safeguard.citizen"), "{law}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn in_a_new_york_county_notice_is_for_an_officer_to_decide() {
    let world = World::start();
    let cases = [
        (SignedDuration::ZERO, "", ""),
        (SignedDuration::from_hours(180 * 24), "us-ny.notify-under-acts-of-2026", "Exec. Law 319-a(2)"),
    ];
    for (later, policy, citation) in cases {
        world.pass(later);
        let detainer = world.matched("us-ny-erie-jail").await.detainer;
        let refused = world.erie().answer(answer_to(&detainer, NotifyOnly)).await;
        let refused = refused.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        explains(&refused, "notify", "review", policy, citation);
        // A machine has no reasons, and an officer must give one.
        let machine = world.erie().answer(reasoned_answer_to(&detainer, NotifyOnly)).await;
        machine.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        let officer = world.officer("us-ny-erie-jail");
        let silent = officer.answer(answer_to(&detainer, NotifyOnly)).await;
        silent.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        let answered = officer.answer(reasoned_answer_to(&detainer, NotifyOnly)).await.accepted();
        assert_eq!(answered.detainer.unwrap().state(), v1::DetainerState::NotifyOnly);
    }
}

/// As shipped, nobody has read what the executive order excepts, nor section 147.
#[tokio::test]
async fn what_a_new_york_prison_tells_is_for_an_officer_until_counsel_has_read_the_law() {
    let world = World::under_shipped_law();
    let cases = [
        (SignedDuration::ZERO, "us-ny.notify-under-order-170", "Executive Order 170"),
        (SignedDuration::from_hours(180 * 24), "us-ny.notify-under-acts-of-2026", "GML 996-a(2)"),
    ];
    for (later, policy, citation) in cases {
        world.pass(later);
        let matched = world.matched("us-ny-doccs").await;
        let refused = world.answers("us-ny-doccs", &matched.detainer, NotifyOnly).await;
        let refused = refused.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        explains(&refused, "notify", "review", policy, citation);
        let officer = world.officer("us-ny-doccs");
        officer.answer(reasoned_answer_to(&matched.detainer, NotifyOnly)).await.accepted();
    }
}

/// What is not required is not forbidden.
#[tokio::test]
async fn lawful_status_lifts_a_texan_duty_and_leaves_it_to_an_officer() {
    let world = World::under_shipped_law();
    let mut intake = intake_at("us-tx-harris-jail");
    intake.custody.as_mut().unwrap().flags = Some(v1::Flags { lawful_status: true, ..v1::Flags::default() });
    let custody = world.harris().open(intake).await.accepted().custody.unwrap().name;
    let detainer = world.lodged("us-tx-harris-jail").await;
    world.harris().acknowledge(match_of(&detainer, &custody)).await.accepted();
    let refused = world.answers("us-tx-harris-jail", &detainer, HonorHold).await;
    let refused = refused.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    explains(&refused, "hold", "review", "us-tx.no-duty-on-lawful-status", "art. 2.251(b)");
    let officer = world.officer("us-tx-harris-jail");
    officer.answer(reasoned_answer_to(&detainer, HonorHold)).await.accepted();
}

#[tokio::test]
async fn a_texan_custodian_departs_from_its_duty_only_with_a_reason() {
    let world = World::start();
    let detainer = world.matched("us-tx-harris-jail").await.detainer;
    for kind in [Decline, NotifyOnly] {
        let refused = world.harris().answer(answer_to(&detainer, kind)).await;
        let refused = refused.refused(Code::FailedPrecondition, "REASON_REQUIRED");
        explains(&refused, "hold", "must", "us-tx.hold", "Tex. Code Crim. Proc. art. 2.251");
    }
    let declined = world.harris().answer(reasoned_answer_to(&detainer, Decline)).await.accepted();
    assert_eq!(declined.detainer.unwrap().state(), v1::DetainerState::Declined);

    let detainer = world.matched("us-tx-harris-jail").await.detainer;
    let honored = world.harris().answer(answer_to(&detainer, HonorHold)).await.accepted();
    assert_eq!(honored.detainer.unwrap().state(), v1::DetainerState::HoldHonored);
}

/// What the reader of an entry has: the classes shown, those withheld, and the event as far as it goes.
fn shown(entry: &v1::Entry) -> (Vec<v1::FieldClass>, Vec<v1::FieldClass>, v1::event::Event) {
    let leaf = entry::read_leaf(&entry.leaf).unwrap();
    for opening in &entry.openings {
        let committed = leaf.commitments.iter().find(|(class, _)| {
            v1::FieldClass::from_str_name(&format!("FIELD_CLASS_{}", class.word().to_uppercase().replace('-', "_")))
                == Some(opening.field_class())
        });
        let salt: [u8; 32] = opening.salt.as_slice().try_into().unwrap();
        assert!(
            opens(Hash::from_bytes(committed.unwrap().1), &salt, &opening.content),
            "what is shown is committed to"
        );
    }
    let event = entry::merge(entry).unwrap().event.unwrap();
    (entry.openings.iter().map(v1::Opening::field_class).collect(), entry.withheld().collect(), event)
}

#[tokio::test]
async fn a_release_from_a_state_prison_is_noticed_to_ice_field_by_field() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let officer = world.officer("us-ny-doccs");
    officer.answer(reasoned_answer_to(&matched.detainer, NotifyOnly)).await.accepted();
    world.doccs().schedule(schedule_of(&matched.custody)).await.accepted();
    let seen = world.ice().receive(NY, "").await.accepted();
    world.ice().confirm(receipt_of(NY, &seen.heartbeat.cursor)).await.accepted();
    let delivered_at = world.clock.now().as_second();
    let mut sent = release_of(&matched.custody);
    let released_at = world.pass(SignedDuration::from_hours(50)).as_second();
    sent.release.as_mut().unwrap().released_at = Some(at(released_at));
    world.doccs().release(sent.clone()).await.accepted();

    let entries = world.ice().entries(NY_EXCHANGE).await.accepted();
    let entries: Vec<_> = entries.iter().map(shown).collect();
    let [_lodged, acknowledged, answered, noticed, _confirmed, released] = entries.as_slice() else {
        panic!("{} entries", entries.len())
    };
    let v1::event::Event::DetainerAcknowledged(found) = &acknowledged.2 else { panic!("{:?}", acknowledged.0) };
    assert_eq!((acknowledged.0.as_slice(), acknowledged.1.as_slice()), ([Count, Custody].as_slice(), NEVER.as_slice()));
    assert_eq!(found.acknowledgement.as_ref().unwrap().custody, matched.custody);

    let v1::event::Event::DetainerAnswered(given) = &answered.2 else { panic!("{:?}", answered.0) };
    assert_eq!((answered.0.as_slice(), answered.1.as_slice()), ([Count, Answer].as_slice(), NEVER.as_slice()));
    assert_eq!(given.answer.as_ref().unwrap().kind(), NotifyOnly);
    assert_eq!(given.answer.as_ref().unwrap().reason, "", "an officer's reasons are nobody else's");

    let v1::event::Event::ReleaseNoticed(notice) = &noticed.2 else { panic!("{:?}", noticed.0) };
    assert_eq!(
        (noticed.0.as_slice(), noticed.1.as_slice()),
        ([Count, ReleaseDate, ReleasePlace].as_slice(), NEVER.as_slice())
    );
    assert_eq!(notice.release, schedule_of(&matched.custody).release);
    assert_eq!(notice.detainer, matched.detainer);

    let v1::event::Event::DetainerReleased(release) = &released.2 else { panic!("{:?}", released.0) };
    let all = [Count, ReleaseDate, ReleaseDetail, ReleasePlace];
    assert_eq!((released.0.as_slice(), released.1.as_slice()), (all.as_slice(), NEVER.as_slice()));
    assert_eq!(release.release, sent.release);
    let lead_time = release.counts.as_ref().unwrap().lead_time_seconds;
    assert_eq!(lead_time, Some(released_at - delivered_at), "release minus first delivery");

    let detainer = world.ice().detainer(&matched.detainer).await.accepted();
    assert_eq!(detainer.state(), v1::DetainerState::Released);
    assert_eq!(detainer.answer.unwrap().reason, "");
    let own = world.doccs().detainer(&matched.detainer).await.accepted();
    assert_eq!(own.answer.unwrap().reason, REASON, "its custodian knows it");
    world.journal.assert_nothing_personal();
}

/// Not even whether there was one.
#[tokio::test]
async fn an_answer_looks_the_same_to_ice_with_a_reason_and_without() {
    let world = World::start();
    let officer = world.officer("us-ny-doccs");
    let mut seen = Vec::new();
    for answer in [answer_to, reasoned_answer_to] {
        let detainer = world.matched("us-ny-doccs").await.detainer;
        officer.answer(answer(&detainer, NotifyOnly)).await.accepted();
        let entry = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
        let (classes, withheld, _) = shown(&entry);
        seen.push((classes, withheld, entry.leaf.len()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_declining_answer_shows_neither_a_match_nor_a_safeguard() {
    let world = World::start();
    let erie = world.erie();
    let mut seen = Vec::new();
    let juvenile = v1::Flags { juvenile: true, ..v1::Flags::default() };
    let claim = v1::Flags { citizenship_claim: true, ..v1::Flags::default() };
    for flags in [None, Some(v1::Flags::default()), Some(juvenile), Some(claim)] {
        let detainer = world.lodged("us-ny-erie-jail").await;
        if let Some(flags) = flags {
            let mut intake = intake_at("us-ny-erie-jail");
            intake.custody.as_mut().unwrap().flags = Some(flags);
            let custody = erie.open(intake).await.accepted().custody.unwrap().name;
            erie.acknowledge(match_of(&detainer, &custody)).await.accepted();
        }
        erie.answer(reasoned_answer_to(&detainer, Decline)).await.accepted();
        let entry = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
        let (classes, withheld, _) = shown(&entry);
        let contents: Vec<usize> = entry.openings.iter().map(|opening| opening.content.len()).collect();
        seen.push((classes, withheld, contents, entry.leaf.len()));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn one_custodian_does_not_decline_for_all_of_a_jurisdiction() {
    let world = World::start();
    let mut request = detainer_for("us-ny-erie-jail");
    request.detainer.as_mut().unwrap().custodian.clear();
    let detainer = world.ice().lodge(request).await.accepted().detainer.unwrap().name;
    let suffolk = world.officer("us-ny-suffolk-jail");
    suffolk.answer(reasoned_answer_to(&detainer, Decline)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    let custody = world.held("us-ny-erie-jail").await;
    world.erie().acknowledge(match_of(&detainer, &custody)).await.accepted();
    // Whoever answers holds the person, and that ICE may not be told: it is not told the answer either.
    let before = all_that_ice_sees(&world, &detainer).await;
    world.erie().answer(reasoned_answer_to(&detainer, Decline)).await.accepted();
    assert_eq!(all_that_ice_sees(&world, &detainer).await, before);
}

/// Confirms an inbox as far as it has come.
pub(crate) async fn confirm(party: &Party) {
    let seen = party.receive(NY, "").await.accepted();
    party.confirm(receipt_of(NY, &seen.heartbeat.cursor)).await.accepted();
}

/// Everything that ICE can see of New York and of one detainer there.
pub(crate) async fn all_that_ice_sees(world: &World, detainer: &str) -> String {
    let ice = world.ice();
    let (detainer, detainers) = (ice.detainer(detainer).await.accepted(), ice.detainers(NY).await.accepted());
    let (entries, inbox) = (ice.entries(NY_EXCHANGE).await.accepted(), ice.receive(NY, "").await.accepted());
    let checkpoint = ice.checkpoint(NY_EXCHANGE).await.accepted();
    format!("{detainer:#?}\n{detainers:#?}\n{entries:#?}\n{inbox:#?}\n{checkpoint}")
}

#[tokio::test]
async fn of_a_release_that_nobody_decided_to_tell_ice_learns_nothing() {
    let world = World::start();
    let erie = world.erie();
    let custody = world.held("us-ny-erie-jail").await;
    let detainer = world.lodged("us-ny-erie-jail").await;
    // That it received the detainer, ICE may know; what it confirms after is its own.
    confirm(&erie).await;
    let before = all_that_ice_sees(&world, &detainer).await;
    let own_log: LogName = NY_CUSTODY.parse().unwrap();
    let own_entries = world.kept().entries(&own_log).len();

    world.pass(SignedDuration::from_hours(1));
    erie.acknowledge(match_of(&detainer, &custody)).await.accepted();
    confirm(&erie).await;
    assert_eq!(all_that_ice_sees(&world, &detainer).await, before, "of the match");
    world.pass(SignedDuration::from_hours(1));
    erie.schedule(schedule_of(&custody)).await.accepted();
    confirm(&erie).await;
    assert_eq!(all_that_ice_sees(&world, &detainer).await, before, "of the date");
    world.pass(SignedDuration::from_hours(1));
    erie.release(release_of(&custody)).await.accepted();
    confirm(&erie).await;
    assert_eq!(all_that_ice_sees(&world, &detainer).await, before, "of the release");
    assert_eq!(world.kept().entries(&own_log).len(), own_entries + 8, "all of it is recorded, elsewhere");
    assert_eq!(erie.detainer(&detainer).await.accepted().state(), v1::DetainerState::Released);

    // Were the withdrawal refused now, the refusal would tell it.
    let etag = world.ice().detainer(&detainer).await.accepted().etag;
    let withdrawal = v1::WithdrawDetainerRequest { etag, ..withdrawal_of(&detainer) };
    let withdrawn = world.ice().withdraw(withdrawal).await.accepted().detainer.unwrap();
    assert_eq!(withdrawn.state(), v1::DetainerState::Withdrawn);
    assert_eq!(withdrawn.acknowledgement, None);
}

#[tokio::test]
async fn an_officers_decision_to_tell_is_followed_by_the_release_and_by_no_more() {
    let world = World::start();
    let matched = world.matched("us-ny-erie-jail").await;
    world.erie().schedule(schedule_of(&matched.custody)).await.accepted();
    let before = world.ice().entries(NY_EXCHANGE).await.accepted().len();
    let officer = world.officer("us-ny-erie-jail");
    officer.answer(reasoned_answer_to(&matched.detainer, NotifyOnly)).await.accepted();
    world.erie().release(release_of(&matched.custody)).await.accepted();
    let told = world.ice().entries(NY_EXCHANGE).await.accepted().split_off(before);
    let told: Vec<_> = told.iter().map(shown).collect();
    let classes: Vec<_> = told.iter().map(|(shown, withheld, _)| (shown.as_slice(), withheld.as_slice())).collect();
    // Where a release takes place was not the officer's question.
    let and_place = [NEVER.as_slice(), &[ReleasePlace]].concat();
    let (answered, noticed, released) = ([Count, Answer], [Count, ReleaseDate], [Count, ReleaseDate, ReleaseDetail]);
    assert_eq!(
        classes,
        [
            (answered.as_slice(), NEVER.as_slice()),
            (noticed.as_slice(), and_place.as_slice()),
            (released.as_slice(), and_place.as_slice())
        ]
    );
    let detainer = world.ice().detainer(&matched.detainer).await.accepted();
    assert_eq!(detainer.acknowledgement, None, "where the person was held is still not told");
}

#[tokio::test]
async fn a_custody_log_does_not_exist_for_ice() {
    let world = World::start();
    world.matched("us-ny-doccs").await;
    let ice = world.ice();
    let nowhere = "jurisdictions/us-zz/logs/custody";
    alike(ice.checkpoint(NY_CUSTODY).await, ice.checkpoint(nowhere).await);
    alike(ice.entries(NY_CUSTODY).await, ice.entries(nowhere).await);
    let entry = |log: &str| v1::GetEntryRequest { name: format!("{log}/entries/0") };
    alike(ice.get_entry(entry(NY_CUSTODY)).await, ice.get_entry(entry(nowhere)).await);
    let proof = |log: &str| v1::ProveInclusionRequest { name: format!("{log}/entries/0") };
    alike(ice.prove_inclusion(proof(NY_CUSTODY)).await, ice.prove_inclusion(proof(nowhere)).await);
    let grown = |log: &str| v1::ProveConsistencyRequest { log: log.to_owned(), old_size: 1, new_size: 0 };
    alike(ice.prove_consistency(grown(NY_CUSTODY)).await, ice.prove_consistency(grown(nowhere)).await);
    // Its own side reads it; another state's does not.
    world.erie().checkpoint(NY_CUSTODY).await.accepted();
    world.oversight().entries(NY_CUSTODY).await.accepted();
    alike(world.harris().checkpoint(NY_CUSTODY).await, world.harris().checkpoint(nowhere).await);
}

/// Not found, and byte for byte the same.
#[track_caller]
fn alike<T>(hidden: Outcome<T>, absent: Outcome<T>) {
    let answer = |outcome: Outcome<T>| {
        let status = outcome.not_found().status;
        let mut metadata = status.metadata().clone();
        metadata.remove("date");
        (status.message().to_owned(), status.details().to_vec(), metadata.into_headers())
    };
    assert_eq!(answer(hidden), answer(absent));
}

#[tokio::test]
async fn what_is_anothers_reads_like_what_does_not_exist() {
    let world = World::start();
    let (doccs, erie, harris) = (world.doccs(), world.erie(), world.harris());
    let matched = world.matched("us-ny-doccs").await;
    let absent = |name: &str| format!("{}00000000-0000-7000-8000-000000000001", name.get(..name.len() - 36).unwrap());
    let (no_detainer, no_custody) = (absent(&matched.detainer), absent(&matched.custody));
    for other in [&erie, &harris] {
        alike(other.detainer(&matched.detainer).await, other.detainer(&no_detainer).await);
        alike(other.custody(&matched.custody).await, other.custody(&no_custody).await);
        alike(
            other.answer(answer_to(&matched.detainer, NotifyOnly)).await,
            other.answer(answer_to(&no_detainer, NotifyOnly)).await,
        );
        alike(other.schedule(schedule_of(&matched.custody)).await, other.schedule(schedule_of(&no_custody)).await);
        alike(other.release(release_of(&matched.custody)).await, other.release(release_of(&no_custody)).await);
        alike(
            other.acknowledge(match_of(&matched.detainer, &matched.custody)).await,
            other.acknowledge(match_of(&no_detainer, &no_custody)).await,
        );
    }
    // A custodian's own detainer, and somebody else's custody.
    let own = world.lodged("us-ny-erie-jail").await;
    alike(
        erie.acknowledge(match_of(&own, &matched.custody)).await,
        erie.acknowledge(match_of(&own, &no_custody)).await,
    );
    alike(harris.detainers(NY).await, harris.detainers("jurisdictions/us-zz").await);
    alike(doccs.custodies(TX).await, doccs.custodies("jurisdictions/us-zz").await);
    alike(doccs.receive(TX, "").await, doccs.receive("jurisdictions/us-zz", "").await);
    let lodging = |parent: &str| v1::LodgeDetainerRequest { parent: parent.to_owned(), ..detainer_for("us-ny-doccs") };
    world.ice().lodge(lodging("jurisdictions/us-zz")).await.not_found();
}
