//! The head of a log as it was recovered, held against the one that was signed.

use crate::domain::ids::LogName;
use crate::ledger::{Checkpoint, Signer};
use crate::recorder::batch::{RecorderError, origin};
use crate::store::{LogState, Store};

/// The stored tree must be the one whose head was signed last: else another log would grow under our signature.
pub(super) fn check_head(
    store: &mut dyn Store,
    prefix: &str,
    log: &LogName,
    state: &LogState,
    signer: &Signer,
) -> Result<(), RecorderError> {
    let not_signed = || RecorderError::HeadNotSigned(log.clone());
    match store.checkpoint(log)? {
        None if state.tree.size() == 0 => Ok(()),
        None => Err(not_signed()),
        Some((size, note)) => {
            let keys = [signer.verifier().clone()];
            let kept = Checkpoint::open(&note, &origin(prefix, log), &keys)?;
            let same = size == state.tree.size() && kept.size() == size && kept.root() == state.tree.root();
            if same { Ok(()) } else { Err(not_signed()) }
        }
    }
}
