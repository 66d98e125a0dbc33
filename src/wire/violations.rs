//! The faulty fields of a request, collected so that the caller learns of all at once.

/// A faulty field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path, such as `detainer.subject.birth_date` or `detainer.charges[2].status`.
    pub field: String,
    /// What the value must be. MUST NOT quote what it was.
    pub description: String,
}

/// All faulty fields.
pub type Violations = Vec<Violation>;
