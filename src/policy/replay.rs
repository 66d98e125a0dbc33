//! What another policy set would have said: determinations of the log, judged again on the facts and at the moment that
//! they were made, and each compared with what was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction, Ruling};
use crate::domain::event::RecordedDetermination;
use crate::domain::ids::CaseName;
use crate::policy::determination::merge;
use crate::policy::engine::Engine;
use crate::policy::rulings::{RulingSubject, Rulings, RulingsCache};

/// Distinct shifts that are counted apart. More would be no table that anybody reads.
const SHIFTS_MAX: usize = 4_096;

/// How far the new answer is from the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// None.
    Same,
    /// The same answer, resting on other policies.
    Ground,
    /// The same ruling, with other obligations or another clock.
    Terms,
    /// Another ruling.
    Ruling,
}

/// From what to what a determination changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeterminationShift {
    /// The act.
    pub act: LawAction,
    /// Of a disclosure, the classes of fields concerned.
    pub classes: FieldClasses,
    /// As it was recorded.
    pub from: Determination,
    /// As the candidate has it.
    pub to: Determination,
}

/// A determination that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The detainer it is of.
    pub detainer: CaseName,
    /// When it was made.
    pub judged_at: Timestamp,
    /// How much.
    pub difference: Difference,
    /// What. More than one where a disclosure parts: some classes are ruled one way, some another.
    pub shifts: Vec<DeterminationShift>,
}

/// What was found. A judgment is one asking of the law of one detainer; it gives one determination for each act recorded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Judgments that were made again.
    pub judgments: u64,
    /// Judgments of which a determination changes, in ruling or terms.
    pub judgments_changed: u64,
    /// Determinations that were compared.
    pub determinations: u64,
    /// Of those: another ruling.
    pub rulings: u64,
    /// Of those: the same ruling, other obligations or another clock.
    pub terms: u64,
    /// Of those: the same answer from other policies.
    pub grounds: u64,
    /// Determinations without the facts they rest on, or of a later version: not judged again.
    pub without_facts: u64,
    /// Disclosures under a policy set that is not at hand: which classes they covered is not known, so not compared.
    pub without_set: u64,
    /// Determinations that the very set they were made under does not give again: the log or the set is not what it says.
    pub unreproduced: u64,
    /// How often each shift of ruling or terms occurs. Past a number of distinct ones, no new ones are counted.
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

/// A candidate set, held against what was recorded.
#[derive(Debug)]
pub struct Replay {
    candidate: RulingsCache,
    /// Sets that determinations may have been made under, by digest.
    under: BTreeMap<[u8; 32], RulingsCache>,
    totals: Totals,
}

impl Replay {
    /// Judges again by the candidate. The sets that the log was written under tell which classes of fields a recorded
    /// disclosure covered.
    pub fn new(candidate: Arc<Engine>, under: impl IntoIterator<Item = Arc<Engine>>) -> Self {
        let under = under.into_iter().map(|engine| (engine.digest(), RulingsCache::new(engine)));
        Self { candidate: RulingsCache::new(candidate), under: under.collect(), totals: Totals::default() }
    }

    /// The digest of the candidate.
    pub fn candidate(&self) -> [u8; 32] {
        self.candidate.engine().digest()
    }

    /// Judges the determinations of one entry again, and gives those that change in ruling or terms.
    pub fn entry(&mut self, policy_digest: Option<[u8; 32]>, recorded: &[RecordedDetermination]) -> Vec<Change> {
        let same = |one: &RecordedDetermination, other: &RecordedDetermination| {
            (&one.detainer, one.judged_at) == (&other.detainer, other.judged_at)
        };
        recorded.chunk_by(same).flat_map(|judgment| self.judgment(policy_digest, judgment)).collect()
    }

    /// Counts determinations that cannot be judged again.
    pub fn pass_over(&mut self, without_facts: u64) {
        self.totals.without_facts = self.totals.without_facts.saturating_add(without_facts);
    }

    /// What was found so far.
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

/// One recorded determination beside what the set it was made under says again, if that is at hand, and what the
/// candidate says.
struct Comparison<'a> {
    act: LawAction,
    said: &'a Determination,
    old: Option<&'a Rulings>,
    new: &'a Rulings,
}

impl Comparison<'_> {
    /// None: it cannot be known.
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

    /// A recorded disclosure covers the classes that were ruled so. It changes where one of them is ruled otherwise.
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

    /// The classes that the set it was made under rules as it was recorded.
    fn covered<'a>(&'a self, old: &'a Rulings) -> impl Iterator<Item = FieldClass> + 'a {
        let so = |said: &Determination| said.tenor() == self.said.tenor();
        FieldClass::ALL.iter().copied().filter(move |class| old.get(&RulingSubject::Field(*class)).is_some_and(so))
    }

    /// Whether the set it was made under says the same again, as far as that set is at hand.
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
