//! Why there is no form, or nothing can be taken from one.

/// A field at fault. It never says what was in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The field of the form.
    pub field: String,
    /// What is expected.
    pub expected: String,
}

/// Why there is no form, or nothing can be taken from one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// The detainer has no name yet.
    #[error("the detainer has no name: only one that was lodged can be put on paper")]
    Nameless,
    /// The pages could not be written.
    #[error("the form cannot be written: {0}")]
    Unwritten(String),
    /// The file is longer than a form.
    #[error("the file is longer than {max} bytes")]
    TooLong {
        /// The most that is read.
        max: usize,
    },
    /// The file is no form of ours.
    #[error("this is no form that can be read: {0}")]
    NotAForm(&'static str),
    /// Nothing was filled in.
    #[error("nothing is filled in in the return section")]
    Empty,
    /// Fields are at fault.
    #[error("{}", listed(.0))]
    Fields(Vec<FieldFault>),
}

fn listed(faults: &[FieldFault]) -> String {
    let each = faults.iter().map(|FieldFault { field, expected }| format!("{field} {expected}"));
    each.collect::<Vec<_>>().join("; ")
}
