//! The contents of a policy set, for whoever asks what the law is: packs, policies, citations, dates and switches.

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{HoldClock, LawAction, Obligation};
use crate::domain::ids::JurisdictionId;
use crate::domain::vocabulary::vocabulary;
use crate::policy::load::PolicySet;
use crate::policy::rules::{obligations, owed_on_receipt};
use crate::policy::switches::{Settings, Switches, is_switched_on};

vocabulary! {
    /// Whether a policy permits or forbids.
    pub enum Effect {
        /// It permits.
        Permit = "permit",
        /// It forbids.
        Forbid = "forbid",
    }
}

/// The contents of a set.
#[derive(Debug)]
pub struct PolicyListing {
    /// The safeguards, which belong to no jurisdiction, then each jurisdiction's pack.
    pub packs: Vec<Pack>,
    /// The switches and their settings.
    pub switches: Switches,
}

/// The law of one jurisdiction.
#[derive(Debug)]
pub struct Pack {
    /// None: the safeguards.
    pub jurisdiction: Option<JurisdictionId>,
    /// Its policies, by id.
    pub policies: Vec<Policy>,
    /// The moments at which time alone may change it. None: it calculates with the time.
    pub effective_dates: Option<Vec<Timestamp>>,
}

/// One policy, described by its annotations.
#[derive(Debug)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// The acts that it applies to.
    pub acts: Vec<LawAction>,
    /// The law that it cites.
    pub citation: String,
    /// The permit is a duty: it must be used.
    pub duty: bool,
    /// Why a person may decide otherwise.
    pub review: Option<String>,
    /// What else the law demands.
    pub obligations: Vec<Obligation>,
    /// Those obligations are owed from the receipt of the request.
    pub on_receipt: bool,
    /// What limits the length of a hold.
    pub clock: Option<HoldClock>,
    /// The switch that turns it on or off, if it has one.
    pub switch: Option<String>,
    /// It is law now: its switch, if any, is on.
    pub in_force: bool,
}

impl PolicySet {
    /// Lists the contents of the set.
    pub(crate) fn listing(&self) -> PolicyListing {
        let settings = self.switches.settings();
        let safeguards = Pack {
            jurisdiction: None,
            policies: described(self.safeguards.policies(), &settings),
            effective_dates: Some(Vec::new()),
        };
        let packs = self.written.iter().map(|(jurisdiction, pack)| Pack {
            jurisdiction: Some(jurisdiction.clone()),
            policies: described(pack.iter(), &settings),
            effective_dates: self.effective_dates(jurisdiction),
        });
        PolicyListing { packs: [safeguards].into_iter().chain(packs).collect(), switches: self.switches.clone() }
    }
}

fn described<'a>(policies: impl Iterator<Item = &'a cedar::Policy>, settings: &Settings) -> Vec<Policy> {
    let mut described: Vec<Policy> = policies.map(|policy| Policy::of(policy, settings)).collect();
    described.sort_by(|one, other| one.id.cmp(&other.id));
    described
}

impl Policy {
    fn of(policy: &cedar::Policy, settings: &Settings) -> Self {
        let annotated = |word| policy.annotation(word).map(str::to_owned);
        let named = match policy.action_constraint() {
            cedar::ActionConstraint::Any => Vec::new(),
            cedar::ActionConstraint::Eq(action) => vec![action],
            cedar::ActionConstraint::In(actions) => actions,
        };
        let is_named = |act: &&LawAction| named.iter().any(|action| action.id().unescaped() == act.word());
        Self {
            id: policy.id().to_string(),
            effect: match policy.effect() {
                cedar::Effect::Permit => Effect::Permit,
                cedar::Effect::Forbid => Effect::Forbid,
            },
            acts: LawAction::ALL.iter().filter(is_named).copied().collect(),
            citation: annotated("cite").unwrap_or_default(),
            duty: policy.annotation("duty").is_some(),
            review: annotated("review"),
            obligations: policy.annotation("obligation").and_then(|words| obligations(words).ok()).unwrap_or_default(),
            on_receipt: owed_on_receipt(policy),
            clock: policy.annotation("clock").and_then(|word| word.parse().ok()),
            switch: annotated("switch"),
            in_force: is_switched_on(policy, settings),
        }
    }
}
