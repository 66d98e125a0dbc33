//! What came of the flood, method by method, and the first of each fault in full.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use comity::wire::failure::reason_word;
use tonic::Code;

use crate::flood::attack::Target;
use crate::harness::raw::{Call, Reply};

/// Faults that are shown.
const SHOWN: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Tally {
    outcomes: Mutex<BTreeMap<(String, String), u64>>,
    faults: Mutex<Vec<String>>,
}

impl Tally {
    pub(super) fn note(&self, target: &Target, call: &Call, reply: &Result<Reply, hyper::Error>) {
        let outcome = match reply {
            Err(_) => "CUT".to_owned(),
            Ok(reply) => match reply.reason() {
                Ok(()) if reply.status.is_none() => "OPEN".to_owned(),
                Ok(()) => "OK".to_owned(),
                Err(Some(reason)) => reason_word(reason).to_owned(),
                Err(None) => "?".to_owned(),
            },
        };
        if let Some(fault) = fault(reply) {
            let hex = hex::encode(call.body.get(..600).unwrap_or(&call.body));
            let Call { verb, path, headers, .. } = call;
            self.faults.lock().unwrap().push(format!("{fault}\n  {target:?}\n  {verb} {path} {headers:?}\n  {hex}"));
        }
        *self.outcomes.lock().unwrap().entry((target.method.clone(), outcome)).or_default() += 1;
    }

    /// Whether some call of the method was answered, or opened a stream.
    pub(super) fn reached(&self, method: &str) -> bool {
        let outcomes = self.outcomes.lock().unwrap();
        ["OK", "OPEN"].iter().any(|outcome| outcomes.contains_key(&(method.to_owned(), (*outcome).to_owned())))
    }

    pub(super) fn assert_no_fault(&self) {
        let faults = self.faults.lock().unwrap();
        let first: Vec<_> = faults.iter().take(SHOWN).map(String::as_str).collect();
        assert!(faults.is_empty(), "{} faults, the first of which:\n{}", faults.len(), first.join("\n"));
    }
}

/// What must not come of any request.
fn fault(reply: &Result<Reply, hyper::Error>) -> Option<String> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return Some(format!("the connection was lost: {error:?}")),
    };
    match reply.code() {
        Some(code @ (Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable)) => {
            Some(format!("{code:?}: {:?}", reply.status))
        }
        _ => reply.misshapen(),
    }
}

/// Outcomes by method, most frequent first.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcomes = self.outcomes.lock().unwrap();
        let mut rows: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
        for ((method, outcome), count) in &*outcomes {
            rows.entry(method).or_default().push((*count, outcome));
        }
        for (method, mut row) in rows {
            row.sort_by(|one, other| other.cmp(one));
            let sum: u64 = row.iter().map(|(count, _)| count).sum();
            let told: Vec<_> = row.iter().map(|(count, outcome)| format!("{outcome} {count}")).collect();
            writeln!(f, "{sum:>7} {method:<36} {}", told.join(", "))?;
        }
        Ok(())
    }
}
