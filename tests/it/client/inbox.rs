//! An inbox goes on where it was, whatever becomes of its stream.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comity::client::{Client, Error, Inbox, InboxConfig};
use comity::domain::agency::ActorKind;
use comity::wire::Message as _;
use comity::wire::v1;
use comity::wire::v1::ErrorReason;
use comity::wire::v1::receive_response::Item;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tonic::Code;

use crate::client::scripted::{Answer, Asked, Scripted};
use crate::client::{RETRY, failure};
use crate::harness::World;
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for};

const CONFIG: InboxConfig = InboxConfig {
    silence_max: Duration::from_mins(1),
    confirm_every: 256,
    confirm_within: Duration::from_mins(1),
    remembered_max: 100,
};

/// It waits for a word no longer than a busy machine takes to say one.
const SHORT: InboxConfig = InboxConfig { silence_max: Duration::from_secs(3), ..CONFIG };

fn delivery(number: u32) -> Vec<u8> {
    let entry = v1::Entry { name: format!("entry {number}"), ..Default::default() };
    let delivery = v1::Delivery { entry: Some(entry), cursor: format!("after {number}") };
    v1::ReceiveResponse { item: Some(Item::Delivery(delivery)) }.encode_to_vec()
}

fn heartbeat(number: u32) -> Vec<u8> {
    let heartbeat = v1::Heartbeat { cursor: format!("after {number}"), ..Default::default() };
    v1::ReceiveResponse { item: Some(Item::Heartbeat(heartbeat)) }.encode_to_vec()
}

fn confirmed() -> Answer {
    Answer::message(&v1::AcknowledgeResponse::default())
}

fn name(delivery: v1::Delivery) -> String {
    delivery.entry.unwrap().name
}

/// What a gateway was asked, as `from <cursor>` and `confirm <cursor>`.
fn told(asked: &Asked) -> String {
    if asked.path.ends_with("/Receive") {
        return format!("from {}", asked.decode::<v1::ReceiveRequest>().cursor);
    }
    let request: v1::AcknowledgeRequest = asked.decode();
    assert!(request.request_id.parse::<uuid::Uuid>().is_ok());
    format!("confirm {}", request.cursor)
}

/// Catches up by a script: what was handled, and what the gateway was asked.
async fn check(config: InboxConfig, script: &[Answer], handled: &[u32], asked: &[&str]) {
    let gateway = Scripted::start(script).await;
    let client = gateway.client("a.b.c", RETRY).await;
    let seen = Mutex::new(Vec::new());
    let mut inbox = Inbox::new(&client, NY).with(config);
    let handle = |delivery| {
        seen.lock().unwrap().push(name(delivery));
        async { Ok::<_, Error>(()) }
    };
    let caught_up = tokio::time::timeout(Duration::from_mins(1), inbox.catch_up(handle)).await;
    caught_up.expect("it asks for more than the script has").unwrap();
    let handled: Vec<String> = handled.iter().map(|number| format!("entry {number}")).collect();
    assert_eq!(*seen.lock().unwrap(), handled);
    assert_eq!(gateway.asked().iter().map(told).collect::<Vec<_>>(), asked);
}

#[tokio::test]
async fn a_stream_is_opened_anew_after_the_last_that_was_handled_and_confirmed_once() {
    let open = |messages: &[Vec<u8>]| Answer::Open(messages.to_vec());
    let broken = |messages: &[Vec<u8>]| Answer::Broken(messages.to_vec());
    let whole = [open(&[delivery(0), delivery(1), heartbeat(1)]), confirmed()];
    check(CONFIG, &whole, &[0, 1], &["from ", "confirm after 1"]).await;
    // Nothing to handle is nothing to confirm, since a confirmation is an entry.
    check(CONFIG, &[open(&[heartbeat(7)])], &[], &["from "]).await;
    let rest = [open(&[delivery(2), heartbeat(2)]), confirmed()];
    let asked = ["from ", "from after 1", "confirm after 2"];
    check(CONFIG, &[&[broken(&[delivery(0), delivery(1)])], rest.as_slice()].concat(), &[0, 1, 2], &asked).await;
    // One that falls silent is one that is lost.
    check(SHORT, &[&[open(&[delivery(0), delivery(1)])], rest.as_slice()].concat(), &[0, 1, 2], &asked).await;
    silence_is_not_trusted_again().await;
    // An old cursor is of no use to this gateway: from where it was confirmed, and nothing is handled twice.
    let forgotten = failure(Code::InvalidArgument, ErrorReason::InvalidCursor, None);
    let again = [open(&[delivery(0), delivery(1), delivery(2), heartbeat(2)]), confirmed()];
    let script = [&[broken(&[delivery(0), delivery(1)]), forgotten], again.as_slice()].concat();
    check(CONFIG, &script, &[0, 1, 2], &["from ", "from after 1", "from ", "confirm after 2"]).await;
    // A long backlog is confirmed on the way.
    let often = InboxConfig { confirm_every: 2, ..CONFIG };
    let script = [open(&[delivery(0), delivery(1), delivery(2), heartbeat(2)]), confirmed(), confirmed()];
    check(often, &script, &[0, 1, 2], &["from ", "confirm after 1", "confirm after 2"]).await;
    // And a short one does not wait for ever.
    let soon = InboxConfig { confirm_within: Duration::from_millis(50), ..SHORT };
    let script = [open(&[delivery(0)]), confirmed(), open(&[heartbeat(0)])];
    check(soon, &script, &[0], &["from ", "confirm after 0", "from after 0"]).await;
    // A token that ended under a stream, and a gateway that drains.
    let ended = failure(Code::Unauthenticated, ErrorReason::TokenRefused, None);
    let drained = failure(Code::Unavailable, ErrorReason::Unavailable, None);
    let script = [&[ended, drained, broken(&[])], rest.as_slice()].concat();
    check(CONFIG, &script, &[2], &["from ", "from ", "from ", "from ", "confirm after 2"]).await;
}

/// The stream that is opened after silence goes over another connection.
async fn silence_is_not_trusted_again() {
    let gateway = Scripted::start(&[Answer::Open(vec![heartbeat(0)]), Answer::Open(vec![heartbeat(0)])]).await;
    let client = gateway.client("a.b.c", RETRY).await;
    let mut inbox = Inbox::new(&client, NY).with(SHORT);
    let followed = inbox.run(async |_| Ok::<_, Error>(()));
    assert!(tokio::time::timeout(SHORT.silence_max.mul_f64(1.5), followed).await.is_err(), "it follows");
    let asked = gateway.asked();
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0].connection, asked[1].connection);
}

#[tokio::test]
async fn what_time_does_not_mend_ends_an_inbox() {
    let check = async |answer: Answer, reason| {
        let gateway = Scripted::always(answer).await;
        let client = gateway.client("a.b.c", RETRY).await;
        let ended = Inbox::new(&client, NY).run(async |_| Ok::<_, Error>(())).await;
        assert_eq!(ended.unwrap_err().reason(), Some(reason));
        assert!(gateway.asked().len() <= 2);
    };
    check(failure(Code::PermissionDenied, ErrorReason::MethodDenied, None), ErrorReason::MethodDenied).await;
    check(failure(Code::Unauthenticated, ErrorReason::TokenRefused, None), ErrorReason::TokenRefused).await;
    check(failure(Code::InvalidArgument, ErrorReason::InvalidCursor, None), ErrorReason::InvalidCursor).await;
}

#[tokio::test]
async fn what_was_not_handled_is_delivered_again_and_nothing_else_is() {
    let world = World::start();
    for _ in 0..3 {
        world.lodged("us-ny-doccs").await;
    }
    let client = Client::connect(world.sandbox.client(world.gateway().grpc(), "us-ny-doccs", ActorKind::System)).await;
    let client = client.unwrap();
    let (seen, mut outcomes) = (Mutex::new(Vec::new()), VecDeque::from([true, false, true, true]));
    let mut inbox = Inbox::new(&client, NY);
    let mut handle = |delivery: v1::Delivery| {
        seen.lock().unwrap().push(delivery.cursor);
        let handled = outcomes.pop_front().unwrap();
        async move { if handled { Ok(()) } else { Err("the disk is full") } }
    };
    let error = inbox.catch_up(&mut handle).await.unwrap_err();
    assert!(matches!(error, Error::Handler(_)), "{error}");
    let first = seen.lock().unwrap()[0].clone();
    assert_eq!(inbox.cursor(), first, "the second was not handled");
    inbox.catch_up(&mut handle).await.unwrap();
    let cursors = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(cursors.len(), 4);
    assert_eq!(cursors[1], cursors[2], "the one that failed came again");
    // All three are confirmed: another inbox, without a cursor, is given none of them.
    let nothing = async |_| Err("there is nothing more");
    Inbox::new(&client, NY).catch_up(nothing).await.unwrap();
    // Who kept a cursor may go back to it.
    let again = Mutex::new(0);
    let count = |_| {
        *again.lock().unwrap() += 1;
        async { Ok::<_, Error>(()) }
    };
    Inbox::new(&client, NY).from_cursor(first).catch_up(count).await.unwrap();
    assert_eq!(*again.lock().unwrap(), 2);
}

#[tokio::test]
async fn an_inbox_dropped_while_it_handles_has_not_handled() {
    let world = World::start();
    world.lodged("us-ny-doccs").await;
    let client = Client::connect(world.sandbox.client(world.gateway().grpc(), "us-ny-doccs", ActorKind::System)).await;
    let mut inbox = Inbox::new(client.as_ref().unwrap(), NY);
    let (begun, mut begins) = watch::channel(false);
    let stuck = |_| {
        begun.send_replace(true);
        std::future::pending::<Result<(), Error>>()
    };
    tokio::select! {
        _never = inbox.run(stuck) => unreachable!(),
        _begun = begins.wait_for(|begun| *begun) => {}
    }
    let seen = Mutex::new(0);
    let handle = |_| {
        *seen.lock().unwrap() += 1;
        async { Ok::<_, Error>(()) }
    };
    inbox.catch_up(handle).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), 1);
}

/// Passes bytes on, until it is told to drop every connection.
async fn wire_cutter(to: std::net::SocketAddr) -> (std::net::SocketAddr, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, cuts) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut inside, _) = listener.accept().await.unwrap();
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            tokio::spawn(async move {
                let mut outside = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ended = copy_bidirectional(&mut inside, &mut outside) => {}
                    _cut = cuts.changed() => {}
                }
            });
        }
    });
    (address, cut)
}

#[tokio::test]
async fn over_a_line_that_is_cut_again_and_again_each_entry_is_handled_once_in_order() {
    const ENTRIES: u32 = 60;
    let world = World::start();
    let (address, cut) = wire_cutter(world.gateway().grpc()).await;
    let config =
        |agency| comity::client::Config { retry: RETRY, ..world.sandbox.client(address, agency, ActorKind::System) };
    let (ice, doccs) =
        (Client::connect(config("us-ice")).await.unwrap(), Client::connect(config("us-ny-doccs")).await.unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let reading = tokio::spawn(async move {
        let handle = |delivery| {
            kept.lock().unwrap().push(name(delivery));
            async { Ok::<_, Error>(()) }
        };
        // It confirms often, so that confirmations are cut off too.
        let config = InboxConfig { confirm_within: Duration::from_millis(5), ..InboxConfig::default() };
        Inbox::new(&doccs, NY).with(config).run(handle).await
    });
    let mut expected = Vec::new();
    for number in 0..ENTRIES {
        let lodged = ice.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.unwrap().into_inner();
        expected.push(format!("{NY_EXCHANGE}/entries/{}", lodged.receipt.unwrap().index));
        if number % 6 == 3 {
            cut.send_modify(|cuts| *cuts += 1);
        }
    }
    let all = async {
        while seen.lock().unwrap().len() < usize::try_from(ENTRIES).unwrap() {
            assert!(!reading.is_finished(), "the inbox ended");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), all).await.expect("an entry is missing");
    reading.abort();
    assert_eq!(*seen.lock().unwrap(), expected, "each once, though writes were sent again too");
}
