//! The slots of handshakes. There are only so many at a time. Whoever comes while all are taken gets the slot of the handshake
//! that has lasted longest, so that peers that begin handshakes and leave them half done, from however many addresses, keep
//! nobody else waiting for as long as a handshake may take.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a handshake keeps its slot whoever comes: two round trips over a continent.
const KEPT: Duration = Duration::from_millis(150);

/// The slots.
#[derive(Debug)]
pub(super) struct HandshakeSlots {
    permits: Arc<Semaphore>,
    taken: Mutex<Taken>,
}

/// The handshakes that go on, in the order in which they began.
#[derive(Debug, Default)]
struct Taken {
    next: u64,
    begun: BTreeMap<u64, (Instant, CancellationToken)>,
}

/// A slot that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct HandshakeSlot {
    slots: Arc<HandshakeSlots>,
    number: u64,
    taken_away: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl HandshakeSlots {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(count)), taken: Mutex::default() })
    }

    /// Takes a slot: a free one, or that of the handshake that has lasted longest.
    pub(super) async fn take(self: &Arc<Self>) -> HandshakeSlot {
        loop {
            let wait = match Arc::clone(&self.permits).try_acquire_owned() {
                Ok(permit) => return self.taken_with(permit),
                Err(_) => self.take_away_the_longest(),
            };
            // Until one ends by itself or because of this, or until one has lasted long enough.
            if let Ok(Ok(permit)) = tokio::time::timeout(wait, Arc::clone(&self.permits).acquire_owned()).await {
                return self.taken_with(permit);
            }
        }
    }

    fn taken_with(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> HandshakeSlot {
        let mut taken = self.taken();
        let (number, taken_away) = (taken.next, CancellationToken::new());
        taken.next = taken.next.saturating_add(1);
        taken.begun.insert(number, (Instant::now(), taken_away.clone()));
        HandshakeSlot { slots: Arc::clone(self), number, taken_away, _permit: permit }
    }

    /// Ends the handshake that has lasted longest, if that is long enough. Returns when to look again.
    fn take_away_the_longest(&self) -> Duration {
        let mut taken = self.taken();
        let Some(longest) = taken.begun.first_entry() else { return KEPT };
        let left = KEPT.saturating_sub(longest.get().0.elapsed());
        if left.is_zero() {
            let (_, taken_away) = longest.remove();
            taken_away.cancel();
            return KEPT;
        }
        left
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandshakeSlot {
    /// Resolves once the slot was given to somebody else.
    pub(super) async fn taken_away(&self) {
        self.taken_away.cancelled().await;
    }
}

impl Drop for HandshakeSlot {
    fn drop(&mut self) {
        self.slots.taken().begun.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a test that fails waits for it.
    const PATIENCE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn who_comes_late_gets_the_slot_that_was_held_longest() {
        let slots = HandshakeSlots::new(2);
        let begun = Instant::now();
        let (first, second) = (slots.take().await, slots.take().await);
        let waiting = tokio::spawn({
            let slots = Arc::clone(&slots);
            async move { slots.take().await }
        });
        tokio::time::timeout(PATIENCE, first.taken_away()).await.unwrap();
        assert!(begun.elapsed() >= KEPT, "whoever began keeps the slot for a moment");
        assert!(!second.taken_away.is_cancelled(), "one is enough for one");
        drop(first);
        let third = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
        assert!(!third.taken_away.is_cancelled());
        // One that ends by itself is enough, too.
        drop(second);
        let fourth = tokio::time::timeout(PATIENCE, slots.take()).await.unwrap();
        assert!(!fourth.taken_away.is_cancelled());
        assert_eq!(slots.taken().begun.len(), 2);
    }

    #[tokio::test]
    async fn who_waits_is_not_kept_waiting_by_those_who_never_finish() {
        let slots = HandshakeSlots::new(4);
        // Handshakes that last until they are ended.
        for _ in 0..20 {
            let slots = Arc::clone(&slots);
            tokio::spawn(async move {
                let slot = slots.take().await;
                slot.taken_away().await;
            });
        }
        tokio::task::yield_now().await;
        let mine = tokio::time::timeout(PATIENCE, slots.take()).await.unwrap();
        assert!(!mine.taken_away.is_cancelled());
    }
}
