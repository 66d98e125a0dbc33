//! Time and randomness as the recorder sees them, so that a test replays a run to the byte and a demo plays a year.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Where the time of record comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands until it is moved: seconds since 1970.
    Simulated(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at a time.
    pub fn simulated(at: Timestamp) -> Self {
        Self::Simulated(Arc::new(AtomicI64::new(at.as_second())))
    }

    /// Now, to the microsecond: what a store of any kind keeps exactly.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default(),
            Self::Simulated(seconds) => Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap_or_default(),
        }
    }

    /// Moves a simulated clock. A system clock is not ours to move.
    pub fn set(&self, at: Timestamp) {
        match self {
            Self::System => {}
            Self::Simulated(seconds) => seconds.store(at.as_second(), Ordering::SeqCst),
        }
    }
}

/// Where blinding, salts and ids come from. Asked per entry, in order, so that the same commands give the same entries.
#[derive(Debug)]
pub enum Entropy {
    /// The cryptographic library's generator.
    System,
    /// A sequence fixed by its seed. For tests alone: whoever knows the seed can open every commitment.
    Seeded(fastrand::Rng),
}

/// The generator refused: nothing may be recorded without randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random generator refused")]
pub struct NoEntropy;

impl Entropy {
    /// Another source of the same kind: the first of a seeded one goes on as this one would have.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        match self {
            Self::System => Self::System,
            Self::Seeded(generator) => {
                let same = generator.clone();
                *generator = generator.fork();
                Self::Seeded(same)
            }
        }
    }

    /// So many random bytes.
    pub fn draw<const LEN: usize>(&mut self) -> Result<[u8; LEN], NoEntropy> {
        let mut bytes = [0u8; LEN];
        match self {
            Self::System => aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoEntropy)?,
            Self::Seeded(generator) => generator.fill(&mut bytes),
        }
        Ok(bytes)
    }
}
