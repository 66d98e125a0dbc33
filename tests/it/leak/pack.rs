//! Random law: as Cedar text, which the gateway reads, and as plain rules, by which the test itself says what may be shown.

use std::collections::BTreeMap;
use std::path::Path;

use comity::domain::agency::AgencyClass;
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::facts::Stage;
use comity::domain::vocabulary::Vocabulary;
use comity::policy::load::PolicySet;
use fastrand::Rng;

/// What is said of a person.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub(super) struct Said {
    pub(super) claim: bool,
    pub(super) citizen: bool,
    pub(super) lawful: bool,
    pub(super) juvenile: bool,
    pub(super) sealed: bool,
    pub(super) protected: bool,
    pub(super) listed: bool,
}

/// What a rule may turn on, and all that the test knows of a case. The rules turn on the custodian's record alone, which
/// no claim changes; the safeguards on what either side says.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that some law turns on")]
pub(super) struct Known {
    pub(super) stage: Stage,
    pub(super) class: Option<AgencyClass>,
    pub(super) record: Said,
    pub(super) claimed: Said,
    pub(super) date_public: bool,
    /// The records do not bear out the match.
    pub(super) disputed: bool,
    pub(super) asks_for_hold: bool,
    /// The law has changed by then.
    pub(super) late: bool,
}

/// When a random law changes, in seconds.
pub(super) const CHANGES_AT: &str = "2026-02-03T00:00:00Z";

#[derive(Debug, Clone, Copy)]
enum Fact {
    Always,
    Stage(Stage),
    Class(AgencyClass),
    Claim,
    Lawful,
    Juvenile,
    Sealed,
    Protected,
    DatePublic,
    Listed,
    Late,
}

impl Fact {
    fn random(rng: &mut Rng) -> Self {
        let stage = Stage::VARIANTS[rng.usize(..Stage::VARIANTS.len())];
        let class = AgencyClass::VARIANTS[rng.usize(..2)];
        let all = [
            Self::Stage(Stage::Deliver),
            Self::Stage(stage),
            Self::Class(class),
            Self::Claim,
            Self::Lawful,
            Self::Juvenile,
            Self::Sealed,
            Self::Protected,
            Self::DatePublic,
            Self::Listed,
            Self::Late,
        ];
        if rng.u8(..4) == 0 { Self::Always } else { all[rng.usize(..all.len())] }
    }

    /// One that holds of a case at one time, and not at another.
    fn that_changes(rng: &mut Rng) -> Self {
        let all =
            [Self::Stage(Stage::Deliver), Self::Late, Self::Claim, Self::Lawful, Self::Juvenile, Self::DatePublic];
        if rng.bool() { Self::Stage(Stage::Deliver) } else { all[rng.usize(..all.len())] }
    }

    fn holds(self, known: &Known) -> bool {
        match self {
            Self::Always => true,
            Self::Stage(stage) => known.stage == stage,
            Self::Class(class) => known.class == Some(class),
            Self::Claim => known.record.claim,
            Self::Lawful => known.record.lawful,
            Self::Juvenile => known.record.juvenile,
            Self::Sealed => known.record.sealed,
            Self::Protected => known.record.protected,
            Self::DatePublic => known.date_public,
            Self::Listed => known.record.listed,
            Self::Late => known.late,
        }
    }

    fn cedar(self) -> String {
        match self {
            Self::Always => "true".to_owned(),
            Self::Stage(stage) => format!("context.stage == Stage::\"{}\"", stage.word()),
            Self::Class(class) => {
                let class = class.word();
                format!("(context has custodian_class && context.custodian_class == AgencyClass::\"{class}\")")
            }
            Self::Claim => "context.citizenship_claim".to_owned(),
            Self::Lawful => "context.lawful_status".to_owned(),
            Self::Juvenile => "context.juvenile".to_owned(),
            Self::Sealed => "context.sealed".to_owned(),
            Self::Protected => "context.protected".to_owned(),
            Self::DatePublic => "context.date_public".to_owned(),
            Self::Listed => "context.terrorist_list_match".to_owned(),
            Self::Late => format!("context.now >= datetime(\"{CHANGES_AT}\")"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Permit,
    Forbid,
    Review,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Hold,
    Notify,
    Transfer,
    Disclose(FieldClass),
}

#[derive(Debug)]
struct Rule {
    id: String,
    cite: String,
    effect: Effect,
    /// Of `hold`, `notify`, `transfer`; empty where it speaks to disclosure.
    acts: Vec<Act>,
    classes: FieldClasses,
    when: Fact,
    unless: Option<Fact>,
}

/// What the law says of an act, and by which rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Says {
    Yes,
    /// A person decides. Ids and citations.
    Review(Vec<String>, Vec<String>),
    /// No. Citations.
    No(Vec<String>),
}

/// One random pack.
#[derive(Debug)]
pub(super) struct Pack {
    rules: Vec<Rule>,
}

/// The classes that safeguards show alike.
const ALIKE: [FieldClass; 4] = [FieldClass::Request, FieldClass::Answer, FieldClass::Count, FieldClass::Contact];

impl Pack {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let classes = |rng: &mut Rng, of_ten: u8| -> FieldClasses {
            FieldClass::ALL.iter().copied().filter(|_| rng.u8(..10) < of_ten).collect()
        };
        let broad = classes(rng, 8);
        let mut rules = vec![(Effect::Permit, vec![], broad, Fact::Always)];
        for act in [Act::Hold, Act::Notify, Act::Transfer] {
            if rng.u8(..4) > 0 {
                rules.push((Effect::Permit, vec![act], FieldClasses::NONE, Fact::Always));
            }
        }
        // What may be told of a release, or of a pick-up, comes to be another question while it lasts.
        let effect = [Effect::Forbid, Effect::Review][rng.usize(..2)];
        let act = if rng.u8(..4) == 0 { Act::Transfer } else { Act::Notify };
        rules.push((effect, vec![act], FieldClasses::NONE, Fact::that_changes(rng)));
        for _ in 0..rng.usize(3..9) {
            let effect = [Effect::Permit, Effect::Forbid, Effect::Review][rng.usize(..3)];
            let acts =
                if rng.u8(..4) == 0 { vec![[Act::Hold, Act::Notify, Act::Transfer][rng.usize(..3)]] } else { vec![] };
            let of_ten = if effect == Effect::Permit { 4 } else { 2 };
            let classes = if acts.is_empty() { classes(rng, of_ten) } else { FieldClasses::NONE };
            if !acts.is_empty() || classes != FieldClasses::NONE {
                rules.push((effect, acts, classes, Fact::random(rng)));
            }
        }
        let rule = |(number, (effect, acts, classes, when))| Rule {
            id: format!("us-ny.rule-{number}-{:010x}", rng.u64(..1 << 40)),
            cite: format!("Act {number} of {:010x}", rng.u64(..1 << 40)),
            effect,
            acts,
            classes,
            when,
            // Cedar refuses what can never be: each fact excepts from the other.
            unless: Some(Fact::random(rng))
                .filter(|fact| rng.u8(..5) == 0 && !matches!(fact, Fact::Always) && fact.cedar() != when.cedar()),
        };
        Self { rules: rules.into_iter().enumerate().map(rule).collect() }
    }

    /// As the gateway reads it, with the repository's schema, access rules and safeguards.
    pub(super) fn set(&self) -> PolicySet {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let read = |name: &str| (name.to_owned(), std::fs::read_to_string(directory.join(name)).unwrap());
        let mut files: BTreeMap<String, String> =
            ["access.cedar", "comity.cedarschema", "law/_safeguards.cedar"].map(read).into();
        files.insert("law/us-ny.cedar".to_owned(), self.rules.iter().map(Rule::cedar).collect());
        PolicySet::from_files(&files).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What the law says of an act, by the rules as they were drawn.
    pub(super) fn says(&self, act: Act, known: &Known) -> Says {
        let speaking = || self.rules.iter().filter(|rule| rule.speaks(act, known));
        let guards = safeguards(act, known);
        let prohibited: Vec<&Rule> = speaking().filter(|rule| rule.effect == Effect::Forbid).collect();
        if !prohibited.is_empty() || guards.iter().any(|guard| !guard.review) {
            let own = prohibited.iter().map(|rule| rule.cite.clone());
            return Says::No(own.chain(guards.iter().filter(|guard| !guard.review).map(Guard::cite)).collect());
        }
        let reviews: Vec<&Rule> = speaking().filter(|rule| rule.effect == Effect::Review).collect();
        if !reviews.is_empty() || !guards.is_empty() {
            let ids = reviews.iter().map(|rule| rule.id.clone()).chain(guards.iter().map(|guard| guard.id.to_owned()));
            let cites = reviews.iter().map(|rule| rule.cite.clone()).chain(guards.iter().map(Guard::cite));
            return Says::Review(ids.collect(), cites.collect());
        }
        if speaking().next().is_some() { Says::Yes } else { Says::Review(Vec::new(), Vec::new()) }
    }

    /// Ids and citations of the rules that speak to an act.
    pub(super) fn words(&self, act: Act, known: &Known) -> Vec<String> {
        let speaking = self.rules.iter().filter(|rule| rule.speaks(act, known));
        speaking.flat_map(|rule| [rule.id.clone(), rule.cite.clone()]).collect()
    }

    /// Words of the law that say what it was found to say: no requester is shown any of the first.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// Citations: shown where the request alone leads to them.
    pub(super) fn cites(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.cite.as_str())
    }
}

impl Rule {
    fn speaks(&self, act: Act, known: &Known) -> bool {
        let of_it = match act {
            Act::Disclose(class) => self.classes.contains(class),
            Act::Hold | Act::Notify | Act::Transfer => self.acts.contains(&act),
        };
        of_it && self.when.holds(known) && !self.unless.is_some_and(|fact| fact.holds(known))
    }

    fn cedar(&self) -> String {
        let (id, cite) = (&self.id, &self.cite);
        let (effect, review) = match self.effect {
            Effect::Permit => ("permit", ""),
            Effect::Forbid => ("forbid", ""),
            Effect::Review => ("forbid", "@review(\"a person decides\")"),
        };
        let word = match self.acts.first() {
            Some(Act::Hold) => "hold",
            Some(Act::Notify) => "notify",
            Some(Act::Transfer) => "transfer",
            Some(Act::Disclose(_)) | None => "disclose",
        };
        let classes: Vec<String> =
            self.classes.iter().map(|class| format!("FieldClass::\"{}\"", class.word())).collect();
        let what = match (word, classes.as_slice()) {
            ("disclose", some) => format!("[{}].contains(resource)", some.join(", ")),
            (_, _) => "true".to_owned(),
        };
        let unless = self.unless.map(|fact| format!(" unless {{ {} }}", fact.cedar())).unwrap_or_default();
        format!(
            "@id(\"{id}\") @cite(\"{cite}\") {review} {effect} (principal, action == Action::\"{word}\", resource) \
             when {{ {what} && {} }}{unless};\n",
            self.when.cedar()
        )
    }
}

/// What stands in every jurisdiction.
struct Guard {
    id: &'static str,
    review: bool,
}

impl Guard {
    /// Of safeguards no citation is told apart here: none of them may be told where the request does not lead to it.
    fn cite(&self) -> String {
        self.id.to_owned()
    }
}

fn safeguards(act: Act, known: &Known) -> Vec<Guard> {
    let guard = |id, review| Guard { id, review };
    let mut guards = Vec::new();
    match act {
        Act::Disclose(FieldClass::Restricted | FieldClass::Determination | FieldClass::Safeguard) => {
            guards.push(guard("safeguard.restricted", false));
        }
        Act::Hold if !known.asks_for_hold => guards.push(guard("safeguard.no-hold-requested", false)),
        Act::Hold | Act::Notify | Act::Transfer | Act::Disclose(_) => {}
    }
    if let Act::Disclose(class) = act
        && ALIKE.contains(&class)
    {
        return guards;
    }
    let disclosed = matches!(act, Act::Disclose(_));
    let Known { record, claimed, .. } = known;
    if record.citizen || claimed.citizen {
        guards.push(guard(if disclosed { "safeguard.citizen-disclosure" } else { "safeguard.citizen" }, false));
    }
    let four = [
        (record.claim || claimed.claim, "safeguard.citizenship-claim", "safeguard.citizenship-claim-disclosure"),
        (record.juvenile || claimed.juvenile, "safeguard.juvenile", "safeguard.juvenile-disclosure"),
        (record.sealed || claimed.sealed, "safeguard.sealed", "safeguard.sealed-disclosure"),
        (known.disputed, "safeguard.match-disputed", "safeguard.match-disputed-disclosure"),
    ];
    guards.extend(
        four.into_iter()
            .filter(|(holds, ..)| *holds)
            .map(|(_, act, shown)| guard(if disclosed { shown } else { act }, true)),
    );
    guards
}
