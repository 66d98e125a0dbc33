//! A law as it is compared: its policies, and the same policies ready to be asked as the engine asks them.

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, LawAction};
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::policy::load::PolicySet;
use crate::policy::prove::question::{Claims, Level, Reaches};
use crate::policy::slice::Slice;
use crate::policy::switches::Settings;
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// A pack with the safeguards appended.
#[derive(Debug)]
pub(super) struct Law {
    pub(super) jurisdiction: JurisdictionId,
    pub(super) policies: cedar::PolicySet,
    slice: Slice,
}

impl Law {
    /// The pack with its switches set one way.
    pub(super) fn new(
        set: &PolicySet,
        jurisdiction: &JurisdictionId,
        pack: &[cedar::Policy],
        settings: &Settings,
    ) -> Result<Self, String> {
        let policies = set.law_with(pack, settings)?;
        Ok(Self { jurisdiction: jurisdiction.clone(), slice: Slice::new(0, policies.clone()), policies })
    }

    /// That its ruling on an act reaches a level, with the requester's claims heard.
    pub(super) fn at(&self, act: LawAction, level: Level) -> Reaches<'_> {
        Reaches { law: self, act, level, claims: Claims::Heard }
    }

    /// What the law itself says, before the engine sees to claims. `class` is the class of fields that would be shown.
    pub(super) fn says(&self, asked: &Asked<'_>, act: LawAction, class: FieldClass, claims: Claims) -> Determination {
        let facts = match claims {
            Claims::Heard => asked.facts.clone(),
            Claims::Silent => asked.facts.clone(),
        };
        let asking = self.slice.asking(asked.vocabulary, facts.requester_kind);
        let context = asked.vocabulary.facts(&facts, milliseconds(asked.now));
        match act {
            LawAction::Disclose => asking.disclose(class, context.as_ref()),
            LawAction::Hold | LawAction::Notify | LawAction::Transfer => asking.act(act, context.as_ref()),
        }
    }
}

/// A case that laws are asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) facts: &'a CaseFacts,
    pub(super) now: Timestamp,
}
