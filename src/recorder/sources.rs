//! The recorder's sources of time and randomness. Tests and demos replace them, so that a run can be repeated byte for byte.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::domain::determination::FieldClass;
use crate::domain::ids::{AgencyId, JurisdictionId, LogKind, LogName, RequestId};
use crate::random::{self, NoRandomness};

/// Where the time of record comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that shows the same time until it is moved, in seconds since 1970.
    Simulated(Arc<AtomicI64>),
}

impl Clock {
    /// A simulated clock that shows this time.
    pub fn simulated(at: Timestamp) -> Self {
        Self::Simulated(Arc::new(AtomicI64::new(at.as_second())))
    }

    /// The present time, to the microsecond, which every store keeps exactly.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default(),
            Self::Simulated(seconds) => Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap_or_default(),
        }
    }

    /// Moves a simulated clock. Leaves a system clock as it is.
    pub fn set(&self, at: Timestamp) {
        match self {
            Self::System => {}
            Self::Simulated(seconds) => seconds.store(at.as_second(), Ordering::SeqCst),
        }
    }
}

/// The source of blindings, salts and ids.
#[derive(Debug, Clone)]
pub enum Entropy {
    /// The cryptographic library's generator.
    System,
    /// Derived from a seed, the cause and the purpose, so that the same commands give the same entries, in whatever order
    /// values are drawn. For tests only: whoever knows the seed can open every commitment.
    Seeded(u64),
}

/// Why something is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause<'a> {
    /// A write.
    Write {
        /// The jurisdiction.
        jurisdiction: &'a JurisdictionId,
        /// The agency that made it.
        agency: &'a AgencyId,
        /// Its request id.
        request_id: RequestId,
    },
    /// An entry of the gateway's own, at this position of a log.
    Position(&'a LogName, u64),
}

/// What something is drawn for. Entries of one write are numbered within each log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The id of a case that the write may make.
    CaseId,
    /// The blinding of a leaf.
    Blinding(LogKind, u64),
    /// The salt of one class of an entry's content.
    Salt(LogKind, u64, FieldClass),
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { jurisdiction, agency, request_id } => write!(f, "{jurisdiction} {agency} {request_id}"),
            Self::Position(log, index) => f.write_str(&log.entry(*index)),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaseId => f.write_str("case"),
            Self::Blinding(log, nth) => write!(f, "{} {nth} blinding", log.word()),
            Self::Salt(log, nth, class) => write!(f, "{} {nth} {}", log.word(), class.word()),
        }
    }
}

impl Entropy {
    /// Another source of the same kind.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        self.clone()
    }

    /// Draws `LEN` random bytes, 32 at most.
    pub fn draw<const LEN: usize>(&self, cause: &Cause<'_>, purpose: Purpose) -> Result<[u8; LEN], NoRandomness> {
        const { assert!(LEN <= 32, "a seeded source has no more for one purpose") };
        let mut bytes = [0u8; LEN];
        match self {
            Self::System => random::fill(&mut bytes)?,
            Self::Seeded(seed) => {
                let named = format!("{seed} {cause} {purpose}");
                let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
                bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
            }
        }
        Ok(bytes)
    }
}
