//! What is asked, and reports from an export or from nothing.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::ids::JurisdictionId;
use crate::domain::zone::Zones;
use crate::reports::{self, Archive, CountedTree, Entries, Fold, Merged, Publication, Question, Report};

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

/// The entries of the logs that are asked of, in the order in which they are counted.
fn entries(archive: &Archive, asked: &Asked) -> Result<(Merged<Counted>, Vec<CountedTree>)> {
    let is_asked = |log: &&reports::ExportedLog| {
        asked.jurisdiction.as_ref().is_none_or(|jurisdiction| *jurisdiction == log.log.jurisdiction)
    };
    let logs: Vec<_> = archive.manifest.logs.iter().filter(is_asked).collect();
    ensure!(!logs.is_empty(), "the export has no log of that jurisdiction");
    let tree = |log: &&reports::ExportedLog| CountedTree {
        origin: format!("{}/{}", archive.manifest.origin, log.log),
        size: log.size,
        root: log.root.clone(),
        counted: 0,
    };
    let trees = logs.iter().map(tree).collect();
    let entries = logs.iter().map(|log| archive.entries(log).map(Counted)).collect::<Result<Vec<_>, _>>()?;
    Ok((Merged::of(entries), trees))
}

/// Entries of an export, for counting.
#[derive(Debug)]
struct Counted(Entries);

impl Iterator for Counted {
    type Item = Result<reports::CountedEntry, reports::ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|entry| entry.counted))
    }
}

/// The report that a gateway gives, from an export of what the audience may see.
pub(super) fn recomputed(archive: &Archive, asked: &Asked) -> Result<Report> {
    let (entries, mut trees) = entries(archive, asked)?;
    let mut fold = Fold::default();
    for entry in entries {
        let entry = entry?;
        if asked.as_of.is_none_or(|as_of| entry.recorded_at <= as_of) {
            fold.take(&entry);
        }
    }
    for (tree, log) in
        trees.iter_mut().zip(
            archive.manifest.logs.iter().filter(|log| {
                asked.jurisdiction.as_ref().is_none_or(|jurisdiction| *jurisdiction == log.log.jurisdiction)
            }),
        )
    {
        tree.counted = fold.counted(&log.log);
    }
    let mut report = fold.report(&asked.question(&archive.manifest.audience), trees, &asked.zone);
    if archive.manifest.payloads != "all" {
        report.notes.push(format!(
            "Computed from an export with payloads {}: what is not in it is not counted.",
            archive.manifest.payloads
        ));
    }
    Ok(report)
}

/// What may be published of an export.
pub(super) fn published(archive: &Archive, asked: &Asked) -> Result<Report> {
    let (entries, trees) = entries(archive, asked)?;
    let mut publication = Publication::in_zone(asked.zone.clone());
    let mut last = Timestamp::UNIX_EPOCH;
    for entry in entries {
        let entry = entry?;
        last = last.max(entry.recorded_at);
        publication.take(&entry);
    }
    Ok(publication.finish(&asked.question("anybody"), trees, last))
}

/// A report in which nothing was recorded, for claims to be added to.
pub(super) fn of_claims_alone(asked: &Asked) -> Report {
    let question = asked.question("whoever holds the books of claims");
    Fold::default().report(&question, Vec::new(), &asked.zone)
}
