//! Compares what every client saw with the logs: entry by entry, and figure by figure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::ProgressBar;

use crate::client::Client;
use crate::demo::agencies::{self, CUSTODIANS, JURISDICTIONS, NEW_YORK};
use crate::demo::agency_client::AgencyClient;
use crate::demo::evidence::{Entry, EntryView, PinnedKeys, ReceiptedEntry, View};
use crate::demo::mix::{ByOutcome, CaseMix};
use crate::demo::tally::{Figures, Tally};
use crate::demo::year::Participants;
use crate::domain::agency::ActorKind;
use crate::domain::charge::OffenceCategory;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{LogKind, LogName};
use crate::sandbox::Sandbox;
use crate::wire::v1;

const TICK: Duration = Duration::from_millis(200);

/// The figures, as each side saw them.
#[derive(Debug)]
pub(super) struct Findings {
    /// As the requester saw them.
    pub(super) federal: Figures,
    /// As the custodians saw them, each its own.
    pub(super) custodians: Figures,
    /// As oversight saw them, which reads everything.
    pub(super) logs: Figures,
    /// Custodies opened.
    pub(super) custodies: u64,
    /// Entries in each log, including proofs of delivery.
    pub(super) entries: BTreeMap<LogName, u64>,
    /// The newest checkpoint of each log.
    pub(super) checkpoints: BTreeMap<LogName, String>,
    /// How much was compared.
    pub(super) compared: Compared,
}

/// How much was compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Clients whose view is the log filtered by their audience.
    pub(super) views: u64,
    /// Entries in those views.
    pub(super) entries: u64,
    /// How many of them show less by now, since the law takes back what it no longer lets be shown.
    pub(super) narrowed: u64,
    /// Receipts found in the log.
    pub(super) receipts: u64,
}

/// What oversight read.
struct OversightView {
    view: View,
    tally: Tally,
    /// The tally of the exchange log alone.
    exchanged: Tally,
    confirmations: View,
    checkpoints: BTreeMap<LogName, String>,
}

/// Compares everything. An error names the view or figure that is wrong.
pub(super) async fn check(
    participants: &Participants,
    sandbox: &Sandbox,
    address: SocketAddr,
    promised: Promised,
) -> Result<Findings> {
    let bar = ProgressBar::new_spinner().with_message("comparing what everybody saw with the logs");
    bar.enable_steady_tick(TICK);
    let mut overseeing = Vec::new();
    for jurisdiction in JURISDICTIONS {
        let overseer = Overseer::connect(sandbox, address, jurisdiction, &participants.federal.client).await?;
        overseeing.push(tokio::spawn(async move { overseer.read(jurisdiction).await }));
    }
    let reading = participants.custodians.iter().map(|custodian| {
        let kinds = vec![LogKind::Exchange, LogKind::Custody];
        tokio::spawn(read_own(Arc::clone(&custodian.client), custodian.agency.jurisdiction(), kinds))
    });
    let reading: Vec<_> = reading.collect();
    let mut compared = Compared::default();
    let (mut views, mut custodians) = (Vec::new(), Figures::default());
    for (custodian, reading) in participants.custodians.iter().zip(reading) {
        let own = reading.await??;
        custodian.inbox.count_reaches(own.values().map(BTreeMap::len).sum()).await;
        let (view, tally) = custodian.inbox.close();
        compared.narrowed += same_view(custodian.client.id, &view, &own)?;
        custodians.join(tally.figures());
        views.push((custodian.client.id, view));
    }
    let (mut seen, mut federal) = (View::new(), Figures::default());
    for (jurisdiction, inbox) in JURISDICTIONS.into_iter().zip(&participants.federal.inboxes) {
        let own = read_own(Arc::clone(&participants.federal.client), jurisdiction, vec![LogKind::Exchange]).await?;
        inbox.count_reaches(own.values().map(BTreeMap::len).sum()).await;
        let (view, tally) = inbox.close();
        compared.narrowed += same_view(participants.federal.client.id, &view, &own)?;
        federal.join(tally.figures());
        seen.extend(view);
    }
    views.push((participants.federal.client.id, seen));
    let mut records = Vec::new();
    for overseeing in overseeing {
        records.push(overseeing.await??);
    }
    for (agency, view) in &views {
        compared.views += 1;
        compared.entries += within(agency, view, &records)?;
    }
    covered(&views, &records)?;
    for (agency, receipts) in &promised {
        compared.receipts += kept(agency, receipts, &views, &records)?;
    }
    let (mut logs, mut exchanged) = (Figures::default(), Figures::default());
    for record in &records {
        logs.join(record.tally.figures());
        exchanged.join(record.exchanged.figures());
    }
    same_figures(&federal, &custodians, &logs, &exchanged)?;
    let custodies = records.iter().map(|record| record.tally.custodies()).sum();
    let entries = records.iter().flat_map(OversightView::sizes).collect();
    let checkpoints = records.into_iter().flat_map(|record| record.checkpoints).collect();
    bar.finish_and_clear();
    Ok(Findings { federal, custodians, logs, custodies, entries, checkpoints, compared })
}

/// The entries that each agency's receipts promise.
pub(super) type Promised = BTreeMap<&'static str, Vec<ReceiptedEntry>>;

/// Compares the figures of New York with the mix.
pub(super) fn check_mix(findings: &Findings, mix: &CaseMix, in_new_york: ByOutcome<u64>) -> Result<()> {
    let own: Vec<&str> = CUSTODIANS.iter().filter(|own| own.jurisdiction() == NEW_YORK).map(|own| own.id).collect();
    for (outcome, counts, total) in [
        ("outstanding", mix.offences.outstanding, in_new_york.outstanding),
        ("released", mix.offences.released, in_new_york.released),
    ] {
        let wanted = counts.scaled(total);
        for offence in OffenceCategory::ALL {
            let found = findings.logs.over("outcome", &own, &[outcome, offence.word()]);
            let wanted = wanted.get(offence).copied().unwrap_or_default();
            ensure!(found == wanted, "{outcome} for {}: {found} in the log, {wanted} in the mix", offence.word());
        }
    }
    Ok(())
}

/// A jurisdiction's oversight as a client.
struct Overseer {
    agency: &'static str,
    client: Client,
    pinned: PinnedKeys,
}

impl Overseer {
    async fn connect(
        sandbox: &Sandbox,
        address: SocketAddr,
        jurisdiction: &'static str,
        trusting_like: &Arc<AgencyClient>,
    ) -> Result<Self> {
        let agency = agencies::oversight(jurisdiction);
        let client = Client::connect(sandbox.client(address, agency, ActorKind::System)).await?;
        Ok(Self { agency, client, pinned: trusting_like.pinned.clone() })
    }

    /// Reads both logs to the end and counts.
    async fn read(&self, jurisdiction: &str) -> Result<OversightView> {
        let mut record = OversightView {
            view: View::new(),
            tally: Tally::default(),
            exchanged: Tally::default(),
            confirmations: View::new(),
            checkpoints: BTreeMap::new(),
        };
        for kind in [LogKind::Custody, LogKind::Exchange] {
            let log = LogName { jurisdiction: jurisdiction.parse()?, kind };
            let request = v1::GetCheckpointRequest { log: log.to_string() };
            let checkpoint = self.client.ledger().get_checkpoint(request).await?.into_inner().checkpoint;
            let mut next = 0;
            read(&self.client, &log, |entry| {
                ensure!(entry.index == next, "{}: {log} skips from {next} to {}", self.agency, entry.index);
                ensure!(entry.seen.withheld == FieldClasses::NONE, "{}: withheld at {}", self.agency, entry.index);
                next += 1;
                record.take(entry);
                Ok(())
            })
            .await?;
            let size = self.pinned.size(&log, &checkpoint)?;
            ensure!(size == next, "{}: {log} has {next} entries, its checkpoint signs {size}", self.agency);
            record.checkpoints.insert(log, checkpoint);
        }
        Ok(record)
    }
}

impl OversightView {
    fn take(&mut self, entry: Entry) {
        if entry.is_exchanged() {
            self.exchanged.take(&entry);
        }
        self.tally.take(&entry);
        let into = if entry.proves_delivery() { &mut self.confirmations } else { &mut self.view };
        into.entry(entry.log).or_default().insert(entry.index, entry.seen);
    }

    fn seen(&self, log: &LogName, index: u64) -> Option<&EntryView> {
        let entries = [&self.view, &self.confirmations].into_iter().filter_map(|view| view.get(log));
        entries.into_iter().find_map(|entries| entries.get(&index))
    }

    fn sizes(&self) -> Vec<(LogName, u64)> {
        let size = |log: &LogName| {
            let of = |view: &View| view.get(log).map_or(0, BTreeMap::len);
            u64::try_from(of(&self.view) + of(&self.confirmations)).unwrap_or(u64::MAX)
        };
        self.checkpoints.keys().map(|log| (log.clone(), size(log))).collect()
    }
}

/// Reads a log as far as a client may.
async fn read(client: &Client, log: &LogName, mut take: impl FnMut(Entry) -> Result<()>) -> Result<()> {
    let request = v1::ListEntriesRequest { log: log.to_string(), start_index: 0, tree_size: 0 };
    let mut entries = client.ledger().list_entries(request).await?.into_inner();
    while let Some(message) = entries.message().await? {
        take(Entry::open(&message.entry.context("an entry of nothing")?)?)?;
    }
    Ok(())
}

/// The logs of a jurisdiction as an agency may read them, without proofs of delivery, which no inbox delivers.
async fn read_own(client: Arc<AgencyClient>, jurisdiction: &'static str, kinds: Vec<LogKind>) -> Result<View> {
    let mut view = View::new();
    for kind in kinds {
        let log = LogName { jurisdiction: jurisdiction.parse()?, kind };
        read(&client.system, &log, |entry| {
            if !entry.proves_delivery() {
                view.entry(entry.log).or_default().insert(entry.index, entry.seen);
            }
            Ok(())
        })
        .await?;
    }
    Ok(view)
}

/// Checks that an inbox delivered exactly the log filtered by audience, with the same contents, but for what the law has taken
/// back since: an audience is narrowed at each read. Returns how many entries show less now.
fn same_view(agency: &str, told: &View, listed: &View) -> Result<u64> {
    let logs: BTreeSet<&LogName> = told.keys().chain(listed.keys()).collect();
    let mut narrowed = 0;
    for log in logs {
        let empty = BTreeMap::new();
        let (told, listed) = (told.get(log).unwrap_or(&empty), listed.get(log).unwrap_or(&empty));
        let indexes: BTreeSet<&u64> = told.keys().chain(listed.keys()).collect();
        for index in indexes {
            match (told.get(index), listed.get(index)) {
                (Some(told), Some(listed)) if told == listed => {}
                (Some(told), Some(listed)) if shows_less(listed, told) => narrowed += 1,
                _ => bail!("{agency}: what it was told of {log} at {index} is not what the log shows it"),
            }
        }
    }
    Ok(narrowed)
}

/// Whether a view is of the same entry as an earlier one, with classes withheld that were shown, and otherwise the same.
fn shows_less(now: &EntryView, before: &EntryView) -> bool {
    now.leaf == before.leaf
        && now.shown.without(before.shown) == FieldClasses::NONE
        && now.shown.union(now.withheld) == before.shown.union(before.withheld)
}

/// Checks that an agency saw what oversight sees, or less of it. Returns how many entries were compared.
fn within(agency: &str, view: &View, records: &[OversightView]) -> Result<u64> {
    let mut compared = 0;
    for (log, entries) in view {
        for (index, seen) in entries {
            let whole = records.iter().find_map(|record| record.seen(log, *index));
            let whole = whole.with_context(|| format!("{agency}: {log} at {index} is not in the log"))?;
            let same = seen.leaf == whole.leaf && seen.shown.without(whole.shown) == FieldClasses::NONE;
            ensure!(same, "{agency}: {log} at {index} is another entry than oversight sees");
            compared += 1;
        }
    }
    Ok(compared)
}

/// Checks that somebody saw every entry, and that only its custodian saw what happened in a custody.
fn covered(views: &[(&'static str, View)], records: &[OversightView]) -> Result<()> {
    for record in records {
        for (log, entries) in &record.view {
            let readers: Vec<_> = views.iter().filter_map(|(agency, view)| Some((agency, view.get(log)?))).collect();
            for index in entries.keys() {
                let seen = readers.iter().filter(|(_, entries)| entries.contains_key(index)).count();
                let fits = match log.kind {
                    LogKind::Exchange => (1..=2).contains(&seen),
                    LogKind::Custody => seen == 1,
                };
                ensure!(fits, "{log} at {index} was seen by {seen} parties");
            }
        }
    }
    Ok(())
}

/// Checks that everything a receipt promises is in the log as its holder saw it.
fn kept(
    agency: &str,
    receipts: &[ReceiptedEntry],
    views: &[(&'static str, View)],
    records: &[OversightView],
) -> Result<u64> {
    let own = views.iter().find(|(id, _)| *id == agency).map(|(_, view)| view);
    let mut found = 0;
    for (log, index, leaf) in receipts {
        let told = own.and_then(|view| view.get(log)?.get(index));
        let told = told.or_else(|| records.iter().find_map(|record| record.confirmations.get(log)?.get(index)));
        let told = told.with_context(|| format!("{agency}: its receipt for {log} at {index} is of nothing it saw"))?;
        ensure!(told.leaf == *leaf, "{agency}: its receipt for {log} at {index} is of another entry");
        found += 1;
    }
    Ok(found)
}

fn same_figures(federal: &Figures, custodians: &Figures, logs: &Figures, exchanged: &Figures) -> Result<()> {
    if let Some(difference) = federal.as_issuer().difference(&exchanged.as_issuer()) {
        bail!("the requester's figures are not those of the exchange logs: {difference}");
    }
    for custodian in CUSTODIANS {
        if let Some(difference) = custodians.of(custodian.id).difference(&logs.of(custodian.id)) {
            bail!("the figures of {} are not those of the logs: {difference}", custodian.id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::determination::FieldClass;
    use crate::ledger;

    fn log(kind: LogKind) -> LogName {
        LogName { jurisdiction: "us-ny".parse().unwrap(), kind }
    }

    fn seen(content: &[u8], shown: FieldClasses) -> EntryView {
        EntryView { leaf: ledger::leaf_hash(content), shown, withheld: FieldClasses::all().without(shown) }
    }

    fn view(kind: LogKind, entries: &[(u64, EntryView)]) -> View {
        View::from([(log(kind), entries.iter().copied().collect())])
    }

    fn record(view: View) -> OversightView {
        let (tally, exchanged) = (Tally::default(), Tally::default());
        OversightView { view, tally, exchanged, confirmations: View::new(), checkpoints: BTreeMap::new() }
    }

    #[test]
    fn a_view_that_is_not_the_log_is_named_with_its_first_entry() {
        let counts: FieldClasses = [FieldClass::Count].into_iter().collect();
        let told = [(3, seen(b"a", counts)), (7, seen(b"b", counts))];
        let check = |listed: &[(u64, EntryView)], expected: Option<&str>| {
            let compared = same_view("us-ice", &view(LogKind::Exchange, &told), &view(LogKind::Exchange, listed));
            let error = compared.err().map(|error| error.to_string());
            match expected {
                Some(index) => assert!(error.unwrap().contains(&format!("us-ny/logs/exchange at {index}"))),
                None => assert_eq!(error, None),
            }
        };
        check(&told, None);
        check(&told[..1], Some("7"));
        check(&[told[0], told[1], (9, told[1].1)], Some("9"));
        check(&[told[0], (7, seen(b"c", counts))], Some("7"));
        check(&[told[0], (7, seen(b"b", FieldClasses::all()))], Some("7"));
        // Something else instead of what was told, and a class that is neither shown nor withheld.
        check(&[told[0], (7, seen(b"b", [FieldClass::Answer].into_iter().collect()))], Some("7"));
        let lost = EntryView { withheld: FieldClasses::NONE, ..seen(b"b", FieldClasses::NONE) };
        check(&[told[0], (7, lost)], Some("7"));
    }

    #[test]
    fn what_the_law_took_back_is_counted() {
        let counts: FieldClasses = [FieldClass::Count].into_iter().collect();
        let of = |shown| view(LogKind::Exchange, &[(3, seen(b"a", counts)), (7, seen(b"b", shown))]);
        assert_eq!(same_view("us-ice", &of(counts), &of(FieldClasses::NONE)).unwrap(), 1);
        assert_eq!(same_view("us-ice", &of(counts), &of(counts)).unwrap(), 0);
    }

    #[test]
    fn nobody_sees_what_oversight_does_not_or_more_of_it() {
        let whole = record(view(LogKind::Exchange, &[(0, seen(b"a", FieldClasses::NONE))]));
        let records = [whole];
        let check =
            |entries: &[(u64, EntryView)]| within("us-ice", &view(LogKind::Exchange, entries), &records).is_ok();
        assert!(check(&[(0, seen(b"a", FieldClasses::NONE))]));
        assert!(!check(&[(0, seen(b"a", FieldClasses::all()))]));
        assert!(!check(&[(0, seen(b"b", FieldClasses::NONE))]));
        assert!(!check(&[(1, seen(b"a", FieldClasses::NONE))]));
    }

    #[test]
    fn a_custody_is_seen_by_its_custodian_alone_and_a_receipt_holds_what_was_seen() {
        let entry = (0, seen(b"a", FieldClasses::all()));
        let records = [record(view(LogKind::Custody, &[entry]))];
        let reader = |id| (id, view(LogKind::Custody, &[entry]));
        assert!(covered(&[reader("us-ny-doccs")], &records).is_ok());
        assert!(covered(&[reader("us-ny-doccs"), reader("us-ice")], &records).is_err());
        assert!(covered(&[], &records).is_err());
        let promise = |index, content: &[u8]| [(log(LogKind::Custody), index, ledger::leaf_hash(content))];
        let views = [reader("us-ny-doccs")];
        assert_eq!(kept("us-ny-doccs", &promise(0, b"a"), &views, &records).unwrap(), 1);
        assert!(kept("us-ny-doccs", &promise(0, b"b"), &views, &records).is_err());
        assert!(kept("us-ny-doccs", &promise(1, b"a"), &views, &records).is_err());
        assert!(kept("us-ice", &promise(0, b"a"), &views, &records).is_err());
    }
}
