//! The facts that the law was asked about and what it said, as an entry records them.

use jiff::Timestamp;

use crate::domain::determination::{Determination, LawAction, OnReceipt};
use crate::domain::facts::{Assertions, CaseFacts, Judge, Offence};
use crate::domain::ids::CaseName;
use crate::domain::warrant::IssuingAuthority;
use crate::wire::enums::{to_wire, to_wire_or_unspecified};
use crate::wire::show::timestamp;
use crate::wire::v1;

/// The facts of a detainer as judged at a moment.
pub fn judged(detainer: &CaseName, facts: &CaseFacts, judged_at: Timestamp) -> v1::Facts {
    v1::Facts {
        detainer: detainer.to_string(),
        judge_time: Some(timestamp(judged_at)),
        stage: to_wire(facts.stage),
        requester_kind: to_wire(facts.requester_kind),
        custodian_class: to_wire_or_unspecified(facts.custodian_class),
        form: to_wire(facts.form),
        asks_for_hold: facts.asks_for_hold,
        basis: facts.basis.iter().map(|basis| to_wire(*basis)).collect(),
        warrant: to_wire(facts.warrant),
        issuing_authority: authority(facts.record.judge),
        judicial_warrant: facts.record.judge != Judge::None,
        criminal_warrant: facts.record.criminal_warrant,
        terrorist_list_match: facts.record.terrorist_list_match,
        offences: facts.record.offences.iter().map(offence).collect(),
        citizenship_claim: facts.record.citizenship_claim,
        proof_of_status: false,
        juvenile: facts.record.juvenile,
        sealed: facts.record.sealed,
        protected: facts.record.protected,
        date_public: facts.date_public,
        match_disputed: facts.match_disputed,
        asserted: Some(asserted(&facts.asserted)),
        final_order: facts.final_order,
        citizen: facts.record.citizen,
        lawful_status: facts.record.lawful_status,
    }
}

/// The requester's assertions.
fn asserted(said: &Assertions) -> v1::Assertions {
    v1::Assertions {
        issuing_authority: authority(said.judge),
        criminal_warrant: said.criminal_warrant,
        terrorist_list_match: said.terrorist_list_match,
        offences: said.offences.iter().map(offence).collect(),
        citizenship_claim: said.citizenship_claim,
        citizen: said.citizen,
        lawful_status: said.lawful_status,
        juvenile: said.juvenile,
        sealed: said.sealed,
        protected: said.protected,
    }
}

fn authority(judge: Judge) -> i32 {
    to_wire(match judge {
        Judge::None => IssuingAuthority::None,
        Judge::Federal => IssuingAuthority::FederalJudge,
        Judge::State => IssuingAuthority::StateJudge,
    })
}

/// What the law says of an act. `detainer` may be empty.
pub fn determination(detainer: String, action: LawAction, said: &Determination) -> v1::Determination {
    v1::Determination {
        detainer,
        action: to_wire(action),
        ruling: to_wire(said.ruling),
        policies: said.policies.clone(),
        citations: said.citations.clone(),
        obligations: said.obligations.iter().map(|word| word.word().to_owned()).collect(),
        reviews: said.reviews.clone(),
        failed: said.failed,
        clock: to_wire_or_unspecified(said.clock),
        unverified: said.unverified,
        owed_on_receipt: said.on_receipt.iter().map(owed_on_receipt).collect(),
    }
}

fn owed_on_receipt(owed: &OnReceipt) -> v1::OwedOnReceipt {
    v1::OwedOnReceipt { obligation: owed.obligation.word().to_owned(), citations: owed.citations.clone() }
}

fn offence(offence: &Offence) -> v1::Offence {
    v1::Offence {
        category: to_wire(offence.category),
        status: to_wire(offence.status),
        severity: to_wire_or_unspecified(offence.severity),
        age: to_wire(offence.age),
        listed: offence.listed.iter().map(ToString::to_string).collect(),
        reading: to_wire(offence.reading),
    }
}
