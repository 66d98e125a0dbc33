//! Time and randomness as the recorder sees them, so that a test replays a run to the byte and a demo plays a year.

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

/// Where blinding, salts and ids come from.
#[derive(Debug, Clone)]
pub enum Entropy {
    /// The cryptographic library's generator.
    System,
    /// Fixed by a seed, by what caused it and by what it is for, so that the same commands give the same entries in whatever
    /// order they are drawn. For tests alone: whoever knows the seed can open every commitment.
    Seeded(u64),
}

/// What caused something to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause<'a> {
    /// A write.
    Write {
        /// In which jurisdiction.
        jurisdiction: &'a JurisdictionId,
        /// By whom.
        agency: &'a AgencyId,
        /// Under which key of its client.
        request_id: RequestId,
    },
    /// The gateway itself, at this place in a log.
    Place(&'a LogName, u64),
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
            Self::Place(log, index) => f.write_str(&log.entry(*index)),
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

    /// So many random bytes, 32 at most.
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
