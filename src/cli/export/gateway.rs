//! An export over the wire, of what the calling agency may read.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;
use tonic::Code;

use crate::cli::export::args::{ExportArgs, Wanted, said_size};
use crate::client::{Client, Error};
use crate::domain::ids::LogName;
use crate::export::{Audience, LogWriter, Proof};
use crate::ledger::Hash;
use crate::wire::{entry, v1};

/// How often a stream that broke is opened again without an entry in between.
const FAILURES_MAX: u32 = 8;
const PAUSE: Duration = Duration::from_millis(500);

/// The head of a log: its checkpoint and what that says.
struct Head {
    log: LogName,
    size: u64,
    root: Hash,
    note: String,
}

pub(super) fn export(args: &ExportArgs, wanted: &Wanted<'_>) -> Result<()> {
    if wanted.jurisdictions.is_empty() {
        bail!("over the wire, say of which jurisdictions: --jurisdiction us-ny");
    }
    let audience = match (args.caller.agency(), &args.audience) {
        (Some(agency), None) => Audience::Agency(agency.parse()?),
        (_, Some(audience @ Audience::Agency(_))) => audience.clone(),
        (None | Some(_), _) => bail!("whose certificate it is: --audience agencies/us-ice"),
    };
    let config = args.caller.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let client = Client::connect(config).await?;
        let mut heads = Vec::new();
        for log in wanted.jurisdictions.iter().flat_map(LogName::both_of) {
            heads.extend(head(&client, log).await?);
        }
        let Some(first) = heads.first() else {
            bail!("there is nothing to export: no log has an entry for the caller")
        };
        let named = first.note.lines().next().unwrap_or_default();
        let prefix = named.strip_suffix(&format!("/{}", first.log)).context("a checkpoint is of another log")?;
        let mut out = wanted.begin(prefix, audience)?;
        for head in &heads {
            let mut writer = out.log(&head.log)?;
            writer.checkpoint(head.size, &head.note)?;
            for kept in wanted.kept_of(head.note.lines().next().unwrap_or_default()) {
                writer.growth(kept, growth(&client, head, said_size(kept)?).await?)?;
            }
            entries(&client, head, &mut writer).await?;
            out.end_log(writer, head.size, head.root)?;
        }
        out.finish()?;
        Ok(())
    })
}

/// The newest checkpoint of a log. None: the caller may not read it, or it has no entry.
async fn head(client: &Client, log: LogName) -> Result<Option<Head>> {
    let request = v1::GetCheckpointRequest { log: log.to_string() };
    let note = match client.ledger().get_checkpoint(request).await {
        Err(status) if status.code() == Code::NotFound => return Ok(None),
        answer => answer.map_err(Error::from)?.into_inner().checkpoint,
    };
    if note.is_empty() {
        return Ok(None);
    }
    let root = note.lines().nth(2).and_then(Hash::from_base64).context("the gateway gave no checkpoint")?;
    Ok(Some(Head { log, size: said_size(&note)?, root, note }))
}

/// The proof that a log grew from a size to its head.
async fn growth(client: &Client, head: &Head, old_size: u64) -> Result<Vec<Hash>> {
    if old_size == 0 || old_size == head.size {
        return Ok(Vec::new());
    }
    let size = |size: u64| i64::try_from(size).context("no log is so large");
    let (log, old_size, new_size) = (head.log.to_string(), size(old_size)?, size(head.size)?);
    let request = v1::ProveConsistencyRequest { log, old_size, new_size };
    let answer = client.ledger().prove_consistency(request).await.map_err(Error::from)?.into_inner();
    hashes(&answer.hashes)
}

/// Streams the entries of a log into the export. A stream that breaks goes on where it was.
async fn entries(client: &Client, head: &Head, writer: &mut LogWriter) -> Result<()> {
    let tree_size = i64::try_from(head.size).context("no log is so large")?;
    let (mut next, mut failures) = (0i64, 0u32);
    while next < tree_size {
        let request = v1::ListEntriesRequest { log: head.log.to_string(), start_index: next, tree_size };
        let error = match client.ledger().list_entries(request).await {
            Err(status) => status,
            Ok(answer) => {
                let mut stream = answer.into_inner();
                loop {
                    match stream.message().await {
                        Ok(None) => return Ok(()),
                        Ok(Some(message)) => {
                            next = take(message, head, writer)?;
                            failures = 0;
                        }
                        Err(status) => break status,
                    }
                }
            }
        };
        failures = failures.saturating_add(1);
        let error = Error::from(error);
        // A stream ends with the token that it was opened with: the next one is opened with another.
        let expired = error.reason() == Some(v1::ErrorReason::TokenRefused);
        if failures > FAILURES_MAX || !(error.is_temporary() || expired) {
            return Err(error.into());
        }
        sleep(PAUSE.saturating_mul(failures)).await;
    }
    Ok(())
}

/// Writes an entry, and returns the index after it.
fn take(message: v1::ListEntriesResponse, head: &Head, writer: &mut LogWriter) -> Result<i64> {
    let v1::ListEntriesResponse { entry, hashes: proof } = message;
    let mut shown = entry.context("the gateway sent no entry")?;
    let leaf = std::mem::take(&mut shown.leaf);
    let index = entry::read_leaf(&leaf)?.index;
    let mut openings = entry::openings_of(shown)?;
    openings.sort_by_key(|opening| opening.class);
    writer.entry(index, leaf, &openings, Proof { size: head.size, hashes: hashes(&proof)? })?;
    i64::try_from(index.saturating_add(1)).context("no log is so large")
}

fn hashes(bytes: &[Vec<u8>]) -> Result<Vec<Hash>> {
    let hashes = bytes.iter().map(|bytes| Hash::try_from(bytes.as_slice()));
    hashes.collect::<Result<_, _>>().context("a proof has something that is no hash")
}
