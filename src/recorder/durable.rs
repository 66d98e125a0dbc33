//! A batch made durable: signed, committed, proven, and only then seen.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::domain::ids::LogName;
use crate::ledger::{Checkpoint, Receipt, Tree};
use crate::metrics::table;
use crate::recorder::batch::{Recorder, RecorderError, origin};
use crate::recorder::others::raise;
use crate::store::{Append, Head, HeadMove, LogState};

impl Recorder {
    /// Signs the heads and commits. Nothing is published or answered before it has returned.
    pub(super) fn make_durable(
        &mut self,
        mut logs: BTreeMap<LogName, LogState>,
        append: &mut Append,
    ) -> Result<BTreeMap<LogName, String>, RecorderError> {
        let checkpoints = self.sign(&mut logs, &mut append.heads)?;
        if append.is_empty() {
            self.end()?;
        } else {
            let since = Instant::now();
            self.must_end = false;
            self.store.commit(append)?;
            self.metrics.observe_duration(&table::COMMIT_DURATION, &[], since.elapsed());
        }
        self.logs = logs;
        Ok(checkpoints)
    }

    /// One signature a log and batch.
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
    pub(super) fn prove(
        &self,
        log: &LogName,
        index: u64,
        checkpoints: &BTreeMap<LogName, String>,
    ) -> Result<String, RecorderError> {
        let proof = self.logs.get(log).and_then(|state| state.tree.prove_inclusion(index));
        let (Some(proof), Some(checkpoint)) = (proof, checkpoints.get(log)) else { return Err(RecorderError::NoProof) };
        Ok(Receipt { index, proof, checkpoint: checkpoint.clone() }.to_string())
    }

    /// Lets everybody see how far the logs have grown: by this batch, or by another that it has caught up with.
    pub(super) fn publish(&self, heads: &[HeadMove]) {
        for (log, sender) in &*self.published {
            raise(sender, self.logs.get(log).map_or(0, |state| state.tree.size()));
        }
        for head in heads {
            let log = [(&head.log.jurisdiction).into(), head.log.kind.word().into()];
            self.metrics.add(&table::ENTRIES, &log, head.to.size.saturating_sub(head.from.size));
        }
    }
}

/// The head of a tree.
pub(super) fn head(tree: &Tree) -> Head {
    Head { size: tree.size(), root: tree.root() }
}
