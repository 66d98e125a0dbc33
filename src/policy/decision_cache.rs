//! Caches decisions of law. Keyed by all that a decision depends on, bounded, and dropped with its policy set.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::domain::determination::LawView;
use crate::policy::fact_dependencies::RelevantFacts;

/// Decisions cached at once. Real facts make few distinct keys, but a requester could make up many.
pub(crate) const DECISIONS_MAX: usize = 4_096;

/// Everything that a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    /// The law's number in its engine.
    pub(crate) law: usize,
    /// The era, as its law counts them.
    pub(crate) era: usize,
    /// The facts that its law reads.
    pub(crate) facts: RelevantFacts,
}

/// The decisions of one policy set: each engine has a cache of its own, of [`DECISIONS_MAX`]. A full one drops decisions
/// that are not asked for.
pub(crate) type DecisionCache = Cache<CacheKey, Arc<LawView>>;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::determination::FieldClasses;
    use crate::domain::disclosure::DisclosableClasses;
    use crate::policy::determination::failed;
    use crate::policy::fact_dependencies::FactDependencies;
    use crate::policy::tests::samples::facts;

    #[test]
    fn memory_is_bounded_and_keeps_the_latest() {
        let determination = Arc::new(failed());
        let view = Arc::new(LawView {
            hold: Arc::clone(&determination),
            notify: Arc::clone(&determination),
            transfer: Arc::clone(&determination),
            interview: determination,
            disclosable: DisclosableClasses::default(),
            review: FieldClasses::NONE,
            withheld: Arc::default(),
            disclosure: Vec::new(),
            policy_digest: [0; 32],
            facts: Arc::new(facts()),
            judged_at: Timestamp::UNIX_EPOCH,
        });
        let cache = DecisionCache::new(DECISIONS_MAX);
        let question = |era| CacheKey { law: 0, era, facts: FactDependencies::default().relevant(&facts()) };
        for era in 0..3 * DECISIONS_MAX {
            cache.insert(question(era), Arc::clone(&view));
            assert!(cache.len() <= DECISIONS_MAX);
            assert!(cache.get(&question(era)).is_some());
        }
        assert!(cache.get(&question(0)).is_none());
    }
}
