//! When a call is retried.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::error::Error;

/// How often and for how long calls are retried. Every attempt of a call has the same request id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Most attempts. With one attempt, calls are sent unchanged and no request id is added.
    pub attempts_max: u32,
    /// The time from the first attempt to the last answer, for calls without their own `grpc-timeout`.
    pub total_timeout: Duration,
    /// The time after which an unanswered attempt is given up. The next one uses a new connection.
    pub attempt_timeout: Duration,
    /// The pause after the first attempt. It doubles after each.
    pub pause: Duration,
    /// The longest pause, unless the gateway asks for a longer one.
    pub pause_max: Duration,
}

impl Retry {
    /// Each call is sent once, unchanged.
    pub const NEVER: Self = Self {
        attempts_max: 1,
        total_timeout: Duration::from_secs(30),
        attempt_timeout: Duration::from_secs(10),
        pause: Duration::from_millis(100),
        pause_max: Duration::from_secs(5),
    };

    /// The pause after `attempts` attempts, the last of which failed with `error`. `None` if another would fail the
    /// same way.
    pub(super) fn pause_after(&self, attempts: u32, error: &Error) -> Option<Duration> {
        if !error.is_temporary() {
            return None;
        }
        let asked = if let Error::Refused(refused) = error { refused.retry_after } else { None };
        let spread = fastrand::f64();
        Some(match asked {
            // Never earlier than asked, and spread out over the callers.
            Some(asked) => asked.saturating_add(asked.min(self.pause_max).mul_f64(spread / 4.0)),
            None => self.back_off(attempts).mul_f64(f64::midpoint(1.0, spread)),
        })
    }

    fn back_off(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.pause.saturating_mul(doubled).min(self.pause_max)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 5, ..Self::NEVER }
    }
}

/// A time in the future. A time that no clock can represent becomes one that is years ahead.
pub(super) fn from_now(time: Duration) -> Instant {
    const YEARS: Duration = Duration::from_hours(24 * 365 * 30);
    Instant::now() + time.min(YEARS)
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;
    use crate::wire::failure::Failure;
    use crate::wire::v1::ErrorReason;

    #[test]
    fn a_pause_doubles_to_its_limit_and_is_never_shorter_than_asked() {
        let retry = Retry { pause: Duration::from_millis(100), pause_max: Duration::from_secs(1), ..Retry::default() };
        let check = |attempts, error: &Error, least: u64, most: u64| {
            for _ in 0..100 {
                let pause = retry.pause_after(attempts, error).unwrap();
                let within = Duration::from_millis(least)..=Duration::from_millis(most);
                assert!(within.contains(&pause), "{attempts}: {pause:?}");
            }
        };
        check(1, &Error::OutOfTime, 50, 100);
        check(2, &Error::OutOfTime, 100, 200);
        check(4, &Error::OutOfTime, 400, 800);
        check(5, &Error::OutOfTime, 500, 1_000);
        check(u32::MAX, &Error::OutOfTime, 500, 1_000);
        let busy = Failure::new(Code::ResourceExhausted, ErrorReason::Overloaded, "");
        let busy = Error::from(Status::from(busy.retry_after(Duration::from_secs(2))));
        check(1, &busy, 2_000, 2_250);
        let denied = Failure::new(Code::PermissionDenied, ErrorReason::MethodDenied, "");
        assert_eq!(retry.pause_after(1, &Error::from(Status::from(denied))), None);
    }
}
