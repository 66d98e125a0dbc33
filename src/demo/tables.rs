//! The figures as tables, for a terminal 100 columns wide.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};

use crate::demo::agencies::{CUSTODIANS, FacilityKind, JURISDICTIONS, NEW_YORK, TEXAS};
use crate::demo::check::Findings;
use crate::demo::mix::{ByOutcome, CaseMix};
use crate::demo::number::number;
use crate::demo::tally::Figures;
use crate::domain::charge::OffenceCategory;
use crate::domain::custody::ReleaseRecipient;
use crate::domain::detainer::{AnswerKind, DeclineGround, Finding};

const WIDTH: u16 = 100;

/// A table with a title.
#[derive(Debug)]
pub(super) struct Titled {
    title: String,
    table: Table,
}

impl fmt::Display for Titled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        self.table.lines().try_for_each(|line| writeln!(f, "{}", line.trim_end()))
    }
}

/// Custodians whose figures share a column.
struct Group {
    name: &'static str,
    custodians: Vec<&'static str>,
}

fn groups() -> Vec<Group> {
    let of = |jurisdiction: &str, facility_kind: FacilityKind| {
        let own =
            CUSTODIANS.iter().filter(|own| own.jurisdiction() == jurisdiction && own.facility_kind == facility_kind);
        own.map(|own| own.id).collect()
    };
    vec![
        Group { name: "NY prison", custodians: of(NEW_YORK, FacilityKind::Prison) },
        Group { name: "NY jails", custodians: of(NEW_YORK, FacilityKind::Jail) },
        Group { name: "TX prison", custodians: of(TEXAS, FacilityKind::Prison) },
        Group { name: "TX jails", custodians: of(TEXAS, FacilityKind::Jail) },
    ]
}

fn everybody() -> Vec<&'static str> {
    CUSTODIANS.iter().map(|own| own.id).collect()
}

/// All tables, in order.
pub(super) fn all(findings: &Findings, mix: &CaseMix, in_new_york: ByOutcome<u64>) -> Vec<Titled> {
    vec![
        asked(&findings.federal),
        answered(&findings.custodians, &findings.federal),
        notified(&findings.custodians),
        ended(&findings.custodians, &findings.federal),
        by_offence(findings, mix, in_new_york),
        seen_by(findings),
    ]
}

fn asked(federal: &Figures) -> Titled {
    let columns = [
        ("form", "i-247a", "I-247A"),
        ("form", "i-247g", "I-247G"),
        ("warrant", "i-200", "I-200"),
        ("warrant", "i-205", "I-205"),
        ("warrant", "judicial", "judicial"),
        ("warrant", "none", "no warrant"),
    ];
    let mut headers = vec!["custodian", "asked"];
    headers.extend(columns.iter().map(|(_, _, name)| *name));
    let row = |name: &str, own: &[&'static str]| {
        let counts = columns.iter().map(|(subject, word, _)| number(federal.over(subject, own, &[word])));
        [name.to_owned(), number(federal.over("asked", own, &[]))].into_iter().chain(counts).collect()
    };
    let mut rows: Vec<Vec<String>> = CUSTODIANS.iter().map(|own| row(own.id, &[own.id])).collect();
    rows.push(row("total", &everybody()));
    titled("1. Asked, as the requester's own receipts have it", &headers, rows)
}

fn answered(custodians: &Figures, federal: &Figures) -> Titled {
    let kinds = [AnswerKind::HonorHold, AnswerKind::NotifyOnly, AnswerKind::PendingReview].map(AnswerKind::word);
    let findings = [Finding::NoSuchPerson, Finding::IdentityMismatch].map(Finding::word);
    let found = |own: &[&'static str]| findings.iter().map(|word| custodians.over("found", own, &[word])).sum::<u64>();
    let mut rows = vec![by_group("asked", |own| custodians.over("asked", own, &[]))];
    rows.extend(kinds.map(|word| by_group(&plain(word), |own| custodians.over("answered", own, &[word]))));
    for ground in DeclineGround::ALL {
        let word = ground.word();
        if custodians.over("answered", &everybody(), &[word]) > 0 {
            let name = format!("declined: {}", plain(word));
            rows.push(by_group(&name, |own| custodians.over("answered", own, &[word])));
        }
    }
    rows.extend(findings.map(|word| by_group(&plain(word), |own| custodians.over("found", own, &[word]))));
    rows.push(by_group("no answer before it, or the year, ended", |own| {
        custodians.over("answered", own, &["none"]).saturating_sub(found(own))
    }));
    rows.push(by_group("the requester knows the answer", |own| {
        federal.over("asked", own, &[]).saturating_sub(federal.over("answered", own, &["none"]))
    }));
    rows.push(by_group("the requester knows the finding", |own| federal.over("found", own, &[])));
    titled("2. Answered, how and on which ground, as the custodians have it", &group_headers(""), rows)
}

fn notified(custodians: &Figures) -> Titled {
    let buckets = [
        ("no notice", "not-noticed"),
        ("notice too late to be delivered", "not-delivered"),
        ("less than 48 hours ahead", "under-48-hours"),
        ("48 hours ahead or more", "48-hours-or-more"),
    ];
    let mut rows = vec![by_group("released", |own| custodians.over("lead", own, &[]))];
    rows.extend(buckets.map(|(name, word)| by_group(name, |own| custodians.over("lead", own, &[word]))));
    let median = |own: &[&'static str]| {
        custodians.median_lead_hours(own).map_or_else(|| "-".to_owned(), |hours| format!("{hours} h"))
    };
    let mut medians = vec!["median, of those delivered".to_owned()];
    medians.extend(groups().iter().map(|group| median(&group.custodians)));
    medians.push(median(&everybody()));
    rows.push(medians);
    titled("3. Notified, from the first delivery of the notice to the release", &group_headers(""), rows)
}

fn ended(custodians: &Figures, federal: &Figures) -> Titled {
    let outcome = |own: &[&'static str], outcome| custodians.over("outcome", own, &[outcome]);
    let mut rows = vec![by_group("asked", |own| custodians.over("asked", own, &[]))];
    for (name, word) in [
        ("  no such person", "no-such-person"),
        ("  identity mismatch", "identity-mismatch"),
        ("  lifted while the person was held", "lifted"),
        ("  still held", "outstanding"),
        ("  released", "released"),
    ] {
        rows.push(by_group(name, |own| outcome(own, word)));
    }
    for recipient in ReleaseRecipient::ALL {
        let word = recipient.word();
        let name = format!("    to: {}", plain(word));
        rows.push(by_group(&name, |own| custodians.over("recipient", own, &[word])));
    }
    let told = |own: &[&'static str]| federal.over("told", own, &[]);
    let in_full = |own: &[&'static str]| federal.over("told-in-full", own, &[]);
    rows.push(by_group("    requester told when and to whom", in_full));
    if told(&everybody()) > in_full(&everybody()) {
        rows.push(by_group("    requester told that, no more", |own| told(own).saturating_sub(in_full(own))));
    }
    rows.push(by_group("    requester not told", |own| outcome(own, "released").saturating_sub(told(own))));
    titled(
        "4. What became of them; released to whom, and told or not by the law of the place",
        &group_headers(""),
        rows,
    )
}

fn by_offence(findings: &Findings, mix: &CaseMix, in_new_york: ByOutcome<u64>) -> Titled {
    let of = |jurisdiction: &str| -> Vec<&'static str> {
        CUSTODIANS.iter().filter(|own| own.jurisdiction() == jurisdiction).map(|own| own.id).collect()
    };
    let (new_york, texas) = (of(NEW_YORK), of(TEXAS));
    let held = mix.offences.outstanding.scaled(in_new_york.outstanding);
    let gone = mix.offences.released.scaled(in_new_york.released);
    let outcome = |own: &[&'static str], outcome, word| findings.logs.over("outcome", own, &[outcome, word]);
    let mut columns: Vec<Vec<u64>> = OffenceCategory::ALL
        .iter()
        .map(|offence| {
            let word = offence.word();
            vec![
                held.get(offence).copied().unwrap_or_default(),
                outcome(&new_york, "outstanding", word),
                findings.federal.over("open", &new_york, &[word]),
                gone.get(offence).copied().unwrap_or_default(),
                outcome(&new_york, "released", word),
                outcome(&texas, "outstanding", word),
                findings.federal.over("open", &texas, &[word]),
                outcome(&texas, "released", word),
            ]
        })
        .collect();
    let sums = (0..8).map(|at| columns.iter().filter_map(|row| row.get(at)).sum()).collect();
    columns.push(sums);
    let names = OffenceCategory::ALL.iter().map(|offence| offence.word()).chain(["total"]);
    let rows = names.zip(columns).map(|(name, counts)| {
        std::iter::once(name.to_owned()).chain(counts.into_iter().map(number)).collect::<Vec<_>>()
    });
    let headers = [
        "",
        "NY held\nmix",
        "\nlogs",
        "open,\nas told",
        "released\nmix",
        "\nlogs",
        "TX held\nlogs",
        "open,\nas told",
        "released\nlogs",
    ];
    titled(
        "5. By offence: the mix, the logs, and what still stands as far as the requester was told",
        &headers,
        rows.collect(),
    )
}

fn seen_by(findings: &Findings) -> Titled {
    let sum =
        |figures: &Figures, subject: &'static str, rest: &[&'static str]| figures.over(subject, &everybody(), rest);
    let rows = [
        ("detainers", "asked", &[][..]),
        ("found in custody", "found", &["matched-custody"]),
        ("no such person", "found", &["no-such-person"]),
        ("identity mismatch", "found", &["identity-mismatch"]),
        ("answered: will be held", "answered", &["honor-hold"]),
        ("answered: will be notified", "answered", &["notify-only"]),
        ("noticed ahead of release", "noticed", &[]),
        ("released", "outcome", &["released"]),
        ("lifted", "lifted", &[]),
    ];
    let rows = rows.into_iter().map(|(name, subject, rest)| {
        let federal = match subject {
            "outcome" => sum(&findings.federal, "told", &[]),
            _ => sum(&findings.federal, subject, rest),
        };
        let others = [&findings.custodians, &findings.logs].map(|figures| number(sum(figures, subject, rest)));
        [name.to_owned(), number(federal)].into_iter().chain(others).collect()
    });
    titled(
        "6. Seen by: where the law does not let the requester be told, its figures are lower",
        &["", "requester", "custodians", "logs"],
        rows.collect(),
    )
}

/// A row over the groups, with their sum.
fn by_group(name: &str, count: impl Fn(&[&'static str]) -> u64) -> Vec<String> {
    let counts = groups().into_iter().map(|group| number(count(&group.custodians)));
    let total = number(count(&everybody()));
    std::iter::once(name.to_owned()).chain(counts).chain([total]).collect()
}

fn group_headers(first: &'static str) -> Vec<&'static str> {
    std::iter::once(first).chain(groups().iter().map(|group| group.name)).chain(["total"]).collect()
}

/// A table of labels and numbers.
pub(super) fn titled(title: &str, headers: &[&str], rows: Vec<Vec<String>>) -> Titled {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for component in [TableComponent::HeaderLines, TableComponent::MiddleHeaderIntersections] {
        table.set_style(component, '─');
    }
    table.set_width(WIDTH).set_header(headers).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Titled { title: title.to_owned(), table }
}

fn plain(word: &str) -> String {
    word.replace('-', " ")
}

/// How many jurisdictions take part.
pub(super) fn jurisdictions() -> usize {
    JURISDICTIONS.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_thousands_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (17_575, "17,575"), (1_000_000, "1,000,000")] {
            assert_eq!(number(value), text);
        }
    }
}
