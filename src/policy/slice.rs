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
use crate::policy::determination::{Annotations, add, failed, merge};
use crate::policy::reads::Reads;
use crate::policy::remembered::Question;
use crate::policy::rules::owed_on_receipt;
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// A pack with the safeguards appended.
#[derive(Debug)]
pub(crate) struct Slice {
    /// Its place in the engine, unlike that of any other slice there.
    place: usize,
    policies: cedar::PolicySet,
    annotations: Annotations,
    /// Those whose obligations are owed from the receipt of the request: the permits, and the forbids.
    ///
    /// Asked by themselves, since Cedar names the permits or the forbids that apply and never both: what is owed on receipt
    /// is owed whatever decides.
    on_receipt: [cedar::PolicySet; 2],
    /// None: the slice reads the time in a way that bounds no decision, so none is remembered.
    reads: Option<Reads>,
}

impl Slice {
    pub(crate) fn new(place: usize, policies: cedar::PolicySet) -> Self {
        let on_receipt = [cedar::Effect::Permit, cedar::Effect::Forbid].map(|effect| {
            let mut asking = cedar::PolicySet::new();
            let own = policies.policies().filter(|policy| policy.effect() == effect && owed_on_receipt(policy));
            // A policy of a set can be added to an empty one under the same id: none is refused.
            own.for_each(|policy| drop(asking.add(policy.clone())));
            asking
        });
        Self { place, reads: Reads::of(&policies), annotations: Annotations::of(&policies), on_receipt, policies }
    }

    /// The question as far as the answer depends on it. None: nothing may be remembered.
    pub(crate) fn question(&self, facts: &CaseFacts, now_ms: i64) -> Option<Question> {
        let reads = self.reads.as_ref()?;
        Some(Question { slice: self.place, era: reads.era(now_ms), facts: reads.essence(facts) })
    }

    /// The instants, in milliseconds and in order, at which its rulings may change with time alone. None: it reads the
    /// time otherwise.
    pub(crate) fn turning_points(&self) -> Option<&[i64]> {
        self.reads.as_ref().map(Reads::turning_points)
    }

    /// One of its policies.
    pub(crate) fn policy(&self, id: &str) -> Option<&cedar::Policy> {
        self.policies.policy(&cedar::PolicyId::new(id))
    }

    /// Asks the law of every act that a determination speaks to.
    pub(crate) fn judge(
        &self,
        vocabulary: &Vocabulary,
        facts: &CaseFacts,
        now: Timestamp,
        policy_digest: [u8; 32],
    ) -> LawView {
        let asking = self.asking(vocabulary, facts.requester_kind);
        let contexts = Asserted::of(vocabulary, facts, milliseconds(now));
        let mut disclosure = Disclosure::default();
        for class in FieldClass::ALL {
            disclosure.take(*class, asking.disclose(*class, &contexts));
        }
        LawView {
            hold: Arc::new(asking.act(LawAction::Hold, &contexts)),
            notify: Arc::new(asking.act(LawAction::Notify, &contexts)),
            transfer: Arc::new(asking.act(LawAction::Transfer, &contexts)),
            disclosable: DisclosableClasses::by_law(disclosure.disclosable),
            review: disclosure.review,
            withheld: disclosure.withheld.into(),
            disclosure: disclosure.grounds.into_iter().map(Arc::new).collect(),
            policy_digest,
            facts: Arc::new(facts.clone()),
            judged_at: now,
        }
    }

    /// To ask it one act or one class of fields at a time.
    pub(crate) fn asking<'a>(&'a self, vocabulary: &'a Vocabulary, asker: AgencyKind) -> Asking<'a> {
        Asking { slice: self, vocabulary, asker }
    }
}

/// Who asks which law. A question that cannot be put is a failed one, hence denied.
pub(crate) struct Asking<'a> {
    slice: &'a Slice,
    vocabulary: &'a Vocabulary,
    asker: AgencyKind,
}

/// The facts of a case as Cedar reads them: with what the requester claims, and without a word of it.
pub(crate) struct Asserted {
    claimed: Option<cedar::Context>,
    unclaimed: Unclaimed,
}

/// The facts without what the requester claims.
enum Unclaimed {
    /// Nothing is claimed: the facts are the same.
    Same,
    /// Other facts. None: Cedar cannot express them.
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

impl Asserted {
    /// At a moment in milliseconds.
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

impl Asking<'_> {
    pub(crate) fn act(&self, act: LawAction, facts: &Asserted) -> Determination {
        let ask = |facts: &cedar::Context| self.vocabulary.act(self.asker, act, facts);
        Determination { on_receipt: self.on_receipt(facts, ask), ..self.put(facts, ask) }
    }

    pub(crate) fn disclose(&self, class: FieldClass, facts: &Asserted) -> Determination {
        self.put(facts, |facts| self.vocabulary.disclosure(self.asker, class, facts))
    }

    /// What the receipt of the request makes owed. No claim takes it away, and none of the requester's lifts it.
    fn on_receipt(&self, facts: &Asserted, ask: impl Fn(&cedar::Context) -> Option<cedar::Request>) -> Vec<OnReceipt> {
        let mut owed = Vec::new();
        let asked = self.slice.on_receipt.iter().filter(|policies| !policies.is_empty());
        for policies in asked {
            let contexts = [facts.claimed.as_ref(), facts.unclaimed.other()];
            for request in contexts.into_iter().flatten().filter_map(&ask) {
                let answer = cedar::Authorizer::new().is_authorized(&request, policies, &cedar::Entities::empty());
                add(&mut owed, self.slice.annotations.on_receipt(&answer).into_iter());
            }
        }
        owed
    }

    /// INVARIANT: the law is asked twice where something is claimed, so that no claim opens what the law leaves shut.
    fn put(&self, facts: &Asserted, ask: impl Fn(&cedar::Context) -> Option<cedar::Request>) -> Determination {
        let answer = |facts: &Option<cedar::Context>| {
            let request = ask(facts.as_ref()?)?;
            let authorizer = cedar::Authorizer::new();
            Some(authorizer.is_authorized(&request, &self.slice.policies, &cedar::Entities::empty()))
        };
        let Some(claimed) = answer(&facts.claimed) else { return failed() };
        match &facts.unclaimed {
            Unclaimed::Same => self.slice.annotations.ruling(&claimed),
            Unclaimed::Other(unclaimed) => match answer(unclaimed) {
                Some(unclaimed) => self.slice.annotations.ruling_on_claims(&claimed, &unclaimed),
                None => failed(),
            },
        }
    }
}

/// The rulings on disclosure, class by class, gathered.
#[derive(Default)]
struct Disclosure {
    disclosable: FieldClasses,
    review: FieldClasses,
    withheld: Vec<Withheld>,
    /// One for each distinct ruling; a failed one stands apart.
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
            // What hangs on a claim is nobody's to show before the fact is verified.
            Ruling::Review | Ruling::MustNot => {}
        }
        let same = |known: &&mut Determination| known.tenor() == ruled.tenor();
        match self.grounds.iter_mut().find(same) {
            Some(known) => merge(known, &ruled),
            None => self.grounds.push(ruled),
        }
    }
}
