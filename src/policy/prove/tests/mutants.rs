//! Random packs with one mistake each: does a case of the pack's table or a stated property catch it?
//!
//! The solver decides which mistakes change a ruling at all, by comparison with the original pack. `COMITY_MUTANTS`
//! sets how many are made (12; 300 in full), `COMITY_MUTANTS_SEED` the seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use cedar_policy as cedar;
use serde_json::{Value, json};

use crate::domain::charge::OffenceCategory;
use crate::domain::determination::{FieldClass, LawAction};
use crate::domain::ids::JurisdictionId;
use crate::policy::cases;
use crate::policy::cases::trial::Trial;
use crate::policy::load::PolicySet;
use crate::policy::prove::example::CounterexampleWriter;
use crate::policy::prove::law::{CaseAtMoment, Claims, Law};
use crate::policy::prove::property::Subject;
use crate::policy::prove::question::{Level, Question};
use crate::policy::prove::rewrite::{is_about, json_of, policy_of};
use crate::policy::prove::solver::Solver;
use crate::policy::prove::tests::{program_if_any, schema_of, solver_of};
use crate::policy::prove::written::inline;
use crate::policy::prove::{Outcome, other_settings, outcome};
use crate::policy::switches::Settings;

const MUTANTS: usize = 12;
const SEED: u64 = 10;

/// A pack with one mistake.
struct Mutant {
    what: String,
    pack: Vec<cedar::Policy>,
    /// The acts on which it may rule otherwise.
    acts: BTreeSet<LawAction>,
    /// The switch of the changed policy.
    switch: Option<String>,
}

/// What became of a mutant.
enum Fate {
    ByCase,
    ByProperty(String),
    /// It rules as the original does in every possible case.
    Equivalent,
    /// It rules otherwise, and nothing notices. Holds a case that would.
    Survived(String),
}

fn told(name: &str) -> Option<u64> {
    std::env::var_os(name).map(|text| text.to_str().and_then(|text| text.parse().ok()).expect("a number"))
}

#[tokio::test]
async fn a_mistake_in_a_pack_is_caught_by_its_cases_or_by_what_is_proved() {
    let set = PolicySet::embedded().unwrap();
    let Some(program) = program_if_any() else { return };
    let mut solver = solver_of(&set, program);
    let count = told("COMITY_MUTANTS").map_or(MUTANTS, |count| usize::try_from(count).unwrap());
    let seed = told("COMITY_MUTANTS_SEED").unwrap_or(SEED);
    let mut random = fastrand::Rng::with_seed(seed);
    let begun = Instant::now();
    let packs: Vec<(&JurisdictionId, &Vec<cedar::Policy>)> = set.written.iter().collect();
    let trials: BTreeMap<_, _> = packs.iter().map(|(id, _)| (*id, Trial::of(&set, id))).collect();
    for (id, pack) in &packs {
        assert_eq!(trials[id].fails(pack), None, "{id}");
    }
    let (mut by_case, mut by_property, mut equivalent) = (0, BTreeMap::<String, usize>::new(), 0);
    let mut survivors: BTreeMap<&JurisdictionId, Vec<String>> = BTreeMap::new();
    let validator = cedar::Validator::new(schema_of(&set));
    for number in 0..count {
        let (jurisdiction, pack) = packs[number % packs.len()];
        let mutant = mutant(pack, &validator, &mut random);
        match fate(&set, &mut solver, jurisdiction, &trials[jurisdiction], &mutant).await {
            Fate::ByCase => by_case += 1,
            Fate::ByProperty(property) => *by_property.entry(property).or_default() += 1,
            Fate::Equivalent => equivalent += 1,
            Fate::Survived(case) => {
                survivors.entry(jurisdiction).or_default().push(format!("# {}\n{case}", mutant.what));
            }
        }
    }
    let survived: usize = survivors.values().map(Vec::len).sum();
    println!(
        "{count} mutants in {:.1?}, COMITY_MUTANTS_SEED={seed}: {by_case} caught by cases, {} by properties alone \
         ({by_property:?}), {equivalent} change no ruling, {survived} survive",
        begun.elapsed(),
        by_property.values().sum::<usize>(),
    );
    for (jurisdiction, cases) in &survivors {
        println!("\n## {jurisdiction}: {} survive\n\n{}", cases.len(), cases.join("\n"));
    }
    assert_eq!(survived, 0, "mistakes that change a ruling, and nothing says so");
}

async fn fate(
    set: &PolicySet,
    solver: &mut Solver,
    jurisdiction: &JurisdictionId,
    trial: &Trial<'_>,
    mutant: &Mutant,
) -> Fate {
    // The original passes every case, so a failing case shows a different ruling: no equivalent mutant is ever flagged.
    // The solver decides on the rest.
    if trial.fails(&mutant.pack).is_some() {
        return Fate::ByCase;
    }
    let Some(case) = change(set, solver, jurisdiction, mutant).await else { return Fate::Equivalent };
    match broken(set, solver, jurisdiction, mutant).await {
        Some(property) => Fate::ByProperty(property),
        None => Fate::Survived(case),
    }
}

/// A case in which the mutant rules otherwise than the original, under some switch setting. None: there is none.
async fn change(
    set: &PolicySet,
    solver: &mut Solver,
    jurisdiction: &JurisdictionId,
    mutant: &Mutant,
) -> Option<String> {
    let pack = &set.written[jurisdiction];
    let as_set = set.switches.settings();
    let mut settings = vec![(None, as_set.clone())];
    // A switch of policies on other acts makes no difference.
    let concerned = pack.iter().filter(|policy| mutant.acts.iter().any(|act| is_about(policy, *act)));
    settings.extend(other_settings(&as_set, concerned.filter_map(|policy| policy.annotation("switch"))));
    let (ordinary, zone) = cases::ordinary(set, jurisdiction).unwrap();
    for (turned, setting) in settings {
        if mutant.switch.as_ref().is_some_and(|switch| !setting[switch]) {
            continue;
        }
        let law = |pack: &[cedar::Policy]| Law::new(set, jurisdiction, pack, &setting).unwrap();
        let (is, was) = (law(&mutant.pack), law(pack));
        let (ordinary, zone) = (ordinary.clone(), zone.clone());
        let writer = CounterexampleWriter { law: &was, set, ordinary, zone };
        for act in &mutant.acts {
            for level in [Level::May, Level::Review, Level::Must] {
                for (one, other) in [(&is, &was), (&was, &is)] {
                    let question = Question::implies("true", one.at(*act, level), other.at(*act, level));
                    let Some(found) = solver.ask(&was, &question).await.unwrap() else { continue };
                    let (given, _) = writer.minimized(&question, &found).unwrap();
                    return Some(case_of(&writer, &given, &mutant.what, turned.as_deref().map(|_| &setting)));
                }
            }
        }
    }
    None
}

/// The case with the original's rulings, ready for its table.
fn case_of(writer: &CounterexampleWriter<'_>, given: &toml::Table, named: &str, setting: Option<&Settings>) -> String {
    let (facts, now) = writer.facts(given).unwrap();
    let asked = CaseAtMoment { vocabulary: &writer.set.vocabulary, facts: &facts, now };
    let says = |act: LawAction, class: FieldClass| {
        writer.law.says(&asked, act, class, Claims::Heard).ruling.word().replace('-', " ")
    };
    let acts = crate::policy::rulings::ACTS;
    let expect: Vec<String> =
        acts.iter().map(|act| format!("{} = \"{}\"", act.word(), says(*act, FieldClass::Count))).collect();
    let classes = |word: &str| {
        let always = ["count", "request", "answer", "contact"];
        let of_word = FieldClass::ALL.iter().filter(|class| says(LawAction::Disclose, **class) == word);
        let words = of_word.map(|class| class.word()).filter(|class| !always.contains(class));
        words.map(|class| format!("\"{class}\"")).collect::<Vec<_>>().join(", ")
    };
    let named = named.replace('"', "'");
    let switches = setting.map(|setting| {
        let prefix = format!("{}.", writer.law.jurisdiction);
        let own = setting.iter().filter(|(name, _)| name.starts_with(&prefix));
        let own = own.map(|(name, is)| format!("\"{name}\" = \"{}\"", if *is { "on" } else { "off" }));
        format!("switches = {{ {} }}\n", own.collect::<Vec<_>>().join(", "))
    });
    format!(
        "[[case]]\nname = \"{named}\"\ngiven = {}\n{}expect = {{ {} }}\nshown = [{}]\nreview = [{}]\n",
        inline(given),
        switches.unwrap_or_default(),
        expect.join(", "),
        classes("may"),
        classes("review"),
    )
}

/// A property that the original has and the mutant lacks.
async fn broken(
    set: &PolicySet,
    solver: &mut Solver,
    jurisdiction: &JurisdictionId,
    mutant: &Mutant,
) -> Option<String> {
    let settings = set.switches.settings();
    let law = |pack: &[cedar::Policy]| Law::new(set, jurisdiction, pack, &settings).unwrap();
    let within = || {
        let outer = cases::within(set, jurisdiction)?;
        Some(Law::new(set, &outer, &set.written[&outer], &settings).unwrap())
    };
    let subject = |pack: &[cedar::Policy]| Subject { law: law(pack), setting: None, within: within(), against: None };
    let (is, was) = (subject(&mutant.pack), subject(&set.written[jurisdiction]));
    for (of_mutant, of_pack) in is.tasks().iter().zip(was.tasks().iter()) {
        if let Outcome::Fails(_) = outcome(set, solver, of_mutant).await
            && outcome(set, solver, of_pack).await == Outcome::Holds
        {
            return Some(of_mutant.property.to_string());
        }
    }
    None
}

/// A mistake in a pack that the set's reader would accept.
fn mutant(pack: &[cedar::Policy], validator: &cedar::Validator, random: &mut fastrand::Rng) -> Mutant {
    loop {
        let place = random.usize(..pack.len());
        let policy = &pack[place];
        let mut mutated = pack.to_vec();
        let (what, now) = match random.u8(..8) {
            0 => ("left out".to_owned(), None),
            1 => match scope_changed(policy, random) {
                Some((what, policy)) => (what, Some(policy)),
                None => continue,
            },
            _ => match condition_changed(policy, random) {
                Some((what, policy)) => (what, Some(policy)),
                None => continue,
            },
        };
        let both = [Some(policy), now.as_ref()];
        let speaks = |act: &&LawAction| both.iter().flatten().any(|policy| is_about(policy, **act));
        let acts: BTreeSet<LawAction> = LawAction::ALL.iter().filter(speaks).copied().collect();
        match now {
            None => drop(mutated.remove(place)),
            Some(now) if is_taken(validator, &now) => mutated[place] = now,
            Some(_) => continue,
        }
        let what = format!("{}: {what}", policy.id());
        return Mutant { what, pack: mutated, acts, switch: policy.annotation("switch").map(str::to_owned) };
    }
}

fn is_taken(validator: &cedar::Validator, policy: &cedar::Policy) -> bool {
    let alone = cedar::PolicySet::from_policies([policy.clone()]).unwrap();
    validator.validate(&alone, cedar::ValidationMode::Strict).validation_passed_without_warnings()
}

/// Adds or removes one act in the scope. `disclose` must stay alone: its resource is of another kind.
fn scope_changed(policy: &cedar::Policy, random: &mut fastrand::Rng) -> Option<(String, cedar::Policy)> {
    let mut acts: Vec<LawAction> = LawAction::ALL.iter().copied().filter(|act| is_about(policy, *act)).collect();
    if acts.contains(&LawAction::Disclose) {
        return None;
    }
    let others: Vec<LawAction> =
        LawAction::ALL.iter().copied().filter(|act| *act != LawAction::Disclose && !acts.contains(act)).collect();
    let what = if random.bool() && !others.is_empty() {
        let more = others[random.usize(..others.len())];
        acts.push(more);
        format!("speaks to {} too", more.word())
    } else if acts.len() > 1 {
        let fewer = acts.remove(random.usize(..acts.len()));
        format!("does not speak to {}", fewer.word())
    } else {
        return None;
    };
    let mut json = json_of(policy).unwrap();
    let entities: Vec<Value> = acts.iter().map(|act| json!({ "type": "Action", "id": act.word() })).collect();
    json["action"] = json!({ "op": "in", "entities": entities });
    Some((what, policy_of(policy.id().as_ref(), json).unwrap()))
}

/// A condition dropped, negated or widened.
fn condition_changed(policy: &cedar::Policy, random: &mut fastrand::Rng) -> Option<(String, cedar::Policy)> {
    let json = json_of(policy).unwrap();
    let mut changes: Vec<(String, String, Value)> = Vec::new();
    let clauses = json["conditions"].as_array().unwrap();
    for (number, clause) in clauses.iter().enumerate() {
        changes_of(&clause["body"], &format!("/conditions/{number}/body"), &mut changes);
    }
    if !clauses.is_empty() {
        changes.push((String::new(), "a whole clause dropped".to_owned(), Value::Null));
    }
    if changes.is_empty() {
        return None;
    }
    let (path, what, with) = changes.swap_remove(random.usize(..changes.len()));
    let mut mistaken = json;
    if path.is_empty() {
        let clauses = mistaken["conditions"].as_array_mut().unwrap();
        clauses.remove(random.usize(..clauses.len()));
    } else {
        *mistaken.pointer_mut(&path).unwrap() = with;
    }
    let policy = policy_of(policy.id().as_ref(), mistaken).unwrap();
    let text = policy.to_cedar().unwrap_or_default();
    let when: Vec<&str> = text.lines().skip_while(|line| !line.contains("when") && !line.contains("unless")).collect();
    let now = when.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    Some((format!("{what}: {now}"), policy))
}

/// Every change of a condition: where, what, and the replacement.
fn changes_of(node: &Value, path: &str, changes: &mut Vec<(String, String, Value)>) {
    let mut change = |what: &str, with: Value| changes.push((path.to_owned(), what.to_owned(), with));
    let Some((operator, operands)) = node.as_object().and_then(|node| node.iter().next()) else { return };
    match operator.as_str() {
        "&&" | "||" => {
            let what = if operator == "&&" { "one of two conditions dropped" } else { "one of two ways dropped" };
            change(what, operands["left"].clone());
            change(what, operands["right"].clone());
            change("negated", json!({ "!": { "arg": node } }));
        }
        "!" => change("negated", operands["arg"].clone()),
        "<" | "<=" | ">" | ">=" => {
            let others = ["<", "<=", ">", ">="].into_iter().filter(|other| other != operator);
            others.for_each(|other| change("another comparison", json!({ other: operands })));
        }
        "==" | "!=" | "contains" | "containsAny" | "containsAll" | "isEmpty" | "has" | "." => {
            change("negated", json!({ "!": { "arg": node } }));
        }
        "Set" => set_changes(operands, &mut change),
        _ => {}
    }
    let Some(parts) = operands.as_object() else { return };
    for (name, part) in parts {
        changes_of(part, &format!("{path}/{}/{name}", operator.replace('~', "~0").replace('/', "~1")), changes);
    }
}

/// One word more or one fewer in a list.
fn set_changes(items: &Value, change: &mut dyn FnMut(&str, Value)) {
    let items = items.as_array().unwrap();
    let word = |item: &Value| item.pointer("/Value/__entity").cloned();
    let Some(first) = items.first().and_then(word) else { return };
    for at in 0..items.len() {
        let mut fewer = items.clone();
        let left_out = fewer.remove(at);
        if !fewer.is_empty() {
            change(&format!("without {}", word(&left_out).unwrap_or_default()["id"]), json!({ "Set": fewer }));
        }
    }
    let words: Vec<&str> = match first["type"].as_str() {
        Some("Offence") => OffenceCategory::ALL.iter().map(|word| word.word()).collect(),
        Some("FieldClass") => FieldClass::ALL.iter().map(|word| word.word()).collect(),
        _ => return,
    };
    let known: Vec<Value> = items.iter().filter_map(word).map(|entity| entity["id"].clone()).collect();
    for more in words.into_iter().filter(|word| !known.iter().any(|known| known == word)) {
        let entity = json!({ "Value": { "__entity": { "type": first["type"], "id": more } } });
        let list: Vec<Value> = items.iter().cloned().chain([entity]).collect();
        change(&format!("widened to {more}"), json!({ "Set": list }));
    }
}
