//! The facts that the law was asked on, read back out of an entry, to be judged again.

use jiff::Timestamp;

use crate::domain::facts::{CaseFacts, Offence};
use crate::domain::ids::{CaseKind, CaseName};
use crate::domain::vocabulary::Vocabulary;
use crate::wire::v1;
use crate::wire::words::from_wire;

/// The facts of a detainer, as they were judged at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Which detainer.
    pub detainer: CaseName,
    /// The facts.
    pub facts: CaseFacts,
    /// When.
    pub judged_at: Timestamp,
}

/// Reads them. None: they are not ours, or of a later version; nothing is guessed.
pub fn judged(recorded: &v1::Facts) -> Option<Judged> {
    let judge_time = recorded.judge_time?;
    let detainer = recorded.detainer.parse::<CaseName>().ok().filter(|name| name.kind == CaseKind::Detainer);
    Some(Judged {
        detainer: detainer?,
        facts: CaseFacts {
            stage: from_wire(recorded.stage)?,
            requester_kind: from_wire(recorded.requester_kind)?,
            custodian_class: unless_unspecified(recorded.custodian_class).ok()?,
            form: from_wire(recorded.form)?,
            asks_for_hold: recorded.asks_for_hold,
            basis: recorded.basis.iter().map(|basis| from_wire(*basis)).collect::<Option<_>>()?,
            warrant: from_wire(recorded.warrant)?,
            issuing_authority: from_wire(recorded.issuing_authority)?,
            judicial_warrant: recorded.judicial_warrant,
            criminal_warrant: recorded.criminal_warrant,
            terrorist_list_match: recorded.terrorist_list_match,
            offences: recorded.offences.iter().map(offence).collect::<Option<_>>()?,
            citizenship_claim: recorded.citizenship_claim,
            proof_of_status: recorded.proof_of_status,
            juvenile: recorded.juvenile,
            sealed: recorded.sealed,
            protected: recorded.protected,
            date_public: recorded.date_public,
        },
        judged_at: Timestamp::new(judge_time.seconds, judge_time.nanos).ok()?,
    })
}

fn offence(recorded: &v1::Offence) -> Option<Offence> {
    Some(Offence {
        category: from_wire(recorded.category)?,
        status: from_wire(recorded.status)?,
        severity: unless_unspecified(recorded.severity).ok()?,
        age: from_wire(recorded.age)?,
    })
}

/// A number of no word.
struct Unknown;

/// What may be unspecified.
fn unless_unspecified<V: Vocabulary>(number: i32) -> Result<Option<V>, Unknown> {
    if number == 0 { Ok(None) } else { from_wire(number).map(Some).ok_or(Unknown) }
}
