//! The steps by which a store of an earlier version is taken over, forward only. Each is one transaction with the number of the
//! version that it leads to: a store is of one version or of the next, whenever it is cut off.

/// A step from a version to the next.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) from: i32,
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

/// INVARIANT: ascending, without a gap, up to the version before the present one.
const STEPS: [Step; 3] = [
    Step {
        from: 4,
        sqlite: "CREATE TABLE restored (log INTEGER PRIMARY KEY, size INTEGER NOT NULL) STRICT;",
        postgres: "CREATE TABLE restored (log BIGINT PRIMARY KEY, size BIGINT NOT NULL);",
    },
    // The index is built when the store is opened, since only then the key is there.
    Step {
        from: 5,
        sqlite: "CREATE TABLE search (jurisdiction INTEGER NOT NULL, kind INTEGER NOT NULL, term BLOB NOT NULL, \
            id BLOB NOT NULL, PRIMARY KEY (jurisdiction, kind, term, id)) STRICT, WITHOUT ROWID; \
            CREATE TABLE search_key (id INTEGER PRIMARY KEY CHECK (id = 1), mark BLOB NOT NULL) STRICT;",
        postgres: "CREATE TABLE search (jurisdiction BIGINT NOT NULL, kind BIGINT NOT NULL, term BYTEA NOT NULL, \
            id BYTEA NOT NULL, PRIMARY KEY (jurisdiction, kind, term, id)); \
            CREATE TABLE search_key (id BIGINT PRIMARY KEY CHECK (id = 1), mark BYTEA NOT NULL);",
    },
    // Open custodies have one term more, so the index is built anew.
    Step { from: 6, sqlite: "DELETE FROM search_key;", postgres: "DELETE FROM search_key;" },
];

/// The step that leads from a version, if one does.
pub(super) fn step_from(version: i32) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.from == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows::SCHEMA_VERSION;

    #[test]
    fn the_steps_lead_to_the_present_version_without_a_gap() {
        let mut version = STEPS[0].from;
        while let Some(step) = step_from(version) {
            version = step.from + 1;
        }
        assert_eq!(version, SCHEMA_VERSION);
    }
}
