//! Makes a batch durable: signs the heads, commits, and proves the entries.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::domain::ids::LogName;
use crate::ledger::{Checkpoint, Receipt, Tree};
use crate::metrics::table;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::head::origin;
use crate::recorder::writer::state::Recorder;
use crate::store::{Append, Head, HeadMove, LogState, Unsynced};

impl Recorder {
    /// Signs the heads, commits, and waits for the disk. Nothing may be published or answered before this has returned.
    pub(in crate::recorder) fn make_durable(
        &mut self,
        logs: BTreeMap<LogName, LogState>,
        append: &mut Append,
    ) -> Result<(), RecorderError> {
        let since = Instant::now();
        let (_, unsynced) = self.write(logs, append)?;
        unsynced.map_or(Ok(()), Unsynced::sync)?;
        if !append.is_empty() {
            self.metrics.observe_duration(&table::COMMIT_DURATION, &[], since.elapsed());
        }
        Ok(())
    }

    /// Signs the heads and commits, but does not wait for the disk: the caller syncs what is returned. The next batch may be
    /// planned before that. Nothing of this batch may be published or answered before it is synced.
    pub(in crate::recorder) fn write(
        &mut self,
        mut logs: BTreeMap<LogName, LogState>,
        append: &mut Append,
    ) -> Result<(BTreeMap<LogName, String>, Option<Unsynced>), RecorderError> {
        let checkpoints = self.sign(&mut logs, &mut append.heads)?;
        let unsynced = if append.is_empty() {
            self.end()?;
            None
        } else {
            self.must_end = false;
            self.store.commit_unsynced(append)?
        };
        self.logs = logs;
        Ok((checkpoints, unsynced))
    }

    /// Signs the head of each log that grew, once a batch.
    fn sign(
        &self,
        logs: &mut BTreeMap<LogName, LogState>,
        heads: &mut Vec<HeadMove>,
    ) -> Result<BTreeMap<LogName, String>, RecorderError> {
        let mut checkpoints = BTreeMap::new();
        for (name, state) in logs {
            let Some(from) = self.logs.get(name).map(|before| head(&before.tree)) else { continue };
            let to = head(&state.tree);
            if to.size == from.size {
                continue;
            }
            let checkpoint = Checkpoint::new(&origin(&self.origin, name), to.size, to.root)?;
            let checkpoint = checkpoint.sign(&self.signer)?;
            checkpoints.insert(name.clone(), checkpoint.clone());
            heads.push(HeadMove {
                log: name.clone(),
                from,
                to,
                recorded_at: state.recorded_at,
                checkpoint,
                tiles: state.tree.take_changed(),
            });
        }
        Ok(checkpoints)
    }

    /// The receipt of an entry of the batch just committed.
    pub(in crate::recorder) fn prove(
        &self,
        log: &LogName,
        index: u64,
        checkpoints: &BTreeMap<LogName, String>,
    ) -> Result<Receipt, RecorderError> {
        let proof = self.logs.get(log).and_then(|state| state.tree.prove_inclusion(index));
        let (Some(proof), Some(checkpoint)) = (proof, checkpoints.get(log)) else { return Err(RecorderError::NoProof) };
        Ok(Receipt { index, proof, checkpoint: checkpoint.clone() })
    }

    /// The sizes of the logs, with what other gateways have added so far.
    pub(in crate::recorder) fn sizes(&self) -> Vec<(LogName, u64)> {
        self.logs.iter().map(|(log, state)| (log.clone(), state.tree.size())).collect()
    }
}

/// How many entries a batch adds to each log.
pub(in crate::recorder) fn added(heads: &[HeadMove]) -> Vec<(LogName, u64)> {
    heads.iter().map(|head| (head.log.clone(), head.to.size.saturating_sub(head.from.size))).collect()
}

/// The head of a tree.
pub(in crate::recorder) fn head(tree: &Tree) -> Head {
    Head { size: tree.size(), root: tree.root() }
}
