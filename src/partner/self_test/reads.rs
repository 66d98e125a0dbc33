//! What an agency of each kind may read, and one thing that it may not do.

use std::time::Duration;

use crate::client::{Client, verify_growth};
use crate::domain::agency::AgencyKind;
use crate::ledger::{Checkpoint, VerifierKey};
use crate::partner::self_test::rows::{Rows, told};
use crate::partner::settings::Settings;
use crate::wire::v1;
use crate::wire::v1::receive_response::Item;

/// The consumer that the inbox is read as: nothing of it is confirmed, and what others of the agency's systems read stays.
const CONSUMER: &str = "self-test";
/// How long an inbox may be silent (a gateway beats four times as often, unless it is told otherwise).
const HEARTBEAT_WITHIN: Duration = Duration::from_mins(1);
/// The most deliveries that are read while a heartbeat is waited for.
const DELIVERIES_MAX: usize = 1_000;

/// A log, and its head when the test began.
pub(super) struct LogSeen {
    log: String,
    checkpoint: String,
}

/// The heads of the logs that the agency may read: each is signed by a key of the approval.
pub(super) async fn logs(
    rows: &mut Rows,
    client: &Client,
    settings: &Settings,
    verifiers: &[VerifierKey],
) -> Vec<LogSeen> {
    let kinds: &[&str] = match settings.kind {
        AgencyKind::State | AgencyKind::County | AgencyKind::City | AgencyKind::Oversight => &["exchange", "custody"],
        AgencyKind::Federal => &["exchange"],
        AgencyKind::Operator => {
            rows.not_applicable("log.checkpoint", "an operator reads no log");
            return Vec::new();
        }
    };
    let mut seen = Vec::new();
    for jurisdiction in &settings.jurisdictions {
        for kind in kinds {
            let log = format!("jurisdictions/{jurisdiction}/logs/{kind}");
            match Box::pin(head(client, &log)).await {
                Ok(checkpoint) => {
                    let judged = judge_head(&checkpoint, &settings.origin_of(&log), verifiers);
                    rows.judge("log.checkpoint", judged.map(|seen| format!("{log}: {seen}")));
                    seen.push(LogSeen { log, checkpoint });
                }
                Err(error) => rows.failed("log.checkpoint", format!("{log}: {error}")),
            }
        }
    }
    seen
}

async fn head(client: &Client, log: &str) -> Result<String, String> {
    let request = v1::GetCheckpointRequest { log: log.to_owned() };
    Ok(client.ledger().get_checkpoint(request).await.map_err(told)?.into_inner().checkpoint)
}

/// A head without entries has no signature.
fn judge_head(checkpoint: &str, origin: &str, verifiers: &[VerifierKey]) -> Result<String, String> {
    if checkpoint.is_empty() {
        return Ok("no entry yet".to_owned());
    }
    let opened =
        Checkpoint::open_received(checkpoint, origin, verifiers).map_err(|error| format!("{origin}: {error}"))?;
    Ok(format!("{} entries, signed by a key of the approval", opened.size()))
}

/// Each log only grew since the test began.
pub(super) async fn growth(rows: &mut Rows, client: &Client, before: &[LogSeen], verifiers: &[VerifierKey]) {
    for LogSeen { log, checkpoint: older } in before {
        let judged = Box::pin(grown(client, log, older, verifiers)).await;
        rows.judge("log.growth", judged.map(|seen| format!("{log}: {seen}")).map_err(|why| format!("{log}: {why}")));
    }
}

async fn grown(client: &Client, log: &str, older: &str, verifiers: &[VerifierKey]) -> Result<String, String> {
    let newer = head(client, log).await?;
    if older == newer {
        return Ok("its head is the same".to_owned());
    }
    if older.is_empty() {
        return Ok("it had no entry before".to_owned());
    }
    let size = |note: &str| Checkpoint::unverified(note).map(|head| i64::try_from(head.size()).unwrap_or(i64::MAX));
    let (old_size, new_size) =
        (size(older).map_err(|error| error.to_string())?, size(&newer).map_err(|error| error.to_string())?);
    let request = v1::ProveConsistencyRequest { log: log.to_owned(), old_size, new_size };
    let proof = client.ledger().prove_consistency(request).await.map_err(told)?.into_inner().hashes;
    verify_growth(log, [older, &newer], &proof, verifiers).map_err(|error| error.to_string())?;
    Ok(format!("from {old_size} to {new_size} entries, proven"))
}

/// What an agency of the kind reads, and is refused.
pub(super) async fn role(rows: &mut Rows, client: &Client, settings: &Settings, verifiers: &[VerifierKey]) {
    for jurisdiction in &settings.jurisdictions {
        let parent = format!("jurisdictions/{jurisdiction}");
        match settings.kind {
            AgencyKind::State | AgencyKind::County | AgencyKind::City => {
                Box::pin(custodies(rows, client, &parent)).await;
                Box::pin(inbox(rows, client, settings, &parent, verifiers)).await;
            }
            AgencyKind::Federal => Box::pin(inbox(rows, client, settings, &parent, verifiers)).await,
            AgencyKind::Oversight => {
                Box::pin(custodies(rows, client, &parent)).await;
                let request = v1::GetReportRequest { parent: parent.clone(), ..Default::default() };
                let counted = client.reports().get_report(request).await;
                rows.judge("role.report", counted.map(|_| format!("{parent}: counted")).map_err(told));
            }
            AgencyKind::Operator => {}
        }
    }
    if !settings.jurisdictions.is_empty() {
        let law = client.policies().get_policy_set(v1::GetPolicySetRequest {}).await;
        rows.judge("role.law", law.map(|_| "the law in force was read".to_owned()).map_err(told));
    }
    Box::pin(denied(rows, client, settings)).await;
}

async fn custodies(rows: &mut Rows, client: &Client, parent: &str) {
    let request = v1::ListCustodiesRequest { parent: parent.to_owned(), page_size: 1, ..Default::default() };
    let listed = client.custodies().list_custodies(request).await;
    rows.judge("role.custodies", listed.map(|_| format!("{parent}: listed")).map_err(told));
}

/// The inbox is read until it says that there is nothing more, by a head that is signed.
async fn inbox(rows: &mut Rows, client: &Client, settings: &Settings, parent: &str, verifiers: &[VerifierKey]) {
    let read = async {
        let request =
            v1::ReceiveRequest { parent: parent.to_owned(), consumer: CONSUMER.to_owned(), ..Default::default() };
        let mut stream = client.inbox().receive(request).await.map_err(told)?.into_inner();
        for deliveries in 0..DELIVERIES_MAX {
            let message = stream.message().await.map_err(told)?.ok_or("the stream ended")?;
            if let Some(Item::Heartbeat(beat)) = message.item {
                let log = format!("{parent}/logs/exchange");
                let head = judge_head(&beat.checkpoint, &settings.origin_of(&log), verifiers)?;
                return Ok(format!("{parent}: {deliveries} deliveries, then a heartbeat: {head}"));
            }
        }
        Ok(format!("{parent}: {DELIVERIES_MAX} deliveries, and more wait"))
    };
    let read = tokio::time::timeout(HEARTBEAT_WITHIN, Box::pin(read)).await;
    rows.judge("role.inbox", read.unwrap_or_else(|_| Err(format!("{parent}: silent for a minute"))));
}

/// Something that no agency of the kind may do is refused before it is read.
async fn denied(rows: &mut Rows, client: &Client, settings: &Settings) {
    let parent = settings.jurisdictions.first().map(|id| format!("jurisdictions/{id}")).unwrap_or_default();
    let wanted = v1::ErrorReason::MethodDenied;
    match settings.kind {
        AgencyKind::Federal => {
            let request = v1::ListCustodiesRequest { parent, ..Default::default() };
            rows.refused("role.denied", client.custodies().list_custodies(request).await, wanted);
        }
        AgencyKind::State | AgencyKind::County | AgencyKind::City | AgencyKind::Oversight => {
            // Empty: were it not refused at the door, it would be for what it lacks.
            let request = v1::LodgeDetainerRequest::default();
            rows.refused("role.denied", client.detainers().lodge_detainer(request).await, wanted);
        }
        AgencyKind::Operator => {
            let request = v1::ListDetainersRequest::default();
            rows.refused("role.denied", client.detainers().list_detainers(request).await, wanted);
        }
    }
}
