//! The plan: a batch is a matter of durability alone. Where it ends changes neither entries nor answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use comity::domain::case::{Case, StoredCase};
use comity::domain::command::{Action, CaseCommand, Command};
use comity::domain::detainer::{Detainer, Viewpoint};
use comity::domain::ids::{AgencyId, CaseName, LogKind, LogName, RequestId};
use comity::domain::permit::Admitted;
use comity::domain::timetable::Timetable;
use comity::ledger::{self, Tree};
use comity::policy::engine::Engine;
use comity::policy::gate::Gate;
use comity::policy::load::PolicySet;
use comity::recorder::plan::Plan;
use comity::recorder::plan::outcome::{Outcome, Rejection};
use comity::recorder::{Clock, Entropy};
use comity::store::{Loaded, LogState, SeenRequest};
use comity::wire::{entry, show};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use crate::properties::steps::{Step, issuers_commands, nickname, redacted_for_issuer, step};
use crate::properties::tries;
use crate::sample;

static TIMETABLE: LazyLock<Timetable> = LazyLock::new(Timetable::default);

static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let agencies = sample::AGENCIES.map(|name| sample::officer(name).agency);
    let agencies: BTreeMap<_, _> = agencies.into_iter().map(|agency| (agency.id.clone(), agency)).collect();
    Gate::new(Arc::new(Engine::new(PolicySet::embedded().unwrap())), Arc::new(agencies))
});

/// What is durable, in memory.
struct Shard {
    entropy: Entropy,
    clock: Clock,
    logs: BTreeMap<LogName, LogState>,
    cases: BTreeMap<CaseName, StoredCase>,
    requests: BTreeMap<(AgencyId, RequestId), SeenRequest>,
    leaves: BTreeMap<(LogName, u64), Vec<u8>>,
    answers: BTreeMap<(LogName, u64), Vec<u8>>,
}

impl Shard {
    fn new(seed: u64) -> Self {
        let log = |kind| LogName { jurisdiction: sample::jurisdiction(), kind };
        let empty = || LogState { tree: Tree::empty(), recorded_at: Timestamp::UNIX_EPOCH };
        Self {
            entropy: Entropy::Seeded(seed),
            clock: Clock::simulated(sample::start()),
            logs: [LogKind::Exchange, LogKind::Custody].map(|kind| (log(kind), empty())).into(),
            cases: BTreeMap::new(),
            requests: BTreeMap::new(),
            leaves: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Plans one batch and keeps it, checking what is true of every batch.
    fn record(&mut self, batch: &[Admitted<Command>]) -> Vec<Outcome> {
        let loaded = Loaded { cases: self.cases.clone(), requests: self.requests.clone(), ..Loaded::default() };
        let mut plan = Plan::new(sample::rules(&GATE, &TIMETABLE), &self.entropy, self.logs.clone(), loaded);
        let outcomes = batch.iter().map(|write| plan.submit(write, self.clock.now()).unwrap()).collect();
        let planned = plan.finish();
        for new in planned.append.entries {
            let leaf = entry::read_leaf(&new.leaf).unwrap();
            assert_eq!(leaf.index, new.index);
            assert_eq!(leaf.commitments.len(), new.openings.len());
            for ((class, commitment), opening) in leaf.commitments.iter().zip(&new.openings) {
                assert_eq!(*class, opening.class);
                assert!(ledger::opens(ledger::Hash::from_bytes(*commitment), &opening.salt, &opening.content));
            }
            let place = (new.log, new.index);
            self.answers.extend(new.answer.map(|answer| (place.clone(), answer)));
            assert!(self.leaves.insert(place, new.leaf).is_none(), "one position, one entry");
        }
        for (log, state) in &planned.logs {
            let leaves = self.leaves.keys().filter(|(of, _)| of == log).count();
            assert_eq!(u64::try_from(leaves), Ok(state.tree.size()));
        }
        self.cases.extend(planned.append.cases.into_iter().map(|case| (case.name().clone(), case)));
        for new in planned.append.requests {
            let known = self.requests.insert((new.agency, new.request_id), new.seen);
            assert!(known.is_none(), "a request is recorded once");
        }
        self.logs = planned.logs;
        outcomes
    }

    /// Leaves of the log that an issuer may know of.
    fn exchanged(&self) -> Vec<&Vec<u8>> {
        self.leaves.iter().filter(|((log, _), _)| log.kind == LogKind::Exchange).map(|(_, leaf)| leaf).collect()
    }

    fn recorded_at(&self, log: LogKind) -> Vec<Timestamp> {
        let leaves = self.leaves.iter().filter(|((name, _), _)| name.kind == log);
        leaves.map(|(_, leaf)| entry::read_leaf(leaf).unwrap().recorded_at).collect()
    }
}

fn write(caller: &str, command: CaseCommand, number: usize) -> Admitted<Command> {
    let request_id = RequestId(Uuid::from_u128(u128::try_from(number).unwrap() + 1));
    // Stands in for the keyed digest of the decoded command: another for each.
    let request_digest = *ledger::leaf_hash(format!("{command:?}").as_bytes()).as_bytes();
    let value =
        Command { request_id, request_digest, etag: None, from_paper: false, action: Action::Case(Arc::new(command)) };
    Admitted { caller: sample::officer(caller), jurisdiction: sample::jurisdiction(), value }
}

fn write_names_no_transfer(write: &Admitted<Command>) -> bool {
    matches!(&write.value.action, Action::Case(command) if command.transfer().is_none())
}

/// Takes the steps one a batch, and gives the writes they became.
fn script(seed: u64, steps: &[Step]) -> (Shard, Vec<Admitted<Command>>, Vec<Outcome>) {
    let mut shard = Shard::new(seed);
    let (mut writes, mut outcomes) = (Vec::new(), Vec::new());
    for step in steps {
        let Some((caller, command)) = step.command(&shard.cases) else { continue };
        let write = write(caller, command, writes.len());
        outcomes.extend(shard.record(std::slice::from_ref(&write)));
        writes.push(write);
    }
    (shard, writes, outcomes)
}

/// Where it stands, whether it was recorded now or before.
fn place(outcome: &Outcome) -> Option<(&LogName, u64)> {
    match outcome {
        Outcome::Recorded { log, index, .. } => Some((log, *index)),
        Outcome::Rejected(_) => None,
    }
}

proptest! {
    #![proptest_config(tries(48))]

    #[test]
    fn the_same_seed_and_commands_give_the_same_bytes_in_any_batches(
        seed: u64,
        steps in vec(step(), 1..30),
        ends in vec(any::<bool>(), 30),
    ) {
        let (one_by_one, writes, outcomes) = script(seed, &steps);
        let mut batched = Shard::new(seed);
        let mut again = Vec::new();
        let mut rest = writes.as_slice();
        while !rest.is_empty() {
            let taken = ends.iter().cycle().skip(again.len()).take(rest.len()).take_while(|end| !**end).count();
            let (batch, after) = rest.split_at((taken + 1).min(rest.len()));
            again.extend(batched.record(batch));
            rest = after;
        }
        prop_assert_eq!(&one_by_one.leaves, &batched.leaves);
        prop_assert_eq!(&one_by_one.answers, &batched.answers);
        prop_assert_eq!(&one_by_one.cases, &batched.cases);
        prop_assert_eq!(outcomes, again);
        let other = script(seed.wrapping_add(1), &steps).0;
        prop_assert!(one_by_one.leaves.is_empty() || one_by_one.leaves != other.leaves, "the seed is of no effect");
    }

    #[test]
    fn a_request_is_recorded_once_in_its_batch_and_ever_after(
        seed: u64,
        steps in vec(step(), 1..20),
        repeats in vec((any::<Index>(), any::<bool>()), 1..6),
    ) {
        let (mut shard, writes, outcomes) = script(seed, &steps);
        prop_assume!(!writes.is_empty());
        let recorded: BTreeSet<usize> =
            outcomes.iter().enumerate().filter(|(_, outcome)| place(outcome).is_some()).map(|(at, _)| at).collect();
        let leaves = shard.leaves.clone();
        for (at, alter) in repeats {
            let at = at.index(writes.len());
            if !recorded.contains(&at) {
                continue;
            }
            let mut write = writes[at].clone();
            if alter {
                write.value.request_digest[0] ^= 1;
            }
            let again = shard.record(std::slice::from_ref(&write));
            if alter {
                prop_assert_eq!(&again, &[Outcome::Rejected(Rejection::RequestIdReused)]);
            } else {
                prop_assert_eq!(place(&again[0]), place(&outcomes[at]));
                let earlier = matches!(again[0], Outcome::Recorded { replayed: true, .. });
                prop_assert!(earlier, "its receipt stands against an older checkpoint");
            }
        }
        prop_assert_eq!(&shard.leaves, &leaves, "a repetition was recorded again");

        // The same within one batch: whatever is recorded comes twice in a row.
        let twice = |(at, write): (usize, &Admitted<Command>)| {
            vec![write.clone(); if recorded.contains(&at) { 2 } else { 1 }]
        };
        let doubled: Vec<_> = writes.iter().enumerate().flat_map(twice).collect();
        let mut batched = Shard::new(seed);
        let places: Vec<_> = batched.record(&doubled).iter().filter_map(place).map(|(log, at)| (log.clone(), at)).collect();
        let expected = outcomes.iter().filter_map(place).map(|(log, at)| (log.clone(), at));
        prop_assert_eq!(places, expected.flat_map(|place| [place.clone(), place]).collect::<Vec<_>>());
        prop_assert_eq!(&batched.leaves, &leaves);
        prop_assert_eq!(batched.requests.len(), recorded.len());
    }

    #[test]
    fn an_issuer_is_answered_alike_whatever_it_was_not_told(
        seed: u64,
        steps in vec(step(), 1..30),
        stale in any::<bool>(),
    ) {
        let mut shard = script(seed, &steps).0;
        // As if there were no custody, and nothing of a detainer but what its issuer asked and was told.
        let mut twin = script(seed, &steps).0;
        let told = |case: &StoredCase| Some(StoredCase::Detainer(Box::new(redacted_for_issuer(case.detainer()?))));
        twin.cases = shard.cases.iter().filter_map(|(name, case)| Some((name.clone(), told(case)?))).collect();
        let detainers: Vec<Detainer> = shard.cases.values().filter_map(StoredCase::detainer).cloned().collect();
        for detainer in detainers {
            for command in issuers_commands(&detainer) {
                let mut write = write(nickname(&detainer.issuer), command, 1_000 + shard.requests.len());
                // Bound to what it sees, or to what it saw.
                let now = shard.cases[&detainer.name].detainer().unwrap();
                let seen = if stale { &detainer } else { now };
                write.value.etag = write_names_no_transfer(&write).then(|| show::detainer(seen, Viewpoint::Issuer, sample::ANSWER_WITHIN).etag);
                let outcomes = [&mut shard, &mut twin].map(|shard| shard.record(std::slice::from_ref(&write)));
                prop_assert_eq!(&outcomes[0], &outcomes[1]);
                prop_assert_eq!(shard.exchanged(), twin.exchanged());
                // An answer is narrowed as a read is, which may show that it was (decision 10); nothing else may differ.
                let narrowed = [&shard, &twin].map(|shard| is_narrowed(shard, &detainer));
                let place = |outcome: &Outcome| match outcome {
                    Outcome::Recorded { log, index, .. } => Some((log.clone(), *index)),
                    Outcome::Rejected(_) => None,
                };
                if let Some(place) = outcomes[0].first().and_then(place).filter(|_| narrowed == [false; 2]) {
                    prop_assert_eq!(&shard.answers[&place], &twin.answers[&place]);
                }
            }
        }
    }

    #[test]
    fn the_time_of_record_never_steps_back(seed: u64, steps in vec((step(), -90_i64..90), 1..20)) {
        let mut shard = Shard::new(seed);
        for (number, (step, moved)) in steps.iter().enumerate() {
            shard.clock.set(Timestamp::from_second(sample::start().as_second() + moved).unwrap());
            let Some((caller, command)) = step.command(&shard.cases) else { continue };
            shard.record(&[write(caller, command, number)]);
        }
        for log in [LogKind::Exchange, LogKind::Custody] {
            prop_assert!(shard.recorded_at(log).is_sorted());
        }
    }
}

/// Whether the issuer of a detainer may no longer be shown all that it was told.
fn is_narrowed(shard: &Shard, detainer: &Detainer) -> bool {
    let whole = shard.cases[&detainer.name].detainer().unwrap();
    let linked = whole.acknowledgement.as_ref().and_then(|found| found.custody.as_ref());
    let custody = linked.and_then(|name| shard.cases.get(name)?.custody().cloned());
    let case = Case { detainer: Some(whole.clone()), custody, ..Case::default() };
    let issuer = sample::officer(nickname(&whole.issuer));
    let told = GATE.redacted_for_issuer(&issuer, &case, shard.clock.now()).and_then(|case| case.detainer);
    told.is_some_and(|told| told != *whole)
}

#[test]
fn a_denied_or_refused_request_is_not_remembered() {
    let mut shard = Shard::new(1);
    let lodge = write("ice", CaseCommand::LodgeDetainer(sample::request(Some("nassau"))), 0);
    let mut stranger = lodge.clone();
    stranger.caller.actor = None;
    let mut outcomes = shard.record(&[stranger.clone(), lodge.clone()]);
    assert!(matches!(outcomes.remove(0), Outcome::Rejected(Rejection::Denied(_))));
    assert!(matches!(outcomes.remove(0), Outcome::Recorded { replayed: false, .. }));
    assert_eq!(shard.leaves.len(), 1);
    let name = shard.cases.keys().next().unwrap().clone();
    let withdraw = |number| {
        let reason = comity::domain::detainer::LiftReason::CaseClosed;
        write("ice", CaseCommand::WithdrawDetainer { detainer: name.clone(), reason }, number)
    };
    // Withdrawn twice under different ids: the second is refused, and refused anew when asked again.
    let outcomes = shard.record(&[withdraw(1), withdraw(2), withdraw(2)]);
    let [Outcome::Recorded { .. }, twice @ ..] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(Rejection::Refused(_)));
    assert!(twice.len() == 2 && twice.iter().all(is_refused), "{twice:?}");
    assert_eq!((shard.leaves.len(), shard.requests.len()), (2, 2));
}
