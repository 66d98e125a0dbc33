//! What is asked, and reports from an export or from nothing.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::ids::JurisdictionId;
use crate::domain::zone::Zones;
use crate::export::{Export, ExportError, ExportedEntry, LogManifest, Manifest, Payloads, ProvedEntries};
use crate::reports::{self, CountedTree, Fold, Merged, Publication, Question, Report};

/// Which figures.
#[derive(Debug, Args)]
pub(super) struct AskedArgs {
    /// Of this jurisdiction alone, as us-ny. Default: of all that the audience may read.
    #[arg(long, value_name = "JURISDICTION")]
    jurisdiction: Option<JurisdictionId>,
    /// The window from this day or moment on: a day is one where the jurisdiction is.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The window before this day or moment.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Counts nothing that was recorded after this moment.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Adds a book of claims (comity import), apart, and set against what was recorded. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) claims: Vec<PathBuf>,
}

/// What is asked, parsed.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) jurisdiction: Option<JurisdictionId>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
    pub(super) as_of: Option<Timestamp>,
    zone: TimeZone,
}

impl AskedArgs {
    /// Parses what is asked.
    pub(super) fn asked(&self) -> Result<Asked> {
        let zone = self.jurisdiction.as_ref().map_or(TimeZone::UTC, |own| Zones::default().of(own));
        let time = |text: &Option<String>| text.as_deref().map(|text| moment(text, &zone)).transpose();
        let (from, to, as_of) = (time(&self.from)?, time(&self.to)?, time(&self.as_of)?);
        ensure!(from.zip(to).is_none_or(|(from, to)| from < to), "--to must be after --from");
        Ok(Asked { jurisdiction: self.jurisdiction.clone(), from, to, as_of, zone })
    }
}

/// A moment as given, or the first moment of a day.
fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let day: Date =
        text.parse().with_context(|| format!("{text} is neither a day nor a moment, as 2026-02-01T00:00:00Z"))?;
    Ok(day.to_zoned(zone.clone())?.timestamp())
}

impl Asked {
    fn question(&self, audience: &str) -> Question {
        Question {
            jurisdiction: self.jurisdiction.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            audience: audience.to_owned(),
            from: self.from,
            to: self.to,
            as_of: self.as_of,
        }
    }
}

/// The logs that are asked of.
fn logs<'a>(export: &'a Export, asked: &Asked) -> Result<Vec<&'a LogManifest>> {
    let is_asked = |log: &&LogManifest| asked.jurisdiction.as_ref().is_none_or(|own| *own == log.log.jurisdiction);
    let logs: Vec<_> = export.manifest().logs.iter().filter(is_asked).collect();
    ensure!(!logs.is_empty(), "the export has no log of that jurisdiction");
    Ok(logs)
}

/// Their trees, of which nothing is counted yet.
fn trees(export: &Export, logs: &[&LogManifest]) -> Vec<CountedTree> {
    let origin = &export.manifest().origin;
    let tree = |log: &&LogManifest| CountedTree {
        origin: format!("{origin}/{}", log.log),
        size: log.size,
        root: log.root.to_base64(),
        counted: 0,
    };
    logs.iter().map(tree).collect()
}

/// Their entries, in the order in which they are counted.
fn entries(export: &Export, logs: &[&LogManifest]) -> Result<Merged<Counted>> {
    let entries = logs.iter().map(|log| export.proved_entries(log).map(Counted)).collect::<Result<Vec<_>, _>>()?;
    Ok(Merged::of(entries))
}

/// Entries of an export, for counting.
#[derive(Debug)]
struct Counted(ProvedEntries);

impl Iterator for Counted {
    type Item = Result<reports::CountedEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let counted = |entry: Result<ExportedEntry, ExportError>| {
            let ExportedEntry { log, index, leaf, openings, .. } = entry?;
            let counted = reports::CountedEntry::read(&log, &leaf, &openings);
            counted.with_context(|| format!("{log}, entry {index}: its content is no event"))
        };
        self.0.next().map(counted)
    }
}

/// The report that a gateway gives, from an export of what the audience may see.
pub(super) fn recomputed(export: &Export, asked: &Asked) -> Result<Report> {
    let logs = logs(export, asked)?;
    let mut fold = Fold::default();
    for entry in entries(export, &logs)? {
        let entry = entry?;
        if asked.as_of.is_none_or(|as_of| entry.recorded_at <= as_of) {
            fold.take(&entry);
        }
    }
    let mut trees = trees(export, &logs);
    for (tree, log) in trees.iter_mut().zip(&logs) {
        tree.counted = fold.counted(&log.log);
    }
    let Manifest { audience, payloads, .. } = export.manifest();
    let mut report = fold.report(&asked.question(&audience.to_string()), trees, &asked.zone);
    if *payloads != Payloads::All {
        let payloads = payloads.word();
        report
            .notes
            .push(format!("Computed from an export with payloads {payloads}: what is not in it is not counted."));
    }
    Ok(report)
}

/// What may be published of an export.
pub(super) fn published(export: &Export, asked: &Asked) -> Result<Report> {
    let logs = logs(export, asked)?;
    let mut publication = Publication::in_zone(asked.zone.clone());
    let mut last = Timestamp::UNIX_EPOCH;
    for entry in entries(export, &logs)? {
        let entry = entry?;
        last = last.max(entry.recorded_at);
        publication.take(&entry);
    }
    Ok(publication.finish(&asked.question("anybody"), trees(export, &logs), last))
}

/// A report in which nothing was recorded, for claims to be added to.
pub(super) fn of_claims_alone(asked: &Asked) -> Report {
    let question = asked.question("whoever holds the books of claims");
    Fold::default().report(&question, Vec::new(), &asked.zone)
}
