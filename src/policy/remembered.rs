//! Decisions of law already made: keyed by all that they answer for, bounded, and gone with the policy set they came from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::determination::LawView;
use crate::domain::facts::CaseFacts;

/// Decisions held at once. Real facts make few distinct tuples; a requester could make up many.
pub(crate) const REMEMBERED_MAX: usize = 4_096;

/// Which law, and which era of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Chapter {
    /// Place of the slice in its engine.
    pub(crate) slice: usize,
    /// Era of the slice.
    pub(crate) era: usize,
}

/// Bounded memory of decisions.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Decisions>);

#[derive(Debug, Default)]
struct Decisions {
    /// Two levels, so that a look-up borrows the facts.
    chapters: HashMap<Chapter, HashMap<CaseFacts, Arc<LawView>>>,
    // INVARIANT: len == number of decisions in all chapters.
    len: usize,
}

impl Remembered {
    /// The decision, if it was made before.
    pub(crate) fn recall(&self, chapter: Chapter, facts: &CaseFacts) -> Option<Arc<LawView>> {
        self.decisions().chapters.get(&chapter)?.get(facts).map(Arc::clone)
    }

    /// Keeps a decision. Forgets all others when full: what is asked often is soon back.
    pub(crate) fn keep(&self, chapter: Chapter, facts: &CaseFacts, decision: &Arc<LawView>) {
        let mut decisions = self.decisions();
        if decisions.len >= REMEMBERED_MAX {
            *decisions = Decisions::default();
        }
        let kept = decisions.chapters.entry(chapter).or_default().insert(facts.clone(), Arc::clone(decision));
        if kept.is_none() {
            decisions.len += 1;
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let decisions = self.decisions();
        assert_eq!(decisions.len, decisions.chapters.values().map(HashMap::len).sum::<usize>());
        decisions.len
    }

    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        // A decision is whole before it is kept, so what a panicking thread leaves behind is still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::determination::FieldClasses;
    use crate::policy::determination::failed;
    use crate::policy::samples::facts;

    #[test]
    fn memory_is_bounded_and_keeps_the_latest() {
        let determination = Arc::new(failed());
        let view = Arc::new(LawView {
            hold: Arc::clone(&determination),
            notify: determination,
            disclosable: FieldClasses::NONE,
            review: FieldClasses::NONE,
            disclosure: Vec::new(),
            policy_digest: [0; 32],
        });
        let remembered = Remembered::default();
        for era in 0..3 * REMEMBERED_MAX {
            let chapter = Chapter { slice: 0, era };
            remembered.keep(chapter, &facts(), &view);
            remembered.keep(chapter, &facts(), &view);
            assert!(remembered.len() <= REMEMBERED_MAX);
            assert!(remembered.recall(chapter, &facts()).is_some());
        }
        assert!(remembered.recall(Chapter { slice: 0, era: 0 }, &facts()).is_none());
    }
}
