//! Runs every cell of docs/lifecycle.md through the rule book.

use std::collections::{BTreeMap, BTreeSet};

use comity::domain::command::CaseCommand;
use comity::domain::custody::CustodyState;
use comity::domain::decide::Refusal;
use comity::domain::detainer::{AnswerKind, DetainerState, Finding, LiftReason};
use comity::domain::determination::{FieldClasses, LawView, Ruling};
use comity::domain::ids::CaseName;
use uuid::Uuid;

use crate::sample;
use crate::world::World;

const DOCUMENT: &str = include_str!("../../docs/lifecycle.md");

/// What a command does to a case, in the words of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Becomes(String),
    AsBefore,
    Refused(Refusal),
}

#[test]
fn every_cell_of_the_detainer_table_holds() {
    let table = table("## Detainer");
    let states: BTreeSet<&str> = DetainerState::ALL.iter().map(|state| state.word()).collect();
    let covered: BTreeSet<&str> = table.rows.keys().map(|row| state_of(row)).collect();
    assert_eq!(covered, states.into_iter().chain(["none yet"]).collect(), "a state is missing or not one");
    assert_eq!(table.rows.keys().map(String::as_str).collect::<BTreeSet<_>>(), DETAINER_ROWS.into());
    assert_eq!(table.columns, detainer_columns());
    for law in laws() {
        for ((row, column), expected) in table.cells() {
            assert_eq!(run_detainer(row, column, &law), expected, "{row} | {column} | notify {:?}", law.notify.ruling);
        }
    }
}

#[test]
fn every_cell_of_the_custody_table_holds() {
    let table = table("## Custody");
    let states: BTreeSet<&str> = CustodyState::ALL.iter().map(|state| state.word()).collect();
    let covered: BTreeSet<&str> = table.rows.keys().map(|row| state_of(row)).collect();
    assert_eq!(covered, states.into_iter().chain(["none yet"]).collect(), "a state is missing or not one");
    assert_eq!(table.rows.keys().map(String::as_str).collect::<BTreeSet<_>>(), CUSTODY_ROWS.into());
    assert_eq!(table.columns, ["ScheduleRelease", "RecordRelease", "Acknowledge: matched custody"]);
    for law in laws() {
        for ((row, column), expected) in table.cells() {
            assert_eq!(run_custody(row, column, &law), expected, "{row} | {column}");
        }
    }
}

#[test]
fn every_refusal_is_explained_in_its_own_words() {
    assert_eq!(refusals().len(), REFUSALS.len());
    for (_, refusal) in REFUSALS {
        assert!(refusals().values().any(|explained| explained == &refusal.to_string()), "{refusal} is not explained");
    }
    let tables = ["## Detainer", "## Custody"].map(table);
    let told: BTreeSet<String> =
        tables.iter().flat_map(Table::cells).map(|(_, outcome)| format!("{outcome:?}")).collect();
    for (_, refusal) in REFUSALS {
        let outcome = format!("{:?}", Outcome::Refused(refusal));
        assert!(told.contains(&outcome), "no cell leads to {refusal:?}");
    }
}

#[test]
fn a_command_is_in_a_table_or_opens_a_case() {
    let opening = ["LodgeDetainer", "OpenCustody"];
    let of_detainers = detainer_columns();
    for method in comity::domain::command::Method::ALL {
        let name = method.rpc().split('/').nth(1).unwrap();
        let short = name.trim_end_matches("Detainer");
        let listed = of_detainers.iter().any(|column| column.split(':').next() == Some(short))
            || table("## Custody").columns.iter().any(|column| column == name);
        // Acknowledging an inbox moves no case.
        assert!(listed || opening.contains(&name) || method.rpc().starts_with("InboxService"), "{name} is in no table");
    }
}

#[test]
fn scheduling_a_release_ends_no_detainer() {
    for law in laws() {
        for row in DETAINER_ROWS {
            let (mut world, detainer, custody) = detainer_in(row, &law);
            let before = world.detainer(&detainer).map(|detainer| detainer.state);
            let schedule = CaseCommand::ScheduleRelease { custody, release: sample::scheduled() };
            // Refused where the person was released already; a detainer is touched in neither case.
            let _scheduled = world.give("doccs", schedule, &law);
            assert_eq!(world.detainer(&detainer).map(|detainer| detainer.state), before, "{row}");
        }
    }
}

/// Laws as different as they can be: the tables hold under each.
fn laws() -> Vec<LawView> {
    let disclosed = [FieldClasses::all(), FieldClasses::NONE];
    let rulings = Ruling::ALL.iter().copied();
    rulings.flat_map(|ruling| disclosed.map(|classes| sample::law(ruling, ruling, classes))).collect()
}

const DETAINER_ROWS: [&str; 14] = [
    "none yet",
    "lodged, to an agency",
    "lodged, to the jurisdiction",
    "under-review, before a match, to an agency",
    "matched",
    "under-review, matched",
    "hold-honored",
    "notify-only",
    "declined, before a match",
    "declined, matched",
    "no-such-person",
    "identity-mismatch",
    "released",
    "withdrawn",
];

const CUSTODY_ROWS: [&str; 6] = [
    "none yet",
    "held",
    "held, a detainer of the same issuer stands on it",
    "held, in another jurisdiction than the detainer",
    "release-scheduled",
    "released",
];

const REFUSALS: [(&str, Refusal); 10] = [
    ("no such case", Refusal::NoSuchCase),
    ("already acknowledged", Refusal::AlreadyAcknowledged),
    ("already answered", Refusal::AlreadyAnswered),
    ("not matched", Refusal::NotMatched),
    ("no longer stands", Refusal::NoLongerStands),
    ("already withdrawn", Refusal::AlreadyWithdrawn),
    ("already lodged", Refusal::AlreadyLodged),
    ("already released", Refusal::AlreadyReleased),
    ("already scheduled", Refusal::AlreadyScheduled),
    ("awaits the holder", Refusal::AwaitsHolder),
];

fn detainer_columns() -> Vec<String> {
    let spoken = |word: &str| word.replace('-', " ");
    let findings = Finding::ALL.iter().map(|finding| format!("Acknowledge: {}", spoken(finding.word())));
    let answers = AnswerKind::ALL.iter().map(|kind| format!("Answer: {}", spoken(kind.word())));
    let rest = ["Withdraw", "Release of the person"].map(str::to_owned);
    findings.chain(answers).chain(rest).collect()
}

/// A detainer in the state of a row, reached by commands, and a custody of New York's prisons: the one it stands on, if it
/// stands on one. With no detainer yet, a name that nothing bears.
fn detainer_in(row: &str, law: &LawView) -> (World, CaseName, CaseName) {
    let mut world = World::new();
    let custody = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), law);
    if row == "none yet" {
        return (world, CaseName::detainer(sample::jurisdiction(), Uuid::from_u128(1)), custody);
    }
    let to_jurisdiction = row.ends_with("to the jurisdiction");
    let addressee = if to_jurisdiction { None } else { Some("doccs") };
    let detainer = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(addressee)), law);
    let found = |finding, custody| CaseCommand::AcknowledgeDetainer {
        detainer: detainer.clone(),
        acknowledgement: sample::found(finding, custody),
    };
    let matched = || found(Finding::MatchedCustody, Some(&custody));
    let answer = |kind| CaseCommand::AnswerDetainer { detainer: detainer.clone(), answer: sample::answer(kind) };
    let way = match row.trim_end_matches(", to an agency").trim_end_matches(", to the jurisdiction") {
        "lodged" => vec![],
        "under-review, before a match" => vec![answer(AnswerKind::PendingReview)],
        "matched" => vec![matched()],
        "under-review, matched" => vec![matched(), answer(AnswerKind::PendingReview)],
        "hold-honored" => vec![matched(), answer(AnswerKind::HonorHold)],
        "notify-only" => vec![matched(), answer(AnswerKind::NotifyOnly)],
        "declined, before a match" => vec![answer(AnswerKind::Decline)],
        "declined, matched" => vec![matched(), answer(AnswerKind::Decline)],
        "no-such-person" => vec![found(Finding::NoSuchPerson, None)],
        "identity-mismatch" => vec![found(Finding::IdentityMismatch, None)],
        "released" => vec![matched(), release(&custody)],
        "withdrawn" => vec![matched(), withdraw(&detainer)],
        unknown => panic!("no way to a detainer {unknown}"),
    };
    for command in way {
        let caller = if matches!(command, CaseCommand::WithdrawDetainer { .. }) { "ice" } else { "doccs" };
        world.pass(caller, command, law);
    }
    assert_eq!(world.detainer(&detainer).unwrap().state.word(), state_of(row));
    (world, detainer, custody)
}

fn run_detainer(row: &str, column: &str, law: &LawView) -> Outcome {
    let (mut world, detainer, custody) = detainer_in(row, law);
    let kind = column.split_once(": ").map(|(_, kind)| kind.replace(' ', "-"));
    let (caller, command) = match column.split(':').next().unwrap() {
        "Acknowledge" => {
            let finding: Finding = kind.unwrap().parse().unwrap();
            // Another custody than the one it may stand on already, so that this is not what it is refused for.
            let other = world.pass("doccs", CaseCommand::OpenCustody(sample::intake()), law);
            let custody = (finding == Finding::MatchedCustody).then_some(&other);
            let acknowledgement = sample::found(finding, custody);
            ("doccs", CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement })
        }
        "Answer" => {
            let answer = sample::answer(kind.unwrap().parse().unwrap());
            ("doccs", CaseCommand::AnswerDetainer { detainer: detainer.clone(), answer })
        }
        "Withdraw" => ("ice", withdraw(&detainer)),
        "Release of the person" => ("doccs", release(&custody)),
        unknown => panic!("no command {unknown}"),
    };
    let before = world.clone();
    let outcome = world.give(caller, command, law);
    let after = world.detainer(&detainer);
    match outcome {
        // A person who was released already is not released again; the table speaks of the detainer.
        Err(Refusal::AlreadyReleased) if column == "Release of the person" => Outcome::AsBefore,
        Err(refusal) => {
            assert_eq!(world.cases, before.cases, "a refusal changes nothing");
            Outcome::Refused(refusal)
        }
        Ok(_) if after == before.detainer(&detainer) => Outcome::AsBefore,
        Ok(_) => Outcome::Becomes(after.unwrap().state.word().to_owned()),
    }
}

fn run_custody(row: &str, column: &str, law: &LawView) -> Outcome {
    let mut world = World::new();
    let detainer = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), law);
    let jurisdiction =
        if row.contains("another jurisdiction") { "us-tx".parse().unwrap() } else { sample::jurisdiction() };
    let prison = sample::officer("doccs");
    let mut custody = CaseName::custody(sample::jurisdiction(), Uuid::from_u128(1));
    if row != "none yet" {
        let opened = world.give_in(&jurisdiction, &prison, CaseCommand::OpenCustody(sample::intake()), law).unwrap();
        custody = opened.first().unwrap().resource.clone();
    }
    match row {
        "none yet" | "held" | "held, in another jurisdiction than the detainer" => {}
        "held, a detainer of the same issuer stands on it" => {
            let first = world.pass("ice", CaseCommand::LodgeDetainer(sample::request(Some("doccs"))), law);
            world.pass("doccs", matched(&first, &custody), law);
        }
        "release-scheduled" => {
            world.pass("doccs", schedule(&custody), law);
        }
        "released" => {
            world.pass("doccs", release(&custody), law);
        }
        unknown => panic!("no way to a custody {unknown}"),
    }
    assert_eq!(world.custody(&custody).map_or("none yet", |custody| custody.state.word()), state_of(row));
    let (jurisdiction, command) = match column {
        "ScheduleRelease" => (jurisdiction, schedule(&custody)),
        "RecordRelease" => (jurisdiction, release(&custody)),
        "Acknowledge: matched custody" => (sample::jurisdiction(), matched(&detainer, &custody)),
        unknown => panic!("no command {unknown}"),
    };
    let before = world.clone();
    match world.give_in(&jurisdiction, &prison, command, law) {
        Err(refusal) => {
            assert_eq!(world.cases, before.cases, "a refusal changes nothing");
            Outcome::Refused(refusal)
        }
        Ok(_) => Outcome::Becomes(world.custody(&custody).unwrap().state.word().to_owned()),
    }
}

fn matched(detainer: &CaseName, custody: &CaseName) -> CaseCommand {
    let acknowledgement = sample::found(Finding::MatchedCustody, Some(custody));
    CaseCommand::AcknowledgeDetainer { detainer: detainer.clone(), acknowledgement }
}

fn withdraw(detainer: &CaseName) -> CaseCommand {
    CaseCommand::WithdrawDetainer { detainer: detainer.clone(), reason: LiftReason::CaseClosed }
}

fn schedule(custody: &CaseName) -> CaseCommand {
    CaseCommand::ScheduleRelease { custody: custody.clone(), release: sample::scheduled() }
}

fn release(custody: &CaseName) -> CaseCommand {
    CaseCommand::RecordRelease { custody: custody.clone(), release: sample::released() }
}

/// The state that a row is about; what follows a comma tells one way to it from another.
fn state_of(row: &str) -> &str {
    row.split(',').next().unwrap_or(row)
}

/// A table of the document.
struct Table {
    columns: Vec<String>,
    rows: BTreeMap<String, Vec<String>>,
}

impl Table {
    fn cells(&self) -> impl Iterator<Item = ((&str, &str), Outcome)> {
        self.rows.iter().flat_map(|(row, cells)| {
            assert_eq!(cells.len(), self.columns.len(), "{row} has another number of cells");
            let columns = self.columns.iter().zip(cells);
            columns.map(|(column, cell)| ((row.as_str(), column.as_str()), outcome(cell)))
        })
    }
}

fn outcome(cell: &str) -> Outcome {
    match cell.strip_prefix("refused: ") {
        Some(short) => {
            let refusal = REFUSALS.iter().find(|(known, _)| *known == short).map(|(_, refusal)| *refusal);
            let refusal = refusal.unwrap_or_else(|| panic!("{short} is no refusal"));
            assert_eq!(refusals().get(short), Some(&refusal.to_string()), "{short} is explained in other words");
            Outcome::Refused(refusal)
        }
        None if cell == "as before" => Outcome::AsBefore,
        None => Outcome::Becomes(cell.to_owned()),
    }
}

fn refusals() -> BTreeMap<String, String> {
    let rows = table("## Refusals").rows.into_iter();
    rows.map(|(short, cells)| (short, cells.into_iter().next().unwrap())).collect()
}

/// The one table below a heading.
fn table(heading: &str) -> Table {
    let section = DOCUMENT.split("\n## ").find(|section| section.lines().next() == heading.strip_prefix("## "));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let mut lines = section.lines().filter(|line| line.starts_with('|')).map(|line| {
        let cells = line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        cells.collect::<Vec<_>>()
    });
    let columns = lines.next().unwrap_or_else(|| panic!("no table below {heading}")).split_off(1);
    let mut rows = BTreeMap::new();
    for mut row in lines.skip(1) {
        let cells = row.split_off(1);
        let name = row.pop().unwrap();
        assert!(rows.insert(name.clone(), cells).is_none(), "{name} stands twice below {heading}");
    }
    Table { columns, rows }
}
