//! Parses what a custodian sends of its roster.

use uuid::Uuid;

use crate::domain::ids::{CaseKind, InvalidId, JurisdictionId, RequestId};
use crate::domain::subject::Subject;
use crate::wire::parse::{RequestFields, subject};
use crate::wire::{Violations, v1};

/// The most custodies of one message.
const SEEN_MAX: usize = 1_000;

/// The beginning of a roster.
#[derive(Debug)]
pub struct RosterStart {
    /// Where the people are held.
    pub jurisdiction: JurisdictionId,
    /// The custodian's key of the roster.
    pub roster_id: RequestId,
    /// Rows that earlier streams answered.
    pub rows_answered: u64,
}

/// The beginning of a roster.
pub fn roster_start(start: &v1::RosterStart) -> Result<RosterStart, Violations> {
    let mut fields = RequestFields::default();
    let jurisdiction = fields.jurisdiction("start.parent", &start.parent);
    let roster_id = fields.required_id("start.roster_id", &start.roster_id);
    let answered = u64::try_from(start.rows_answered).map_err(|_| InvalidId { expected: "0 or more" });
    let rows_answered = fields.parsed("start.rows_answered", answered);
    let start = jurisdiction.zip(roster_id).zip(rows_answered);
    fields.finish(start.map(|((jurisdiction, roster_id), rows_answered)| RosterStart {
        jurisdiction,
        roster_id,
        rows_answered,
    }))
}

/// A person of a roster.
pub fn roster_person(person: v1::RosterPerson) -> Result<Subject, Violations> {
    let mut fields = RequestFields::default();
    if person.row < 1 {
        fields.fault("person.row", "1 or more");
    }
    let subject = subject::subject(&mut fields, "person.subject", person.subject);
    fields.finish(subject)
}

/// Custodies of a jurisdiction that were found before.
pub fn roster_seen(seen: v1::RosterSeen, jurisdiction: &JurisdictionId) -> Result<Vec<Uuid>, Violations> {
    let mut fields = RequestFields::default();
    let seen = fields.list("seen.custodies", seen.custodies, SEEN_MAX, |fields, field, name| {
        let name = fields.case(field, &name, CaseKind::Custody)?;
        if name.jurisdiction != *jurisdiction {
            fields.fault(field, "of the jurisdiction of the roster");
        }
        Some(name.id)
    });
    fields.finish(Some(seen))
}
