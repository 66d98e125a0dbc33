//! Each reason of the contract, as it comes over the wire: with the status that docs/errors.md says, in the one shape that
//! every error has, and without a word about a person. A reason that nobody shows here does not compile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use comity::audit::AuditFile;
use comity::domain::agency::ActorKind;
use comity::identity::clock::WallClock;
use comity::server::{Environment, Gateway};
use comity::wire::failure::reason_word;
use comity::wire::v1::{self, AnswerKind, ErrorReason};
use jiff::{SignedDuration, Timestamp};
use tonic::Status;

use crate::errors::{documented, status_word};
use crate::harness::appeals::{appeal_by, appeal_over};
use crate::harness::raw::{self, Call};
use crate::harness::requests::{
    NY, NY_EXCHANGE, booked, detainer_for, intake_at, match_of, receipt_of, request_id, withdrawal_of,
};
use crate::harness::rosters::roster_of;
use crate::harness::{Outcome, Party, World, assert_nothing_personal};

const LODGE: &str = "/comity.v1.DetainerService/LodgeDetainer";
const PRISON: &str = "us-ny-doccs";
const JAIL: &str = "us-ny-erie-jail";

#[tokio::test]
async fn each_reason_comes_as_the_document_says() {
    let world = World::start();
    let rows = documented();
    assert!(rows.len() >= 26, "{rows:?}");
    for (word, status) in rows {
        let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{word}")).unwrap();
        let refused = Box::pin(provoke(&world, reason)).await;
        assert_eq!(status_word(refused.code()), status, "{word}: {refused:?}");
        let code = refused.code();
        let refused = Outcome::<()>(Err(refused)).refused(code, reason_word(reason));
        assert_nothing_personal(refused.status.message());
    }
}

/// What is refused for this reason.
async fn provoke(world: &World, reason: ErrorReason) -> Status {
    match reason {
        ErrorReason::Unspecified => unreachable!("no error has this reason"),
        ErrorReason::InvalidField => {
            let nothing = v1::LodgeDetainerRequest { parent: NY.to_owned(), detainer: None, request_id: request_id() };
            left(world.ice().lodge(nothing).await)
        }
        ErrorReason::MalformedMessage => sent(world, LODGE, b"\xff", "").await,
        ErrorReason::MessageTooLarge => sent(world, LODGE, &vec![0; 300 * 1_024], "").await,
        ErrorReason::DeadlineExceeded => sent(world, LODGE, b"", "0n").await,
        ErrorReason::UnknownMethod => sent(world, "/comity.v1.DetainerService/ExpungeDetainer", b"", "").await,
        ErrorReason::CertificateRefused | ErrorReason::Internal => by_another_clock(reason).await,
        ErrorReason::TokenRefused => left(world.without_token("us-ice").lodge(detainer_for(PRISON)).await),
        ErrorReason::MethodDenied => left(world.doccs().lodge(detainer_for(PRISON)).await),
        ErrorReason::ForbiddenByLaw => answered(world, JAIL, AnswerKind::HonorHold).await,
        ErrorReason::ReviewRequired => answered(world, JAIL, AnswerKind::NotifyOnly).await,
        ErrorReason::ReasonRequired => answered(world, "us-tx-harris-jail", AnswerKind::Decline).await,
        ErrorReason::VerificationRequired => {
            let detainer = world.matched_on_a_claimed_warrant(JAIL).await.detainer;
            left(world.answers(JAIL, &detainer, AnswerKind::HonorHold).await)
        }
        ErrorReason::MatchDisputed => {
            let (detainer, custody) = (world.lodged(PRISON).await, world.held(PRISON).await);
            let mut request = match_of(&detainer, &custody);
            request.acknowledgement.as_mut().unwrap().match_method = v1::MatchMethod::Officer.into();
            left(world.doccs().acknowledge(request).await)
        }
        ErrorReason::NotFound => {
            let nobodys = format!("{NY}/detainers/01900000-0000-7000-8000-000000000000");
            left(world.ice().detainer(&nobodys).await)
        }
        ErrorReason::AlreadyBooked => {
            let mut intake = intake_at(PRISON);
            booked(&mut intake, "2026-7");
            world.doccs().open(intake.clone()).await.accepted();
            left(world.doccs().open(v1::OpenCustodyRequest { request_id: request_id(), ..intake }).await)
        }
        ErrorReason::WrongState | ErrorReason::AlreadyLodged | ErrorReason::EtagMismatch => {
            by_the_case(world, reason).await
        }
        ErrorReason::RequestIdReused => {
            let first = detainer_for(PRISON);
            let other = v1::LodgeDetainerRequest { request_id: first.request_id.clone(), ..detainer_for(JAIL) };
            world.ice().lodge(first).await.accepted();
            left(world.ice().lodge(other).await)
        }
        ErrorReason::Overloaded => overloaded().await,
        ErrorReason::Unavailable => unavailable().await,
        ErrorReason::Maintenance | ErrorReason::ConsumerParked => by_an_operator(world, reason).await,
        ErrorReason::AuditUnavailable => audit_unavailable(world).await,
        ErrorReason::InvalidCursor => left(world.ice().receive(NY, "nobody's").await),
        ErrorReason::BeyondHead => {
            let request = v1::ProveConsistencyRequest { log: NY_EXCHANGE.to_owned(), old_size: 1, new_size: 1_000_000 };
            left(world.ice().prove_consistency(request).await)
        }
        ErrorReason::StaleCursor => stale_cursor(world).await,
        ErrorReason::AppealTooLarge | ErrorReason::TooManyAppeals => by_limits(reason).await,
        ErrorReason::RosterTooLarge => {
            let world = World::with(|_, config| config.roster.rows_max = 1);
            left(world.doccs().reconcile(roster_of(NY, &["A|B, 1987"; 2])).await)
        }
    }
}

/// What an operator has the gateway refuse.
async fn by_an_operator(world: &World, reason: ErrorReason) -> Status {
    let operator = world.system("comity-operator");
    if reason == ErrorReason::Maintenance {
        let message = "the disk is replaced".to_owned();
        operator.begin_maintenance(v1::BeginMaintenanceRequest { message }).await.accepted();
        let refused = left(world.ice().lodge(detainer_for(PRISON)).await);
        operator.end_maintenance(v1::EndMaintenanceRequest {}).await.accepted();
        return refused;
    }
    let (name, message) = ("agencies/us-ice/consumers/night".to_owned(), "it is repaired".to_owned());
    operator.park_consumer(v1::ParkConsumerRequest { name, message }).await.accepted();
    left(world.ice().receive_as("night", NY, "").await)
}

fn left<T>(outcome: Outcome<T>) -> Status {
    outcome.0.err().expect("it was refused")
}

/// A call as bytes, with a deadline where there is one.
async fn sent(world: &World, path: &str, message: &[u8], timeout: &str) -> Status {
    let token = world.sandbox.token("us-ice", ActorKind::System).unwrap();
    let mut call = Call::new(path, &token, message);
    if !timeout.is_empty() {
        call.put("grpc-timeout", timeout.as_bytes());
    }
    let mut line = raw::open(world.gateway().grpc(), &world.sandbox.credentials("us-ice").unwrap()).await;
    raw::send(&mut line, call, |_| false).await.unwrap().status.unwrap()
}

/// An answer that the law of its jurisdiction does not let a system give.
async fn answered(world: &World, agency: &str, kind: AnswerKind) -> Status {
    let detainer = world.matched(agency).await.detainer;
    left(world.answers(agency, &detainer, kind).await)
}

async fn by_the_case(world: &World, reason: ErrorReason) -> Status {
    let matched = world.matched(PRISON).await;
    if reason == ErrorReason::AlreadyLodged {
        let second = world.lodged(PRISON).await;
        return left(world.doccs().acknowledge(match_of(&second, &matched.custody)).await);
    }
    if reason == ErrorReason::EtagMismatch {
        let withdrawal = v1::WithdrawDetainerRequest { etag: "i0".to_owned(), ..withdrawal_of(&matched.detainer) };
        return left(world.ice().withdraw(withdrawal).await);
    }
    world.answers(PRISON, &matched.detainer, AnswerKind::NotifyOnly).await.accepted();
    left(world.answers(PRISON, &matched.detainer, AnswerKind::NotifyOnly).await)
}

async fn stale_cursor(world: &World) -> Status {
    world.lodged(PRISON).await;
    let whole = world.doccs().receive(NY, "").await.accepted();
    world.doccs().confirm(receipt_of(NY, &whole.heartbeat.cursor)).await.accepted();
    left(world.doccs().confirm(receipt_of(NY, &whole.deliveries[0].cursor)).await)
}

async fn overloaded() -> Status {
    let world = World::with(|_, config| {
        config.rate.requests_per_s = 1.try_into().unwrap();
        config.rate.burst = 1.try_into().unwrap();
    });
    let ice = world.ice();
    // However slow the machine is, a hundred calls in a row are more than one a second.
    for _ in 0..100 {
        if let Err(status) = ice.checkpoint(NY_EXCHANGE).await.0 {
            return status;
        }
    }
    panic!("it was never too much");
}

async fn unavailable() -> Status {
    let world = World::start();
    world.lodged(PRISON).await;
    // Somebody else's hand in the store: what is committed next is not what is there.
    let database = rusqlite::Connection::open(world.directory().join("comity.db")).unwrap();
    database.execute("UPDATE heads SET size = size + 1", []).unwrap();
    left(world.ice().lodge(detainer_for(PRISON)).await)
}

/// A pipe that nobody reads any more is a file that cannot be written.
async fn audit_unavailable(world: &World) -> Status {
    let directory = crate::harness::sandbox_directory();
    let pipe = directory.path().join("audit.log");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::File::open(pipe).unwrap()
    });
    let audit = AuditFile::open(&pipe).unwrap();
    let seams = Environment { audit: Some(audit), ..Environment::default() };
    let gateway = Gateway::start(world.config(), directory.path(), seams).unwrap();
    drop(reader.join().unwrap());
    let credentials = world.sandbox.credentials("us-ice").unwrap();
    let ice = Party::new(gateway.grpc(), credentials, world.sandbox.token("us-ice", ActorKind::System).unwrap());
    left(ice.checkpoint(NY_EXCHANGE).await)
}

async fn by_limits(reason: ErrorReason) -> Status {
    let world = World::with(|_, config| (config.appeals.members_max, config.appeals.open_max) = (1, 1));
    let (first, second) = (world.lodged(PRISON).await, world.lodged(PRISON).await);
    if reason == ErrorReason::AppealTooLarge {
        let states = vec![v1::DetainerState::Lodged.into()];
        return left(world.ice().issue_appeal(appeal_by(v1::AppealFilter { states, ..Default::default() })).await);
    }
    world.ice().issue_appeal(appeal_over(&[&first])).await.accepted();
    left(world.ice().issue_appeal(appeal_over(&[&second])).await)
}

/// By a clock that goes on after the handshake until the certificate has ended, or that breaks when it is read.
async fn by_another_clock(reason: ErrorReason) -> Status {
    let (later_s, breaks) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let wall = {
        let (later_s, breaks) = (Arc::clone(&later_s), Arc::clone(&breaks));
        WallClock::from_fn(move || {
            assert!(!breaks.swap(false, Ordering::SeqCst), "the clock broke, as the test has it");
            Timestamp::now() + SignedDuration::from_secs(later_s.load(Ordering::SeqCst))
        })
    };
    let world = World::start();
    let seams = Environment { wall, ..Environment::default() };
    let directory = crate::harness::sandbox_directory();
    let gateway = Gateway::start(world.config(), directory.path(), seams).unwrap();
    let credentials = world.sandbox.credentials("us-ice").unwrap();
    let ice = Party::new(gateway.grpc(), credentials, world.sandbox.token("us-ice", ActorKind::System).unwrap());
    ice.checkpoint(NY_EXCHANGE).await.accepted();
    if reason == ErrorReason::CertificateRefused {
        later_s.store(100 * 24 * 3_600, Ordering::SeqCst);
    } else {
        breaks.store(true, Ordering::SeqCst);
    }
    let status = left(ice.checkpoint(NY_EXCHANGE).await);
    drop(ice);
    tokio::task::spawn_blocking(|| gateway.stop()).await.unwrap().unwrap();
    status
}
