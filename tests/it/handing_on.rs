//! A person is offered to another agency, which takes them over or does not; and whoever handed them on keeps what it had.

use comity::config::StoreConfig;
use comity::wire::entry::merge;
use comity::wire::v1;
use comity::wire::v1::event::Event;
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::changes::{
    birth_date_in, calling_back, dismissal_in, escape_from, movement_to, movement_to_hospital, reopening_of,
    taking_over, turning_down,
};
use crate::harness::postgres::Database;
use crate::harness::requests::{
    NY_CUSTODY, answer_to, booked, intake_at, match_of, release_of, request_id, schedule_of, withdrawal_of,
};
use crate::harness::story::Matched;
use crate::harness::{Party, World};

const DOCCS: &str = "us-ny-doccs";
const ERIE: &str = "us-ny-erie-jail";
const NY: &str = "jurisdictions/us-ny";

/// The events of the custody log that an agency is shown, in words. Only what belongs to a stay and to its offers.
async fn told(party: &Party) -> Vec<&'static str> {
    let entries = party.entries(NY_CUSTODY).await.accepted();
    entries.iter().filter_map(|entry| word(&merge(entry).unwrap().event?)).collect()
}

fn word(event: &Event) -> Option<&'static str> {
    if let Event::MoveOfferEnded(v1::MoveOfferEnded { offer: Some(offer), .. }) = event {
        let declined = offer.state() == v1::MoveOfferState::Declined;
        assert!(declined || offer.state() == v1::MoveOfferState::Withdrawn, "{offer:?}");
        return Some(if declined { "declined" } else { "withdrawn" });
    }
    let all = [
        (matches!(event, Event::CustodyOpened(_)), "opened"),
        (matches!(event, Event::MoveOffered(_)), "offered"),
        (matches!(event, Event::CustodyMoved(_)), "moved"),
        (matches!(event, Event::ChargesUpdated(_)), "charges"),
        (matches!(event, Event::ReleaseRecorded(_)), "released"),
    ];
    all.into_iter().find_map(|(is, word)| is.then_some(word))
}

async fn listed(party: &Party, filter: &str) -> Vec<v1::Custody> {
    let request = v1::ListCustodiesRequest { parent: NY.to_owned(), filter: filter.to_owned(), ..Default::default() };
    party.list_custodies(request).await.accepted().custodies
}

async fn offered(world: &World) -> Matched {
    let matched = world.matched(DOCCS).await;
    world.doccs().answer(answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
    world.doccs().relocate(movement_to(&matched.custody, ERIE)).await.accepted();
    matched
}

#[tokio::test]
async fn until_the_other_agency_accepts_everything_stays_with_the_custodian() {
    let world = World::start();
    let Matched { custody, detainer } = offered(&world).await;
    let (doccs, erie) = (world.doccs(), world.erie());
    let held = doccs.custody(&custody).await.accepted();
    assert_eq!((held.custodian.as_str(), held.state()), ("agencies/us-ny-doccs", v1::CustodyState::Held));
    erie.detainer(&detainer).await.not_found();
    erie.update_charges(dismissal_in(&custody)).await.not_found();
    erie.release(release_of(&custody)).await.not_found();
    // One at a time, and what happens within the agency goes on.
    doccs.relocate(movement_to(&custody, ERIE)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    doccs.relocate(movement_to_hospital(&custody)).await.accepted();
    doccs.schedule(schedule_of(&custody)).await.accepted();
    doccs.detainer(&detainer).await.accepted();
    erie.accept_move(taking_over(&custody)).await.accepted();
    assert_eq!(erie.detainer(&detainer).await.accepted().state(), v1::DetainerState::Matched);
    doccs.detainer(&detainer).await.not_found();
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn whoever_is_offered_the_person_sees_what_it_would_answer_for_and_no_detainer_by_name() {
    let world = World::start();
    let Matched { custody, .. } = offered(&world).await;
    let shown = world.erie().custody(&custody).await.accepted();
    assert!(shown.subject.is_some() && !shown.charges.is_empty() && shown.detainers.is_empty());
    let offer = shown.move_offer.unwrap();
    assert_eq!((offer.detainers_len, offer.holds_len, offer.notices_len), (1, 0, 1));
    let entry = world.erie().entries(NY_CUSTODY).await.accepted().pop().unwrap();
    let Some(Event::MoveOffered(told)) = merge(&entry).unwrap().event else { panic!("{entry:?}") };
    let told = told.custody.unwrap();
    assert_eq!((told.subject, told.detainers, told.victim_contact.as_str()), (shown.subject, Vec::new(), ""));
    // What stands on it now is what is shown.
    world.ice().withdraw(withdrawal_of(&detainer_on(&world, &custody).await)).await.accepted();
    let offer = world.erie().custody(&custody).await.accepted().move_offer.unwrap();
    assert_eq!((offer.detainers_len, offer.notices_len), (0, 0));
    // It is nobody's in its lists, and not its to read an account of.
    assert_eq!(listed(&world.erie(), "").await, []);
    let request = v1::GetAccountingRequest { name: custody, ..Default::default() };
    world.erie().get_accounting(request).await.not_found();
}

async fn detainer_on(world: &World, custody: &str) -> String {
    world.doccs().custody(custody).await.accepted().detainers.pop().unwrap()
}

#[tokio::test]
async fn nobody_else_learns_of_an_offer() {
    let world = World::start();
    let before = world.ice().entries("jurisdictions/us-ny/logs/exchange").await.accepted().len();
    let matched = world.matched(ERIE).await;
    let known = world.ice().entries("jurisdictions/us-ny/logs/exchange").await.accepted().len();
    world.erie().relocate(movement_to(&matched.custody, DOCCS)).await.accepted();
    let after = world.ice().entries("jurisdictions/us-ny/logs/exchange").await.accepted().len();
    assert_eq!((before, known), (0, after));
    assert_eq!(told(&world.doccs()).await, ["offered"]);
    world.doccs().decline_move(turning_down(&matched.custody)).await.accepted();
    // Once it has answered, there is no such case for it.
    world.doccs().custody(&matched.custody).await.not_found();
    world.doccs().accept_move(taking_over(&matched.custody)).await.not_found();
    assert_eq!(told(&world.erie()).await, ["opened", "offered", "declined"]);
    assert_eq!(told(&world.doccs()).await, ["offered", "declined"]);
}

#[tokio::test]
async fn whoever_withdraws_or_releases_ends_the_offer_and_says_no_more() {
    let world = World::start();
    let Matched { custody, .. } = offered(&world).await;
    let (doccs, erie) = (world.doccs(), world.erie());
    doccs.withdraw_move(calling_back(&custody)).await.accepted();
    erie.custody(&custody).await.not_found();
    doccs.withdraw_move(calling_back(&custody)).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    doccs.relocate(movement_to(&custody, ERIE)).await.accepted();
    doccs.release(release_of(&custody)).await.accepted();
    erie.accept_move(taking_over(&custody)).await.not_found();
    doccs.reopen(reopening_of(&custody)).await.accepted();
    erie.custody(&custody).await.not_found();
    doccs.relocate(movement_to(&custody, ERIE)).await.accepted();
    doccs.close(escape_from(&custody)).await.accepted();
    assert_eq!(told(&erie).await, ["offered", "withdrawn", "offered", "withdrawn", "offered", "withdrawn"]);
}

async fn kept(world: World) {
    let mut intake = intake_at(DOCCS);
    booked(&mut intake, "D-2026-1");
    let custody = world.doccs().open(intake).await.accepted().custody.unwrap().name;
    let detainer = world.lodged(DOCCS).await;
    world.doccs().acknowledge(match_of(&detainer, &custody)).await.accepted();
    let as_it_stood = world.doccs().custody(&custody).await.accepted();
    world.doccs().relocate(movement_to(&custody, ERIE)).await.accepted();
    let acceptance = v1::AcceptMoveRequest { booking_number: "E-2026-1".to_owned(), ..taking_over(&custody) };
    world.erie().accept_move(acceptance).await.accepted();
    let record = world.doccs().custody(&custody).await.accepted();
    assert_eq!(record.state(), v1::CustodyState::MovedOn);
    let movement = record.movement.clone().unwrap();
    assert_eq!((movement.custodian.as_str(), movement.facility.as_str()), ("agencies/us-ny-erie-jail", "NY015"));
    assert_eq!(movement.occurred_at, taking_over(&custody).occurred_at);
    assert_eq!((&record.subject, &record.charges), (&as_it_stood.subject, &as_it_stood.charges));
    assert_eq!((record.custodian, record.detainers), (as_it_stood.custodian, as_it_stood.detainers));

    // Nothing that happens afterwards.
    world.pass(SignedDuration::from_mins(5));
    world.erie().update_charges(dismissal_in(&custody)).await.accepted();
    let again = world.doccs().custody(&custody).await.accepted();
    assert_eq!((&again.charges, again.state()), (&as_it_stood.charges, v1::CustodyState::MovedOn));
    assert_eq!(told(&world.doccs()).await, ["opened", "offered", "moved"]);
    assert_eq!(told(&world.erie()).await, ["offered", "moved", "charges"]);

    // It is in its list, by what its record has, and is nobody else's there.
    let (doccs, erie) = (world.doccs(), world.erie());
    let names = |custodies: Vec<v1::Custody>| custodies.into_iter().map(|one| one.name).collect::<Vec<_>>();
    for (party, filter, expected) in [
        (&doccs, "", 1),
        (&doccs, r#"state = "CUSTODY_STATE_MOVED_ON""#, 1),
        (&doccs, r#"state = "CUSTODY_STATE_HELD""#, 0),
        (&doccs, r#"subject.identifiers.booking_number = "D-2026-1""#, 1),
        (&doccs, r#"subject.identifiers.booking_number = "E-2026-1""#, 0),
        (&erie, "", 1),
        (&erie, r#"state = "CUSTODY_STATE_HELD""#, 1),
        (&erie, r#"state = "CUSTODY_STATE_MOVED_ON""#, 0),
        (&erie, r#"subject.identifiers.booking_number = "E-2026-1""#, 1),
        (&erie, r#"subject.identifiers.booking_number = "D-2026-1""#, 0),
    ] {
        assert_eq!(names(listed(party, filter).await).len(), expected, "{filter}");
    }

    // It may be read, and nothing else.
    doccs.update_charges(dismissal_in(&custody)).await.not_found();
    doccs.release(release_of(&custody)).await.not_found();
    doccs.relocate(movement_to_hospital(&custody)).await.not_found();
    doccs.relocate(movement_to(&custody, ERIE)).await.not_found();
    world.officer(DOCCS).correct_identity(birth_date_in(&custody)).await.not_found();
    doccs.withdraw_move(calling_back(&custody)).await.not_found();

    // Its account ends with the person.
    let account = async |party: &Party| {
        let request = v1::GetAccountingRequest { name: custody.clone(), page_size: 100, ..Default::default() };
        party.get_accounting(request).await.accepted().disclosures.len()
    };
    let before = account(&doccs).await;
    world.pass(SignedDuration::from_mins(5));
    world.oversight().custody(&custody).await.accepted();
    assert_eq!(account(&doccs).await, before);
    assert!(account(&erie).await > before);

    // And back again: it has the custody itself.
    erie.relocate(movement_to(&custody, DOCCS)).await.accepted();
    assert_eq!(doccs.custody(&custody).await.accepted().state(), v1::CustodyState::Held);
    doccs.accept_move(taking_over(&custody)).await.accepted();
    let back = doccs.custody(&custody).await.accepted();
    assert_eq!((back.custodian.as_str(), back.state()), ("agencies/us-ny-doccs", v1::CustodyState::Held));
    assert_eq!(erie.custody(&custody).await.accepted().state(), v1::CustodyState::MovedOn);
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn whoever_handed_the_person_on_keeps_its_record_and_may_only_read_it() {
    Box::pin(kept(World::start())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_handed_the_person_on_keeps_its_record_in_a_database() {
    let Some(database) = Database::whole() else { return };
    Box::pin(kept(World::with(|_, config| config.store = StoreConfig::server(database.url())))).await;
}

#[tokio::test]
async fn a_booking_number_that_is_in_use_stops_whoever_takes_the_person_over() {
    let world = World::start();
    let opened = async |agency: &str, number: &str| {
        let mut intake = intake_at(agency);
        booked(&mut intake, number);
        world.system(agency).open(intake).await.accepted().custody.unwrap().name
    };
    let custody = opened(DOCCS, "2026-1").await;
    let own = opened(ERIE, "2026-1").await;
    world.doccs().relocate(movement_to(&custody, ERIE)).await.accepted();
    let taken = async |number: &str| {
        let booking_number = number.to_owned();
        let request = v1::AcceptMoveRequest { booking_number, request_id: request_id(), ..taking_over(&custody) };
        world.erie().accept_move(request).await
    };
    // The number that comes with the person is one as well.
    for (number, fields) in [("", vec![]), ("20261", vec!["booking_number"])] {
        let refused = taken(number).await.refused(Code::AlreadyExists, "ALREADY_BOOKED");
        assert_eq!(refused.metadata.get("custody"), Some(&own), "{number}");
        assert_eq!(refused.fields(), fields, "{number}");
    }
    taken("2026-2").await.accepted();
}
