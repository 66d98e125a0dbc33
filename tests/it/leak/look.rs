//! What reaches a requester, by every method that gives it anything, held against the test's own account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity::api::status;
use comity::domain::case::StoredCase;
use comity::domain::detainer::Detainer;
use comity::domain::determination::FieldClass;
use comity::domain::ids::{CaseName, LogKind, LogName};
use comity::domain::inbox::Consumer;
use comity::feed::{Cursor, DisclosureFilter, Feed, VisibleClasses, may_read};
use comity::policy::gate::Gate;
use comity::recorder::SubmitError;
use comity::recorder::plan::outcome::Outcome;
use comity::store::Reader as _;
use comity::wire::{Message as _, entry, show, v1};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::leak::account::{Account, Origin, linked};
use crate::leak::history::Cases;
use crate::leak::memory::{Memory, Writer, logs};
use crate::sample;

/// How often each class was shown to a requester that did not write it, and how often it was kept from one.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) cases: u64,
    pub(super) shown: BTreeMap<&'static str, u64>,
    pub(super) kept: BTreeMap<&'static str, u64>,
    pub(super) told: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        for (own, others) in
            [(&mut self.shown, &other.shown), (&mut self.kept, &other.kept), (&mut self.told, &other.told)]
        {
            for (what, count) in others {
                *own.entry(what).or_default() += count;
            }
        }
    }
}

/// One look of a requester at all that it can get, at one moment.
pub(super) struct Look<'a> {
    pub(super) account: &'a Account,
    pub(super) origins: &'a BTreeMap<(LogKind, u64), Arc<Origin>>,
    pub(super) cases: &'a Cases,
    pub(super) now: Timestamp,
    pub(super) requester: &'static str,
}

impl Look<'_> {
    /// Reads everything, by every way, and counts a case for each message that somebody else has sent.
    pub(super) fn everything(&self, writer: &Writer, tally: &mut Tally) -> Result<(), String> {
        let (gate, memory) = (&writer.gate, &writer.memory);
        let mut found = BTreeSet::new();
        for (method, bytes) in self.resources(gate, memory)?.into_iter().chain(self.entries(gate, memory)?) {
            *tally.told.entry(method).or_default() += 1;
            found.extend(self.bytes(method, &bytes)?);
        }
        for (method, bytes) in self.received(writer) {
            *tally.told.entry(method).or_default() += 1;
            self.bytes(method, &bytes)?;
        }
        for (at, token) in self.account.tokens.iter().enumerate() {
            if self.account.messages.get(token.message) != Some(&self.requester) {
                let counts = if found.contains(&at) { &mut tally.shown } else { &mut tally.kept };
                *counts.entry(token.value.class.word()).or_default() += 1;
            }
        }
        let others = self.account.messages.iter().filter(|author| **author != self.requester).count();
        tally.cases += u64::try_from(others).unwrap();
        Ok(())
    }

    /// No value that the requester may not have stands in these bytes.
    pub(super) fn bytes(&self, method: &str, bytes: &[u8]) -> Result<Vec<usize>, String> {
        let found = self.account.found_in(bytes);
        for at in &found {
            let token = &self.account.tokens[*at];
            if !self.account.may_have(token, self.requester, self.cases, self.now) {
                return Err(format!(
                    "{method} gives {} a value of the class {} that it may not be shown: {token:?}",
                    self.requester,
                    token.value.class.word(),
                ));
            }
        }
        Ok(found.into_iter().collect())
    }

    /// `GetDetainer` and `ListDetainers`; of custodies there is nothing to get.
    fn resources(&self, gate: &Gate, memory: &Memory) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
        let caller = sample::officer(self.requester);
        let mut narrowing = DisclosureFilter::new(memory, gate, &caller, self.now);
        let mut answers = Vec::new();
        for case in self.cases.values() {
            if case.custody().is_some_and(|custody| gate.may_see_custody(&caller, custody)) {
                return Err("a requester may see a custody".to_owned());
            }
            let Ok(case) = narrowing.case(case.clone()) else { return Err("a case cannot be read".to_owned()) };
            let Some(detainer) = case.detainer() else { continue };
            let Some(viewpoint) = gate.viewpoint(&caller, detainer) else { continue };
            let shown = show::detainer(detainer, viewpoint, sample::ANSWER_WITHIN);
            self.fields(&shown, detainer)?;
            let list = v1::ListDetainersResponse { detainers: vec![shown.clone()], next_page_token: String::new() };
            answers.push(("DetainerService/ListDetainers", list.encode_to_vec()));
            let get = v1::GetDetainerResponse { detainer: Some(shown) };
            answers.push(("DetainerService/GetDetainer", get.encode_to_vec()));
        }
        Ok(answers)
    }

    /// The law that is cited is the one that the request alone leads to.
    fn cited(&self, of: &Detainer, list: &[v1::Withheld]) -> Result<(), String> {
        for one in list.iter().filter(|one| !one.citations.is_empty()) {
            let class: FieldClass = comity::wire::enums::from_wire(one.field_class).unwrap();
            let own = one.citations.iter().filter(|cite| cite.starts_with("Act")).cloned().collect();
            if self.account.withholds(of, class, self.now) != Some(own) {
                return Err(format!(
                    "{} is told that {one:?} is withheld, which its request does not say",
                    self.requester
                ));
            }
        }
        Ok(())
    }

    /// What is too short to be looked for: whether a field is there at all.
    fn fields(&self, shown: &v1::Detainer, of: &Detainer) -> Result<(), String> {
        let whole = self.cases[&of.name].detainer().unwrap();
        let listed = |class| shown.withheld.iter().any(|one| one.field_class() == class);
        for (class, theirs) in
            [(FieldClass::Custody, v1::FieldClass::Custody), (FieldClass::Answer, v1::FieldClass::Answer)]
        {
            if self.account.withholds(whole, class, self.now).is_some() && !listed(theirs) {
                return Err(format!("{class:?} is not listed as withheld"));
            }
        }
        self.cited(whole, &shown.withheld)?;
        let picked_up = shown.transfers.iter().any(|transfer| transfer.window.is_some());
        if picked_up && !self.account.may_show_pick_up_now(whole, linked(whole), self.cases, self.now) {
            return Err(format!("a detainer shows {} a pick-up", self.requester));
        }
        let (release, closing) = (shown.actual_release.as_ref(), shown.closing.as_ref());
        let dated = shown.scheduled_release.is_some()
            || release.is_some_and(|told| told.released_at.is_some())
            || closing.is_some_and(|told| told.occurred_at.is_some());
        let detailed = release.is_some_and(|told| told.reason != 0) || closing.is_some_and(|told| told.reason != 0);
        let said = shown.interview.as_ref().and_then(|interview| interview.answer.as_ref());
        let spoke = said.is_some_and(|said| said.outcome != 0 || said.starts_at.is_some());
        let declined = said.is_some_and(|said| said.declined);
        let of_custody = shown.acknowledgement.is_some() || shown.service_of_copy.is_some() || picked_up || spoke;
        let revealed_class =
            whole.issuer_view.answer.as_ref().map(|answer| answer.kind.revealed_class(&of.request.addressee));
        let there = [
            of_custody.then_some(FieldClass::Custody),
            shown.answer.is_some().then_some(()).and(revealed_class),
            declined.then_some(FieldClass::Answer),
            dated.then_some(FieldClass::ReleaseDate),
            detailed.then_some(FieldClass::ReleaseDetail),
        ];
        for class in there.into_iter().flatten() {
            if !self.account.may_show_now(class, whole, linked(whole), self.cases, self.now) {
                return Err(format!("a detainer shows {} the class {}", self.requester, class.word()));
            }
        }
        Ok(())
    }

    /// `GetEntry` and `ListEntries`.
    fn entries(&self, gate: &Gate, memory: &Memory) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
        let caller = sample::officer(self.requester);
        let mut narrowing = DisclosureFilter::new(memory, gate, &caller, self.now);
        let mut answers = Vec::new();
        for log in logs().into_iter().filter(|log| may_read(&caller, log)) {
            for stored in memory.entries_for(&caller, &log, 0, usize::MAX).unwrap() {
                let Some(VisibleClasses { classes, withheld }) = narrowing.visible(&stored, &log.jurisdiction).unwrap()
                else {
                    continue;
                };
                let shown = entry::show(&log, stored.index, stored.leaf, &stored.openings, classes, &withheld);
                self.openings(&log, stored.index, &shown)?;
                answers.push((
                    "LedgerService/ListEntries",
                    v1::ListEntriesResponse { entry: Some(shown.clone()), hashes: Vec::new() }.encode_to_vec(),
                ));
                answers.push(("LedgerService/GetEntry", v1::GetEntryResponse { entry: Some(shown) }.encode_to_vec()));
            }
        }
        Ok(answers)
    }

    /// What is too short to be looked for: each class that is opened was to be shown when recorded, and still may be.
    fn openings(&self, log: &LogName, index: u64, shown: &v1::Entry) -> Result<(), String> {
        let origin = &self.origins[&(log.kind, index)];
        let leaf = entry::read_leaf(&shown.leaf).map_err(|error| error.to_string())?;
        let name: CaseName = leaf.resource.parse().unwrap();
        let of = self.cases[&name].detainer().ok_or("an entry of a custody reaches a requester")?;
        self.cited(of, &shown.withheld_by)?;
        if origin.by_requester {
            return Ok(());
        }
        let committed = origin.committed.get(&name).copied().unwrap_or_default();
        for opening in &shown.openings {
            let class: FieldClass = comity::wire::enums::from_wire(opening.field_class).unwrap();
            let custody = origin.custody.as_ref();
            let agreed = || self.account.may_show_pick_up_now(of, custody, self.cases, self.now);
            let of_pick_up = origin.of_pick_up && [FieldClass::Custody, FieldClass::Medical].contains(&class);
            let may_still =
                || self.account.may_show_now(class, of, custody, self.cases, self.now) && (!of_pick_up || agreed());
            if !committed.contains(class) || !may_still() {
                return Err(format!(
                    "entry {index} by {} shows {} the class {}: {:?}",
                    leaf.method,
                    self.requester,
                    class.word(),
                    entry::merge(shown),
                ));
            }
        }
        Ok(())
    }

    /// `Receive`, by the feed itself.
    fn received(&self, writer: &Writer) -> Vec<(&'static str, Vec<u8>)> {
        let heads: Vec<_> = logs().into_iter().map(|log| (watch::channel(writer.size(&log)), log)).collect();
        let heads = heads.iter().map(|((_, head), log)| (log.clone(), head.clone()));
        let caller = sample::officer(self.requester);
        let (memory, gate) = (Arc::clone(&writer.memory), Arc::clone(&writer.gate));
        let mut feed = Feed::new(memory, caller, heads, Cursor::default(), &Consumer::default());
        let mut received = Vec::new();
        loop {
            let page = feed.page(&gate, self.now).unwrap();
            let delivered = page.entries.into_iter().map(|due| ("InboxService/Receive", due.entry.encode_to_vec()));
            received.extend(delivered);
            if page.caught_up {
                return received;
            }
        }
    }

    /// What a write is answered with: the answer and the leaf of its receipt, or an error with all its details.
    pub(super) fn answered(&self, memory: &Memory, outcome: &Outcome) -> Result<(), String> {
        let error = match outcome {
            Outcome::Recorded { log, index, .. } => {
                let kept = memory.kept();
                let leaf = &kept.entries[log][usize::try_from(*index).unwrap()].leaf;
                let answer = &kept.answers[&(log.clone(), *index)];
                return self.bytes("an answer", answer).and_then(|_| self.bytes("a receipt", leaf)).map(|_| ());
            }
            Outcome::Rejected(rejection) => SubmitError::from(rejection.clone()),
        };
        let status = status::submit(&error);
        let said = [status.message().as_bytes(), status.details()].concat();
        match self.account.found_in(&said).first() {
            Some(token) => Err(format!("{error:?} says {:?}", self.account.tokens[*token])),
            None => Ok(()),
        }
    }
}

/// Detainers and custodies as they stand.
pub(super) fn cases(memory: &Memory) -> Cases {
    let kept = memory.kept();
    kept.cases.iter().map(|(name, case): (&CaseName, &StoredCase)| (name.clone(), case.clone())).collect()
}
