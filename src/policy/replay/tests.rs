//! What changes under another law, and what is counted.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::agency::AgencyClass;
use crate::domain::determination::LawView;
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::policy::load::PolicySet;
use crate::policy::tests::samples::{any_facts, facts};

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new(PolicySet::embedded().unwrap())));
static SWAPPED: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let (ny, tx) = (id("us-ny"), id("us-tx"));
    Arc::new(Engine::new(PolicySet::embedded().unwrap().swapped(&ny, &tx).unwrap()))
});

const NOW: &str = "2026-06-01T00:00:00Z";

fn id(text: &str) -> JurisdictionId {
    text.parse().unwrap()
}

/// Everything that an entry records of a judgment.
fn recorded(jurisdiction: &str, law: &LawView) -> Vec<RecordedDetermination> {
    let acts = [(LawAction::Hold, &law.hold), (LawAction::Notify, &law.notify), (LawAction::Transfer, &law.transfer)];
    let fields = law.disclosure.iter().map(|said| (LawAction::Disclose, said));
    let one = |(action, said): (LawAction, &Arc<Determination>)| RecordedDetermination {
        detainer: CaseName::detainer(id(jurisdiction), Uuid::from_u128(1)),
        action,
        determination: Arc::clone(said),
        facts: Arc::clone(&law.facts),
        judged_at: law.judged_at,
    };
    acts.into_iter().chain(fields).map(one).collect()
}

fn judged(jurisdiction: &str, facts: &CaseFacts) -> LawView {
    ENGINE.law(&id(jurisdiction), facts, NOW.parse().unwrap())
}

fn replayed(candidate: &Arc<Engine>, under: &[&Arc<Engine>], entries: &[Vec<RecordedDetermination>]) -> Totals {
    let mut replay = Replay::new(Arc::clone(candidate), under.iter().map(|engine| Arc::clone(engine)));
    for entry in entries {
        replay.entry(Some(ENGINE.digest()), entry);
    }
    replay.totals().clone()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn another_law_changes_what_it_rules_otherwise_and_the_same_law_nothing(cases in vec(any_facts(), 1..6)) {
        let laws: Vec<LawView> = cases.iter().map(|facts| judged("us-ny", facts)).collect();
        let entries: Vec<_> = laws.iter().map(|law| recorded("us-ny", law)).collect();
        let determinations = u64::try_from(entries.iter().map(Vec::len).sum::<usize>()).unwrap();
        let same = replayed(&ENGINE, &[&ENGINE], &entries);
        let nothing = Totals { judgments: same.judgments, determinations, ..Totals::default() };
        prop_assert_eq!(same, nothing);

        // The expected result, from asking the engine directly.
        let (mut rulings, mut judgments_changed) = (0_u64, 0_u64);
        for (facts, old) in cases.iter().zip(&laws) {
            let new = judged("us-tx", facts);
            let acts = [(&old.hold, &new.hold), (&old.notify, &new.notify), (&old.transfer, &new.transfer)];
            let acts = acts.iter().filter(|(old, new)| old.tenor() != new.tenor()).count();
            let tenors = |jurisdiction: &str| {
                let mut cache = RulingsCache::new(Arc::clone(&ENGINE));
                let said = cache.rulings(&id(jurisdiction), facts, NOW.parse().unwrap());
                FieldClass::ALL.iter().map(|class| said[&RulingSubject::Field(*class)].tenor()).collect::<Vec<_>>()
            };
            let (was, is) = (tenors("us-ny"), tenors("us-tx"));
            let fields = old.disclosure.iter().filter(|said| {
                was.iter().zip(&is).any(|(was, is)| *was == said.tenor() && *is != said.tenor())
            });
            let changed = acts + fields.count();
            rulings += u64::try_from(changed).unwrap();
            let terms = acts > 0 || (&old.hold.obligations, old.hold.clock) != (&new.hold.obligations, new.hold.clock)
                || old.notify.obligations != new.notify.obligations
                || old.transfer.obligations != new.transfer.obligations;
            judgments_changed += u64::from(changed > 0 || terms);
        }
        let other = replayed(&SWAPPED, &[&ENGINE], &entries);
        prop_assert_eq!((other.rulings, other.judgments_changed), (rulings, judgments_changed));
        prop_assert_eq!((other.determinations, other.unreproduced), (determinations, 0));
        let parts = other.rulings + other.terms + other.grounds;
        prop_assert!(parts <= other.determinations);
    }
}

#[test]
fn each_change_says_from_what_to_what_and_by_which_policies() {
    let in_jail = CaseFacts { custodian_class: Some(AgencyClass::CountyJail), ..facts() };
    let law = judged("us-ny", &in_jail);
    let mut replay = Replay::new(Arc::clone(&SWAPPED), [Arc::clone(&ENGINE)]);
    let changes = replay.entry(Some(ENGINE.digest()), &recorded("us-ny", &law));
    let hold = changes.iter().flat_map(|change| &change.shifts).find(|shift| shift.act == LawAction::Hold).unwrap();
    assert_eq!((hold.from.ruling, hold.to.ruling), (Ruling::MustNot, Ruling::Must));
    assert_eq!(hold.from.policies, ["us-ny.hold-without-judicial-warrant"]);
    assert!(hold.to.policies.iter().all(|id| id.starts_with("us-tx.")), "{:?}", hold.to.policies);
    let of_charges = |shift: &&DeterminationShift| shift.classes.contains(FieldClass::Charges);
    let shown = changes.iter().flat_map(|change| &change.shifts).find(of_charges).unwrap();
    assert_eq!((shown.act, shown.from.ruling, shown.to.ruling), (LawAction::Disclose, Ruling::Review, Ruling::May));
    assert!(replay.totals().shifts.contains_key(hold));
    // Texas itself is judged as before.
    assert!(replay.entry(Some(ENGINE.digest()), &recorded("us-tx", &judged("us-tx", &facts()))).is_empty());
}

#[test]
fn what_cannot_be_known_is_counted_and_not_guessed() {
    let law = judged("us-ny", &facts());
    let entry = recorded("us-ny", &law);
    let disclosures = u64::try_from(law.disclosure.len()).unwrap();
    let without = replayed(&SWAPPED, &[], std::slice::from_ref(&entry));
    assert_eq!((without.determinations, without.without_set), (3, disclosures));
    let mut replay = Replay::new(Arc::clone(&SWAPPED), [Arc::clone(&ENGINE)]);
    replay.entry(None, &entry);
    replay.count_unjudged(7);
    let totals = replay.totals();
    assert_eq!((totals.without_set, totals.without_facts, totals.determinations), (disclosures, 7, 3));
}

#[test]
fn a_determination_that_its_own_set_does_not_give_is_found() {
    let entry = recorded("us-ny", &judged("us-ny", &facts()));
    for place in 0..entry.len() {
        let mut changed = entry.clone();
        let said = Arc::make_mut(&mut changed[place].determination);
        said.citations.push("another law".to_owned());
        let totals = replayed(&ENGINE, &[&ENGINE], &[changed]);
        assert_eq!((totals.unreproduced, totals.changed()), (1, 0), "{place}");
    }
}

#[test]
fn a_swap_names_two_written_laws_and_has_a_digest_of_its_own() {
    let set = || PolicySet::embedded().unwrap();
    let swapped = |whose: &str, by: &str| set().swapped(&id(whose), &id(by)).map(|set| set.digest());
    assert_eq!(swapped("us-ny", "us-none"), None);
    assert_eq!(swapped("us-none", "us-ny"), None);
    let digests = [Some(set().digest()), swapped("us-ny", "us-tx"), swapped("us-tx", "us-ny")];
    assert_eq!(digests.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
}
