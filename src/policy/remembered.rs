//! Decisions of law already made: keyed by all that they answer for, bounded, and gone with the policy set they came from.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::determination::LawView;
use crate::policy::reads::Essence;

/// Decisions held at once. Real facts make few distinct tuples; a requester could make up many.
pub(crate) const REMEMBERED_MAX: usize = 4_096;

/// Everything that a decision answers for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Place of the slice in its engine.
    pub(crate) slice: usize,
    /// Era of the slice.
    pub(crate) era: usize,
    /// The facts that the slice reads.
    pub(crate) facts: Essence,
}

/// Bounded memory of decisions.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<HashMap<Question, Arc<LawView>>>);

impl Remembered {
    /// The decision, if it was made before.
    pub(crate) fn recall(&self, question: &Question) -> Option<Arc<LawView>> {
        self.decisions().get(question).map(Arc::clone)
    }

    /// Keeps a decision. Forgets all others when full: what is asked often is soon back.
    pub(crate) fn keep(&self, question: Question, decision: &Arc<LawView>) {
        let mut decisions = self.decisions();
        if decisions.len() >= REMEMBERED_MAX {
            decisions.clear();
        }
        decisions.insert(question, Arc::clone(decision));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.decisions().len()
    }

    fn decisions(&self) -> MutexGuard<'_, HashMap<Question, Arc<LawView>>> {
        // A decision is whole before it is kept, so what a panicking thread leaves behind is still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::determination::FieldClasses;
    use crate::domain::disclosure::DisclosableClasses;
    use crate::policy::determination::failed;
    use crate::policy::reads::Reads;
    use crate::policy::samples::facts;

    #[test]
    fn memory_is_bounded_and_keeps_the_latest() {
        let determination = Arc::new(failed());
        let view = Arc::new(LawView {
            hold: Arc::clone(&determination),
            notify: Arc::clone(&determination),
            transfer: determination,
            disclosable: DisclosableClasses::default(),
            review: FieldClasses::NONE,
            withheld: Arc::default(),
            disclosure: Vec::new(),
            policy_digest: [0; 32],
            facts: Arc::new(facts()),
            judged_at: Timestamp::UNIX_EPOCH,
        });
        let remembered = Remembered::default();
        let question = |era| Question { slice: 0, era, facts: Reads::default().essence(&facts()) };
        for era in 0..3 * REMEMBERED_MAX {
            remembered.keep(question(era), &view);
            assert!(remembered.len() <= REMEMBERED_MAX);
            assert!(remembered.recall(&question(era)).is_some());
        }
        assert!(remembered.recall(&question(0)).is_none());
    }
}
