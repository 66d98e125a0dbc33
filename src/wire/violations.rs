//! Fields at fault, gathered so that a caller learns of all at once.

/// One field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, as `detainer.subject.birth_date` or `detainer.charges[2].status`.
    pub field: String,
    /// What it must be. Never what it was.
    pub description: String,
}

/// Every field at fault.
pub type Violations = Vec<Violation>;
