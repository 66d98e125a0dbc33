//! The signed head of a chain: a line that says, over a signature, how many lines there are and the hash of the last.
//!
//! It is a C2SP checkpoint by its form. Its origin ends in `/audit/<machine>`, which no log of the exchange has, so that
//! the one is never taken for the other, whichever key signed. Every byte of the line follows from what is signed: it
//! holds no time of its own.

use crate::audit::chain::{Links, Tip};
use crate::ledger::{Checkpoint, CheckpointError, Signer, VerifierKey};

/// The part of an origin before the name of the machine.
const AUDIT: &str = "/audit/";

/// The longest name of a machine that is kept.
const MACHINE_LEN_MAX: usize = 64;

/// The origin of the chains of one machine. `exchange` is that of the logs (`log.origin`).
pub fn origin_of(exchange: &str, machine: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
    let machine: String = machine.trim().chars().take(MACHINE_LEN_MAX).map(plain).collect();
    let machine = if machine.is_empty() { "unnamed" } else { &machine };
    format!("{exchange}{AUDIT}{machine}")
}

/// Whether an origin is one of audit chains.
pub(super) fn is_origin(origin: &str) -> bool {
    origin
        .rsplit_once(AUDIT)
        .is_some_and(|(exchange, machine)| !exchange.is_empty() && !machine.is_empty() && !machine.contains('/'))
}

/// The note in a head's line, or the text itself, if it is a note. `None`: it is no text.
pub fn note_in(text: &[u8]) -> Option<String> {
    let line = Links::parse(text).and_then(|links| links.note);
    line.or_else(|| String::from_utf8(text.to_vec()).ok())
}

/// The line that signs a chain up to its tip, without its newline.
pub(super) fn head_line(tip: Tip, origin: &str, signer: &Signer) -> Result<String, CheckpointError> {
    let note = Checkpoint::new(origin, tip.sequence, tip.previous)?.sign(signer)?;
    Ok(line_with(tip, &note))
}

fn line_with(tip: Tip, note: &str) -> String {
    let note = serde_json::Value::from(note);
    format!(r#"{{"sequence":{},"event":"head","note":{note},"previous":"{}"}}"#, tip.sequence, tip.previous)
}

/// Why a line is no head of its chain.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadFault {
    /// It is not spelt as a head is.
    #[error("the head is not as it was written")]
    Spelling,
    /// What is signed is another place, or another chain.
    #[error("the head is signed for another place of the chain")]
    Elsewhere,
    /// It is the head of something else.
    #[error("the head is of {0:?}, which is no audit log")]
    Origin(String),
    /// The signature does not hold.
    #[error("the head is not signed by the key: {0}")]
    Signature(#[from] CheckpointError),
}

/// Checks that a line signs the chain up to its tip; the signature itself, where keys are given.
pub(super) fn check(line: &[u8], links: &Links, tip: Tip, keys: Option<&[VerifierKey]>) -> Result<(), HeadFault> {
    let note = links.note.as_deref().ok_or(HeadFault::Spelling)?;
    if line_with(tip, note).as_bytes() != line {
        return Err(HeadFault::Spelling);
    }
    let said = Checkpoint::unverified(note)?;
    if !is_origin(said.origin()) {
        return Err(HeadFault::Origin(said.origin().to_owned()));
    }
    if (said.size(), said.root()) != (tip.sequence, tip.previous) {
        return Err(HeadFault::Elsewhere);
    }
    if let Some(keys) = keys {
        Checkpoint::open(note, said.origin(), keys)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_audit_is_none_of_a_log() {
        assert_eq!(origin_of("comity.example", "gate-1\n"), "comity.example/audit/gate-1");
        assert_eq!(origin_of("comity.example", "a b/c+d"), "comity.example/audit/a-b-c-d");
        assert_eq!(origin_of("comity.example", ""), "comity.example/audit/unnamed");
        for machine in ["gate-1", "", &"m".repeat(500)] {
            assert!(is_origin(&origin_of("comity.example/exchange", machine)), "{machine}");
        }
        for other in ["comity.example/jurisdictions/us-ny/logs/exchange", "/audit/x", "comity.example/audit/", "audit"]
        {
            assert!(!is_origin(other), "{other}");
        }
    }
}
