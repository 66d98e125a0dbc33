//! What the code in the corner says.

/// Proof that a detainer was recorded, as its code in the corner says it. Nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The leaf hash of the entry, hexadecimal.
    pub leaf_hash: String,
    /// The log, as its checkpoint names it.
    pub origin: String,
    /// The size of the log at that checkpoint.
    pub size: u64,
}
