//! More than one agency's share: what is above a limit is refused with a hint, and nobody else notices.

use std::time::Duration;

use comity::wire::Message as _;
use comity::wire::v1;

use crate::harness::requests::NY_EXCHANGE;
use crate::hostile::call::{Call, Line};
use crate::hostile::frames::Wire;
use crate::hostile::peer::Peer;
use crate::hostile::siege::Siege;

const OVERLOADED: &str = "ResourceExhausted OVERLOADED";
const CHECKPOINT: &str = "/comity.v1.LedgerService/GetCheckpoint";
const RECEIVE: &str = "/comity.v1.InboxService/Receive";

fn call(siege: &Siege, agency: &str, path: &str) -> Call {
    let message = match path {
        RECEIVE => {
            v1::ReceiveRequest { parent: "jurisdictions/us-ny".to_owned(), ..Default::default() }.encode_to_vec()
        }
        _ => v1::GetCheckpointRequest { log: NY_EXCHANGE.to_owned() }.encode_to_vec(),
    };
    Call::new(path, Some(&siege.token(agency)), &message)
}

/// How many of so many calls in a row are answered.
async fn answered(siege: &Siege, line: &Line, agency: &str, count: usize) -> usize {
    let mut answered = 0;
    for _ in 0..count {
        match line.answer_to(call(siege, agency, CHECKPOINT)).await.as_str() {
            "Ok" => answered += 1,
            other => assert_eq!(other, OVERLOADED),
        }
    }
    answered
}

#[tokio::test]
async fn an_agency_that_calls_too_fast_slows_itself_alone() {
    let siege = Siege::lay_with(|config| {
        config.rate.requests_per_s = 1.try_into().unwrap();
        config.rate.burst = 20.try_into().unwrap();
    })
    .await;
    let (erie, suffolk) = ("us-ny-erie-jail", "us-ny-suffolk-jail");
    let lines = (Line::open(&siege, erie).await, Line::open(&siege, suffolk).await);
    let fast = answered(&siege, &lines.0, erie, 60).await;
    assert!((20..40).contains(&fast), "{fast} of 60");
    assert_eq!(answered(&siege, &lines.1, suffolk, 10).await, 10);
    // A token that proves nothing counts as well: else guessing would be free.
    let guess = Call::new(CHECKPOINT, Some("x"), &[]);
    assert_eq!(lines.0.answer_to(guess).await, OVERLOADED);
    siege.lift_uncounted().await;
}

#[tokio::test]
async fn a_call_beyond_those_in_flight_is_shed_and_does_not_wait() {
    let siege = Siege::lay_with(|config| config.server.in_flight_max = 2).await;
    let doccs = "us-ny-doccs";
    let line = Line::open(&siege, doccs).await;
    // Two that never end their request are in flight until their time is up.
    let (first, second) = (line.begin(call(&siege, doccs, CHECKPOINT)), line.begin(call(&siege, doccs, CHECKPOINT)));
    let shed = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        line.answer_to(call(&siege, doccs, CHECKPOINT)).await
    };
    let (first, second, shed) = tokio::join!(first, second, shed);
    assert_eq!([&*first, &*second], ["DeadlineExceeded DEADLINE_EXCEEDED"; 2]);
    assert_eq!(shed, OVERLOADED);
    assert_eq!(line.answer_to(call(&siege, doccs, CHECKPOINT)).await, "Ok");
    siege.lift_uncounted().await;
}

#[tokio::test]
async fn a_subscription_that_nobody_reads_is_ended() {
    let siege = Siege::lay_with(|config| {
        config.inbox.heartbeat_ms = 10;
        config.inbox.stall_ms = 300;
    })
    .await;
    let before_kib = siege.memory_from_here_kib();
    let mut unread = Vec::new();
    for _ in 0..95 {
        unread.push(Line::narrow(&siege, "us-ny-doccs").await.leave_unread(call(&siege, "us-ny-doccs", RECEIVE)).await);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let grown_kib = siege.memory_peak_kib().saturating_sub(before_kib);
    println!("95 subscriptions that nobody reads: {grown_kib} KiB");
    assert!(grown_kib < 24 * 1_024, "{grown_kib} KiB");
    for subscription in unread {
        let rest = tokio::time::timeout(Duration::from_secs(5), subscription.read()).await;
        assert_eq!(rest.expect("it goes on"), OVERLOADED);
    }
    siege.lift_uncounted().await;
}

/// What is sent ahead waits in memory, where no other limit counts it: so much for a stream, and for a connection.
#[tokio::test]
async fn a_peer_is_told_how_much_it_may_send_ahead() {
    let siege = Siege::lay().await;
    let stream = Peer::of(&siege, "us-ice").connect(&siege).await.unwrap();
    assert_eq!(Wire::open(stream).await.windows().await, (64 * 1_024, 256 * 1_024));
    siege.lift_uncounted().await;
}

#[tokio::test]
async fn an_agency_has_so_many_answers_unread_and_no_more() {
    let siege = Siege::lay_with(|config| config.server.open_per_agency_max = 3).await;
    let (doccs, erie) = ("us-ny-doccs", "us-ny-erie-jail");
    let mut unread = Vec::new();
    for _ in 0..3 {
        unread.push(Line::shut(&siege, doccs).await.leave_unread(call(&siege, doccs, CHECKPOINT)).await);
    }
    let (own, other) = (Line::open(&siege, doccs).await, Line::open(&siege, erie).await);
    assert_eq!(own.answer_to(call(&siege, doccs, CHECKPOINT)).await, OVERLOADED);
    assert_eq!(other.answer_to(call(&siege, erie, CHECKPOINT)).await, "Ok");
    // Health is asked beside them, and has a number of its own.
    let health = || Call::new("/grpc.health.v1.Health/Watch", Some(&siege.token(doccs)), &[]);
    let mut watches = Vec::new();
    for _ in 0..64 {
        watches.push(Line::open(&siege, doccs).await.leave_unread(health()).await);
    }
    // One that is answered at once where there is room.
    let check = Call::new("/grpc.health.v1.Health/Check", Some(&siege.token(doccs)), &[]);
    assert_eq!(own.answer_to(check).await, OVERLOADED);
    drop((unread, watches));
    let let_go = async {
        while own.answer_to(call(&siege, doccs, CHECKPOINT)).await != "Ok" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), let_go).await.expect("what nobody reads any more is still held");
    siege.lift_uncounted().await;
}
