//! No claim opens: random packs, those that try to break it among them, asked on random facts with random claims.
//!
//! A *triple* is a pack, facts and claims. `COMITY_PROVENANCE` says how many, `COMITY_PROVENANCE_SEED` from which seed. The
//! whole of it is 100,000.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use comity::domain::agency::AgencyClass;
use comity::domain::charge::{ChargeStatus, ConvictionAge, OffenceCategory, Severity};
use comity::domain::detainer::{DetainerBasis, DetainerForm, WarrantKind};
use comity::domain::determination::{FieldClass, LawView, Ruling};
use comity::domain::facts::{Assertions, CaseFacts, Judge, Offence, OffenceSet};
use comity::domain::statute::Reading;
use comity::policy::engine::Engine;
use comity::policy::load::PolicySet;
use fastrand::Rng;

use crate::flood::told;
use crate::sample;

const TRIPLES: u64 = 10_000;
/// To read a policy set takes longer than to judge by it.
const TRIPLES_OF_A_PACK: u64 = 200;

/// What a condition may read of either side.
const SAID: [&str; 11] = [
    "judicial_warrant",
    "federal_warrant",
    "criminal_warrant",
    "terrorist_list_match",
    "undated_conviction",
    "citizenship_claim",
    "citizen",
    "lawful_status",
    "juvenile",
    "sealed",
    "protected",
];

/// A law of a few rules, any of which may lean on claims in any way that Cedar can say.
fn law(rng: &mut Rng) -> String {
    let mut text = String::new();
    for number in 0..rng.usize(2..9) {
        let permits = rng.bool();
        let condition = condition(rng, 3);
        let trigger = ["context.form", "context.asks_for_hold", "context.basis", "context.warrant "];
        let triggered = permits && trigger.iter().any(|fact| condition.contains(fact));
        let words = match (permits, rng.u8(..3)) {
            (true, 0) => "@duty(\"must\") ",
            (false, 0 | 1) => "@review(\"why\") ",
            _ => "",
        };
        let trigger = if triggered { "@trigger(\"c\") " } else { "" };
        let effect = if permits { "permit" } else { "forbid" };
        let kind = if rng.bool() { "when" } else { "unless" };
        let acts = [
            "action == Action::\"hold\"",
            "action == Action::\"notify\"",
            "action in [Action::\"hold\", Action::\"notify\", Action::\"transfer\", Action::\"disclose\"]",
            "action == Action::\"disclose\"",
        ];
        let act = acts[rng.usize(..acts.len())];
        let policy = format!(
            "@id(\"us-zz.{number}\") @cite(\"c\") {words}{trigger}{effect} (principal, {act}, resource) {kind} {{ {condition} }};\n"
        );
        text.push_str(&policy);
    }
    text
}

fn condition(rng: &mut Rng, depth: u8) -> String {
    if depth == 0 || rng.u8(..4) == 0 {
        return atom(rng);
    }
    let (left, right) = (condition(rng, depth - 1), condition(rng, depth - 1));
    match rng.u8(..7) {
        0 | 1 => format!("({left} && {right})"),
        2 | 3 => format!("({left} || {right})"),
        4 => format!("!{left}"),
        5 => format!("({left} == {right})"),
        _ => format!("(if {left} then {right} else false)"),
    }
}

fn atom(rng: &mut Rng) -> String {
    let side = if rng.bool() { "context" } else { "context.asserted" };
    let offence = OffenceCategory::ALL[rng.usize(..OffenceCategory::ALL.len())].word();
    let set = OffenceSet::ALL[rng.usize(..OffenceSet::ALL.len())].word();
    match rng.u8(..9) {
        0 => format!("{side}.{set}.isEmpty()"),
        1 => format!("{side}.{set}.contains(Offence::\"{offence}\")"),
        2 => "(context.warrant == Warrant::\"i-205\")".to_owned(),
        3 => "context.asks_for_hold".to_owned(),
        4 => "context.basis.contains(Basis::\"final-order\")".to_owned(),
        _ => format!("{side}.{}", SAID[rng.usize(..SAID.len())]),
    }
}

fn assertions(rng: &mut Rng) -> Assertions {
    let judge = Judge::ALL[rng.usize(..Judge::ALL.len())];
    let flag = |rng: &mut Rng| rng.u8(..5) == 0;
    let mut said = Assertions {
        judge,
        criminal_warrant: judge == Judge::Federal && rng.bool(),
        terrorist_list_match: flag(rng),
        citizenship_claim: flag(rng),
        citizen: flag(rng),
        lawful_status: flag(rng),
        juvenile: flag(rng),
        protected: flag(rng),
        ..Assertions::default()
    };
    for _ in 0..rng.usize(..3) {
        said.offences.insert(offence(rng));
    }
    said.sealed = said.offences.iter().any(|offence| offence.status.is_sealed());
    said
}

const PARAGRAPHS: [&str; 8] = [
    "7282.5(a)(1)",
    "7282.5(a)(2)",
    "7282.5(a)(3)",
    "7282.5(a)(3)(M)",
    "Appendix A",
    "Appendix A, unread",
    "9-131(a)",
    "9-131(a), unread",
];

fn offence(rng: &mut Rng) -> Offence {
    let status = ChargeStatus::ALL[rng.usize(..ChargeStatus::ALL.len())];
    let ages =
        [ConvictionAge::Within5Years, ConvictionAge::Within15Years, ConvictionAge::Older, ConvictionAge::Unknown];
    let age = if status == ChargeStatus::Convicted { ages[rng.usize(..4)] } else { ConvictionAge::None };
    let severity = [None, Some(Severity::Felony), Some(Severity::Misdemeanor)][rng.usize(..3)];
    // Of the paragraphs of the three packs that turn on lists; the others read none.
    let reading = Reading::ALL[rng.usize(..Reading::ALL.len())];
    let listed = (0..rng.usize(..3)).map(|_| PARAGRAPHS[rng.usize(..PARAGRAPHS.len())].parse().unwrap()).collect();
    let listed = if reading == Reading::Unlisted { BTreeSet::new() } else { listed };
    let category = OffenceCategory::ALL[rng.usize(..OffenceCategory::ALL.len())];
    Offence { category, status, severity, age, listed, reading }
}

fn facts(rng: &mut Rng) -> CaseFacts {
    let form = DetainerForm::ALL[rng.usize(..DetainerForm::ALL.len())];
    CaseFacts {
        custodian_class: Some(AgencyClass::ALL[rng.usize(..AgencyClass::ALL.len())]),
        form,
        asks_for_hold: form.asks_for_hold(),
        basis: [DetainerBasis::ALL[rng.usize(..DetainerBasis::ALL.len())]].into(),
        warrant: [WarrantKind::None, WarrantKind::I200, WarrantKind::I205][rng.usize(..3)],
        final_order: rng.bool(),
        date_public: rng.bool(),
        match_disputed: rng.u8(..8) == 0,
        record: assertions(rng),
        ..sample::facts()
    }
}

/// One claim more.
fn more(claims: &Assertions, rng: &mut Rng) -> Assertions {
    let mut more = claims.clone();
    match rng.u8(..8) {
        0 => {
            if more.judge == Judge::None {
                more.judge = [Judge::Federal, Judge::State][rng.usize(..2)];
            }
        }
        1 => more.terrorist_list_match = true,
        2 => more.citizenship_claim = true,
        3 => more.citizen = true,
        4 => more.lawful_status = true,
        5 => more.juvenile = true,
        6 => more.protected = true,
        _ => _ = more.offences.insert(offence(rng)),
    }
    more.sealed = more.offences.iter().any(|offence| offence.status.is_sealed());
    more
}

fn opens(ruling: Ruling) -> bool {
    matches!(ruling, Ruling::May | Ruling::Must)
}

/// What a view with more claims opens that the one with fewer leaves shut.
fn opened(fewer: &LawView, more: &LawView) -> Option<String> {
    for (act, before, after) in [
        ("hold", &fewer.hold, &more.hold),
        ("notify", &fewer.notify, &more.notify),
        ("transfer", &fewer.transfer, &more.transfer),
    ] {
        if opens(after.ruling) && after.ruling != before.ruling {
            return Some(format!("{act} from {:?} to {:?}", before.ruling, after.ruling));
        }
    }
    let shown = |class: &&FieldClass| more.disclosable.contains(**class) && !fewer.disclosable.contains(**class);
    FieldClass::ALL.iter().find(shown).map(|class| format!("disclosure of {}", class.word()))
}

/// A claim that opened, with all that it takes to see it again.
fn one_pack(seed: u64, tried: &mut (u64, u64, u64)) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let text = law(&mut rng);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let read = |name: &str| (name.to_owned(), std::fs::read_to_string(directory.join(name)).unwrap());
    let mut files: BTreeMap<String, String> =
        ["access.cedar", "comity.cedarschema", "law/_safeguards.cedar"].map(read).into();
    files.insert("law/us-zz.cedar".to_owned(), text.clone());
    let Ok(set) = PolicySet::from_files(&files) else {
        tried.1 += 1;
        return Ok(());
    };
    let engine = Engine::new(set);
    let law = |facts: &CaseFacts| engine.law(&"us-zz".parse().unwrap(), facts, sample::start());
    for _ in 0..TRIPLES_OF_A_PACK {
        let facts = facts(&mut rng);
        let claims = assertions(&mut rng);
        let further = more(&claims, &mut rng);
        let [none, some, more] = [Assertions::default(), claims, further]
            .map(|asserted| CaseFacts { asserted, ..facts.clone() })
            .map(|facts| (law(&facts), facts));
        tried.0 += 1;
        tried.2 += u64::from(some.0.hold.unverified || some.0.notify.unverified);
        for (before, after) in [(&none, &some), (&none, &more), (&some, &more)] {
            if let Some(what) = opened(&before.0, &after.0) {
                return Err(format!(
                    "seed {seed}: {what}\nunder\n{text}\nbefore {:#?}\nafter {:#?}",
                    before.1, after.1
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn no_claim_opens_whatever_a_pack_says() {
    let (triples, seed) = (told("COMITY_PROVENANCE").unwrap_or(TRIPLES), told("COMITY_PROVENANCE_SEED").unwrap_or(1));
    // Triples, packs that are refused as they are read, and rulings that hang on a claim.
    let mut tried = (0, 0, 0);
    for pack in 0_u64.. {
        if tried.0 >= triples {
            break;
        }
        one_pack(seed + pack, &mut tried).unwrap();
    }
    println!("{} triples, {} packs refused, {} rulings left to verification", tried.0, tried.1, tried.2);
    assert!(tried.1 > 0, "no pack tried to read claims in two directions");
    assert!(tried.2 > 0, "no pack leaned on a claim");
}
