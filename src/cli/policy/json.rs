//! The results of `comity policy`, as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::determination::FieldClass;
use crate::policy::cases::Report;
use crate::policy::explain::Explanation;
use crate::policy::load::PolicySet;
use crate::policy::replay::{Change, DeterminationShift, Replay};
use crate::policy::switches::SwitchPosition;

/// The contents of a set.
pub(super) fn set(set: &PolicySet) -> Value {
    let packs = set.jurisdictions().map(|jurisdiction| {
        let dates = set.effective_dates(jurisdiction);
        json!({
            "jurisdiction": jurisdiction,
            "policies": set.policies_of(jurisdiction),
            // Null if the law reads the time itself.
            "changes": dates.map(|dates| dates.iter().map(ToString::to_string).collect::<Vec<_>>()),
        })
    });
    let packs: Vec<Value> = packs.collect();
    let switches: Map<String, Value> = set
        .switches()
        .iter()
        .map(|(name, switch)| (name.to_owned(), (switch.is == SwitchPosition::On).into()))
        .collect();
    json!({ "good": true, "digest": hex::encode(set.digest()), "packs": packs, "switches": switches })
}

/// The results of the cases.
pub(super) fn report(report: &Report) -> Value {
    let packs = report.packs.iter().map(|pack| {
        json!({
            "jurisdiction": pack.jurisdiction,
            "policies": pack.policies,
            "cases": pack.cases,
            "guarded": pack.guarded,
        })
    });
    let failures = report.failures.iter().map(|failure| {
        json!({ "file": failure.file, "case": failure.case, "problem": failure.problem, "said": failure.said })
    });
    json!({
        "good": report.is_complete(),
        "packs": packs.collect::<Vec<_>>(),
        "failures": failures.collect::<Vec<_>>(),
        "untried": report.gaps.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// What a law answers, and what would change the answer.
pub(super) fn explanation(explanation: &Explanation) -> Value {
    let rulings = explanation.rulings.iter().map(
        |explained| json!({ "about": explained.about.to_string(), "said": explained.said, "turnsOn": explained.reads }),
    );
    let flips = explanation.changes.iter().map(|flip| {
        let becomes = flip.becomes.iter().map(|(about, said)| json!({ "about": about.to_string(), "said": said }));
        json!({ "fact": flip.fact.word(), "values": flip.values, "becomes": becomes.collect::<Vec<_>>() })
    });
    json!({
        "rulings": rulings.collect::<Vec<_>>(),
        "flips": flips.collect::<Vec<_>>(),
        "datesKnown": explanation.dates_known,
    })
}

/// A change, on its own line.
pub(super) fn change(entry: &str, change: &Change) -> String {
    let shifts: Vec<Value> = change.shifts.iter().map(shift).collect();
    let (detainer, judged_at) = (change.detainer.to_string(), change.judged_at.to_string());
    json!({ "entry": entry, "detainer": detainer, "judgedAt": judged_at, "shifts": shifts }).to_string()
}

fn shift(shift: &DeterminationShift) -> Value {
    let classes: Vec<&str> = shift.classes.iter().map(FieldClass::word).collect();
    json!({ "act": shift.act.word(), "classes": classes, "from": shift.from, "to": shift.to })
}

/// What a candidate would have changed.
pub(super) fn replay(replay: &Replay, entries: u64) -> Value {
    let totals = replay.totals();
    let shifts = totals.shifts.iter().map(|(one, count)| json!({ "count": count, "shift": shift(one) }));
    let counts: BTreeMap<&str, u64> = [
        ("entries", entries),
        ("judgments", totals.judgments),
        ("judgmentsChanged", totals.judgments_changed),
        ("determinations", totals.determinations),
        ("changed", totals.changed()),
        ("rulings", totals.rulings),
        ("terms", totals.terms),
        ("grounds", totals.grounds),
        ("withoutFacts", totals.without_facts),
        ("withoutSet", totals.without_set),
        ("unreproduced", totals.unreproduced),
    ]
    .into();
    json!({ "candidate": hex::encode(replay.candidate()), "totals": counts, "shifts": shifts.collect::<Vec<_>>() })
}
