//! A custodian that does not hold the person yet: whom an intake asks again, what nobody else learns of it, and how it ends.

use comity::config::StoreConfig;
use comity::domain::command::CaseCommand;
use comity::domain::decide::not_found_in_time;
use comity::domain::detainer::{AnswerKind, DetainerState, Finding, Viewpoint};
use comity::domain::determination::{FieldClasses, LawView, Ruling};
use comity::domain::event::Event;
use comity::domain::ids::{CaseName, LogKind};
use comity::wire::entry::{merge, read_leaf};
use comity::wire::{show, v1};
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::changes::{amendment_of, correction, movement_to, taking_over};
use crate::harness::postgres::Database;
use crate::harness::requests::{NY, NY_CUSTODY, NY_EXCHANGE, answer_to, detainer_for, intake_at, match_of};
use crate::harness::{Party, World};
use crate::sample;
use crate::world;

const DOCCS: &str = "us-ny-doccs";
const ERIE: &str = "us-ny-erie-jail";
/// The clock of the tests begins on 1 February 2026.
const UNTIL: &str = "2026-02-20";
const DAYS: i64 = 24;

/// Not in custody now, and asked again up to a day.
fn not_yet(detainer: &str, until: &str) -> v1::AcknowledgeDetainerRequest {
    let acknowledgement = v1::Acknowledgement {
        finding: v1::Finding::NotInCustody.into(),
        ask_again_until: until.to_owned(),
        ..Default::default()
    };
    v1::AcknowledgeDetainerRequest { acknowledgement: Some(acknowledgement), ..match_of(detainer, "") }
}

/// Somebody with whom the person of the tests has nothing in common.
fn somebody_else_at(agency: &str) -> v1::OpenCustodyRequest {
    let mut intake = intake_at(agency);
    let subject = intake.custody.as_mut().unwrap().subject.as_mut().unwrap();
    (subject.identifiers, subject.birth_date) = (None, "1987-06-04".to_owned());
    intake
}

/// Everything that a requester can read, as it stands.
async fn read_by(
    issuer: &Party,
    detainer: &str,
) -> (v1::Detainer, Vec<v1::Entry>, Vec<v1::Delivery>, String, Vec<v1::Detainer>) {
    (
        issuer.detainer(detainer).await.accepted(),
        issuer.entries(NY_EXCHANGE).await.accepted(),
        issuer.receive(NY, "").await.accepted().deliveries,
        issuer.checkpoint(NY_EXCHANGE).await.accepted(),
        issuer.detainers(NY).await.accepted(),
    )
}

async fn asked_again(party: &Party, intake: v1::OpenCustodyRequest) -> Vec<String> {
    party.open(intake).await.accepted().asked_again
}

/// The entries in which the gateway ended a detainer, and in which logs they stand.
async fn endings(world: &World, detainer: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for (log, word) in [(NY_EXCHANGE, "exchange"), (NY_CUSTODY, "custody")] {
        let entries = world.oversight().entries(log).await.accepted();
        let leaves = entries.iter().map(|entry| read_leaf(&entry.leaf).unwrap());
        found.extend(leaves.filter(|leaf| leaf.method == "Expiry" && leaf.resource == detainer).map(|_| word));
    }
    found
}

async fn an_intake_asks_again(world: World) {
    let (ice, doccs) = (world.ice(), world.doccs());
    let name = world.lodged(DOCCS).await;
    assert_eq!(asked_again(&doccs, intake_at(DOCCS)).await, [""; 0], "it was not said yet that they are not here");
    let waiting = doccs.acknowledge(not_yet(&name, UNTIL)).await.accepted().detainer.unwrap();
    assert_eq!(waiting.state(), v1::DetainerState::NotInCustody);
    assert_eq!(waiting.acknowledgement.unwrap().ask_again_until, UNTIL);
    let told = ice.detainer(&name).await.accepted();
    assert_eq!(told.state(), v1::DetainerState::NotInCustody);
    let bare = v1::Acknowledgement { finding: v1::Finding::NotInCustody.into(), ..Default::default() };
    assert_eq!(told.acknowledgement, Some(bare), "the day is the custodian's own");

    let before = read_by(&ice, &name).await;
    assert_eq!(asked_again(&doccs, somebody_else_at(DOCCS)).await, [""; 0]);
    assert_eq!(asked_again(&world.erie(), intake_at(ERIE)).await, [""; 0], "it was another custodian that said so");
    assert_eq!(asked_again(&doccs, intake_at(DOCCS)).await, std::slice::from_ref(&name));
    // By name and birth date alone.
    let mut unnumbered = intake_at(DOCCS);
    unnumbered.custody.as_mut().unwrap().subject.as_mut().unwrap().identifiers = None;
    assert_eq!(asked_again(&doccs, unnumbered).await, std::slice::from_ref(&name));
    assert_eq!(read_by(&ice, &name).await, before, "an intake reaches no issuer");
    let inbox = doccs.receive(NY, "").await.accepted().deliveries;
    let opened = inbox.iter().filter_map(|delivery| merge(delivery.entry.as_ref()?).ok()?.event);
    let asked = opened.filter_map(|event| {
        if let v1::event::Event::CustodyOpened(opened) = event { Some(opened.asked_again) } else { None }
    });
    assert_eq!(asked.flatten().collect::<Vec<_>>(), [name.clone(), name.clone()], "in the custodian's own inbox");

    // That they are still not here is no news to the issuer, on whatever day.
    doccs.acknowledge(not_yet(&name, "2026-02-25")).await.accepted();
    assert_eq!(read_by(&ice, &name).await, before);
    let custody = doccs.open(intake_at(DOCCS)).await.accepted();
    assert_eq!(custody.asked_again, std::slice::from_ref(&name));
    doccs.acknowledge(match_of(&name, &custody.custody.unwrap().name)).await.accepted();
    assert_eq!(ice.detainer(&name).await.accepted().state(), v1::DetainerState::Matched);
    assert_eq!(asked_again(&doccs, intake_at(DOCCS)).await, [""; 0], "it was found");
    world.pass(SignedDuration::from_hours(40 * DAYS));
    world.gateway().tick().await.unwrap();
    assert_eq!(endings(&world, &name).await, [""; 0]);
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn an_intake_asks_the_custodian_again_and_reaches_no_issuer() {
    Box::pin(an_intake_asks_again(World::start())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intake_asks_the_custodian_again_in_a_database() {
    let Some(database) = Database::whole() else { return };
    let world = World::with(|_, config| config.store = StoreConfig::server(database.url()));
    Box::pin(an_intake_asks_again(world)).await;
}

#[tokio::test]
async fn the_day_ends_it_once_and_its_issuer_is_told() {
    let mut world = World::start();
    let (name, other) = (world.lodged(DOCCS).await, world.lodged(DOCCS).await);
    world.doccs().acknowledge(not_yet(&name, UNTIL)).await.accepted();
    world.doccs().acknowledge(not_yet(&other, "2026-02-21")).await.accepted();
    // Until midnight in New York.
    world.pass(SignedDuration::from_hours(19 * DAYS + 16));
    world.gateway().tick().await.unwrap();
    assert_eq!(endings(&world, &name).await, [""; 0]);
    world.pass(SignedDuration::from_hours(1));
    assert_eq!(asked_again(&world.doccs(), intake_at(DOCCS)).await, std::slice::from_ref(&other), "the day is over");
    for _ in 0..2 {
        world.gateway().tick().await.unwrap();
        assert_eq!((endings(&world, &name).await, endings(&world, &other).await), (vec!["exchange"], vec![]));
    }
    world.restart().await;
    world.gateway().tick().await.unwrap();
    assert_eq!(endings(&world, &name).await, ["exchange"], "once, whatever comes between");
    let (seen, kept) = (world.ice().detainer(&name).await.accepted(), world.doccs().detainer(&name).await.accepted());
    assert_eq!((seen.state(), kept.state()), (v1::DetainerState::NotFoundInTime, v1::DetainerState::NotFoundInTime));
    assert_eq!(seen.acknowledgement.unwrap().finding(), v1::Finding::NotFoundInTime);
    let told = world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap();
    assert_eq!(read_leaf(&told.leaf).unwrap().agency, "agencies/comity");
    // Whoever comes in too late is matched by a correction; an amendment asks anew.
    let custody = world.doccs().open(intake_at(DOCCS)).await.accepted().custody.unwrap().name;
    let late = v1::AcknowledgeDetainerRequest { correction: Some(correction()), ..match_of(&name, &custody) };
    assert_eq!(world.doccs().acknowledge(late).await.accepted().detainer.unwrap().state(), v1::DetainerState::Matched);
    let anew = world.ice().amend(amendment_of(&other, detainer_for(DOCCS))).await.accepted().detainer.unwrap();
    assert_eq!(anew.state(), v1::DetainerState::Lodged);
    world.pass(SignedDuration::from_hours(2 * DAYS));
    world.gateway().tick().await.unwrap();
    assert_eq!(endings(&world, &other).await, [""; 0], "it waits for nobody any more");
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn where_the_law_lets_no_custody_be_known_the_issuer_learns_of_neither() {
    let world = World::start();
    let name = world.lodged(ERIE).await;
    let before = read_by(&world.ice(), &name).await;
    world.erie().acknowledge(not_yet(&name, UNTIL)).await.accepted();
    world.pass(SignedDuration::from_hours(30 * DAYS));
    world.gateway().tick().await.unwrap();
    assert_eq!(endings(&world, &name).await, ["custody"]);
    let after = read_by(&world.ice(), &name).await;
    assert_eq!((after.0, after.1, after.4), (before.0, before.1, before.4));
}

#[tokio::test]
async fn an_agency_that_it_is_not_addressed_to_sees_it_no_longer_than_the_day() {
    let world = World::start();
    let matched = world.matched(DOCCS).await;
    world.doccs().relocate(movement_to(&matched.custody, ERIE)).await.accepted();
    world.erie().accept_move(taking_over(&matched.custody)).await.accepted();
    let parted = v1::AcknowledgeDetainerRequest { correction: Some(correction()), ..not_yet(&matched.detainer, UNTIL) };
    world.officer(ERIE).acknowledge(parted).await.accepted();
    assert_eq!(world.erie().detainer(&matched.detainer).await.accepted().state(), v1::DetainerState::NotInCustody);
    world.doccs().detainer(&matched.detainer).await.not_found();
    world.pass(SignedDuration::from_hours(30 * DAYS));
    world.gateway().tick().await.unwrap();
    world.erie().detainer(&matched.detainer).await.not_found();
    let left = world.doccs().detainer(&matched.detainer).await.accepted();
    assert_eq!(left.state(), v1::DetainerState::NotFoundInTime);
}

#[tokio::test]
async fn the_day_is_asked_for_with_this_finding_and_with_no_other() {
    let world = World::start();
    let name = world.lodged(DOCCS).await;
    let refused = async |request| {
        let outcome = world.doccs().acknowledge(request).await;
        outcome.refused(Code::InvalidArgument, "INVALID_FIELD").fields()
    };
    assert_eq!(refused(not_yet(&name, "")).await, ["acknowledgement.ask_again_until"]);
    assert_eq!(refused(not_yet(&name, "2026-02-30")).await, ["acknowledgement.ask_again_until"]);
    let mut other = not_yet(&name, UNTIL);
    other.acknowledgement.as_mut().unwrap().finding = v1::Finding::NoSuchPerson.into();
    assert_eq!(refused(other).await, ["acknowledgement.ask_again_until"]);
    let mut ended = not_yet(&name, "");
    ended.acknowledgement.as_mut().unwrap().finding = v1::Finding::NotFoundInTime.into();
    assert_eq!(refused(ended).await, ["acknowledgement.finding"], "that the gateway alone says");
    let mut held = not_yet(&name, UNTIL);
    held.acknowledgement.as_mut().unwrap().custody =
        "jurisdictions/us-ny/custodies/019c1234-0000-7000-8000-000000000001".to_owned();
    assert_eq!(refused(held).await, ["acknowledgement.custody"]);
    world.doccs().answer(answer_to(&name, v1::AnswerKind::Decline)).await.accepted();
}

fn law(disclosed: FieldClasses) -> LawView {
    sample::law(Ruling::Must, Ruling::Must, disclosed)
}

fn found(detainer: &CaseName, finding: Finding, custody: Option<&CaseName>) -> CaseCommand {
    let acknowledgement = sample::found(finding, custody);
    CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement, correction: None }
}

/// A match that the issuer is not told of must not show in what it was told before, nor in what takes it back.
#[test]
fn a_match_that_is_not_told_leaves_the_issuer_with_what_it_was_told() {
    let (told, silent) = (law(FieldClasses::all()), law(FieldClasses::NONE));
    let mut world = world::World::new();
    let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), &told);
    let name = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), &told);
    world.pass("doccs", found(&name, Finding::NotInCustody, None), &told);
    let seen =
        |world: &world::World| show::detainer(world.detainer(&name).unwrap(), Viewpoint::Issuer, sample::ANSWER_WITHIN);
    let before = seen(&world);
    world.pass("doccs", found(&name, Finding::MatchedCustody, Some(&custody)), &silent);
    assert_eq!(world.detainer(&name).unwrap().state, DetainerState::Matched);
    assert_eq!(seen(&world), before);
    let mistaken = CaseCommand::AcknowledgeDetainer {
        detainer: name.clone(),
        acknowledgement: sample::found(Finding::NoSuchPerson, None),
        correction: Some(sample::correction()),
    };
    let records = world.give("doccs", mistaken, &silent).unwrap();
    assert!(records.iter().all(|record| record.log == LogKind::Custody), "nothing that it was told is taken back");
    assert_eq!(seen(&world), before);
}

#[test]
fn only_a_detainer_that_waits_is_ended_by_its_day() {
    let law = law(FieldClasses::all());
    let begun = || {
        let mut world = world::World::new();
        let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), &law);
        let name = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), &law);
        (world, custody, name)
    };
    let answer = |name: &CaseName, kind| CaseCommand::AnswerDetainer {
        detainer: name.clone(),
        answer: sample::answer(kind),
        correction: None,
    };
    let (mut world, _, name) = begun();
    assert_eq!(not_found_in_time(world.detainer(&name).unwrap(), &law), None);
    world.pass("doccs", found(&name, Finding::NotInCustody, None), &law);
    let record = not_found_in_time(world.detainer(&name).unwrap(), &law).unwrap();
    let Event::DetainerAcknowledged { acknowledgement, .. } = record.event else { panic!("{:?}", record.event) };
    assert_eq!(acknowledgement.finding, Finding::NotFoundInTime);
    for kind in [AnswerKind::Decline, AnswerKind::PendingReview] {
        let mut world = world.clone();
        world.pass("doccs", answer(&name, kind), &law);
        assert_eq!(not_found_in_time(world.detainer(&name).unwrap(), &law), None, "{kind:?}");
    }
    let (mut world, custody, name) = begun();
    world.pass("doccs", found(&name, Finding::NotInCustody, None), &law);
    // Put under review it is still to be looked for, and nothing stands that rests on a match.
    world.pass("doccs", answer(&name, AnswerKind::PendingReview), &law);
    world.pass("doccs", found(&name, Finding::MatchedCustody, Some(&custody)), &law);
    assert_eq!(world.detainer(&name).unwrap().state, DetainerState::Matched);
}
