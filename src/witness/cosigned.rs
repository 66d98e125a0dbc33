//! Who has cosigned which head of our logs, for whoever asks for a checkpoint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::ids::LogName;
use crate::ledger::{Cosignature, Head};
use crate::witness::config::AskedPolicy;

/// How many heads of a log are remembered: those newer than the last that has a quorum.
const HEADS_MAX: usize = 8;

/// A head with what witnesses said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The signed note with the witnesses' lines under the log's own.
    pub note: String,
    /// Its size.
    pub size: u64,
    /// Whether they are a quorum by the policy.
    pub is_quorum: bool,
    /// Who has cosigned it, by the policy's names, in its order.
    pub witnesses: Vec<String>,
}

/// The cosignatures of the logs of a gateway. They are not stored: after a start each witness is asked again.
#[derive(Debug, Default)]
pub struct Cosignatures {
    logs: BTreeMap<LogName, Mutex<OfLog>>,
}

#[derive(Debug)]
struct OfLog {
    asked: Arc<AskedPolicy>,
    /// By size: the head, the log's note, and each witness's cosignature.
    heads: BTreeMap<u64, (String, BTreeMap<usize, Cosignature>)>,
}

impl OfLog {
    fn is_quorum(&self, of: &BTreeMap<usize, Cosignature>) -> bool {
        self.asked.policy.is_quorum(|at| of.contains_key(&at))
    }
}

impl Cosignatures {
    /// Begins without any.
    pub(super) fn of(policies: &BTreeMap<LogName, Arc<AskedPolicy>>) -> Self {
        let of_log = |asked: &Arc<AskedPolicy>| OfLog { asked: Arc::clone(asked), heads: BTreeMap::new() };
        Self { logs: policies.iter().map(|(log, asked)| (log.clone(), Mutex::new(of_log(asked)))).collect() }
    }

    /// Takes a witness's cosignature of a head, whose note the log alone has signed.
    pub(super) fn add(&self, log: &LogName, head: &Head, note: &str, cosignature: Cosignature) {
        let Some(of_log) = self.logs.get(log) else { return };
        let mut of_log = of_log.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, of_head) = of_log.heads.entry(head.size()).or_insert_with(|| (note.to_owned(), BTreeMap::new()));
        of_head.insert(cosignature.key, cosignature);
        let newest =
            of_log.heads.iter().rev().find(|(_, (_, of_head))| of_log.is_quorum(of_head)).map(|(size, _)| *size);
        if let Some(newest) = newest {
            of_log.heads.retain(|size, _| *size >= newest);
        }
        while of_log.heads.len() > HEADS_MAX {
            of_log.heads.pop_first();
        }
    }

    /// The newest head that a quorum has cosigned; if there is none, the newest that anybody has.
    pub fn newest(&self, log: &LogName) -> Option<Witnessed> {
        let of_log = self.logs.get(log)?.lock().unwrap_or_else(PoisonError::into_inner);
        let with_quorum = of_log.heads.iter().rev().find(|(_, (_, of_head))| of_log.is_quorum(of_head));
        let (size, (note, of_head)) = with_quorum.or_else(|| of_log.heads.last_key_value())?;
        let lines: String = of_head.values().map(|cosignature| cosignature.line.as_str()).collect();
        let names = of_log.asked.policy.witnesses().iter().enumerate().filter(|(at, _)| of_head.contains_key(at));
        Some(Witnessed {
            note: format!("{note}{lines}"),
            size: *size,
            is_quorum: with_quorum.is_some(),
            witnesses: names.map(|(_, witness)| witness.name.clone()).collect(),
        })
    }
}
