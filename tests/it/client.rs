//! Our client keeps its promises whatever a gateway or a network does.

mod inbox;
mod renewal;
mod scripted;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use comity::client::{Error, Retry, TokenSource};
use comity::wire::failure::Failure;
use comity::wire::v1;
use comity::wire::v1::ErrorReason;
use tonic::{Code, Request, Status};

use crate::client::scripted::{Answer, Scripted};
use crate::harness::requests::{detainer_for, match_of};

/// Little, so that no test waits for long.
const RETRY: Retry = Retry {
    attempts_max: 4,
    total_timeout: Duration::from_secs(20),
    attempt_timeout: Duration::from_millis(500),
    pause: Duration::from_millis(10),
    pause_max: Duration::from_millis(40),
};

const HINT: Duration = Duration::from_millis(150);

fn failure(code: Code, reason: ErrorReason, hint: Option<Duration>) -> Answer {
    let failure = Failure::new(code, reason, "as the script has it");
    Answer::Status(match hint {
        Some(hint) => failure.retry_after(hint).into(),
        None => failure.into(),
    })
}

fn unavailable() -> Answer {
    failure(Code::Unavailable, ErrorReason::Unavailable, None)
}

fn lodged() -> Answer {
    let detainer = v1::Detainer { etag: "i1".to_owned(), ..Default::default() };
    Answer::message(&v1::LodgeDetainerResponse { detainer: Some(detainer), receipt: None })
}

fn request_ids(gateway: &Scripted) -> Vec<String> {
    gateway.asked().iter().map(|asked| asked.decode::<v1::LodgeDetainerRequest>().request_id).collect()
}

#[tokio::test]
async fn a_write_is_sent_again_under_one_request_id_until_it_is_answered() {
    let check = async |name: &str, script: &[Answer]| {
        for mine in ["", "7c0e4c5e-33d3-4b6e-bb61-5c2b7cbb0001"] {
            let gateway = Scripted::start(&[script, &[lodged()]].concat()).await;
            let client = gateway.client("a.b.c", RETRY).await;
            let request = v1::LodgeDetainerRequest { request_id: mine.to_owned(), ..detainer_for("us-ny-doccs") };
            let answer = client.detainers().lodge_detainer(request.clone()).await;
            assert_eq!(answer.unwrap().into_inner().detainer.unwrap().etag, "i1", "{name}");
            let asked = gateway.asked();
            assert_eq!(asked.len(), script.len() + 1, "{name}");
            let ids = request_ids(&gateway);
            assert!(ids.iter().all(|id| id == &ids[0]), "{name}: {ids:?}");
            assert!(if mine.is_empty() { ids[0].parse::<uuid::Uuid>().is_ok() } else { ids[0] == mine }, "{name}");
            for attempt in &asked {
                let sent = attempt.decode::<v1::LodgeDetainerRequest>();
                assert_eq!(sent, v1::LodgeDetainerRequest { request_id: ids[0].clone(), ..request.clone() }, "{name}");
            }
        }
    };
    let overloaded = failure(Code::ResourceExhausted, ErrorReason::Overloaded, Some(HINT));
    let late = failure(Code::DeadlineExceeded, ErrorReason::DeadlineExceeded, None);
    check("at once", &[]).await;
    check("unavailable", &[unavailable(), unavailable(), unavailable()]).await;
    check("overloaded", &[overloaded]).await;
    check("late", &[late]).await;
    check("reset", &[Answer::Reset, Answer::Reset]).await;
    check("broken before a word", &[Answer::Broken(vec![])]).await;
    check("broken after the answer", &[Answer::Broken(vec![vec![]])]).await;
    check("silent", &[Answer::Silence]).await;
    check("everything", &[unavailable(), Answer::Reset, Answer::Silence]).await;
}

#[tokio::test]
async fn what_would_be_refused_again_is_sent_once() {
    let check = async |code, reason, hint| {
        let gateway = Scripted::always(failure(code, reason, hint)).await;
        let client = gateway.client("a.b.c", RETRY).await;
        let error = Error::from(client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.unwrap_err());
        assert_eq!(error.reason(), Some(reason), "{error}");
        assert_eq!(gateway.asked().len(), 1, "{reason:?}");
    };
    check(Code::PermissionDenied, ErrorReason::MethodDenied, None).await;
    check(Code::Aborted, ErrorReason::EtagMismatch, None).await;
    check(Code::ResourceExhausted, ErrorReason::MessageTooLarge, None).await;
    check(Code::AlreadyExists, ErrorReason::RequestIdReused, None).await;
    check(Code::Internal, ErrorReason::Internal, None).await;
    check(Code::Unauthenticated, ErrorReason::TokenRefused, None).await;
    check(Code::FailedPrecondition, ErrorReason::WrongState, Some(HINT)).await;
}

#[tokio::test]
async fn a_retry_is_never_sooner_than_the_gateway_asks() {
    let busy = failure(Code::ResourceExhausted, ErrorReason::Overloaded, Some(HINT));
    let gateway = Scripted::start(&[busy, lodged()]).await;
    gateway.client("a.b.c", RETRY).await.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.unwrap();
    let asked = gateway.asked();
    assert!(asked[1].at - asked[0].at >= HINT);
}

#[tokio::test]
async fn attempts_and_time_are_bounded() {
    let lodge = async |gateway: &Scripted, retry, timeout: Option<Duration>| {
        let client = gateway.client("a.b.c", retry).await;
        let mut request = Request::new(detainer_for("us-ny-doccs"));
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let begun = Instant::now();
        let error = Error::from(client.detainers().lodge_detainer(request).await.unwrap_err());
        (error, begun.elapsed())
    };
    let gateway = Scripted::always(unavailable()).await;
    let (error, _) = lodge(&gateway, RETRY, None).await;
    assert_eq!((error.reason(), gateway.asked().len()), (Some(ErrorReason::Unavailable), 4));

    // There is no use in waiting for a time that will not come.
    let hour = failure(Code::ResourceExhausted, ErrorReason::Overloaded, Some(Duration::from_hours(1)));
    let gateway = Scripted::always(hour).await;
    let (error, took) = lodge(&gateway, RETRY, None).await;
    assert_eq!((error.reason(), gateway.asked().len()), (Some(ErrorReason::Overloaded), 1));
    assert!(took < Duration::from_mins(10), "{took:?}");

    // The caller's own time counts, and the gateway is told how much of it is left.
    let gateway = Scripted::always(Answer::Silence).await;
    let patient = Retry { attempt_timeout: Duration::from_millis(1_800), ..RETRY };
    let (error, took) = lodge(&gateway, patient, Some(Duration::from_millis(3_500))).await;
    assert!(matches!(error, Error::OutOfTime), "{error:?}");
    assert!((Duration::from_millis(3_490)..Duration::from_mins(1)).contains(&took), "{took:?}");
    let asked = gateway.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].timeout <= Duration::from_millis(3_500) && asked[1].timeout <= Duration::from_millis(1_700));
    assert_ne!(asked[0].connection, asked[1].connection, "a silent connection is not trusted again");
}

#[tokio::test]
async fn who_wants_no_retries_sends_what_there_is_once() {
    let gateway = Scripted::always(unavailable()).await;
    let client = gateway.client("a.b.c", RETRY).await.with_retry(Retry::NEVER);
    let request = v1::LodgeDetainerRequest { request_id: String::new(), ..detainer_for("us-ny-doccs") };
    assert_eq!(client.detainers().lodge_detainer(request).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(request_ids(&gateway), [""]);
}

#[tokio::test]
async fn a_read_is_sent_again_too_and_gets_no_request_id() {
    let gateway = Scripted::start(&[unavailable(), Answer::message(&v1::GetDetainerResponse::default())]).await;
    let request = v1::GetDetainerRequest { name: "a detainer".to_owned() };
    gateway.client("", RETRY).await.detainers().get_detainer(request.clone()).await.unwrap();
    let asked = gateway.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.decode::<v1::GetDetainerRequest>() == request && asked.bearer.is_none()));
}

#[tokio::test]
async fn a_refused_token_is_asked_for_anew_and_not_for_ever() {
    let refused = || failure(Code::Unauthenticated, ErrorReason::TokenRefused, None);
    let numbers = AtomicU32::new(1);
    let minted = TokenSource::minted_by(move || {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        async move { Ok(format!("token-{number}")) }
    });
    let bearers = |gateway: &Scripted| -> Vec<String> {
        let asked = gateway.asked();
        asked.iter().map(|asked| asked.bearer.as_ref().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let request = || match_of("a detainer", "a custody");
    let answered = Answer::message(&v1::AcknowledgeDetainerResponse::default());
    let gateway = Scripted::start(&[refused(), answered, refused(), refused(), refused(), refused()]).await;
    let client = gateway.client(minted, RETRY).await;
    client.detainers().acknowledge_detainer(request()).await.unwrap();
    assert_eq!(bearers(&gateway), ["Bearer token-1", "Bearer token-2"]);
    let status: Status = client.detainers().acknowledge_detainer(request()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    // Of two files that are being replaced one may be seen before the other: once is not always enough.
    let asked = ["Bearer token-2", "Bearer token-3", "Bearer token-4", "Bearer token-5"];
    assert_eq!(bearers(&gateway).split_off(2), asked);
}
