//! Everything that a law says of one case at one moment: a ruling on each act, and on each field class.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use quick_cache::unsync::Cache;

use crate::domain::determination::{Determination, FieldClass, LawAction};
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::policy::decision_cache::{CacheKey, DECISIONS_MAX};
use crate::policy::engine::Engine;
use crate::policy::jurisdiction_law::{FactContexts, JurisdictionLaw};
use crate::policy::vocabulary::{Vocabulary, milliseconds};

/// The acts that a law rules on as a whole, not class by class.
pub(crate) const ACTS: [LawAction; 4] = [LawAction::Hold, LawAction::Notify, LawAction::Transfer, LawAction::Interview];

/// What a ruling is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RulingSubject {
    /// An act.
    Act(LawAction),
    /// The disclosure of a field class.
    Field(FieldClass),
}

impl fmt::Display for RulingSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(act) => f.write_str(act.word()),
            Self::Field(class) => f.write_str(class.word()),
        }
    }
}

/// A law's ruling on each act and each field class.
pub type Rulings = BTreeMap<RulingSubject, Determination>;

impl JurisdictionLaw {
    /// Asks the law about each act and each field class.
    pub(crate) fn rulings(&self, vocabulary: &Vocabulary, facts: &CaseFacts, now: Timestamp) -> Rulings {
        let query = self.query(vocabulary, facts.requester_kind);
        let facts = FactContexts::of(vocabulary, facts, milliseconds(now));
        let acts = ACTS.iter().map(|act| (RulingSubject::Act(*act), query.act(*act, &facts)));
        let fields = FieldClass::ALL.iter().map(|class| (RulingSubject::Field(*class), query.disclose(*class, &facts)));
        acts.chain(fields).collect()
    }
}

/// Asks an engine about many cases for one reader, with a cache of its own: such questions must not displace the
/// gateway's from the engine's cache.
#[derive(Debug)]
pub(crate) struct RulingsCache {
    engine: Arc<Engine>,
    known: Cache<CacheKey, Arc<Rulings>>,
}

impl RulingsCache {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, known: Cache::new(DECISIONS_MAX) }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn rulings(&mut self, jurisdiction: &JurisdictionId, facts: &CaseFacts, now: Timestamp) -> Arc<Rulings> {
        let Self { engine, known } = self;
        let (law, vocabulary) = engine.jurisdiction_law(jurisdiction);
        let judge = || Arc::new(law.rulings(vocabulary, facts, now));
        let Some(key) = law.cache_key(facts, milliseconds(now)) else { return judge() };
        if let Some(rulings) = known.get(&key) {
            return Arc::clone(rulings);
        }
        let rulings = judge();
        known.insert(key, Arc::clone(&rulings));
        rulings
    }
}
