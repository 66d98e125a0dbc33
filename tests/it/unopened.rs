//! What is not the caller's is not opened: it costs what it costs to look for something that there is not, so that how long an
//! answer takes tells nobody of a case.

use std::time::{Duration, Instant};

use comity::wire::v1;
use rusqlite::Connection;
use tonic::Code;

use crate::harness::World;
use crate::harness::appeals::{answered_by_law, appeal_over};
use crate::harness::changes::{birth_date_in, claim_on, escape_from, verification_of, window_under};
use crate::harness::requests::{NY, NY_EXCHANGE, answer_to, match_of, release_of, schedule_of};

/// The same name but for its end: of what there is not.
fn missing(name: &str) -> String {
    let (rest, last) = name.split_at(name.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[tokio::test]
async fn a_case_of_somebody_elses_is_not_opened() {
    let world = World::start();
    world.matched("us-ny-doccs").await;
    let detainer = world.doccs().detainers(NY).await.accepted().remove(0).name;
    let custody = world.doccs().custodies(NY).await.accepted().remove(0).name;
    world.ice().detainer(&detainer).await.accepted();
    // Whoever opens a case from now on fails.
    let store = Connection::open(world.directory().join("comity.db")).unwrap();
    assert_eq!(store.execute("UPDATE cases SET sealed = x'00'", []).unwrap(), 2);
    for stranger in [world.erie(), world.system("us-tx-harris-jail")] {
        for name in [detainer.clone(), missing(&detainer)] {
            stranger.detainer(&name).await.not_found();
        }
        for name in [custody.clone(), missing(&custody)] {
            stranger.custody(&name).await.not_found();
        }
    }
    world.ice().custody(&custody).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    // Else nothing was shown: those whose they are have to open them.
    world.ice().detainer(&detainer).await.refused(Code::Unavailable, "UNAVAILABLE");
    world.doccs().detainer(&detainer).await.refused(Code::Unavailable, "UNAVAILABLE");
    world.doccs().custody(&custody).await.refused(Code::Unavailable, "UNAVAILABLE");
}

/// Nor by a command upon it.
#[tokio::test]
async fn a_command_upon_a_case_of_somebody_elses_does_not_open_it() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let (detainer, custody) = (matched.detainer.as_str(), matched.custody.as_str());
    let own = world.held("us-ny-erie-jail").await;
    let store = Connection::open(world.directory().join("comity.db")).unwrap();
    let theirs = "UPDATE cases SET sealed = x'00' WHERE hex(id) IN (?1, ?2)";
    let id = |name: &str| name.rsplit('/').next().unwrap().replace('-', "").to_uppercase();
    assert_eq!(store.execute(theirs, [id(detainer), id(custody)]).unwrap(), 2);
    let (erie, officer) = (world.erie(), world.officer("us-ny-erie-jail"));
    for name in [detainer.to_owned(), missing(detainer)] {
        erie.acknowledge(match_of(&name, &own)).await.not_found();
        erie.answer(answer_to(&name, v1::AnswerKind::NotifyOnly)).await.not_found();
        erie.claim(claim_on(&name)).await.not_found();
        officer.verify_warrant(verification_of(&name)).await.not_found();
        erie.offer(window_under(&name)).await.not_found();
    }
    for name in [custody.to_owned(), missing(custody)] {
        erie.schedule(schedule_of(&name)).await.not_found();
        erie.release(release_of(&name)).await.not_found();
        erie.close(escape_from(&name)).await.not_found();
        officer.correct_identity(birth_date_in(&name)).await.not_found();
    }
    // Else nothing was shown: whose it is has to open it.
    let status = world.doccs().schedule(schedule_of(custody)).await.0.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

/// Neither by a look at an appeal nor by an answer to it is a detainer opened for whom the appeal is nothing to.
#[tokio::test]
async fn an_appeal_of_somebody_elses_is_not_gone_through() {
    let world = World::start();
    let detainer = world.lodged("us-ny-doccs").await;
    let appeal = world.ice().issue_appeal(appeal_over(&[&detainer])).await.accepted().appeal.unwrap().name;
    let store = Connection::open(world.directory().join("comity.db")).unwrap();
    let detainers = "UPDATE cases SET sealed = x'00' WHERE hex(id) = ?1";
    let id = detainer.rsplit('/').next().unwrap().replace('-', "").to_uppercase();
    assert_eq!(store.execute(detainers, [id]).unwrap(), 1);
    let look = || v1::GetAppealRequest { name: appeal.clone() };
    let items = || v1::ListAppealItemsRequest { parent: appeal.clone(), ..Default::default() };
    for stranger in [world.erie(), world.system("us-tx-harris-jail")] {
        stranger.get_appeal(look()).await.not_found();
        stranger.list_appeal_items(items()).await.not_found();
        stranger.answer_appeal(answered_by_law(&appeal)).await.not_found();
    }
    // Else nothing was shown: those whom it concerns have to go through it.
    world.doccs().get_appeal(look()).await.refused(Code::Unavailable, "UNAVAILABLE");
    world.doccs().list_appeal_items(items()).await.refused(Code::Unavailable, "UNAVAILABLE");
    world.doccs().answer_appeal(answered_by_law(&appeal)).await.refused(Code::Unavailable, "UNAVAILABLE");
}

#[tokio::test]
async fn an_entry_of_somebody_elses_is_not_opened() {
    let world = World::start();
    world.lodged("us-ny-doccs").await;
    let store = Connection::open(world.directory().join("comity.db")).unwrap();
    assert_eq!(store.execute("UPDATE entries SET sealed = x'00'", []).unwrap(), 1);
    let entry = |index: u64| v1::GetEntryRequest { name: format!("{NY_EXCHANGE}/entries/{index}") };
    let proof = |index: u64| v1::ProveInclusionRequest { name: format!("{NY_EXCHANGE}/entries/{index}") };
    for index in [0, 1] {
        world.erie().get_entry(entry(index)).await.not_found();
        world.erie().prove_inclusion(proof(index)).await.not_found();
    }
    world.doccs().get_entry(entry(0)).await.refused(Code::Unavailable, "UNAVAILABLE");
}

/// Times each way of asking for a case by its name, by a jail that it is nothing to: for a case of somebody else's, and for one that
/// there is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, of which nothing is asserted: the tests above count in place of timing"]
async fn how_long_it_takes_to_be_told_of_nothing() {
    let world = World::with(|_, config| config.rate.requests_per_s = 100_000.try_into().unwrap());
    let matched = world.matched("us-ny-doccs").await;
    let appeal = world.ice().issue_appeal(appeal_over(&[&matched.detainer])).await.accepted().appeal.unwrap().name;
    let (detainer, custody) = (matched.detainer.as_str(), matched.custody.as_str());
    let (erie, own) = (world.erie(), world.held("us-ny-erie-jail").await);
    let get = |name: &str| v1::GetAppealRequest { name: name.to_owned() };
    let items = |parent: &str| v1::ListAppealItemsRequest { parent: parent.to_owned(), ..Default::default() };
    let promise = |name: &str| answer_to(name, v1::AnswerKind::NotifyOnly);
    measure("GetDetainer", detainer, async |name| drop(erie.detainer(name).await.not_found())).await;
    measure("GetCustody", custody, async |name| drop(erie.custody(name).await.not_found())).await;
    measure("GetAppeal", &appeal, async |name| drop(erie.get_appeal(get(name)).await.not_found())).await;
    measure("ListAppealItems", &appeal, async |name| drop(erie.list_appeal_items(items(name)).await.not_found())).await;
    measure("AnswerAppeal", &appeal, async |name| drop(erie.answer_appeal(answered_by_law(name)).await.not_found()))
        .await;
    measure("AcknowledgeDetainer", detainer, async |name| {
        drop(erie.acknowledge(match_of(name, &own)).await.not_found());
    })
    .await;
    measure("AnswerDetainer", detainer, async |name| drop(erie.answer(promise(name)).await.not_found())).await;
    measure("ScheduleRelease", custody, async |name| drop(erie.schedule(schedule_of(name)).await.not_found())).await;
    measure("RecordRelease", custody, async |name| drop(erie.release(release_of(name)).await.not_found())).await;
}

/// Of both in turn, so that whatever else the machine does slows both; prints the median of each.
async fn measure(method: &str, somebody_elses: &str, ask: impl AsyncFn(&str)) {
    const ROUNDS: usize = 400;
    let not_there = missing(somebody_elses);
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (name, took) in [somebody_elses, &not_there].into_iter().zip(&mut took) {
            let begun = Instant::now();
            ask(name).await;
            took.push(begun.elapsed());
        }
    }
    let [somebody_elses, not_there] = took.map(|mut took: Vec<Duration>| {
        took.sort();
        took[ROUNDS / 2]
    });
    println!("{method:20} somebody else's {somebody_elses:>9.1?}, not there {not_there:>9.1?}");
}
