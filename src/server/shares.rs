//! How much of something each of many has at a time, so that none has all of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Places, counted by who holds them.
#[derive(Debug)]
pub(super) struct Shares<K> {
    each_max: usize,
    taken: Mutex<HashMap<K, usize>>,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    /// So many places for each.
    pub(super) fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, taken: Mutex::default() })
    }

    /// A place, until it is dropped. None: they have all that is theirs.
    pub(super) fn take(self: &Arc<Self>, who: &K) -> Option<Share<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(who.clone()).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Share { shares: Arc::clone(self), who: who.clone() })
    }
}

/// A place that is held.
#[derive(Debug)]
pub(super) struct Share<K: Eq + Hash + Clone> {
    shares: Arc<Shares<K>>,
    who: K,
}

impl<K: Eq + Hash + Clone> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get_mut(&self.who).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            taken.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_a_share_and_what_is_let_go_can_be_taken() {
        let shares = Shares::new(2);
        let held = [shares.take(&"a"), shares.take(&"a")];
        assert!(held.iter().all(Option::is_some) && shares.take(&"a").is_none());
        assert!(shares.take(&"b").is_some());
        drop(held);
        assert!(shares.take(&"a").is_some());
        assert!(shares.taken.lock().unwrap().is_empty(), "who holds nothing costs nothing");
    }
}
