//! The statements of a batch, with the number of rows that each must write.

use uuid::Uuid;

use crate::domain::ids::CaseName;
use crate::store::postgres::session::Statement;
use crate::store::rows;

/// A statement that writes, with the number of rows that it must write.
pub(super) struct WriteStatement {
    ask: Statement,
    /// The number of rows, and the fault if it differs.
    expected: Option<(usize, &'static str)>,
}

impl WriteStatement {
    pub(super) fn of(ask: Statement) -> Self {
        Self { ask, expected: None }
    }

    pub(super) fn all(ask: Statement, rows: usize, else_wrong: &'static str) -> Self {
        Self { ask, expected: Some((rows, else_wrong)) }
    }
}

/// The statements of a batch, with the number of rows that each must write.
#[derive(Default)]
pub(super) struct WriteStatements {
    pub(super) statements: Vec<Statement>,
    pub(super) expected: Vec<Option<(usize, &'static str)>>,
}

impl WriteStatements {
    pub(super) fn add(&mut self, writes: impl IntoIterator<Item = WriteStatement>) {
        for WriteStatement { ask, expected } in writes {
            self.statements.push(ask);
            self.expected.push(expected);
        }
    }
}

/// Columns of jurisdictions, kinds and ids.
pub(super) fn case_columns(cases: &[(i64, &CaseName)]) -> (Vec<i64>, Vec<i64>, Vec<Vec<u8>>) {
    (
        cases.iter().map(|(jurisdiction, _)| *jurisdiction).collect(),
        cases.iter().map(|(_, name)| rows::kind(name.kind)).collect(),
        cases.iter().map(|(_, name)| name.id.as_bytes().to_vec()).collect(),
    )
}

/// A UUID as SQL has it.
pub(super) fn id(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}
