//! What was counted in the last quarter of an hour. Kept here and not in the page, so that a page opened later shows it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How far back growth is counted, at least, once the gateway has run for so long.
pub(super) const WINDOW: Duration = Duration::from_mins(15);
/// How often totals are kept: growth is counted over the window and at most so much more.
pub(super) const KEEP_EVERY: Duration = Duration::from_secs(15);

/// Totals of counters, by kind and reason.
pub(super) type Totals = BTreeMap<(&'static str, String), f64>;

/// Totals at moments of the window, the oldest first. Times are since the start.
#[derive(Debug)]
pub(super) struct Recent {
    kept: VecDeque<(Duration, Totals)>,
}

impl Recent {
    /// Starts with nothing counted, as the counters do.
    pub(super) fn new() -> Self {
        Self { kept: VecDeque::from([(Duration::ZERO, Totals::new())]) }
    }

    /// Keeps the totals of this moment, if the last are old enough, and drops those that are no longer needed.
    pub(super) fn keep(&mut self, at: Duration, totals: &Totals) {
        let last = self.kept.back().map_or(Duration::ZERO, |(last, _)| *last);
        if last.saturating_add(KEEP_EVERY) <= at {
            self.kept.push_back((at, totals.clone()));
        }
        // INVARIANT: the first is the newest at or before the beginning of the window, or the start.
        while self.kept.get(1).is_some_and(|(second, _)| second.saturating_add(WINDOW) <= at) {
            self.kept.pop_front();
        }
    }

    /// What has grown in the window, and over how long it was counted.
    pub(super) fn growth(&self, at: Duration, totals: &Totals) -> (Duration, Totals) {
        let Some((since, before)) = self.kept.front() else { return (at, totals.clone()) };
        let more = |(counter, total): (&(&'static str, String), &f64)| {
            let grown = total - before.get(counter).copied().unwrap_or_default();
            (grown > 0.0).then(|| (counter.clone(), grown))
        };
        (at.saturating_sub(*since), totals.iter().filter_map(more).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(denied: f64) -> Totals {
        [(("call", "METHOD_DENIED".to_owned()), denied)].into()
    }

    /// One denial a minute, and the totals are kept each second.
    #[test]
    fn growth_is_that_of_the_window_and_what_is_kept_has_a_bound() {
        let mut recent = Recent::new();
        let count = |seconds: u32| totals(f64::from(seconds / 60));
        for seconds in 0..7_200 {
            recent.keep(Duration::from_secs(seconds.into()), &count(seconds));
            assert!(recent.kept.len() <= 62, "{}", recent.kept.len());
            let (over, grown) = recent.growth(Duration::from_secs(seconds.into()), &count(seconds));
            let expected = if seconds < 900 { f64::from(seconds / 60) } else { 15.0 };
            let found = grown.values().sum::<f64>();
            assert!((found - expected).abs() < 1.5, "{found} at {seconds} s");
            if seconds < 900 {
                assert_eq!((over.as_secs(), found), (seconds.into(), expected), "all since the start");
            } else {
                assert!((900..=915).contains(&over.as_secs()), "{over:?}");
            }
        }
        let quiet = Duration::from_hours(2) + WINDOW + KEEP_EVERY;
        recent.keep(Duration::from_hours(2), &totals(120.0));
        recent.keep(quiet, &totals(120.0));
        assert!(recent.growth(quiet, &totals(120.0)).1.is_empty(), "nothing has grown");
    }
}
