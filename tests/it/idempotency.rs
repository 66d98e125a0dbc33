//! A request id settles what became of a write, whoever hung up and whatever was restarted.

use std::time::Duration;

use comity::domain::ids::LogName;
use comity::wire::Message as _;
use comity::wire::v1;
use rusqlite::Connection;
use tonic::Code;

use crate::harness::World;
use crate::harness::requests::{
    NY, NY_EXCHANGE, answer_to, detainer_for, intake_at, match_of, receipt_of, release_of, schedule_of, withdrawal_of,
};

fn exchange() -> LogName {
    NY_EXCHANGE.parse().unwrap()
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_receipt_for_ever() {
    let mut world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let lodging = detainer_for("us-ny-erie-jail");
    let intake = intake_at("us-ny-doccs");
    let answer = answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly);
    let schedule = schedule_of(&matched.custody);
    let release = release_of(&matched.custody);
    let withdrawal = withdrawal_of(&matched.detainer);
    let cursor = world.ice().receive(NY, "").await.accepted().heartbeat.cursor;
    let received = receipt_of(NY, &cursor);
    let mut first: Option<Vec<Vec<u8>>> = None;
    for round in ["first", "again", "after a restart"] {
        if round == "after a restart" {
            world.restart().await;
        }
        let (ice, doccs) = (world.ice(), world.doccs());
        let answers = vec![
            ice.lodge(lodging.clone()).await.accepted().encode_to_vec(),
            doccs.open(intake.clone()).await.accepted().encode_to_vec(),
            doccs.answer(answer.clone()).await.accepted().encode_to_vec(),
            doccs.schedule(schedule.clone()).await.accepted().encode_to_vec(),
            doccs.release(release.clone()).await.accepted().encode_to_vec(),
            ice.withdraw(withdrawal.clone()).await.accepted().encode_to_vec(),
            ice.confirm(received.clone()).await.accepted().encode_to_vec(),
        ];
        let rows = world.kept().rows();
        assert_eq!(*first.get_or_insert(answers.clone()), answers, "{round}");
        assert_eq!((rows["entries"], rows["requests"]), (12, 10), "{round}");
    }
}

#[tokio::test]
async fn sixteen_at_once_are_one_entry_and_one_receipt() {
    let world = World::start();
    let ice = world.ice();
    ice.client().await;
    let lodging = detainer_for("us-ny-doccs");
    let calls = (0..16).map(|_| ice.lodge(lodging.clone()));
    let answers: Vec<_> = futures_util::future::join_all(calls).await;
    let mut answers: Vec<_> = answers.into_iter().map(|answer| answer.accepted().encode_to_vec()).collect();
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(world.kept().entries(&exchange()).len(), 1);
}

#[tokio::test]
async fn a_request_id_is_bound_to_its_command_and_to_its_agency() {
    let world = World::start();
    let lodging = detainer_for("us-ny-doccs");
    let detainer = world.ice().lodge(lodging.clone()).await.accepted().detainer.unwrap().name;
    let reused = || (Code::AlreadyExists, "REQUEST_ID_REUSED");
    let rows = world.kept().rows();
    let mut other = lodging.clone();
    other.detainer.as_mut().unwrap().contact_phone = "555 0199".to_owned();
    let (code, reason) = reused();
    world.ice().lodge(other).await.refused(code, reason);
    let withdrawal = v1::WithdrawDetainerRequest { request_id: lodging.request_id.clone(), ..withdrawal_of(&detainer) };
    world.ice().withdraw(withdrawal).await.refused(code, reason);
    assert_eq!(world.kept().rows(), rows);
    // Another agency's ids are its own.
    let intake = v1::OpenCustodyRequest { request_id: lodging.request_id, ..intake_at("us-ny-doccs") };
    world.doccs().open(intake).await.accepted();
}

#[tokio::test]
async fn a_refused_call_is_not_remembered() {
    let world = World::start();
    let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-doccs").await);
    let answer = answer_to(&detainer, v1::AnswerKind::NotifyOnly);
    let rows = world.kept().rows();
    world.doccs().answer(answer.clone()).await.refused(Code::FailedPrecondition, "WRONG_STATE");
    assert_eq!(world.kept().rows(), rows);
    world.doccs().acknowledge(match_of(&detainer, &custody)).await.accepted();
    world.doccs().answer(answer).await.accepted();
}

#[tokio::test]
async fn a_caller_that_hangs_up_loses_its_answer_and_not_its_entry() {
    let world = World::start();
    let ice = world.ice();
    world.lodged("us-ny-doccs").await;
    let (first, second) = (detainer_for("us-ny-doccs"), detainer_for("us-ny-doccs"));
    // Another writer in the file keeps the first commit waiting, and with it the queue, while both callers hang up.
    let busy = Connection::open(world.directory().join("comity.db")).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    for lodging in [&first, &second] {
        let answer = tokio::time::timeout(Duration::from_millis(200), ice.lodge(lodging.clone())).await;
        assert!(answer.is_err(), "the commit could not be done");
    }
    busy.execute_batch("ROLLBACK").unwrap();
    let recorded = async {
        while world.kept().entries(&exchange()).len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), recorded).await.expect("an entry was lost");
    for (index, lodging) in [(1, first), (2, second)] {
        let receipt = ice.lodge(lodging.clone()).await.accepted().receipt;
        assert_eq!(receipt.as_ref().unwrap().index, index);
        assert_eq!(ice.lodge(lodging).await.accepted().receipt, receipt);
    }
    assert_eq!(world.kept().entries(&exchange()).len(), 3);
}

#[tokio::test]
async fn a_write_on_an_older_state_is_aborted() {
    let world = World::start();
    let matched = world.matched("us-ny-doccs").await;
    let rows = || {
        let mut rows = world.kept().rows();
        rows.remove("disclosures");
        rows
    };
    let before = rows();
    let detainer = world.doccs().detainer(&matched.detainer).await.accepted();
    let issuers = world.ice().detainer(&matched.detainer).await.accepted();
    for stale in ["c1", issuers.etag.as_str(), "anything"] {
        let answer = v1::AnswerDetainerRequest {
            etag: stale.to_owned(),
            ..answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly)
        };
        world.doccs().answer(answer).await.refused(Code::Aborted, "ETAG_MISMATCH");
    }
    assert_eq!(rows(), before);
    let answer =
        v1::AnswerDetainerRequest { etag: detainer.etag, ..answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly) };
    world.doccs().answer(answer).await.accepted();
    let custody = world.doccs().custody(&matched.custody).await.accepted();
    world.doccs().schedule(schedule_of(&matched.custody)).await.accepted();
    let release = v1::RecordReleaseRequest { etag: custody.etag, ..release_of(&matched.custody) };
    world.doccs().release(release).await.refused(Code::Aborted, "ETAG_MISMATCH");
}
