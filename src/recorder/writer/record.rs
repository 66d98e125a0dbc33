//! Records one batch: begins, plans and commits it, again if the database was unreachable in between, and only then answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tracing::Span;

use crate::domain::agenda::ItemKind;
use crate::domain::command::CaseCommand;
use crate::domain::ids::{CaseName, LogKind, LogName};
use crate::domain::inbox::{self, SendDecision};
use crate::recorder::plan;
use crate::recorder::plan::alarm::Alarm;
use crate::recorder::plan::appeals;
use crate::recorder::plan::clocks::{FiredNow, Ticked};
use crate::recorder::plan::outcome::Outcome;
use crate::recorder::plan::rules::Rules;
use crate::recorder::plan::rulings::Rulings;
use crate::recorder::plan::{Plan, Planned};
use crate::recorder::plan::{booking, expiry, handing_on};
use crate::recorder::queue::batch::{Batch, case_command, confirms};
use crate::recorder::queue::error::SubmitError;
use crate::recorder::queue::recorded::Recorded;
use crate::recorder::queue::submission::{Disclosing, Writing};
use crate::recorder::writer::acknowledge::{Acknowledgements, Answer};
use crate::recorder::writer::commit::added;
use crate::recorder::writer::error::RecorderError;
use crate::recorder::writer::state::Recorder;
use crate::recorder::writer::status::PolicyCheck;
use crate::recorder::writer::sweep::Page;
use crate::store::{Append, CasesOf, ListedItem, Loaded, NewEntry, StoreError, Unsynced, Wanted};
use crate::traces::STEP;

/// How often in a row a batch may be fenced off by another gateway.
const FENCED_MAX: u32 = 16;

/// A batch that is committed, with what must be answered once it is durable.
struct Written {
    outcomes: Vec<Outcome>,
    tried: Vec<Result<SendDecision, inbox::Refusal>>,
    fired: Vec<FiredNow>,
    alarms: Vec<Alarm>,
    rulings: Rulings,
    page: Page,
    /// More clocks may be due.
    more: bool,
    append: Append,
    checkpoints: BTreeMap<LogName, String>,
    unsynced: Option<Unsynced>,
    since: Instant,
    /// The step of being committed, of each write.
    commits: Vec<Span>,
}

impl Recorder {
    /// Records one batch, however many tries it takes, then answers. If the answer to a commit was lost, the batch is begun
    /// again, and the request ids reveal which of its writes are recorded: those get their first answer, the others are
    /// recorded now.
    pub(in crate::recorder) fn record(&mut self, batch: Batch) -> Result<(), RecorderError> {
        let mut fenced = 0_u32;
        loop {
            match self.attempt(&batch) {
                Ok(Some(written)) => {
                    self.recovered();
                    return self.acknowledge(batch, written);
                }
                Ok(None) => {
                    self.superseded();
                    batch.refuse(&SubmitError::OtherLaw);
                    return Ok(());
                }
                Err(RecorderError::Store(StoreError::Interrupted(why))) => self.retry_after_outage(&why)?,
                // If another gateway used a request id meanwhile, the next try finds it.
                Err(RecorderError::Store(StoreError::Fenced(_))) if self.is_shared && fenced < FENCED_MAX => {
                    fenced = fenced.saturating_add(1);
                    self.must_end = false;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Plans and commits. `None`: another policy set is in force than the one that this gateway would judge by.
    fn attempt(&mut self, batch: &Batch) -> Result<Option<Written>, RecorderError> {
        let Batch { writes, disclosures, ticks } = batch;
        let due = if ticks.is_empty() { Vec::new() } else { self.due(ItemKind::Clock)? };
        let again = if ticks.is_empty() { Vec::new() } else { self.due(ItemKind::Judgement)? };
        let over = if ticks.is_empty() { Vec::new() } else { self.due(ItemKind::Expiry)? };
        let page = if ticks.is_empty() {
            Page::default()
        } else {
            self.sweep.page(&*self.store.reader(), self.firings_len_max)
        };
        let judged: BTreeSet<_> = again.iter().map(|listed| &listed.case).chain(&page.custodies).cloned().collect();
        let judged: Vec<_> = judged.into_iter().collect();
        let jurisdictions = writes.iter().map(|write| &write.work.jurisdiction);
        let attempts = disclosures.iter().filter_map(|disclosing| disclosing.work.attempt.as_ref());
        let jurisdictions = jurisdictions.chain(attempts.map(|attempt| &attempt.whose.jurisdiction));
        let jurisdictions = jurisdictions
            .chain(due.iter().chain(&over).map(|listed| &listed.case.jurisdiction))
            .chain(page.jurisdiction());
        let jurisdictions: BTreeSet<_> =
            jurisdictions.chain(judged.iter().map(|custody| &custody.jurisdiction)).collect();
        if self.begin(|log| jurisdictions.contains(&log.jurisdiction))? == PolicyCheck::Superseded {
            self.end()?;
            return Ok(None);
        }
        let ticked = due.iter().chain(&over).map(|listed| &listed.case).chain(&judged);
        let loaded = self.load(writes, disclosures, ticked.cloned().collect())?;
        let before = self.logs.clone();
        let (limits, appeal_limits) = self.limits;
        let duties = self.duties;
        let rules = Rules { gate: &self.gate, timetable: &self.timetable, duties, limits, appeal_limits };
        let mut plan = Plan::new(rules, &self.entropy, before, loaded);
        let mut outcomes = Vec::with_capacity(writes.len());
        for Writing { work, span, .. } in writes {
            outcomes.push(span.in_scope(|| plan.submit(work, self.clock.now()))?);
        }
        let now = self.clock.now();
        let attempt = |Disclosing { work, span, .. }: &Disclosing| match &work.attempt {
            None => Ok(SendDecision::Send),
            Some(attempt) => span.in_scope(|| plan.attempt(attempt, now)),
        };
        let tried: Vec<_> = disclosures.iter().map(attempt).collect();
        let fired = plan.fire(&due, self.clock.now())?;
        let recorded = plan.judge(&judged, self.clock.now())?;
        plan.expire(&over, self.clock.now())?;
        let (alarms, rulings) = (std::mem::take(&mut plan.alarms), std::mem::take(&mut plan.rulings));
        let Planned { logs, mut append } = plan.finish();
        let sent = disclosures.iter().zip(&tried).filter(|(_, tried)| **tried == Ok(SendDecision::Send));
        append.disclosures = sent.map(|(disclosing, _)| disclosing.work.disclosure.clone()).collect();
        append.agenda.extend(page.mark());
        // If nothing changed, another check would find the same items. A judgment may start a clock that is due already, such as
        // that of a review of a release whose notice was due before.
        let full = due.len().max(again.len()).max(over.len()) >= self.firings_len_max;
        let more = (full && !append.agenda.is_empty()) || recorded > 0;
        let since = Instant::now();
        let commit = |write: &Writing| tracing::trace_span!(target: STEP, parent: &write.span, "commit");
        let commits = writes.iter().map(commit).filter(|span| !span.is_disabled()).collect();
        let (checkpoints, unsynced) = self.write(logs, &mut append)?;
        Ok(Some(Written {
            outcomes,
            tried,
            fired,
            alarms,
            rulings,
            page,
            more,
            append,
            checkpoints,
            unsynced,
            since,
            commits,
        }))
    }

    /// Answers once the batch is durable: now, or from the thread that waits for the disk.
    fn acknowledge(&mut self, batch: Batch, written: Written) -> Result<(), RecorderError> {
        let Batch { writes, disclosures, ticks } = batch;
        let Written {
            outcomes,
            tried,
            fired,
            alarms,
            rulings,
            page,
            more,
            append,
            checkpoints,
            unsynced,
            since,
            commits,
        } = written;
        let walks = page.jurisdiction().is_some();
        self.sweep.walked(page);
        let acknowledgements = Acknowledgements {
            sizes: self.sizes(),
            added: added(&append.heads),
            since: (!append.is_empty()).then_some(since),
            commits,
            ticked: Ticked { fired: fired.len(), more: more || (walks && !self.sweep.is_over()) },
            answers: self.answers(writes, outcomes, append.entries, &checkpoints)?,
            disclosures: disclosures.into_iter().zip(tried).collect(),
            ticks,
            fired,
            alarms,
            rulings,
        };
        // This holds even if nothing was written: an answer may rest on an earlier batch that is not durable yet.
        if let Some(syncer) = &mut self.syncer {
            return syncer.hand_over((unsynced, acknowledgements));
        }
        unsynced.map_or(Ok(()), Unsynced::sync)?;
        acknowledgements.send(&self.published, &self.metrics);
        Ok(())
    }

    /// The answer to each write.
    fn answers(
        &self,
        writes: Vec<Writing>,
        outcomes: Vec<Outcome>,
        entries: Vec<NewEntry>,
        checkpoints: &BTreeMap<LogName, String>,
    ) -> Result<Vec<Answer>, RecorderError> {
        let mut entries: BTreeMap<(LogName, u64), _> =
            entries.into_iter().map(|entry| ((entry.log.clone(), entry.index), entry)).collect();
        let mut answers = Vec::with_capacity(writes.len());
        for (Writing { reply, .. }, outcome) in writes.into_iter().zip(outcomes) {
            let answer = match outcome {
                Outcome::Recorded { log, index, replayed: true } => Ok(Recorded::Earlier { log, index }),
                Outcome::Recorded { log, index, replayed: false } => {
                    let receipt = self.prove(&log, index, checkpoints)?;
                    match entries.remove(&(log.clone(), index)) {
                        Some(NewEntry { leaf, answer, .. }) => {
                            Ok(Recorded::Now { log, index, leaf, receipt, answer: answer.unwrap_or_default() })
                        }
                        // The same request came twice in this batch. The second reads what the first wrote.
                        None => Ok(Recorded::Earlier { log, index }),
                    }
                }
                Outcome::Rejected(rejection) => Err(rejection.into()),
            };
            answers.push((reply, answer));
        }
        Ok(answers)
    }

    /// Items of a kind that are due, the longest due first, at most as many as one batch takes.
    fn due(&mut self, kind: ItemKind) -> Result<Vec<ListedItem>, RecorderError> {
        let (now, limit) = (self.clock.now(), self.firings_len_max);
        let mut due = Vec::new();
        for log in self.logs.keys().filter(|log| log.kind == LogKind::Exchange) {
            due.extend(self.store.due(&log.jurisdiction, kind, now, limit)?);
        }
        due.sort_by_key(|listed: &ListedItem| listed.item.due_at);
        due.truncate(limit);
        Ok(due)
    }

    /// Loads everything that the batch's commands may touch, by following names until there are no new ones. A case that a
    /// command names is opened only if it may be the caller's: otherwise the time of the answer would reveal that it exists.
    fn load(
        &mut self,
        writes: &[Writing],
        disclosures: &[Disclosing],
        mut asked: BTreeSet<CaseName>,
    ) -> Result<Loaded, RecorderError> {
        let submitted = || writes.iter().map(|write| &*write.work);
        let commands = || submitted().filter_map(case_command);
        let requests = submitted().map(|write| (write.caller.agency.id.clone(), write.value.request_id)).collect();
        let attempts = disclosures.iter().filter_map(|disclosing| disclosing.work.attempt.as_ref());
        let attempts = attempts.map(|attempt| (attempt.whose.agency.clone(), attempt.whose.jurisdiction.clone()));
        let inboxes = submitted().filter_map(confirms).chain(attempts).collect();
        let mut only_of: BTreeMap<CaseName, Vec<CasesOf>> = BTreeMap::new();
        for write in submitted() {
            for name in
                case_command(write).into_iter().flat_map(CaseCommand::names).filter(|name| !asked.contains(name))
            {
                only_of.entry(name.clone()).or_default().push(CasesOf::of(&write.caller, &name.jurisdiction));
            }
        }
        let cases = asked.iter().chain(only_of.keys()).cloned().collect();
        let on_cases = || submitted().filter_map(|write| Some((write, case_command(write)?)));
        let mut found_by = expiry::found_by(on_cases());
        for (of, terms) in
            handing_on::found_by(on_cases()).into_iter().chain(booking::found_by(on_cases(), &Loaded::default()))
        {
            found_by.entry(of).or_default().extend(terms);
        }
        let wanted = Wanted { cases, only_of, requests, inboxes, found_by, ..Wanted::default() };
        let mut loaded = self.store.load(&wanted)?;
        // What a new custody would use is found by now: another number is that of a custody which had to be read first.
        let found_by = booking::found_by(on_cases().filter(|(_, command)| command.target().is_some()), &loaded);
        if !found_by.is_empty() {
            let Loaded { cases, agenda, .. } = self.store.load(&Wanted { found_by, ..Wanted::default() })?;
            loaded.cases.extend(cases);
            loaded.agenda.extend(agenda);
        }
        // A case of another agency may still be linked to a case that is opened.
        asked.extend(loaded.cases.keys().cloned());
        loop {
            let wanted = plan::missing(&loaded, &asked);
            if wanted.cases.is_empty() {
                break;
            }
            asked.extend(wanted.cases.iter().cloned());
            let Loaded { cases, agenda, .. } = self.store.load(&wanted)?;
            loaded.cases.extend(cases);
            loaded.agenda.extend(agenda);
        }
        if let Some(wanted) = appeals::wanted(submitted()) {
            loaded.appeals = self.store.load(&wanted)?.appeals;
        }
        let releases = commands().any(|command| matches!(command, CaseCommand::RecordRelease { .. }));
        if releases {
            let deliveries = plan::notices(&loaded);
            loaded.deliveries = self.store.load(&Wanted { deliveries, ..Wanted::default() })?.deliveries;
        }
        Ok(loaded)
    }
}
