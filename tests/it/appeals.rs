//! An appeal over the wire: issued once, seen by each custodian as far as it is its own, answered one by one or by law; and
//! its issuer learns by it of nobody whom it was not told of.

mod reconciled;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use comity::domain::agency::AgencyKind;
use comity::wire::entry::merge;
use comity::wire::v1::event::Event;
use comity::wire::v1::{AppealAnswerKind, AppealStanding};
use comity::wire::{Message as _, v1};
use futures_util::StreamExt as _;
use tonic::Code;

use crate::flood::told;
use crate::harness::appeals::{DUE_AT, answered, answered_by_law, appeal_by, appeal_over, id_of};
use crate::harness::requests::{NY, NY_EXCHANGE, answer_to, detainer_for, match_of, receipt_of, release_of};
use crate::harness::{Party, World};

/// A federal agency beside ICE.
const OTHER: &str = "us-ny-suffolk-jail";

/// An exchange in which two federal agencies take part.
fn world() -> World {
    World::with(|_, config| {
        for authority in &mut config.registry.certificate_authorities {
            authority.kinds.insert(AgencyKind::Federal);
        }
        let other = config.registry.agencies.iter_mut().find(|agency| agency.id.as_str() == OTHER).unwrap();
        (other.kind, other.class) = (AgencyKind::Federal, None);
    })
}

type Counted = BTreeMap<AppealStanding, i32>;

fn counted(tally: Option<v1::AppealTally>) -> Counted {
    let tally = tally.unwrap();
    let counted: Counted = tally.standings.iter().map(|one| (one.standing(), one.count)).collect();
    assert_eq!(tally.total, counted.values().sum::<i32>());
    counted
}

async fn appeal(party: &Party, name: &str) -> v1::Appeal {
    party.get_appeal(v1::GetAppealRequest { name: name.to_owned() }).await.accepted().appeal.unwrap()
}

async fn tally(party: &Party, name: &str) -> Counted {
    counted(appeal(party, name).await.tally)
}

/// Every detainer in it that a party may see, page by page.
async fn items(party: &Party, name: &str) -> Vec<v1::AppealItem> {
    let (mut items, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListAppealItemsRequest { parent: name.to_owned(), page_size: 2, page_token };
        let page = party.list_appeal_items(request).await.accepted();
        items.extend(page.items);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return items;
        }
    }
}

async fn names(party: &Party, name: &str) -> BTreeSet<String> {
    items(party, name).await.into_iter().map(|item| item.detainer).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn standing_of(party: &Party, appeal: &str, detainer: &str) -> AppealStanding {
    items(party, appeal).await.iter().find(|item| item.detainer == detainer).unwrap().standing()
}

async fn listed(party: &Party) -> usize {
    let request = v1::ListAppealsRequest { parent: NY.to_owned(), ..Default::default() };
    party.list_appeals(request).await.accepted().appeals.len()
}

/// The appeals told of in an inbox.
async fn told_of(party: &Party) -> Vec<Event> {
    let deliveries = party.receive(NY, "").await.accepted().deliveries;
    let events = deliveries.into_iter().filter_map(|delivery| merge(&delivery.entry.unwrap()).unwrap().event);
    let of_appeals =
        |event: &Event| matches!(event, Event::AppealIssued(_) | Event::AppealAnswered(_) | Event::AppealBarred(_));
    events.filter(of_appeals).collect()
}

/// What an agency may read of the exchange log: by which method, about what kind of thing.
async fn read(party: &Party) -> Vec<String> {
    let entries = party.entries(NY_EXCHANGE).await.accepted();
    let leaf = |entry: &v1::Entry| v1::Leaf::decode(entry.leaf.as_slice()).unwrap().method;
    let shape = |entry: &v1::Entry| (entry.openings.len(), entry.withheld.clone());
    entries.iter().map(|entry| format!("{} {:?}", leaf(entry), shape(entry))).collect()
}

#[tokio::test]
async fn each_side_sees_of_an_appeal_what_is_its_own() {
    let world = world();
    let (ice, doccs, erie, other) = (world.ice(), world.doccs(), world.erie(), world.system(OTHER));
    let promised = world.matched("us-ny-doccs").await.detainer;
    world.answers("us-ny-doccs", &promised, v1::AnswerKind::NotifyOnly).await.accepted();
    let lodged = world.lodged("us-ny-doccs").await;
    let unknown = world.lodged("us-ny-doccs").await;
    let mut nobody = match_of(&unknown, "");
    nobody.acknowledgement.as_mut().unwrap().finding = v1::Finding::NoSuchPerson.into();
    doccs.acknowledge(nobody).await.accepted();
    let jailed = world.lodged("us-ny-erie-jail").await;
    let elsewhere = other.lodge(detainer_for("us-ny-doccs")).await.accepted().detainer.unwrap().name;

    let all = [promised.as_str(), &lodged, &unknown, &jailed];
    ice.issue_appeal(appeal_over(&[&promised, &elsewhere])).await.not_found();
    let issued = ice.issue_appeal(appeal_over(&all)).await.accepted();
    let (issued, receipt) = (issued.appeal.unwrap(), issued.receipt.unwrap());
    assert_eq!((receipt.log.as_str(), issued.detainer_count), (NY_EXCHANGE, 4));
    let expected = Counted::from([(AppealStanding::Open, 3), (AppealStanding::NoSuchPerson, 1)]);
    assert_eq!(counted(issued.tally.clone()), expected);
    let name = issued.name.as_str();

    // One entry, and each custodian reads in its inbox that there is a demand, and not over whom else.
    for party in [&doccs, &erie] {
        let told = told_of(party).await;
        let [Event::AppealIssued(told)] = told.as_slice() else { panic!("{told:?}") };
        let seen = told.appeal.as_ref().unwrap();
        assert_eq!(
            (seen.ground.as_str(), seen.due_at.unwrap().seconds),
            ("Every request rests on probable cause", DUE_AT)
        );
        assert!(told.detainer_ids.is_empty() && seen.custodians.is_empty());
    }
    let own = told_of(&ice).await;
    let [Event::AppealIssued(own)] = own.as_slice() else { panic!("{own:?}") };
    let mut ids: Vec<_> = all.iter().map(|name| id_of(name)).collect();
    ids.sort();
    assert_eq!(own.detainer_ids, ids, "the list is in the entry");
    assert_eq!(own.appeal.as_ref().unwrap().custodians, ["agencies/us-ny-doccs", "agencies/us-ny-erie-jail"]);
    assert_eq!(names(&doccs, name).await, set(&[&promised, &lodged, &unknown]));
    assert_eq!(names(&erie, name).await, set(&[&jailed]));
    assert_eq!(names(&world.oversight(), name).await.len(), 4);
    assert_eq!(names(&ice, name).await, set(&all));
    assert_eq!(appeal(&erie, name).await.custodians, ["agencies/us-ny-erie-jail"]);

    // Another issuer sees nothing of it.
    assert!(told_of(&other).await.is_empty());
    let unseen = v1::GetAppealRequest { name: name.to_owned() };
    other.get_appeal(unseen.clone()).await.not_found();
    world.system("us-ny-city-jail").get_appeal(unseen).await.not_found();
    assert_eq!([listed(&ice).await, listed(&doccs).await, listed(&erie).await, listed(&other).await], [1, 1, 1, 0]);
}

#[tokio::test]
async fn an_answer_says_what_the_detainer_says_and_is_told_no_further() {
    let world = world();
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    let promised = world.matched("us-ny-doccs").await.detainer;
    let lodged = world.lodged("us-ny-doccs").await;
    let released = world.matched("us-ny-erie-jail").await;
    erie.release(release_of(&released.custody)).await.accepted();
    let jailed = world.lodged("us-ny-erie-jail").await;
    let all = appeal_over(&[&promised, &lodged, &released.detainer, &jailed]);
    let name = ice.issue_appeal(all).await.accepted().appeal.unwrap().name;

    // No way round AnswerDetainer: what was not answered there is not answered here.
    let says = |detainer: &str, kind| answered(&name, detainer, kind);
    let too_soon = doccs.answer_appeal(says(&promised, AppealAnswerKind::WillNotify)).await;
    too_soon.refused(Code::FailedPrecondition, "WRONG_STATE");
    doccs.answer(answer_to(&promised, v1::AnswerKind::NotifyOnly)).await.accepted();
    let before = doccs.detainer(&promised).await.accepted();
    let answer = doccs.answer_appeal(says(&promised, AppealAnswerKind::WillNotify)).await.accepted();
    assert!(!answer.determinations.is_empty());
    assert_eq!(doccs.detainer(&promised).await.accepted(), before, "the detainer stays as it is");
    assert_eq!(standing_of(&ice, &name, &promised).await, AppealStanding::WillNotify);

    // Of a jail the issuer is told of no release, here as little as elsewhere.
    let entries = read(&ice).await;
    let item = erie.answer_appeal(says(&released.detainer, AppealAnswerKind::AlreadyReleased)).await.accepted().item;
    assert_eq!(item.unwrap().standing(), AppealStanding::AlreadyReleased);
    assert_eq!(read(&ice).await, entries);
    assert_eq!(standing_of(&ice, &name, &released.detainer).await, AppealStanding::Open);

    // By law: everything that the issuer sees open, and with its citation.
    for (party, barred) in [(&doccs, 1), (&erie, 2)] {
        let answer = party.answer_appeal(answered_by_law(&name)).await.accepted();
        assert_eq!(counted(answer.tally), Counted::from([(AppealStanding::Barred, barred)]));
    }
    let told = appeal(&ice, &name).await.tally;
    let barred = told.as_ref().unwrap().barred_actions.iter().map(|barred| (barred.action(), barred.count));
    assert_eq!(barred.collect::<Vec<_>>(), [(v1::LawAction::Hold, 3)], "notice and transfer stand apart");
    let [cited] = told.as_ref().unwrap().barred_by.as_slice() else { panic!("{told:?}") };
    assert_eq!((cited.citation.contains("DeMarco"), cited.count), (true, 3));
    assert_eq!(counted(told), Counted::from([(AppealStanding::WillNotify, 1), (AppealStanding::Barred, 3)]));
    let expected = Counted::from([(AppealStanding::AlreadyReleased, 1), (AppealStanding::Barred, 1)]);
    assert_eq!(tally(&erie, &name).await, expected);
    let [.., Event::AppealBarred(last)] = &*told_of(&ice).await else { panic!("no answer by law is told") };
    assert_eq!(last.bars.iter().map(|bar| bar.detainer_ids.len()).sum::<usize>(), 2);
    // A judge's warrant lifts the bar: what was barred by law stays barred in this appeal, and is open in the next.
    let again = appeal_by(v1::AppealFilter { custodian: "agencies/us-ny-erie-jail".to_owned(), ..Default::default() });
    let again = ice.issue_appeal(again).await.accepted().appeal.unwrap();
    assert_eq!(counted(again.tally), Counted::from([(AppealStanding::Open, 2)]));
    world.journal.assert_nothing_personal();
}

/// The issuer's view of two jails: one holds and released the person and answered so, the other knows of nobody.
#[tokio::test]
async fn an_answer_by_law_tells_nothing_of_who_is_held() {
    let mut views = Vec::new();
    for holds in [true, false] {
        let world = world();
        let (ice, erie) = (world.ice(), world.erie());
        let (first, second) = (world.lodged("us-ny-erie-jail").await, world.lodged("us-ny-erie-jail").await);
        let name = ice.issue_appeal(appeal_over(&[&first, &second])).await.accepted().appeal.unwrap().name;
        if holds {
            let custody = world.held("us-ny-erie-jail").await;
            erie.acknowledge(match_of(&first, &custody)).await.accepted();
            erie.release(release_of(&custody)).await.accepted();
            erie.answer_appeal(answered(&name, &first, AppealAnswerKind::AlreadyReleased)).await.accepted();
        }
        erie.answer_appeal(answered_by_law(&name)).await.accepted();
        let by_filter = v1::AppealFilter { states: vec![v1::DetainerState::Lodged.into()], ..Default::default() };
        let again = ice.issue_appeal(appeal_by(by_filter)).await.accepted().appeal.unwrap();
        let standings: Vec<_> = items(&ice, &name)
            .await
            .into_iter()
            .map(|item| v1::AppealItem { detainer: String::new(), ..item })
            .collect();
        views.push((tally(&ice, &name).await, standings, read(&ice).await, again.detainer_count));
    }
    assert_eq!(views[0], views[1]);
}

#[tokio::test]
async fn a_filter_sees_what_the_issuer_was_told() {
    let world = world();
    let ice = world.ice();
    let told = world.matched("us-ny-doccs").await.detainer;
    world.answers("us-ny-doccs", &told, v1::AnswerKind::NotifyOnly).await.accepted();
    let untold = world.matched("us-ny-erie-jail").await.detainer;
    let chosen = async |filter: v1::AppealFilter| {
        let issued = ice.issue_appeal(appeal_by(filter)).await;
        issued.0.map_or(0, |issued| issued.appeal.unwrap().detainer_count)
    };
    let states = |states: &[v1::DetainerState]| v1::AppealFilter {
        states: states.iter().map(|state| (*state).into()).collect(),
        ..Default::default()
    };
    let custodian = |agency: &str| v1::AppealFilter { custodian: format!("agencies/{agency}"), ..Default::default() };
    let offences =
        |offence: v1::OffenceCategory| v1::AppealFilter { offences: vec![offence.into()], ..Default::default() };
    let lodged_from = |seconds| v1::AppealFilter {
        lodged_from: Some(comity::wire::Timestamp { seconds, nanos: 0 }),
        ..Default::default()
    };
    assert_eq!(chosen(v1::AppealFilter::default()).await, 2);
    assert_eq!(chosen(states(&[v1::DetainerState::Lodged])).await, 1, "the jail's finding was not told: {untold}");
    assert_eq!(chosen(states(&[v1::DetainerState::Matched])).await, 0);
    assert_eq!(chosen(states(&[v1::DetainerState::NotifyOnly])).await, 1);
    assert_eq!(chosen(custodian("us-ny-erie-jail")).await, 1);
    assert_eq!(chosen(custodian("us-ny-city-jail")).await, 0);
    assert_eq!(chosen(offences(v1::OffenceCategory::Assault)).await, 2);
    assert_eq!(chosen(offences(v1::OffenceCategory::Drugs)).await, 0);
    assert_eq!(chosen(lodged_from(DUE_AT)).await, 0);
}

#[tokio::test]
async fn the_same_request_is_the_same_appeal_and_limits_hold() {
    let mut world = World::with(|_, config| (config.appeals.members_max, config.appeals.open_max) = (2, 2));
    let (first, second, third) =
        (world.lodged("us-ny-doccs").await, world.lodged("us-ny-doccs").await, world.lodged("us-ny-doccs").await);
    let ice = world.ice();
    let pair = appeal_by(v1::AppealFilter { states: vec![v1::DetainerState::Lodged.into()], ..Default::default() });
    ice.issue_appeal(pair.clone()).await.refused(Code::FailedPrecondition, "APPEAL_TOO_LARGE");
    let three = appeal_over(&[&first, &second, &third]);
    ice.issue_appeal(three).await.refused(Code::FailedPrecondition, "APPEAL_TOO_LARGE");
    let mut found = match_of(&third, "");
    found.acknowledgement.as_mut().unwrap().finding = v1::Finding::NoSuchPerson.into();
    world.doccs().acknowledge(found).await.accepted();
    let issued = ice.issue_appeal(pair.clone()).await.accepted();
    let name = issued.appeal.as_ref().unwrap().name.clone();
    let by_law = answered_by_law(&name);
    let barred = world.doccs().answer_appeal(by_law.clone()).await.accepted();
    ice.issue_appeal(appeal_over(&[&first])).await.accepted();
    ice.issue_appeal(appeal_over(&[&second])).await.refused(Code::FailedPrecondition, "TOO_MANY_APPEALS");
    // Whatever has become of what the filter chose, the same request is answered as it was.
    world.lodged("us-ny-doccs").await;
    for round in ["again", "after a restart"] {
        if round == "after a restart" {
            world.restart().await;
        }
        assert_eq!(world.ice().issue_appeal(pair.clone()).await.accepted(), issued, "{round}");
        assert_eq!(world.doccs().answer_appeal(by_law.clone()).await.accepted(), barred, "{round}");
        assert_eq!(tally(&world.ice(), &name).await, Counted::from([(AppealStanding::Barred, 2)]), "{round}");
    }
    // One that is due makes room.
    world.clock.set(jiff::Timestamp::from_second(DUE_AT + 1).unwrap());
    let mut later = appeal_over(&[&second]);
    later.appeal.as_mut().unwrap().due_at.as_mut().unwrap().seconds = DUE_AT + 2;
    let late = world.ice().issue_appeal(later).await.accepted().appeal.unwrap();
    assert!(!appeal(&world.ice(), &late.name).await.overdue);
    world.clock.set(jiff::Timestamp::from_second(DUE_AT + 3).unwrap());
    assert!(appeal(&world.ice(), &late.name).await.overdue, "nobody answered");
    assert!(!appeal(&world.ice(), &name).await.overdue, "all of it is answered");
    let cursor = world.doccs().receive(NY, "").await.accepted().heartbeat.cursor;
    world.doccs().confirm(receipt_of(NY, &cursor)).await.accepted();
}

/// The claim of December 2025: 7,113 people in custody with detainers, with `COMITY_APPEAL=7113`. Prints what it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appeal_of_its_real_size_is_one_entry() {
    let people = usize::try_from(told("COMITY_APPEAL").unwrap_or(700)).unwrap();
    let world = World::with(|_, config| {
        config.rate.requests_per_s = 1_000_000.try_into().unwrap();
        config.rate.burst = 1_000_000.try_into().unwrap();
    });
    let (ice, doccs) = (world.ice(), world.doccs());
    let timed = |what: &str, begun: Instant| println!("{what}: {:.0?}", begun.elapsed());
    let begun = Instant::now();
    let lodging = (0..people).map(|_| ice.lodge(detainer_for("us-ny-doccs")));
    let lodged = futures_util::stream::iter(lodging).buffer_unordered(64);
    let lodged: Vec<_> = lodged.map(|lodged| lodged.accepted().detainer.unwrap().name).collect().await;
    timed(&format!("{people} lodged"), begun);
    let request = appeal_over(&lodged.iter().map(String::as_str).collect::<Vec<_>>());
    println!("the request: {} bytes", request.encoded_len());
    let begun = Instant::now();
    let issued = ice.issue_appeal(request).await.accepted();
    timed("issued from a list", begun);
    let name = issued.appeal.unwrap().name;
    let entry = v1::GetEntryRequest { name: format!("{NY_EXCHANGE}/entries/{}", issued.receipt.unwrap().index) };
    let entry = ice.get_entry(entry).await.accepted().entry.unwrap();
    println!("its entry: {} bytes", entry.encoded_len());
    let begun = Instant::now();
    let again = ice.issue_appeal(appeal_by(v1::AppealFilter::default())).await.accepted().appeal.unwrap();
    timed("issued by a filter", begun);
    assert_eq!(again.detainer_count, i32::try_from(people).unwrap());
    let begun = Instant::now();
    doccs.answer_appeal(answered_by_law(&name)).await.accepted();
    timed("answered by law", begun);
    let begun = Instant::now();
    let barred = tally(&ice, &name).await;
    timed("tally", begun);
    assert_eq!(barred, Counted::from([(AppealStanding::Barred, i32::try_from(people).unwrap())]));
    let begun = Instant::now();
    doccs.answer_appeal(answered(&again.name, &lodged[0], AppealAnswerKind::Barred)).await.accepted();
    timed("answered of one", begun);
    let delivered = told_of(&doccs).await;
    assert_eq!(delivered.len(), 4, "two issued, one answered by law, one of one");
}
