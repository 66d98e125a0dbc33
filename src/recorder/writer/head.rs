//! Checks the recovered head of a log against its newest signed checkpoint.

use crate::domain::ids::LogName;
use crate::ledger::{Checkpoint, Hash, Signer};
use crate::recorder::writer::error::RecorderError;
use crate::store::{LogState, Store};

/// Checks that the stored tree is the one whose head was signed last. Otherwise the gateway would sign another log under
/// the same origin.
pub(in crate::recorder) fn check_head(
    store: &mut dyn Store,
    prefix: &str,
    log: &LogName,
    state: &LogState,
    signer: &Signer,
) -> Result<(), RecorderError> {
    check_signed(store.checkpoint(log)?, prefix, log, (state.tree.size(), state.tree.root()), signer)
}

/// Checks a head against the newest checkpoint of its log, wherever both were read.
pub fn check_signed(
    checkpoint: Option<(u64, String)>,
    prefix: &str,
    log: &LogName,
    (size, root): (u64, Hash),
    signer: &Signer,
) -> Result<(), RecorderError> {
    let not_signed = || RecorderError::HeadNotSigned(log.clone());
    match checkpoint {
        None if size == 0 => Ok(()),
        None => Err(not_signed()),
        Some((signed_size, note)) => {
            let kept = Checkpoint::open(&note, &origin(prefix, log), &signer.verifiers())?;
            let same = signed_size == size && kept.size() == size && kept.root() == root;
            if same { Ok(()) } else { Err(not_signed()) }
        }
    }
}

/// The origin of a log's checkpoints.
pub fn origin(prefix: &str, log: &LogName) -> String {
    format!("{prefix}/{log}")
}
