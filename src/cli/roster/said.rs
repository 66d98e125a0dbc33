//! What is printed of a roster: a table, or one JSON document. Rows by their numbers, and no names.

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::cli::call::{print, report};
use crate::cli::roster::acknowledge::{Acknowledged, Became, Line};
use crate::cli::roster::reconcile::Reconciling;
use crate::domain::roster::BirthDateAgreement;
use crate::domain::subject::IdentifierKind;
use crate::wire::{enums, v1};

/// Prints everything that was found.
pub(super) fn print_all(
    roster: &Reconciling,
    rejected: usize,
    acknowledged: &Acknowledged,
    as_json: bool,
) -> Result<()> {
    if as_json {
        return print(&format!("{:#}", document(roster, rejected, acknowledged)));
    }
    let proposed: Vec<[String; 7]> = roster.findings.values().flat_map(proposals).collect();
    if !proposed.is_empty() {
        let header = ["row", "detainer", "exact", "score", "birth dates", "numbers in common", "numbers that differ"];
        print_table(header, proposed)?;
    }
    if !acknowledged.lines.is_empty() {
        let lines = acknowledged.lines.iter().map(|line| [line.row.to_string(), line.detainer.clone(), line.became()]);
        print_table(["row", "detainer", "acknowledged"], lines.collect())?;
    }
    for custody in &roster.departed {
        print(&format!("left without a release on record: {custody}"))?;
    }
    let new = roster.findings.values().filter(|finding| finding.custodies.is_empty()).count();
    let on_record = roster.findings.len().saturating_sub(new);
    let candidates = roster.findings.values().map(|finding| finding.candidates.len()).sum::<usize>();
    print(&format!(
        "{on_record} on record + {new} new + {rejected} that could not be used; {candidates} detainers proposed; {} left \
         without a release",
        roster.departed.len()
    ))
}

fn proposals(finding: &v1::RosterFinding) -> impl Iterator<Item = [String; 7]> {
    finding.candidates.iter().map(|candidate| {
        [
            finding.row.to_string(),
            candidate.detainer.clone(),
            if candidate.exact { "yes" } else { "no" }.to_owned(),
            format!("{:.3}", candidate.score),
            birth_dates(candidate).to_owned(),
            kinds(&candidate.in_common).join(", "),
            kinds(&candidate.contradicting).join(", "),
        ]
    })
}

fn birth_dates(candidate: &v1::RosterCandidate) -> &'static str {
    enums::from_wire::<BirthDateAgreement>(candidate.birth_dates).map_or("", BirthDateAgreement::word)
}

fn kinds(numbers: &[i32]) -> Vec<&'static str> {
    numbers.iter().filter_map(|kind| enums::from_wire::<IdentifierKind>(*kind)).map(IdentifierKind::word).collect()
}

fn print_table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) -> Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(header);
    table.add_rows(rows);
    table.lines().try_for_each(|line| print(line.trim_end()))
}

impl Line {
    fn became(&self) -> String {
        match &self.outcome {
            Became::Recorded { log, index } => format!("{log}/entries/{index}"),
            Became::Left(why) => format!("no: {why}"),
            Became::Refused(failure) => {
                format!("refused: {}", report(failure).get("message").and_then(Value::as_str).unwrap_or_default())
            }
        }
    }

    fn document(&self) -> Value {
        let Self { row, detainer, custody, outcome } = self;
        match outcome {
            Became::Recorded { log, index } => {
                json!({ "row": row, "detainer": detainer, "custody": custody, "log": log, "index": index })
            }
            Became::Left(why) => json!({ "row": row, "detainer": detainer, "left": why }),
            Became::Refused(failure) => json!({ "row": row, "detainer": detainer, "error": report(failure) }),
        }
    }
}

fn document(roster: &Reconciling, rejected: usize, acknowledged: &Acknowledged) -> Value {
    let found = roster.findings.values().filter(|finding| !finding.candidates.is_empty());
    let found = found.map(|finding| {
        let candidates = finding.candidates.iter().map(|candidate| {
            json!({
                "detainer": candidate.detainer,
                "issuer": candidate.issuer,
                "exact": candidate.exact,
                "score": candidate.score,
                "nameScore": candidate.name_score,
                "birthDates": birth_dates(candidate),
                "inCommon": kinds(&candidate.in_common),
                "contradicting": kinds(&candidate.contradicting),
            })
        });
        json!({ "row": finding.row, "custodies": finding.custodies, "candidates": candidates.collect::<Vec<_>>() })
    });
    let new = roster.findings.values().filter(|finding| finding.custodies.is_empty());
    let new: Vec<i64> = new.map(|finding| finding.row).collect();
    json!({
        "rows": roster.findings.len(),
        "rejected": rejected,
        "proposed": found.collect::<Vec<_>>(),
        "new": new,
        "departed": roster.departed,
        "acknowledged": acknowledged.lines.iter().map(Line::document).collect::<Vec<_>>(),
    })
}
