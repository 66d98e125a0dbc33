//! Writes answers of the policy room as messages.

use jiff::Timestamp;

use crate::domain::determination::{Determination, LawAction};
use crate::policy::engine::Engine;
use crate::policy::explain::{ExplainedRuling, Explanation, Fact, FactChange};
use crate::policy::listing::{Pack, Policy};
use crate::policy::replay::{Change, DeterminationShift, Totals};
use crate::policy::rulings::RulingSubject;
use crate::policy::switches::SwitchPosition;
use crate::wire::enums::{to_wire, to_wire_or_unspecified};
use crate::wire::{show, v1};

pub(super) fn policy_set(engine: &Engine, since: Option<Timestamp>) -> v1::PolicySet {
    let listing = engine.listing();
    let switches = listing.switches.iter().map(|(name, switch)| v1::PolicySwitch {
        name: name.to_owned(),
        on: switch.is == SwitchPosition::On,
        reason: switch.because.clone(),
    });
    v1::PolicySet {
        digest: engine.digest().to_vec(),
        activate_time: since.map(show::timestamp),
        packs: listing.packs.iter().map(pack).collect(),
        switches: switches.collect(),
    }
}

fn pack(pack: &Pack) -> v1::PolicyPack {
    let dates = pack.effective_dates.as_deref();
    v1::PolicyPack {
        jurisdiction: pack.jurisdiction.as_ref().map(|id| format!("jurisdictions/{id}")).unwrap_or_default(),
        policies: pack.policies.iter().map(policy).collect(),
        effective_times: dates.unwrap_or_default().iter().copied().map(show::timestamp).collect(),
        undated: dates.is_none(),
    }
}

fn policy(policy: &Policy) -> v1::Policy {
    v1::Policy {
        id: policy.id.clone(),
        effect: to_wire(policy.effect),
        actions: policy.acts.iter().copied().map(to_wire).collect(),
        citation: policy.citation.clone(),
        duty: policy.duty,
        review: policy.review.clone().unwrap_or_default(),
        obligations: policy.obligations.iter().map(|word| word.word().to_owned()).collect(),
        owed_on_receipt: policy.on_receipt,
        clock: to_wire_or_unspecified(policy.clock),
        switch_name: policy.switch.clone().unwrap_or_default(),
        standing: policy.in_force,
    }
}

pub(super) fn explanation(digest: [u8; 32], explanation: &Explanation) -> v1::EvaluateResponse {
    let concluded = |ExplainedRuling { about, said, reads }: &ExplainedRuling| conclusion(*about, said, reads.clone());
    v1::EvaluateResponse {
        policy_digest: digest.to_vec(),
        conclusions: explanation.rulings.iter().map(concluded).collect(),
        changes: explanation.changes.iter().map(change_of_fact).collect(),
        undated: !explanation.dates_known,
    }
}

fn change_of_fact(flip: &FactChange) -> v1::FactChange {
    v1::FactChange {
        fact: Fact::word(flip.fact).to_owned(),
        values: flip.values.clone(),
        conclusions: flip.becomes.iter().map(|(about, said)| conclusion(*about, said, Vec::new())).collect(),
    }
}

fn conclusion(about: RulingSubject, said: &Determination, facts_read: Vec<String>) -> v1::Conclusion {
    let (action, class) = match about {
        RulingSubject::Act(act) => (act, None),
        RulingSubject::Field(class) => (LawAction::Disclose, Some(class)),
    };
    v1::Conclusion {
        determination: Some(show::determination(String::new(), action, said)),
        disclosed_class: to_wire_or_unspecified(class),
        facts_read,
    }
}

pub(super) fn change(entry: &str, change: &Change) -> v1::ReplayResponse {
    let shift = |shift: &DeterminationShift| v1::DeterminationShift {
        field_classes: shift.classes.iter().map(to_wire).collect(),
        recorded: Some(show::determination(String::new(), shift.act, &shift.from)),
        candidate: Some(show::determination(String::new(), shift.act, &shift.to)),
    };
    let change = v1::DeterminationChange {
        entry: entry.to_owned(),
        detainer: change.detainer.to_string(),
        judge_time: Some(show::timestamp(change.judged_at)),
        shifts: change.shifts.iter().map(shift).collect(),
    };
    v1::ReplayResponse { item: Some(v1::replay_response::Item::Change(change)) }
}

pub(super) fn totals(candidate: [u8; 32], totals: &Totals) -> v1::ReplayResponse {
    let count = show::wire_position;
    let totals = v1::ReplayTotals {
        candidate_digest: candidate.to_vec(),
        judgment_count: count(totals.judgments),
        changed_judgment_count: count(totals.judgments_changed),
        determination_count: count(totals.determinations),
        ruling_change_count: count(totals.rulings),
        terms_change_count: count(totals.terms),
        ground_change_count: count(totals.grounds),
        factless_count: count(totals.without_facts),
        uncompared_count: count(totals.without_set),
        unreproduced_count: count(totals.unreproduced),
    };
    v1::ReplayResponse { item: Some(v1::replay_response::Item::Totals(totals)) }
}
