//! The entries of several logs in the one order in which they are counted: by time of record, then by log, then by position.

use crate::reports::counted_entry::CountedEntry;

/// Merges logs, each of which is in order.
#[derive(Debug)]
pub struct Merged<I: Iterator> {
    logs: Vec<(Option<I::Item>, I)>,
}

impl<E, I: Iterator<Item = Result<CountedEntry, E>>> Merged<I> {
    /// Merges these logs.
    pub fn of(logs: impl IntoIterator<Item = I>) -> Self {
        let begun = |mut log: I| (log.next(), log);
        Self { logs: logs.into_iter().map(begun).collect() }
    }
}

impl<E, I: Iterator<Item = Result<CountedEntry, E>>> Iterator for Merged<I> {
    type Item = Result<CountedEntry, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let failed = self.logs.iter_mut().find(|(next, _)| matches!(next, Some(Err(_))));
        if let Some((next, _)) = failed {
            return next.take();
        }
        let order = |next: &Option<Self::Item>| match next {
            Some(Ok(entry)) => Some((entry.recorded_at, entry.log.clone(), entry.index)),
            Some(Err(_)) | None => None,
        };
        let waiting = self.logs.iter_mut().filter(|(next, _)| next.is_some());
        let (next, log) = waiting.min_by_key(|(next, _)| order(next))?;
        std::mem::replace(next, log.next())
    }
}
