//! A law to be compared with another: its policies, also ready to be asked as the engine asks them.

use std::collections::BTreeSet;

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, LawAction};
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::domain::statute::{Paragraph, Statutes};
use crate::policy::determination::{Annotations, failed};
use crate::policy::jurisdiction_law::{FactContexts, JurisdictionLaw};
use crate::policy::load::PolicySet;
use crate::policy::switches::Settings;
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// A pack with the safeguards appended.
#[derive(Debug)]
pub(super) struct Law {
    pub(super) jurisdiction: JurisdictionId,
    pub(super) policies: cedar::PolicySet,
    /// The paragraphs by which its table of offences lists sections.
    pub(super) paragraphs: BTreeSet<Paragraph>,
    annotations: Annotations,
    /// The same policies, ready to be asked as the engine asks them.
    compiled: JurisdictionLaw,
}

impl Law {
    /// The pack under one setting of its switches.
    pub(super) fn new(
        set: &PolicySet,
        jurisdiction: &JurisdictionId,
        pack: &[cedar::Policy],
        settings: &Settings,
    ) -> Result<Self, String> {
        let policies = set.law_with(pack, settings)?;
        Ok(Self {
            jurisdiction: jurisdiction.clone(),
            paragraphs: set.statutes(jurisdiction).map(Statutes::paragraphs).into_iter().flatten().cloned().collect(),
            annotations: Annotations::of(&policies),
            compiled: JurisdictionLaw::new(0, policies.clone()),
            policies,
        })
    }

    /// What the law says. `class` is the field class, if the act is disclosure.
    pub(super) fn says(
        &self,
        case: &CaseAtMoment<'_>,
        act: LawAction,
        class: FieldClass,
        claims: Claims,
    ) -> Determination {
        let CaseAtMoment { vocabulary, facts, now } = *case;
        match claims {
            Claims::Heard => {
                let query = self.compiled.query(vocabulary, facts.requester_kind);
                let contexts = FactContexts::of(vocabulary, facts, milliseconds(now));
                match act {
                    LawAction::Disclose => query.disclose(class, &contexts),
                    LawAction::Hold | LawAction::Notify | LawAction::Transfer | LawAction::Interview => {
                        query.act(act, &contexts)
                    }
                }
            }
            Claims::TakenForFacts => self.answers(case, facts, act, class),
            Claims::Unheard => self.answers(case, &facts.without_claims(), act, class),
        }
    }

    /// The law's own answer to these facts, without the gateway's check of claims.
    fn answers(&self, case: &CaseAtMoment<'_>, facts: &CaseFacts, act: LawAction, class: FieldClass) -> Determination {
        let context = case.vocabulary.facts(facts, milliseconds(case.now));
        let request = |context: &cedar::Context| match act {
            LawAction::Disclose => case.vocabulary.disclosure(facts.requester_kind, class, context),
            LawAction::Hold | LawAction::Notify | LawAction::Transfer | LawAction::Interview => {
                case.vocabulary.act(facts.requester_kind, act, context)
            }
        };
        let Some(request) = context.as_ref().and_then(request) else { return failed() };
        let authorizer = cedar::Authorizer::new();
        self.annotations.ruling(&authorizer.is_authorized(&request, &self.policies, &cedar::Entities::empty()))
    }
}

/// How the requester's claims are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claims {
    /// As the gateway rules: it asks the law with them and without, so that none opens what the law leaves shut.
    Heard,
    /// As facts: the law's own answer, without the gateway's check.
    TakenForFacts,
    /// As if nothing were claimed.
    Unheard,
}

/// The facts of a case at a moment, to ask laws about.
#[derive(Debug, Clone, Copy)]
pub(super) struct CaseAtMoment<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) facts: &'a CaseFacts,
    pub(super) now: Timestamp,
}
