//! The story beside: cases that come to stand in every state, and stay there for the attackers to meet.

use std::sync::Arc;
use std::time::Duration;

use comity::domain::agency::ActorKind;
use comity::wire::{Message as _, v1};
use tonic::Status;

use crate::flood::pool::{Kind, Pool};
use crate::harness::Party;
use crate::harness::process::Served;
use crate::harness::requests::{
    NY, NY_EXCHANGE, TX, answer_to, detainer_for, intake_at, match_of, receipt_of, release_of, schedule_of,
    withdrawal_of,
};

const REST: Duration = Duration::from_millis(100);
/// The steps of a whole story.
const STEPS: usize = 8;

/// Who plays.
#[derive(Clone)]
pub(super) struct Cast {
    ice: Party,
    doccs: Party,
    harris: Party,
}

impl Cast {
    pub(super) fn of(served: &Served) -> Self {
        let system = |agency| served.party(agency, ActorKind::System);
        Self { ice: system("us-ice"), doccs: system("us-ny-doccs"), harris: system("us-tx-harris-jail") }
    }
}

/// One whole story, undisturbed: nobody learns of its cases before it is over.
pub(super) async fn plays_once(served: &Served, pool: &Pool) {
    let cast = Cast::of(served);
    for (agency, party) in [("us-ny-doccs", &cast.doccs), ("us-tx-harris-jail", &cast.harris)] {
        let unseen = Pool::default();
        play(&cast.ice, party, agency, &unseen, STEPS).await.unwrap();
        let names = (Kind::Detainer, Kind::Custody);
        for kind in [names.0, names.1] {
            pool.put(kind, unseen.text(&mut fastrand::Rng::new(), kind).unwrap());
        }
    }
}

/// Story upon story until it is told to stop. An attacker may have been there first, so a refusal ends one of them.
pub(super) async fn plays_on(cast: Cast, pool: Arc<Pool>) {
    for round in 0.. {
        let (party, agency) =
            if round % 2 == 0 { (&cast.doccs, "us-ny-doccs") } else { (&cast.harris, "us-tx-harris-jail") };
        // A story has eight durable writes: without a rest it would leave the attackers nothing of a slow disk.
        tokio::time::sleep(REST).await;
        let _refused: Result<(), Status> = play(&cast.ice, party, agency, &pool, round % (STEPS + 1)).await;
    }
}

macro_rules! step {
    ($pool:ident, $party:ident.$verb:ident($method:literal, $request:expr)) => {{
        let request = $request;
        $pool.put_message($method, request.encode_to_vec());
        $pool.put(Kind::RequestId, request.request_id.clone());
        $party.$verb(request).await.0?
    }};
}

/// The first steps of a story.
async fn play(ice: &Party, custodian: &Party, agency: &str, pool: &Pool, steps: usize) -> Result<(), Status> {
    let opened = step!(pool, custodian.open("CustodyService/OpenCustody", intake_at(agency)));
    let custody = opened.custody.unwrap_or_default();
    pool.put(Kind::Custody, &custody.name);
    pool.put(Kind::Etag, &custody.etag);
    let lodged = step!(pool, ice.lodge("DetainerService/LodgeDetainer", detainer_for(agency)));
    let detainer = lodged.detainer.unwrap_or_default();
    pool.put(Kind::Detainer, &detainer.name);
    pool.put(Kind::Etag, &detainer.etag);
    let receipt = lodged.receipt.unwrap_or_default();
    pool.put(Kind::Entry, format!("{}/entries/{}", receipt.log, receipt.index));
    let id = detainer.name.rsplit('/').next().unwrap_or_default();
    pool.put(Kind::PageToken, id);
    for at in 0..steps.min(6) {
        say(ice, custodian, (&detainer.name, &custody.name), pool, at).await?;
    }
    if steps == STEPS {
        for (party, parent) in [(ice, if agency.starts_with("us-ny") { NY } else { TX })] {
            let received = party.receive(parent, "").await.0?;
            pool.put(Kind::Cursor, &received.heartbeat.cursor);
            step!(pool, party.confirm("InboxService/Acknowledge", receipt_of(parent, &received.heartbeat.cursor)));
            party.checkpoint(NY_EXCHANGE).await.0?;
        }
    }
    Ok(())
}

/// What is said of a detainer and a custody, one after the other.
async fn say(
    ice: &Party,
    custodian: &Party,
    (detainer, custody): (&str, &str),
    pool: &Pool,
    at: usize,
) -> Result<(), Status> {
    let answered = match at {
        0 => {
            let found = match_of(detainer, custody);
            step!(pool, custodian.acknowledge("DetainerService/AcknowledgeDetainer", found)).detainer
        }
        1 => {
            // What Texas makes a duty, New York leaves to the custodian.
            let texan = detainer.starts_with(TX);
            let kind = if texan { v1::AnswerKind::HonorHold } else { v1::AnswerKind::NotifyOnly };
            let answer = answer_to(detainer, kind);
            step!(pool, custodian.answer("DetainerService/AnswerDetainer", answer)).detainer
        }
        2 => {
            step!(pool, custodian.schedule("CustodyService/ScheduleRelease", schedule_of(custody)));
            None
        }
        3 => {
            step!(pool, custodian.release("CustodyService/RecordRelease", release_of(custody)));
            None
        }
        4 => step!(pool, ice.withdraw("DetainerService/WithdrawDetainer", withdrawal_of(detainer))).detainer,
        _ => Some(ice.detainer(detainer).await.0?),
    };
    pool.put(Kind::Etag, answered.unwrap_or_default().etag);
    Ok(())
}
