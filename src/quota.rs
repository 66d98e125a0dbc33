//! A quota: how much each holder may take, and how much all of them together, so that no holder takes everything.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts places or bytes by holder.
#[derive(Debug)]
pub struct Quota<K> {
    taken: Mutex<Usage<K>>,
}

/// Whose limit a reservation would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// The holder's own.
    Each,
    /// That of all holders together.
    All,
}

#[derive(Debug)]
struct Usage<K> {
    each_max: usize,
    all_max: usize,
    by_each: HashMap<K, usize>,
    // INVARIANT: the sum over all holders.
    by_all: usize,
}

impl<K: Eq + Hash + Clone> Quota<K> {
    /// Allows `each_max` for each holder and `all_max` for all of them together.
    pub fn new(each_max: usize, all_max: usize) -> Arc<Self> {
        let taken = Usage { each_max, all_max, by_each: HashMap::new(), by_all: 0 };
        Arc::new(Self { taken: Mutex::new(taken) })
    }

    /// Allows another number from now on. What is reserved stays so, even where it is more.
    pub fn allow(&self, each_max: usize, all_max: usize) {
        let mut taken = self.taken();
        (taken.each_max, taken.all_max) = (each_max, all_max);
    }

    /// An empty reservation.
    pub fn begin(self: &Arc<Self>, holder: &K) -> Reservation<K> {
        Reservation { quota: Arc::clone(self), holder: holder.clone(), held: 0 }
    }

    /// Reserves one until it is dropped. An error if the holder or all holders together are at their limit.
    pub fn take(self: &Arc<Self>, holder: &K) -> Result<Reservation<K>, Exceeded> {
        let mut share = self.begin(holder);
        share.grow(1).map(|()| share)
    }

    fn taken(&self) -> MutexGuard<'_, Usage<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a holder has reserved. Dropping it gives everything back.
#[derive(Debug)]
pub struct Reservation<K: Eq + Hash + Clone> {
    quota: Arc<Quota<K>>,
    holder: K,
    held: usize,
}

impl<K: Eq + Hash + Clone> Reservation<K> {
    /// Reserves `by` more. If that exceeds a limit, says whose and changes nothing.
    pub fn grow(&mut self, by: usize) -> Result<(), Exceeded> {
        let mut taken = self.quota.taken();
        let own = taken.by_each.get(&self.holder).copied().unwrap_or_default().saturating_add(by);
        let all = taken.by_all.saturating_add(by);
        if own > taken.each_max {
            return Err(Exceeded::Each);
        }
        if all > taken.all_max {
            return Err(Exceeded::All);
        }
        taken.by_each.insert(self.holder.clone(), own);
        taken.by_all = all;
        self.held = self.held.saturating_add(by);
        Ok(())
    }
}

impl<K: Eq + Hash + Clone> Reservation<K> {
    /// How much is reserved.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Gives back what is reserved beyond `to`.
    pub fn shrink_to(&mut self, to: usize) {
        let by = self.held.saturating_sub(to);
        if by == 0 {
            return;
        }
        self.held = to;
        let mut taken = self.quota.taken();
        taken.by_all = taken.by_all.saturating_sub(by);
        let left = taken.by_each.get_mut(&self.holder).map(|count| {
            *count = count.saturating_sub(by);
            *count
        });
        if left == Some(0) {
            taken.by_each.remove(&self.holder);
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for Reservation<K> {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_a_share_and_what_is_let_go_can_be_taken() {
        let quota = Quota::new(2, 3);
        let held = [quota.take(&"a"), quota.take(&"a")];
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(quota.take(&"a").err(), Some(Exceeded::Each));
        let other = quota.take(&"b");
        assert!(other.is_ok());
        assert_eq!(quota.take(&"b").err(), Some(Exceeded::All), "all together have all there is");
        drop(held);
        assert!(quota.take(&"a").is_ok());
        drop(other);
        let taken = quota.taken();
        assert!(taken.by_each.is_empty() && taken.by_all == 0, "who holds nothing costs nothing");
    }

    #[test]
    fn another_limit_holds_for_what_is_taken_next() {
        let quota = Quota::new(1, 1);
        let first = quota.take(&"a");
        assert!(first.is_ok() && quota.take(&"a").is_err());
        quota.allow(2, 2);
        let second = quota.take(&"a");
        assert!(second.is_ok());
        quota.allow(1, 1);
        drop(first);
        assert!(quota.take(&"a").is_err(), "one is still taken");
        drop(second);
        assert!(quota.take(&"a").is_ok());
    }

    #[test]
    fn a_share_grows_up_to_what_there_is_and_gives_all_of_it_back() {
        let quota = Quota::new(10, 15);
        let mut first = quota.begin(&"a");
        assert_eq!([4, 6, 1].map(|by| first.grow(by)), [Ok(()), Ok(()), Err(Exceeded::Each)]);
        let mut second = quota.begin(&"b");
        assert_eq!([6, 5].map(|by| second.grow(by)), [Err(Exceeded::All), Ok(())]);
        drop(first);
        assert_eq!([5, 1].map(|by| second.grow(by)), [Ok(()), Err(Exceeded::Each)]);
    }
}
