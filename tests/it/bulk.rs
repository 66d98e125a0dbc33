//! Bulk streams over the wire: each item is answered as a call of its own would be, in order, whatever becomes of the others.

use std::time::Duration;

use comity::wire::v1;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::harness::{World, status_of};

use v1::lodge_detainers_response::Outcome as Lodged;

fn item(request: v1::LodgeDetainerRequest) -> v1::LodgeDetainersRequest {
    v1::LodgeDetainersRequest { request: Some(request) }
}

/// What became of some items, by the request ids as they were sent.
async fn lodge_all(world: &World, items: Vec<v1::LodgeDetainersRequest>) -> Vec<v1::LodgeDetainersResponse> {
    let mut client = world.ice().client().await.detainers();
    let mut answers = client.lodge_detainers(stream::iter(items)).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        all.push(answer);
    }
    all
}

fn reason(outcome: Option<Lodged>) -> (Code, String) {
    let Some(Lodged::Error(error)) = outcome else { panic!("it was not refused") };
    let status = status_of(error);
    (status.code(), status.get_error_details().error_info().unwrap().reason.clone())
}

#[tokio::test]
async fn each_item_is_answered_in_order_and_a_refused_one_leaves_the_others() {
    let world = World::start();
    let requests: Vec<_> = (0..700).map(|_| detainer_for("us-ny-doccs")).collect();
    let mut items: Vec<_> = requests.iter().cloned().map(item).collect();
    let mut bad = detainer_for("us-ny-doccs");
    bad.detainer.as_mut().unwrap().contact_phone = "x".repeat(1_000);
    items.insert(100, item(bad.clone()));
    items.insert(200, v1::LodgeDetainersRequest { request: None });
    items.insert(
        300,
        item(v1::LodgeDetainerRequest { parent: "jurisdictions/us-zz".to_owned(), ..detainer_for("us-ny-doccs") }),
    );
    let mut answers = lodge_all(&world, items).await;
    assert_eq!(answers.len(), 703);
    let elsewhere = answers.remove(300);
    assert_eq!(reason(elsewhere.outcome), (Code::NotFound, "NOT_FOUND".to_owned()));
    let empty = answers.remove(200);
    assert_eq!(
        (empty.request_id.as_str(), reason(empty.outcome)),
        ("", (Code::InvalidArgument, "INVALID_FIELD".to_owned()))
    );
    let faulty = answers.remove(100);
    assert_eq!(faulty.request_id, bad.request_id);
    assert_eq!(reason(faulty.outcome), (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    let mut indexes = Vec::new();
    for (request, answer) in requests.iter().zip(answers) {
        assert_eq!(answer.request_id, request.request_id);
        let Some(Lodged::Response(lodged)) = answer.outcome else { panic!("an item was refused") };
        // As the call for one answers it again.
        assert_eq!(world.ice().lodge(request.clone()).await.accepted(), lodged);
        indexes.push(lodged.receipt.unwrap().index);
    }
    assert_eq!(indexes, (0..700).collect::<Vec<_>>());
    assert_eq!(world.kept().entries(&NY_EXCHANGE.parse().unwrap()).len(), 700);
}

#[tokio::test]
async fn what_was_sent_again_after_a_break_is_answered_as_before() {
    let world = World::start();
    let requests: Vec<_> = (0..300).map(|_| detainer_for("us-ny-doccs")).collect();
    let mut client = world.ice().client().await.detainers();
    let (sender, items) = mpsc::channel(300);
    for request in &requests[..200] {
        sender.send(item(request.clone())).await.unwrap();
    }
    let mut answers = client.lodge_detainers(ReceiverStream::new(items)).await.unwrap().into_inner();
    let mut first = Vec::new();
    for _ in 0..50 {
        first.push(answers.message().await.unwrap().unwrap());
    }
    // The caller is gone; what it had sent may or may not be recorded.
    drop((answers, sender, client));
    let again = lodge_all(&world, requests.iter().cloned().map(item).collect()).await;
    assert_eq!(again[..50], first);
    assert!(again.iter().all(|answer| matches!(answer.outcome, Some(Lodged::Response(_)))));
    let rows = world.kept().rows();
    assert_eq!((rows["entries"], rows["requests"]), (300, 300));
}

/// The door asks of many what it asks of one.
#[tokio::test]
async fn whoever_may_not_call_the_single_method_may_not_open_the_stream() {
    let world = World::start();
    let mut client = world.doccs().client().await.detainers();
    let refused = client.lodge_detainers(stream::iter([item(detainer_for("us-ny-doccs"))])).await;
    let refused = refused.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "METHOD_DENIED");
    assert_eq!(world.kept().rows()["entries"], 0);
}

#[tokio::test]
async fn above_its_rate_an_agency_is_read_later_and_not_refused() {
    let world = World::with(|_, config| config.rate.bulk_items_per_s = 100.try_into().unwrap());
    let begun = std::time::Instant::now();
    let answers = lodge_all(&world, (0..150).map(|_| item(detainer_for("us-ny-doccs"))).collect()).await;
    assert!(answers.iter().all(|answer| matches!(answer.outcome, Some(Lodged::Response(_)))));
    assert!(begun.elapsed() > Duration::from_millis(400), "the last fifty took {:?}", begun.elapsed());
}

/// What it has taken, it answers; what it has not, may be sent to another gateway.
#[tokio::test]
async fn a_gateway_that_drains_answers_what_it_has_taken() {
    let mut world = World::start();
    let mut client = world.ice().client().await.detainers();
    let (sender, items) = mpsc::channel(1);
    let mut answers = client.lodge_detainers(ReceiverStream::new(items)).await.unwrap().into_inner();
    let first = detainer_for("us-ny-doccs");
    sender.send(item(first.clone())).await.unwrap();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(matches!(answer.outcome, Some(Lodged::Response(_))));
    let ended = tokio::spawn(async move { answers.message().await.unwrap_err().code() });
    world.restart().await;
    assert_eq!(ended.await.unwrap(), Code::Unavailable);
    drop(sender);
    assert_eq!(lodge_all(&world, vec![item(first)]).await, [answer]);
}
