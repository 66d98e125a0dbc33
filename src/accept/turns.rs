//! Handshakes of one worker take turns. A step of one computes for about a millisecond, as long as many calls: so between
//! two steps whatever else is ready on the worker is done first, however many peers shake hands at once.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::{Notify, Semaphore};

/// The turns of one worker.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(1))
    }

    /// Does some work, each step of it in a turn of its own.
    pub(super) async fn take<W: Future>(&self, work: W) -> W::Output {
        let mut work = pin!(work);
        let woken = Arc::new(Woken(Notify::new()));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            // It is never closed: then there would be no turns to wait for.
            let turn = self.0.acquire().await.ok();
            tokio::task::yield_now().await;
            if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                return done;
            }
            drop(turn);
            woken.0.notified().await;
        }
    }
}

/// That the work can go on. It is kept until it is asked for.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const STEPS: usize = 5;

    /// Work of some steps, each of which can be taken as soon as the one before was.
    async fn steps(taken: Arc<AtomicUsize>) {
        let mut own = 0;
        poll_fn(|cx| {
            own += 1;
            taken.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            if own < STEPS { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    #[tokio::test]
    async fn whatever_is_ready_goes_between_two_steps() {
        let (turns, taken) = (Arc::new(Turns::new()), Arc::new(AtomicUsize::new(0)));
        for _ in 0..8 {
            let (turns, taken) = (Arc::clone(&turns), Arc::clone(&taken));
            tokio::spawn(async move { turns.take(steps(taken)).await });
        }
        // What is ready each time is served after at most one more step.
        let mut seen = 0;
        while seen < 8 * STEPS {
            tokio::task::yield_now().await;
            let now = taken.load(Ordering::Relaxed);
            assert!(now <= seen + 1, "{} steps in a row", now - seen);
            seen = now;
        }
    }

    #[tokio::test]
    async fn work_that_waits_keeps_no_other_from_its_turn() {
        let (turns, taken) = (Turns::new(), Arc::new(AtomicUsize::new(0)));
        let first = async {
            turns.take(tokio::time::sleep(Duration::from_millis(50))).await;
            assert_eq!(taken.load(Ordering::Relaxed), STEPS, "it was done while the other waited");
        };
        tokio::join!(first, turns.take(steps(Arc::clone(&taken))));
    }
}
