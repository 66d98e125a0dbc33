//! One jurisdiction's law, ready to be asked.

use std::sync::Arc;

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::agency::AgencyKind;
use crate::domain::determination::{
    Determination, FieldClass, FieldClasses, LawAction, LawView, OnReceipt, Ruling, Withheld,
};
use crate::domain::disclosure::DisclosableClasses;
use crate::domain::facts::CaseFacts;
use crate::policy::decision_cache::CacheKey;
use crate::policy::determination::{Annotations, add, failed, merge};
use crate::policy::fact_dependencies::FactDependencies;
use crate::policy::rules::owed_on_receipt;
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// A pack with the safeguards appended.
#[derive(Debug)]
pub(crate) struct JurisdictionLaw {
    /// Its number in the engine, unique there.
    number: usize,
    policies: cedar::PolicySet,
    annotations: Annotations,
    /// The policies whose obligations are owed from the receipt of the request: permits first, then forbids.
    ///
    /// They are asked separately. Cedar names either the permits or the forbids that apply, never both, but what is
    /// owed on receipt is owed whatever decides.
    on_receipt: [cedar::PolicySet; 2],
    /// None: the policies read the time in a way that bounds no decision, so none is cached.
    dependencies: Option<FactDependencies>,
}

impl JurisdictionLaw {
    pub(crate) fn new(number: usize, policies: cedar::PolicySet) -> Self {
        let on_receipt = [cedar::Effect::Permit, cedar::Effect::Forbid].map(|effect| {
            let mut asking = cedar::PolicySet::new();
            let own = policies.policies().filter(|policy| policy.effect() == effect && owed_on_receipt(policy));
            // Cannot fail: the ids are unique in the set that the policies come from.
            own.for_each(|policy| drop(asking.add(policy.clone())));
            asking
        });
        Self {
            number,
            dependencies: FactDependencies::of(&policies),
            annotations: Annotations::of(&policies),
            on_receipt,
            policies,
        }
    }

    /// The part of the question that the answer depends on. None: the answer must not be cached.
    pub(crate) fn cache_key(&self, facts: &CaseFacts, now_ms: i64) -> Option<CacheKey> {
        let dependencies = self.dependencies.as_ref()?;
        Some(CacheKey { law: self.number, era: dependencies.era(now_ms), facts: dependencies.relevant(facts) })
    }

    /// The instants at which time alone may change a ruling, in milliseconds and in order. None: the time is read in
    /// another way.
    pub(crate) fn change_instants(&self) -> Option<&[i64]> {
        self.dependencies.as_ref().map(FactDependencies::change_instants)
    }

    /// One of its policies.
    pub(crate) fn policy(&self, id: &str) -> Option<&cedar::Policy> {
        self.policies.policy(&cedar::PolicyId::new(id))
    }

    /// Asks the law about every act and field class that a view records.
    pub(crate) fn judge(
        &self,
        vocabulary: &Vocabulary,
        facts: &CaseFacts,
        now: Timestamp,
        policy_digest: [u8; 32],
    ) -> LawView {
        let query = self.query(vocabulary, facts.requester_kind);
        let contexts = FactContexts::of(vocabulary, facts, milliseconds(now));
        let mut disclosure = Disclosure::default();
        for class in FieldClass::ALL {
            disclosure.take(*class, query.disclose(*class, &contexts));
        }
        LawView {
            hold: Arc::new(query.act(LawAction::Hold, &contexts)),
            notify: Arc::new(query.act(LawAction::Notify, &contexts)),
            transfer: Arc::new(query.act(LawAction::Transfer, &contexts)),
            interview: Arc::new(query.act(LawAction::Interview, &contexts)),
            disclosable: DisclosableClasses::by_law(disclosure.disclosable),
            review: disclosure.review,
            withheld: disclosure.withheld.into(),
            disclosure: disclosure.grounds.into_iter().map(Arc::new).collect(),
            policy_digest,
            facts: Arc::new(facts.clone()),
            judged_at: now,
        }
    }

    /// Prepares to ask about one act or one field class at a time.
    pub(crate) fn query<'a>(&'a self, vocabulary: &'a Vocabulary, asker: AgencyKind) -> LawQuery<'a> {
        LawQuery { law: self, vocabulary, asker }
    }
}

/// A law and who asks it. A question that cannot be put counts as failed, so it is denied.
pub(crate) struct LawQuery<'a> {
    law: &'a JurisdictionLaw,
    vocabulary: &'a Vocabulary,
    asker: AgencyKind,
}

/// The facts of a case as Cedar contexts: with the requester's claims, and without them.
pub(crate) struct FactContexts {
    claimed: Option<cedar::Context>,
    unclaimed: Unclaimed,
}

/// The facts without the requester's claims.
enum Unclaimed {
    /// Nothing is claimed: the facts are the same.
    Same,
    /// The facts differ. None: Cedar cannot express them.
    Other(Option<cedar::Context>),
}

impl Unclaimed {
    fn other(&self) -> Option<&cedar::Context> {
        match self {
            Self::Same => None,
            Self::Other(context) => context.as_ref(),
        }
    }
}

impl FactContexts {
    /// The contexts at a moment in milliseconds.
    pub(crate) fn of(vocabulary: &Vocabulary, facts: &CaseFacts, now_ms: i64) -> Self {
        let claims = !facts.asserted.is_empty();
        Self {
            claimed: vocabulary.facts(facts, now_ms),
            unclaimed: if claims {
                Unclaimed::Other(vocabulary.facts(&facts.without_claims(), now_ms))
            } else {
                Unclaimed::Same
            },
        }
    }
}

impl LawQuery<'_> {
    pub(crate) fn act(&self, act: LawAction, facts: &FactContexts) -> Determination {
        let ask = |facts: &cedar::Context| self.vocabulary.act(self.asker, act, facts);
        Determination { on_receipt: self.on_receipt(facts, ask), ..self.put(facts, ask) }
    }

    pub(crate) fn disclose(&self, class: FieldClass, facts: &FactContexts) -> Determination {
        self.put(facts, |facts| self.vocabulary.disclosure(self.asker, class, facts))
    }

    /// What is owed from the receipt of the request. No claim of the requester's removes an obligation: both contexts
    /// are asked.
    fn on_receipt(
        &self,
        facts: &FactContexts,
        ask: impl Fn(&cedar::Context) -> Option<cedar::Request>,
    ) -> Vec<OnReceipt> {
        let mut owed = Vec::new();
        let asked = self.law.on_receipt.iter().filter(|policies| !policies.is_empty());
        for policies in asked {
            let contexts = [facts.claimed.as_ref(), facts.unclaimed.other()];
            for request in contexts.into_iter().flatten().filter_map(&ask) {
                let answer = cedar::Authorizer::new().is_authorized(&request, policies, &cedar::Entities::empty());
                add(&mut owed, self.law.annotations.on_receipt(&answer).into_iter());
            }
        }
        owed
    }

    /// INVARIANT: if anything is claimed, the law is asked twice, so that no claim opens what the law leaves shut.
    fn put(&self, facts: &FactContexts, ask: impl Fn(&cedar::Context) -> Option<cedar::Request>) -> Determination {
        let answer = |facts: &Option<cedar::Context>| {
            let request = ask(facts.as_ref()?)?;
            let authorizer = cedar::Authorizer::new();
            Some(authorizer.is_authorized(&request, &self.law.policies, &cedar::Entities::empty()))
        };
        let Some(claimed) = answer(&facts.claimed) else { return failed() };
        match &facts.unclaimed {
            Unclaimed::Same => self.law.annotations.ruling(&claimed),
            Unclaimed::Other(unclaimed) => match answer(unclaimed) {
                Some(unclaimed) => self.law.annotations.ruling_on_claims(&claimed, &unclaimed),
                None => failed(),
            },
        }
    }
}

/// Gathers the rulings on disclosure, class by class.
#[derive(Default)]
struct Disclosure {
    disclosable: FieldClasses,
    review: FieldClasses,
    withheld: Vec<Withheld>,
    /// One for each distinct ruling. A failed ruling is kept apart.
    grounds: Vec<Determination>,
}

impl Disclosure {
    fn take(&mut self, class: FieldClass, ruled: Determination) {
        if let Ruling::MustNot | Ruling::Review = ruled.ruling {
            self.withheld.push(Withheld { class, citations: ruled.citations.clone() });
        }
        let class: FieldClasses = [class].into_iter().collect();
        match ruled.ruling {
            Ruling::Must | Ruling::May => self.disclosable = self.disclosable.union(class),
            Ruling::Review if !ruled.unverified => self.review = self.review.union(class),
            // A class that depends on a claim is shown by nobody until the fact is verified.
            Ruling::Review | Ruling::MustNot => {}
        }
        let same = |known: &&mut Determination| known.tenor() == ruled.tenor();
        match self.grounds.iter_mut().find(same) {
            Some(known) => merge(known, &ruled),
            None => self.grounds.push(ruled),
        }
    }
}
