//! What waits for whom: told to the agency itself, and to an operator as counts and names alone.

use comity::wire::v1;
use jiff::SignedDuration;
use tonic::Code;

use crate::harness::requests::{NY, NY_EXCHANGE, TX, backlog_of, receipt_of};
use crate::harness::{Party, World};
use crate::inbox::{STATISTICS, receipt_as};

/// Consumer, how many wait, and how many are parked.
async fn told(party: &Party, agency: &str) -> Vec<(String, i64, usize)> {
    let backlogs = party.get_backlog(backlog_of(agency)).await.accepted().backlogs;
    assert!(backlogs.iter().all(|backlog| !backlog.incomplete));
    let told = |backlog: v1::Backlog| (backlog.consumer, backlog.waiting_count, backlog.parked.len());
    backlogs.into_iter().map(told).collect()
}

fn is(consumer: &str, waiting: i64, parked: usize) -> (String, i64, usize) {
    (consumer.to_owned(), waiting, parked)
}

#[tokio::test]
async fn a_backlog_counts_what_is_for_the_agency_and_not_confirmed() {
    let world = World::start();
    let (doccs, operator) = (world.doccs(), world.system("comity-operator"));
    assert_eq!(told(&doccs, "").await, [is("default", 0, 0)], "who has never received has one all the same");
    let start = world.clock.now();
    world.lodged("us-ny-doccs").await;
    world.pass(SignedDuration::from_hours(1));
    // A detainer of another's, a custody of its own, and one that is looked into: proof of it is for ICE.
    world.lodged("us-ny-erie-jail").await;
    world.matched("us-ny-doccs").await;
    assert_eq!(told(&doccs, "").await, [is("default", 4, 0)]);
    assert_eq!(told(&doccs, "us-ny-doccs").await, [is("default", 4, 0)]);
    assert_eq!(told(&operator, "us-ny-doccs").await, [is("default", 4, 0)]);
    assert_eq!(told(&operator, "us-ice").await, [is("default", 4, 0)]);
    assert_eq!(told(&operator, "us-ny-suffolk-jail").await, [is("default", 0, 0)]);

    let own = doccs.get_backlog(backlog_of("")).await.accepted().backlogs.remove(0);
    assert_eq!(own.oldest_recorded_at.unwrap().seconds, start.as_second());
    let seen = doccs.receive(NY, "").await.accepted();
    assert_eq!(doccs.receive(NY, &own.cursor).await.accepted(), seen, "its cursor is where it stands");
    doccs.receive_as(STATISTICS, NY, "").await.accepted();
    let cursor = &doccs.receive_as(STATISTICS, NY, "").await.accepted().deliveries[2].cursor;
    doccs.confirm(receipt_as(STATISTICS, cursor)).await.accepted();
    doccs.confirm(receipt_of(NY, &seen.deliveries[0].cursor)).await.accepted();
    let expected = [is("default", 3, 0), is(STATISTICS, 1, 0)];
    assert_eq!(told(&doccs, "").await, expected, "a confirmation is not waited for");
    assert_eq!(told(&operator, "us-ny-doccs").await, expected);
    let only = v1::GetBacklogRequest { consumer: STATISTICS.to_owned(), ..backlog_of("") };
    assert_eq!(doccs.get_backlog(only).await.accepted().backlogs.len(), 1);
    doccs.confirm(receipt_of(NY, &seen.heartbeat.cursor)).await.accepted();
    let done = doccs.get_backlog(backlog_of("")).await.accepted().backlogs.remove(0);
    assert_eq!((done.waiting_count, done.oldest_recorded_at), (0, None));
}

#[tokio::test]
async fn an_operator_is_told_counts_and_names_alone_and_others_nothing() {
    let mut world = World::with(|_, config| config.inbox.park_after_tries = 1);
    world.lodged("us-ny-doccs").await;
    for _ in 0..2 {
        world.doccs().receive(NY, "").await.accepted();
        world.restart().await;
    }
    let before = world.kept().rows();
    let operator = world.system("comity-operator");
    let [backlog]: [v1::Backlog; 1] =
        operator.get_backlog(backlog_of("us-ny-doccs")).await.accepted().backlogs.try_into().unwrap();
    assert_eq!((backlog.cursor.as_str(), backlog.waiting_count), ("", 0));
    assert_eq!(backlog.parked[0].entry, format!("{NY_EXCHANGE}/entries/0"));
    crate::harness::assert_nothing_personal(&format!("{backlog:?}"));

    let elsewhere = |agency: &str| v1::GetBacklogRequest { parent: TX.to_owned(), ..backlog_of(agency) };
    operator.get_backlog(elsewhere("us-ice")).await.accepted();
    operator.get_backlog(elsewhere("us-ny-doccs")).await.not_found();
    operator.get_backlog(backlog_of("us-nobody")).await.not_found();
    operator.get_backlog(backlog_of("us-ny-oversight")).await.not_found();
    operator.get_backlog(backlog_of("comity-operator")).await.not_found();
    operator.get_backlog(backlog_of("")).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    let denied = world.without_token("comity-operator").get_backlog(backlog_of("us-ice")).await;
    denied.refused(Code::Unauthenticated, "TOKEN_REFUSED");
    for agency in ["us-ny-doccs", "us-nobody"] {
        world.erie().get_backlog(backlog_of(agency)).await.not_found();
        world.ice().get_backlog(backlog_of(agency)).await.not_found();
    }
    world.doccs().get_backlog(elsewhere("")).await.not_found();
    assert_eq!(world.kept().rows(), before, "nothing is unsealed, so nothing is accounted for");
}
