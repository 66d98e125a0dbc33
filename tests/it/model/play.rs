//! One sequence of moves, made on both sides, and compared after each.

use std::collections::BTreeMap;
use std::sync::Arc;

use comity::domain::command::{Action, Command, Method};
use comity::domain::ids::{AgencyId, LogKind, LogName, RequestId};
use comity::domain::permit::Admitted;
use comity::ledger::{self, Checkpoint, Receipt};
use comity::recorder::{Recorded, RecorderError, SubmitError, origin};
use comity::store::StoreError;
use comity::wire::entry;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use crate::model::disk::On;
use crate::model::end::Left;
use crate::model::moves::{Again, Away, By, CrashAt, Draft, Fault, Move, Opening, Seen, WrongKey};
use crate::model::plain::{CONSUMER, Expected, KINDS, Plain, log};
use crate::model::real::{Came, GATES, ORIGIN, Real, VERIFIER, confirmation};
use crate::model::{end, logs, places, shown};
use crate::sample;

/// What happened how often.
pub(super) type Tally = BTreeMap<String, u64>;
pub(super) type Same = Result<(), TestCaseError>;

pub(super) struct Player {
    pub(super) real: Real,
    pub(super) plain: Plain,
    /// Every write that was ever submitted, whatever came of it.
    submitted: Vec<Admitted<Command>>,
    /// The receipt that somebody holds of an entry.
    pub(super) receipts: BTreeMap<(LogName, u64), String>,
    pub(super) tally: Tally,
    law: usize,
    seed: u64,
    made: u64,
}

/// Makes the moves of a sequence.
pub(super) fn play(moves: &[Move], seed: u64, engine: On) -> Result<(Tally, Left), TestCaseError> {
    let (real, plain) = (Real::new(seed, engine), Plain::new(&places(), seed));
    let (submitted, receipts, tally) = (Vec::new(), BTreeMap::new(), Tally::new());
    let mut player = Player { real, plain, submitted, receipts, tally, law: 0, seed, made: 0 };
    for one in moves {
        match one {
            Move::Batch { drafts, fault } => player.batch(drafts, *fault)?,
            Move::Restart { before, opening } => player.restart(*before, *opening)?,
            Move::Clock { mins } => player.pass(*mins),
            Move::Tick => player.tick()?,
        }
    }
    let left = end::compare(&mut player)?;
    Ok((player.tally, left))
}

impl Player {
    pub(super) fn count(&mut self, what: impl std::fmt::Display) {
        *self.tally.entry(what.to_string()).or_default() += 1;
    }

    /// Every request id that was ever used, by whom.
    pub(super) fn requests(&self) -> impl Iterator<Item = (AgencyId, RequestId)> {
        self.submitted.iter().map(|write| (write.caller.agency.id.clone(), write.value.request_id))
    }

    fn now(&self) -> Timestamp {
        self.real.clock.now()
    }

    fn pass(&mut self, mins: i64) {
        self.real.clock.set(Timestamp::from_second(self.now().as_second() + mins * 60).unwrap());
        self.count(if mins < 0 { "clock: back" } else { "clock: forth" });
    }

    /// Lets everything fire that is due, a batch at a time, until the gateway says that nothing is left; and nothing is.
    fn tick(&mut self) -> Same {
        self.plain.touched.clear();
        let (now, mut grown) = (self.real.clock.now(), Vec::new());
        let before: BTreeMap<_, _> = logs().map(|log| (log.clone(), self.plain.logs[&log].size())).collect();
        for _ in 0..self.real.ticks() {
            grown.extend(self.plain.tick(&GATES[self.law], now));
        }
        prop_assert!(self.plain.is_at_rest(now), "something is in the way of what is due: {}", self.plain.left(now));
        for (log, size) in before {
            for index in size..self.plain.logs[&log].size() {
                let leaf = entry::read_leaf(&self.plain.logs[&log].entry(index).leaf).unwrap();
                self.count(format!("fired: {}", leaf.method));
            }
        }
        self.compare(&grown)
    }

    fn batch(&mut self, drafts: &[Draft], fault: Option<Fault>) -> Same {
        let before = fault.is_some().then(|| self.plain.clone());
        let sizes = logs().map(|log| (log.clone(), self.plain.logs[&log].size())).collect();
        let (mut writes, mut expected) = (Vec::new(), Vec::new());
        self.plain.touched.clear();
        for draft in drafts {
            let Some(write) = self.write(draft, &sizes) else { continue };
            expected.push(self.plain.submit(&GATES[self.law], &write, self.real.clock.now()));
            self.submitted.push(write.clone());
            writes.push(write);
        }
        if writes.is_empty() {
            return Ok(());
        }
        let mut grown = self.plain.end_batch();
        let (at, opening) = match fault {
            Some(Fault::Dies(at, opening)) => (at, opening),
            Some(Fault::Away(_)) | None => {
                let away = if let Some(Fault::Away(away)) = fault { Some(away) } else { None };
                // Where nothing is written, there is no commit that could be lost; and nothing was planned before.
                if let Some(away) = away.filter(|away| *away != Away::Loading && !grown.is_empty()) {
                    let (due, more) = self.again(&writes, away, before.unwrap());
                    expected = due;
                    grown.extend(more);
                }
                away.inspect(|away| self.count(format!("away: {away:?}")));
                let Came { answers, .. } = self.real.submit(&writes, None, away);
                self.answered(&writes, &answers, &expected)?;
                return self.compare(&grown);
            }
        };
        let Came { answers, died } = self.real.submit(&writes, Some(at), None);
        let fatal = match at {
            // Only what names a case reads a second time.
            CrashAt::Loading(later) => later == 0 || died,
            CrashAt::BeforeCommit | CrashAt::WithinCommit(_) | CrashAt::AfterCommit => !grown.is_empty(),
            CrashAt::Answered => false,
        };
        prop_assert_eq!(died, fatal, "{:?}", at);
        let touched = self.plain.touched.clone();
        if died {
            prop_assert!(answers.iter().all(|answer| matches!(answer, Err(SubmitError::Stopped))), "{:?}", answers);
            if !matches!(at, CrashAt::AfterCommit) {
                self.plain = before.unwrap();
            }
            let at = format!("{at:?}");
            self.count(format!("crash: {}", at.split('(').next().unwrap()));
        } else {
            self.answered(&writes, &answers, &expected)?;
            self.count("crash: Answered");
        }
        self.real.kill();
        self.reopen(opening);
        self.plain.touched = touched;
        self.compare(&logs().collect::<Vec<_>>())
    }

    /// What is due of a batch that the database goes away under: it is begun again, with what is recorded of it by then.
    fn again(&mut self, writes: &[Admitted<Command>], away: Away, before: Plain) -> (Vec<Expected>, Vec<LogName>) {
        if away == Away::BeforeCommit {
            self.plain = before;
        }
        let again = writes.iter().map(|write| self.plain.submit(&GATES[self.law], write, self.real.clock.now()));
        (again.collect(), self.plain.end_batch())
    }

    fn restart(&mut self, before: Option<WrongKey>, opening: Opening) -> Same {
        self.real.stop();
        self.count("restart");
        if let Some(wrong) = before {
            let recorded = self.plain.logs.values().any(|log| log.size() > 0);
            let kept = self.plain.cases.values().any(|cases| !cases.is_empty());
            let refused = self.real.try_with(wrong).err();
            let (due, told) = match wrong {
                WrongKey::Signing => (recorded, matches!(refused, Some(RecorderError::Checkpoint(_)))),
                WrongKey::Wrapping => (kept, matches!(refused, Some(RecorderError::Store(StoreError::Vault(_))))),
            };
            prop_assert!(if due { told } else { refused.is_none() }, "{:?}: {:?}", wrong, refused);
            self.count(format!("another key: {wrong:?} {}", if due { "refused" } else { "not needed" }));
        }
        self.reopen(opening);
        self.compare(&logs().collect::<Vec<_>>())
    }

    fn reopen(&mut self, opening: Opening) {
        self.pass(opening.mins);
        if opening.law != self.law {
            self.count("policy set changed");
        }
        self.law = opening.law;
        self.seed = self.seed.wrapping_mul(31).wrapping_add(1);
        self.plain.reseed(self.seed);
        self.real.start(self.law, self.seed);
    }

    /// A write, of what there is now.
    fn write(&mut self, draft: &Draft, sizes: &BTreeMap<LogName, u64>) -> Option<Admitted<Command>> {
        match draft {
            Draft::Command { place, step, seen, by } => {
                let jurisdiction = places()[*place].clone();
                let (caller, command) = step.command(&self.plain.cases[&jurisdiction])?;
                let mut caller = sample::officer(caller);
                match by {
                    By::Officer => {}
                    By::Nobody => caller.actor = None,
                    By::Stranger => Arc::make_mut(&mut caller.agency).jurisdictions.clear(),
                }
                let value = self.command(None, Action::Case(Arc::new(command.clone())));
                let mut write = Admitted { caller, jurisdiction, value };
                write.value.etag = match seen {
                    Seen::Nothing => None,
                    Seen::Newest => shown::etag(&write, &command, &self.plain.assemble(&command)),
                    Seen::Older => Some("c0".to_owned()),
                };
                Some(write)
            }
            Draft::Confirm { place, agency, exchange, seen, custody } => {
                let jurisdiction = places()[*place].clone();
                let upto = |kind, share: &Index| {
                    let size = usize::try_from(sizes[&log(&jurisdiction, kind)]).unwrap();
                    u64::try_from(share.index(size + 1)).unwrap()
                };
                let exchange_position = upto(LogKind::Exchange, exchange);
                let exchange_seen = exchange_position.min(upto(LogKind::Exchange, seen));
                let custody_position = upto(LogKind::Custody, custody);
                let action = confirmation([exchange_position, exchange_seen, custody_position]);
                let value = self.command(None, action);
                Some(Admitted { caller: sample::officer(agency), jurisdiction, value })
            }
            Draft::Again { earlier, how } => {
                if self.submitted.is_empty() {
                    return None;
                }
                let mut write = earlier.get(&self.submitted).clone();
                let nothing = confirmation([0; 3]);
                match how {
                    Again::Same => {}
                    Again::OtherCommand => write.value = self.command(Some(write.value.request_id), nothing),
                    Again::OtherAgency => {
                        write.caller = sample::officer("erie");
                        write.value = self.command(Some(write.value.request_id), nothing);
                    }
                }
                self.count(format!("again: {how:?}"));
                Some(write)
            }
        }
    }

    /// Every command has a digest of its own, as if it were a keyed one.
    fn command(&mut self, request_id: Option<RequestId>, action: Action) -> Command {
        self.made += 1;
        let request_id = request_id.unwrap_or(RequestId(Uuid::from_u128(self.made.into())));
        let mut request_digest = [0; 32];
        request_digest[..8].copy_from_slice(&self.made.to_be_bytes());
        Command { request_id, request_digest, etag: None, from_paper: false, action }
    }

    fn answered(
        &mut self,
        writes: &[Admitted<Command>],
        answers: &[Result<Recorded, SubmitError>],
        expected: &[Expected],
    ) -> Same {
        prop_assert_eq!(answers.len(), expected.len());
        for ((write, answer), expected) in writes.iter().zip(answers).zip(expected) {
            let method: Method = write.value.action.method();
            match (answer, expected) {
                (Ok(Recorded::Now { log, index, leaf, receipt, answer }), Expected::Now(place, at)) => {
                    prop_assert_eq!((log, index), (place, at));
                    let entry = self.plain.logs[place].entry(*at);
                    prop_assert_eq!(leaf, &entry.leaf);
                    prop_assert_eq!(Some(answer), entry.answer.as_ref());
                    self.receipt(place, *at, &receipt.to_string())?;
                    self.count(format!("recorded: {}", method.rpc()));
                }
                (Ok(Recorded::Earlier { log, index }), Expected::Earlier(place, at)) => {
                    prop_assert_eq!((log, index), (place, at));
                    self.replayed(place, *at)?;
                }
                (Err(error), Expected::Not(due)) => {
                    prop_assert_eq!(error, due);
                    let what = format!("{error:?}");
                    let what: Vec<_> = what.split(['(', ' ', ')', ',', '{']).take(2).collect();
                    self.count(format!("not recorded: {}", what.join(" ")));
                }
                (answer, expected) => prop_assert!(false, "{method:?}: {expected:?} was due, {answer:?} came"),
            }
        }
        Ok(())
    }

    /// A receipt leads to the root that the model has, and is ever the same.
    fn receipt(&mut self, log: &LogName, index: u64, text: &str) -> Same {
        let plain = &self.plain.logs[log];
        let receipt = Receipt::parse(text).unwrap();
        let leaf = ledger::leaf_hash(&plain.entry(index).leaf);
        let head = receipt.verify(leaf, &origin(ORIGIN, log), std::slice::from_ref(&VERIFIER));
        let head = head.map_err(|error| TestCaseError::fail(format!("a receipt: {error}")))?;
        prop_assert_eq!((receipt.index, head.size()), (index, plain.batch_of(index)));
        prop_assert_eq!(head.root(), plain.root(head.size()));
        let first = self.receipts.entry((log.clone(), index)).or_insert_with(|| text.to_owned());
        prop_assert_eq!(first.as_str(), text);
        Ok(())
    }

    /// What is given again is what was given, whether or not anybody got it then.
    fn replayed(&mut self, log: &LogName, index: u64) -> Same {
        let reader = &*self.real.running().reader;
        let found = reader.answer(log, index).unwrap();
        let found = found.ok_or_else(|| TestCaseError::fail(format!("{log} {index} has no answer")))?;
        let entry = self.plain.logs[log].entry(index);
        prop_assert_eq!(&found.leaf, &entry.leaf);
        prop_assert_eq!(found.answer.as_ref(), entry.answer.as_ref());
        let checkpoint = reader.checkpoint_at(log, found.batch_size).unwrap();
        let checkpoint = checkpoint.ok_or_else(|| TestCaseError::fail("a batch has no checkpoint"))?;
        let proof = ledger::prove_inclusion(index, found.batch_size, |tile| reader.tile(log, tile)).unwrap();
        let held = self.receipts.contains_key(&(log.clone(), index));
        self.count(if held { "replayed: was answered" } else { "replayed: its outcome was unknown" });
        self.receipt(log, index, &Receipt { index, proof, checkpoint }.to_string())
    }

    /// Both sides stand alike: these logs, the cases touched, the positions confirmed.
    fn compare(&self, grown: &[LogName]) -> Same {
        let running = self.real.running();
        for (log, plain) in &self.plain.logs {
            prop_assert_eq!(*running.heads[log].borrow(), plain.size(), "{}", log);
        }
        // Of a database everything is read at the end: a read of it is a journey.
        if !self.real.disk.is_file() {
            return Ok(());
        }
        for (log, plain) in &self.plain.logs {
            prop_assert_eq!(running.reader.head(log).unwrap(), Some(plain.size()), "{}", log);
        }
        for log in grown {
            let plain = &self.plain.logs[log];
            let Some((size, note)) = running.reader.checkpoint(log).unwrap() else {
                prop_assert_eq!(plain.size(), 0, "{} has no checkpoint", log);
                continue;
            };
            let head = Checkpoint::open(&note, &origin(ORIGIN, log), std::slice::from_ref(&VERIFIER)).unwrap();
            prop_assert_eq!((size, head.size()), (plain.size(), plain.size()));
            prop_assert_eq!(head.root(), plain.root(size));
        }
        for name in &self.plain.touched {
            let kept = running.reader.case(name).unwrap();
            prop_assert_eq!(kept.as_ref(), self.plain.case(name));
        }
        self.compare_confirmed()
    }

    fn compare_confirmed(&self) -> Same {
        let reader = &self.real.running().reader;
        let agencies = sample::AGENCIES.map(|name| sample::officer(name).agency.id.clone());
        let own = |agency: &AgencyId| self.plain.deliveries.keys().any(|(of, _)| of == agency);
        for agency in agencies.iter().filter(|agency| own(agency)) {
            for log in places().iter().flat_map(|place| KINDS.map(|kind| log(place, kind))) {
                let at = self.plain.confirmed(agency, &log);
                let kept = reader.inbox(agency, &log.jurisdiction).unwrap().consumer(&CONSUMER.parse().unwrap());
                prop_assert_eq!(kept.position(log.kind), at, "{} {}", agency, log);
            }
        }
        Ok(())
    }
}
