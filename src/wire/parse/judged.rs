//! Reads from an entry what the law was asked and what it said, so that it can be judged again.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use prost::Message as _;

use crate::domain::determination::{Determination, LawAction, OnReceipt};
use crate::domain::event::RecordedDetermination;
use crate::domain::facts::{Assertions, CaseFacts, Judge, Offence};
use crate::domain::ids::{CaseKind, CaseName};
use crate::domain::statute::Reading;
use crate::domain::vocabulary::Vocabulary;
use crate::domain::warrant::{IssuingAuthority, WarrantKind};
use crate::wire::entry::EntryError;
use crate::wire::enums::from_wire;
use crate::wire::{v1, wire_walk};

/// What an entry records of the law.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Judgments {
    /// Each determination, with the facts that it rests on.
    pub determinations: Vec<RecordedDetermination>,
    /// How many other determinations lack such facts, or have words of a later version.
    pub without_facts: u64,
}

/// Reads what the content of an entry says of the law, whatever its event. Keeps the order.
pub fn judgments(content: &[u8]) -> Result<Judgments, EntryError> {
    let parts = |name: &str| wire_walk::parts_of_event(content, name).map_err(|_| EntryError::Openings);
    let mut facts = Vec::new();
    for part in parts("comity.v1.Facts")? {
        let part = v1::Facts::decode(part).map_err(|_| EntryError::Openings)?;
        facts.extend(judged_facts(&part).map(|judged| (judged.detainer, Arc::new(judged.facts), judged.judged_at)));
    }
    let mut judgments = Judgments::default();
    for part in parts("comity.v1.Determination")? {
        let part = v1::Determination::decode(part).map_err(|_| EntryError::Openings)?;
        let known = determined(&part).and_then(|(detainer, action, determination)| {
            // If a detainer has two sets of facts, it is unclear which is meant.
            let mut own = facts.iter().filter(|(of, ..)| *of == detainer);
            let (_, facts, judged_at) = own.next().filter(|_| own.next().is_none())?;
            let (determination, facts) = (Arc::new(determination), Arc::clone(facts));
            Some(RecordedDetermination { detainer, action, determination, facts, judged_at: *judged_at })
        });
        match known {
            Some(known) => judgments.determinations.push(known),
            None => judgments.without_facts = judgments.without_facts.saturating_add(1),
        }
    }
    Ok(judgments)
}

fn determined(recorded: &v1::Determination) -> Option<(CaseName, LawAction, Determination)> {
    let determination = Determination {
        ruling: from_wire(recorded.ruling)?,
        policies: recorded.policies.clone(),
        citations: recorded.citations.clone(),
        obligations: recorded.obligations.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?,
        reviews: recorded.reviews.clone(),
        failed: recorded.failed,
        clock: unless_unspecified(recorded.clock).ok()?,
        unverified: recorded.unverified,
        on_receipt: recorded.owed_on_receipt.iter().map(on_receipt).collect::<Option<_>>()?,
    };
    Some((recorded.detainer.parse().ok()?, from_wire(recorded.action)?, determination))
}

fn on_receipt(recorded: &v1::OwedOnReceipt) -> Option<OnReceipt> {
    Some(OnReceipt { obligation: recorded.obligation.parse().ok()?, citations: recorded.citations.clone() })
}

/// The facts of a detainer as judged at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedFacts {
    /// The detainer.
    pub detainer: CaseName,
    /// The facts.
    pub facts: CaseFacts,
    /// When they were judged.
    pub judged_at: Timestamp,
}

/// Reads recorded facts. None: they are not of a detainer, or of a later version. Nothing is guessed.
pub fn judged_facts(recorded: &v1::Facts) -> Option<JudgedFacts> {
    let judge_time = recorded.judge_time?;
    let detainer = recorded.detainer.parse::<CaseName>().ok().filter(|name| name.kind == CaseKind::Detainer);
    let (of_record, asserted) = sides(recorded)?;
    Some(JudgedFacts {
        detainer: detainer?,
        facts: CaseFacts {
            stage: from_wire(recorded.stage)?,
            requester_kind: from_wire(recorded.requester_kind)?,
            custodian_class: unless_unspecified(recorded.custodian_class).ok()?,
            form: from_wire(recorded.form)?,
            asks_for_hold: recorded.asks_for_hold,
            basis: recorded.basis.iter().map(|basis| from_wire(*basis)).collect::<Option<_>>()?,
            // Older facts do not separate the sides: no document is known to have come with the warrant.
            warrant: from_wire(recorded.warrant).filter(|_| recorded.asserted.is_some()).unwrap_or(WarrantKind::None),
            final_order: recorded.final_order,
            date_public: recorded.date_public,
            match_disputed: recorded.match_disputed,
            record: of_record,
            asserted,
        },
        judged_at: Timestamp::new(judge_time.seconds, judge_time.nanos).ok()?,
    })
}

/// The assertions of the custodian's record and those of the requester.
///
/// An older entry says what either side said, but not which. Nothing is guessed: what could open a law counts as a
/// claim, and what could shut one counts as a fact.
fn sides(recorded: &v1::Facts) -> Option<(Assertions, Assertions)> {
    let either = Assertions {
        judge: from_wire::<IssuingAuthority>(recorded.issuing_authority)?.into(),
        criminal_warrant: recorded.criminal_warrant,
        terrorist_list_match: recorded.terrorist_list_match,
        offences: recorded.offences.iter().map(offence).collect::<Option<_>>()?,
        citizenship_claim: recorded.citizenship_claim,
        citizen: recorded.citizen || recorded.proof_of_status,
        lawful_status: recorded.lawful_status,
        juvenile: recorded.juvenile,
        sealed: recorded.sealed,
        protected: recorded.protected,
    };
    let Some(said) = &recorded.asserted else {
        let safeguards = Assertions {
            judge: Judge::None,
            criminal_warrant: false,
            terrorist_list_match: false,
            offences: BTreeSet::new(),
            ..either.clone()
        };
        return Some((safeguards, either));
    };
    let asserted = assertions(said)?;
    Some((either, asserted))
}

/// The requester's assertions. None: they are of a later version.
fn assertions(said: &v1::Assertions) -> Option<Assertions> {
    Some(Assertions {
        judge: unless_unspecified::<IssuingAuthority>(said.issuing_authority).ok()?.map_or(Judge::None, Into::into),
        criminal_warrant: said.criminal_warrant,
        terrorist_list_match: said.terrorist_list_match,
        offences: said.offences.iter().map(offence).collect::<Option<_>>()?,
        citizenship_claim: said.citizenship_claim,
        citizen: said.citizen,
        lawful_status: said.lawful_status,
        juvenile: said.juvenile,
        sealed: said.sealed,
        protected: said.protected,
    })
}

fn offence(recorded: &v1::Offence) -> Option<Offence> {
    Some(Offence {
        category: from_wire(recorded.category)?,
        status: from_wire(recorded.status)?,
        severity: unless_unspecified(recorded.severity).ok()?,
        age: from_wire(recorded.age)?,
        listed: recorded.listed.iter().map(|paragraph| paragraph.parse().ok()).collect::<Option<_>>()?,
        reading: unless_unspecified(recorded.reading).ok()?.unwrap_or(Reading::Unlisted),
    })
}

/// A number without a word in the vocabulary.
struct Unknown;

/// Reads a word that may be UNSPECIFIED.
fn unless_unspecified<V: Vocabulary>(number: i32) -> Result<Option<V>, Unknown> {
    if number == 0 { Ok(None) } else { from_wire(number).map(Some).ok_or(Unknown) }
}
