//! Follows a log that nobody pushes: asks its gateway for the newest head and for the proof from the one cosigned last.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::client::{Client, Config, CredentialFiles, Error, TokenSource};
use crate::domain::ids::LogName;
use crate::ledger::{Hash, Head, VerifierKey};
use crate::metrics::{Metrics, table};
use crate::wire::v1;
use crate::witness::config::FollowConfig;
use crate::witness::keeper::{Answer, Keeper};
use crate::witness::request::AddCheckpoint;

/// How often in a row a gateway may show less than was cosigned before that is an alarm: of several gateways one may lag.
const SHORTER_MAX: u32 = 3;

/// A log and where it is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) log: LogName,
    pub(super) origin: String,
    pub(super) keys: Vec<VerifierKey>,
    pub(super) config: FollowConfig,
}

/// What a look at the log found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// What was cosigned stands, and nothing more.
    Same,
    Cosigned,
    /// It has fewer entries than were cosigned.
    Shorter(u64),
    /// The keeper has refused it, and has said so.
    Refused(&'static str),
    Failed(String),
}

/// Looks at a log again and again until it is told to stop.
pub(super) async fn follow(
    followed: Followed,
    base: Arc<Path>,
    keeper: Arc<Keeper>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let mut client = None;
    let (mut said, mut shorter) = (None, 0u32);
    loop {
        let found = tokio::select! {
            () = stop.cancelled() => return,
            found = look(&followed, &base, &keeper, &mut client) => found,
        };
        shorter = if matches!(found, Found::Shorter(_)) { shorter.saturating_add(1) } else { 0 };
        let is_new = said.as_ref() != Some(&found);
        let origin = &followed.origin;
        match &found {
            Found::Same | Found::Cosigned => {
                if said.as_ref().is_some_and(|said| !matches!(said, Found::Same | Found::Cosigned)) {
                    tracing::info!(%origin, "the log is followed again");
                }
            }
            Found::Shorter(size) => {
                if shorter == SHORTER_MAX {
                    metrics.increment(&table::WITNESS_FORKS, &[]);
                    tracing::error!(%origin, size, "a log has fewer entries than were cosigned");
                }
            }
            Found::Refused(_) => {}
            Found::Failed(error) => {
                if is_new {
                    tracing::warn!(%origin, error, "the log cannot be followed");
                }
            }
        }
        said = Some(found);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(followed.config.every_ms)) => {}
        }
    }
}

async fn look(followed: &Followed, base: &Path, keeper: &Arc<Keeper>, client: &mut Option<Client>) -> Found {
    match asked(followed, base, keeper, client).await {
        Ok(found) => found,
        Err(error) => Found::Failed(error.to_string()),
    }
}

async fn asked(
    followed: &Followed,
    base: &Path,
    keeper: &Arc<Keeper>,
    client: &mut Option<Client>,
) -> Result<Found, Error> {
    let ledger = match client {
        Some(client) => client.clone(),
        None => client.insert(connect(&followed.config, base).await?).clone(),
    };
    let (log, failed) = (followed.log.to_string(), |why: &str| Ok(Found::Failed(why.to_owned())));
    let request = v1::GetCheckpointRequest { log: log.clone() };
    let note = ledger.ledger().get_checkpoint(request).await?.into_inner().checkpoint;
    let Some((old_size, root)) = keeper.last(&followed.origin) else { return failed("it is not watched") };
    if note.is_empty() {
        return Ok(if old_size == 0 { Found::Same } else { Found::Shorter(0) });
    }
    let Ok(head) = Head::open(&note, &followed.origin, &followed.keys) else {
        return failed("the gateway's checkpoint is not of this log, or is signed by no known key");
    };
    if head.size() < old_size {
        return Ok(Found::Shorter(head.size()));
    }
    if (head.size(), head.root()) == (old_size, root) {
        return Ok(Found::Same);
    }
    let mut proof = Vec::new();
    if old_size > 0 && head.size() > old_size {
        let wire = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let request = v1::ProveConsistencyRequest { log, old_size: wire(old_size), new_size: wire(head.size()) };
        let answer = ledger.ledger().prove_consistency(request).await?.into_inner();
        let hashes: Option<Vec<Hash>> = answer.hashes.iter().map(|hash| Hash::try_from(hash.as_slice()).ok()).collect();
        let Some(hashes) = hashes else { return failed("the gateway's proof is none") };
        proof = hashes;
    }
    let (keeper, request) = (Arc::clone(keeper), AddCheckpoint { old_size, proof, note });
    let decided = tokio::task::spawn_blocking(move || {
        let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
        keeper.add(Some(&request), now)
    });
    Ok(match decided.await.unwrap_or(Answer::Failed) {
        // Somebody pushed it meanwhile.
        Answer::OtherSize(_) => Found::Same,
        Answer::Cosigned(_) => Found::Cosigned,
        refused @ (Answer::Malformed
        | Answer::NotSigned
        | Answer::UnknownLog
        | Answer::Inconsistent
        | Answer::Failed) => Found::Refused(refused.word()),
    })
}

async fn connect(config: &FollowConfig, base: &Path) -> Result<Client, Error> {
    let files = CredentialFiles {
        authorities: base.join(&config.authorities),
        certificate: base.join(&config.certificate),
        key: base.join(&config.key),
    };
    let config = Config::new(config.address.clone(), config.server_name.clone(), files, TokenSource::Absent);
    Client::connect(config).await
}
