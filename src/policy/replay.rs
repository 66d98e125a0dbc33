//! What another policy set would have said. Recorded determinations are judged again, on their own facts and at their
//! own moment, and compared with what was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction, Ruling};
use crate::domain::event::RecordedDetermination;
use crate::domain::ids::CaseName;
use crate::policy::determination::merge;
use crate::policy::engine::Engine;
use crate::policy::rulings::{RulingSubject, Rulings, RulingsCache};

/// Distinct shifts that are counted. Nobody would read a longer table.
const SHIFTS_MAX: usize = 4_096;

/// How far the new determination differs from the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Not at all.
    Same,
    /// The same determination, from other policies.
    Ground,
    /// The same ruling, with other obligations or another clock.
    Terms,
    /// Another ruling.
    Ruling,
}

/// How a determination changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeterminationShift {
    /// The act.
    pub act: LawAction,
    /// The field classes concerned, if the act is disclosure.
    pub classes: FieldClasses,
    /// As it was recorded.
    pub from: Determination,
    /// As the candidate gives it.
    pub to: Determination,
}

/// A recorded determination that the candidate changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The detainer that it is about.
    pub detainer: CaseName,
    /// When it was judged.
    pub judged_at: Timestamp,
    /// How far it differs.
    pub difference: Difference,
    /// The changes. A disclosure has several if its classes are now ruled differently from each other.
    pub shifts: Vec<DeterminationShift>,
}

/// What a replay found. A judgment asks the law about one detainer once, and gives one determination for each recorded
/// act.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Judgments that were repeated.
    pub judgments: u64,
    /// Judgments with a determination that changes in ruling or terms.
    pub judgments_changed: u64,
    /// Determinations that were compared.
    pub determinations: u64,
    /// Those with another ruling.
    pub rulings: u64,
    /// Those with the same ruling but other obligations or another clock.
    pub terms: u64,
    /// Those with the same answer from other policies.
    pub grounds: u64,
    /// Determinations that could not be judged again: their facts are missing or of a later version.
    pub without_facts: u64,
    /// Disclosures under a policy set that is not available. The classes that they covered are unknown, so they are not
    /// compared.
    pub without_set: u64,
    /// Determinations that their own policy set does not give again: the log or the set is not what it claims to be.
    pub unreproduced: u64,
    /// How often each shift of ruling or terms occurs. Beyond a number of distinct ones, no new ones are counted.
    pub shifts: BTreeMap<DeterminationShift, u64>,
}

impl Totals {
    /// Determinations that change, in ruling or terms.
    pub fn changed(&self) -> u64 {
        self.rulings.saturating_add(self.terms)
    }

    fn count(&mut self, change: &Change) {
        match change.difference {
            Difference::Same => return,
            Difference::Ground => return increase(&mut self.grounds),
            Difference::Terms => increase(&mut self.terms),
            Difference::Ruling => increase(&mut self.rulings),
        }
        for shift in &change.shifts {
            if let Some(known) = self.shifts.get_mut(shift) {
                increase(known);
            } else if self.shifts.len() < SHIFTS_MAX {
                self.shifts.insert(shift.clone(), 1);
            }
        }
    }
}

/// Compares a candidate set with what was recorded.
#[derive(Debug)]
pub struct Replay {
    candidate: RulingsCache,
    /// Policy sets that determinations may have been made under, by digest.
    under: BTreeMap<[u8; 32], RulingsCache>,
    totals: Totals,
}

impl Replay {
    /// Judges again with the candidate. `under` are sets that the log was written under: they tell which field classes
    /// a recorded disclosure covered.
    pub fn new(candidate: Arc<Engine>, under: impl IntoIterator<Item = Arc<Engine>>) -> Self {
        let under = under.into_iter().map(|engine| (engine.digest(), RulingsCache::new(engine)));
        Self { candidate: RulingsCache::new(candidate), under: under.collect(), totals: Totals::default() }
    }

    /// The digest of the candidate.
    pub fn candidate(&self) -> [u8; 32] {
        self.candidate.engine().digest()
    }

    /// Judges the determinations of one entry again. Returns those that change in ruling or terms.
    pub fn entry(&mut self, policy_digest: Option<[u8; 32]>, recorded: &[RecordedDetermination]) -> Vec<Change> {
        let same = |one: &RecordedDetermination, other: &RecordedDetermination| {
            (&one.detainer, one.judged_at) == (&other.detainer, other.judged_at)
        };
        recorded.chunk_by(same).flat_map(|judgment| self.judgment(policy_digest, judgment)).collect()
    }

    /// Counts determinations that cannot be judged again.
    pub fn count_unjudged(&mut self, without_facts: u64) {
        self.totals.without_facts = self.totals.without_facts.saturating_add(without_facts);
    }

    /// The totals so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn judgment(&mut self, policy_digest: Option<[u8; 32]>, recorded: &[RecordedDetermination]) -> Vec<Change> {
        let Some(RecordedDetermination { detainer, facts, judged_at, .. }) = recorded.first() else {
            return Vec::new();
        };
        let jurisdiction = &detainer.jurisdiction;
        let new = self.candidate.rulings(jurisdiction, facts, *judged_at);
        let under = policy_digest.and_then(|digest| self.under.get_mut(&digest));
        let old = under.map(|under| under.rulings(jurisdiction, facts, *judged_at));
        increase(&mut self.totals.judgments);
        let mut changes = Vec::new();
        for one in recorded {
            let comparison = Comparison { act: one.action, said: &one.determination, old: old.as_deref(), new: &new };
            let Some((difference, shifts)) = comparison.compare() else {
                increase(&mut self.totals.without_set);
                continue;
            };
            increase(&mut self.totals.determinations);
            if !comparison.is_reproduced() {
                increase(&mut self.totals.unreproduced);
            }
            let change = Change { detainer: one.detainer.clone(), judged_at: *judged_at, difference, shifts };
            self.totals.count(&change);
            if difference >= Difference::Terms {
                changes.push(change);
            }
        }
        if !changes.is_empty() {
            increase(&mut self.totals.judgments_changed);
        }
        changes
    }
}

/// A recorded determination, what its own policy set says again (if available), and what the candidate says.
struct Comparison<'a> {
    act: LawAction,
    said: &'a Determination,
    old: Option<&'a Rulings>,
    new: &'a Rulings,
}

impl Comparison<'_> {
    /// None: a disclosure whose own policy set is not available.
    fn compare(&self) -> Option<(Difference, Vec<DeterminationShift>)> {
        match self.act {
            LawAction::Disclose => self.compare_fields(),
            LawAction::Hold | LawAction::Notify | LawAction::Transfer | LawAction::Interview => {
                let to = self.new.get(&RulingSubject::Act(self.act))?;
                let difference = difference(self.said, to);
                let shift = DeterminationShift {
                    act: self.act,
                    classes: FieldClasses::NONE,
                    from: self.said.clone(),
                    to: to.clone(),
                };
                Some((difference, if difference == Difference::Same { Vec::new() } else { vec![shift] }))
            }
        }
    }

    /// A recorded disclosure covers the classes that had this ruling. It changes if the candidate rules otherwise on
    /// one of them.
    fn compare_fields(&self) -> Option<(Difference, Vec<DeterminationShift>)> {
        let mut to: BTreeMap<(Ruling, bool, bool), (FieldClasses, Determination)> = BTreeMap::new();
        for class in self.covered(self.old?) {
            let said = self.new.get(&RulingSubject::Field(class))?;
            let one: FieldClasses = [class].into_iter().collect();
            to.entry(said.tenor())
                .and_modify(|(classes, known)| {
                    *classes = classes.union(one);
                    merge(known, said);
                })
                .or_insert_with(|| (one, said.clone()));
        }
        let mut difference = Difference::Same;
        let mut shifts = Vec::new();
        for (tenor, (classes, to)) in to {
            if tenor == self.said.tenor() {
                if to.policies != self.said.policies {
                    difference = difference.max(Difference::Ground);
                }
                continue;
            }
            difference = Difference::Ruling;
            shifts.push(DeterminationShift { act: self.act, classes, from: self.said.clone(), to });
        }
        Some((difference, shifts))
    }

    /// The classes on which its own policy set gives the recorded ruling.
    fn covered<'a>(&'a self, old: &'a Rulings) -> impl Iterator<Item = FieldClass> + 'a {
        let so = |said: &Determination| said.tenor() == self.said.tenor();
        FieldClass::ALL.iter().copied().filter(move |class| old.get(&RulingSubject::Field(*class)).is_some_and(so))
    }

    /// Whether its own policy set gives the same determination again. True if that set is not available.
    fn is_reproduced(&self) -> bool {
        let Some(old) = self.old else { return true };
        match self.act {
            LawAction::Hold | LawAction::Notify | LawAction::Transfer | LawAction::Interview => {
                old.get(&RulingSubject::Act(self.act)) == Some(self.said)
            }
            LawAction::Disclose => {
                let mut said = self.covered(old).filter_map(|class| old.get(&RulingSubject::Field(class)));
                let Some(mut whole) = said.next().cloned() else { return false };
                said.for_each(|part| merge(&mut whole, part));
                whole == *self.said
            }
        }
    }
}

fn difference(from: &Determination, to: &Determination) -> Difference {
    if from.tenor() != to.tenor() {
        Difference::Ruling
    } else if (&from.obligations, &from.on_receipt, from.clock) != (&to.obligations, &to.on_receipt, to.clock) {
        Difference::Terms
    } else if from == to {
        Difference::Same
    } else {
        Difference::Ground
    }
}

fn increase(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests;
