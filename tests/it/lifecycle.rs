//! Runs every cell of docs/lifecycle.md through the rule book.

mod appeals;
mod duties;
mod table;
mod ways;

use std::collections::BTreeSet;

use comity::domain::case::StoredCase;
use comity::domain::command::{CaseCommand, Method};
use comity::domain::custody::{CustodyState, MovementKind};
use comity::domain::detainer::{Answer, AnswerKind, Detainer, DetainerState, Finding};
use comity::domain::determination::{FieldClasses, LawView, Ruling};
use comity::domain::event::Event;
use comity::domain::ids::{AgencyId, CaseName};
use comity::domain::review::{ReviewDecision, ReviewMatter, ReviewState};
use comity::domain::transfer::TransferState;
use uuid::Uuid;

use crate::lifecycle::appeals::{
    APPEAL_COLUMNS, answered_of_one, appeal_answers, appealed, run_appeal, run_appeal_of_one,
};
use crate::lifecycle::table::{Outcome, REFUSALS, Table, refusals, table};
use crate::lifecycle::ways::{
    CUSTODIAN, ISSUER, NEXT, booked, detainer_in, entered, matched, picked_up, said, transfer_in,
};
use crate::sample;
use crate::world::World;

/// A table of the document: its heading, the states that its rows go through, rows and columns, and how a cell is run.
struct Chapter {
    heading: &'static str,
    states: Vec<&'static str>,
    rows: &'static [&'static str],
    columns: Vec<String>,
    run: fn(&str, &str, &LawView) -> Outcome,
}

fn chapters() -> Vec<Chapter> {
    let of_detainers = |heading, columns| Chapter {
        heading,
        states: DetainerState::ALL.iter().map(|state| state.word()).collect(),
        rows: &DETAINER_ROWS,
        columns,
        run: run_detainer,
    };
    let owned = |columns: &[&str]| columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>();
    vec![
        of_detainers(
            "## Detainer",
            [
                findings("Acknowledge"),
                owned(&[ANOTHERS]),
                answers("Answer"),
                owned(&["Withdraw", "Release of the person"]),
            ]
            .concat(),
        ),
        of_detainers("## Detainer: what the issuer adds", owned(&ISSUER_ADDS)),
        of_detainers("## Detainer: what the custodian adds", owned(&CUSTODIAN_ADDS)),
        of_detainers("## Detainer: interviews", owned(&INTERVIEWS)),
        of_detainers("## Detainer: what becomes of it with the custody", owned(&WITH_THE_CUSTODY)),
        of_detainers(
            "## Corrections",
            [findings("Correct the finding"), answers("Correct the answer"), owned(&CORRECTIONS)].concat(),
        ),
        Chapter {
            heading: "## Custody",
            states: CustodyState::ALL.iter().map(|state| state.word()).collect(),
            rows: &CUSTODY_ROWS,
            columns: custody_columns(),
            run: run_custody,
        },
        Chapter {
            heading: "## Transfer",
            states: TransferState::ALL.iter().map(|state| state.word()).collect(),
            rows: &TRANSFER_ROWS,
            columns: owned(&TRANSFER_COLUMNS),
            run: run_transfer,
        },
        Chapter {
            heading: "## Appeal",
            states: vec!["issued"],
            rows: &["none yet", "issued"],
            columns: owned(&APPEAL_COLUMNS),
            run: run_appeal,
        },
        Chapter {
            run: run_appeal_of_one,
            ..of_detainers("## Appeal: what is answered of a detainer", appeal_answers())
        },
        Chapter {
            heading: "## Reviews",
            states: ReviewState::ALL.iter().map(|state| state.word()).collect(),
            rows: &duties::REVIEW_ROWS,
            columns: owned(&duties::REVIEW_COLUMNS),
            run: duties::run_review,
        },
        Chapter {
            heading: "## Obligations",
            states: vec!["owed", "met"],
            rows: &duties::OBLIGATION_ROWS,
            columns: owned(&duties::OBLIGATION_COLUMNS),
            run: duties::run_obligation,
        },
    ]
}

#[test]
fn every_cell_of_every_table_holds() {
    for Chapter { heading, states, rows, columns, run } in chapters() {
        let table = table(heading);
        let covered: BTreeSet<&str> = table.rows.keys().map(|row| state_of(row)).collect();
        let states: BTreeSet<&str> = states.into_iter().chain(["none yet"]).collect();
        assert_eq!(covered, states, "a state is missing below {heading}, or not one");
        assert_eq!(table.rows.keys().map(String::as_str).collect::<BTreeSet<_>>(), rows.iter().copied().collect());
        assert_eq!(table.columns, columns, "below {heading}");
        for law in laws() {
            for ((row, column), expected) in table.cells() {
                if heading == "## Transfer" || promises(row) || outcome_promises(&expected) {
                    // What the law forbids is not promised, nor does a promise outlast it.
                    if law.notify.ruling == Ruling::MustNot {
                        continue;
                    }
                }
                let outcome = run(row, column, &law);
                assert_eq!(outcome, expected, "{heading} | {row} | {column} | notify {:?}", law.notify.ruling);
            }
        }
    }
}

#[test]
fn every_refusal_is_explained_in_its_own_words() {
    let variants = include_str!("../../src/domain/refusal.rs").matches("#[error(").count();
    assert_eq!((refusals().len(), REFUSALS.len()), (variants, variants));
    for (short, refusal) in REFUSALS {
        assert_eq!(refusals().get(short), Some(&refusal.to_string()), "{short} is explained in other words");
    }
    let tables: Vec<Table> = chapters().iter().map(|chapter| table(chapter.heading)).collect();
    let told: Vec<Outcome> = tables.iter().flat_map(Table::cells).map(|(_, outcome)| outcome).collect();
    for (_, refusal) in REFUSALS {
        assert!(told.contains(&Outcome::Refused(refusal)), "no cell leads to {refusal:?}");
    }
}

#[test]
fn every_command_is_in_a_table_or_opens_a_case() {
    let mut given = BTreeSet::new();
    for chapter in chapters() {
        for column in &chapter.columns {
            match chapter.heading {
                "## Custody" if column.starts_with("Acknowledge") => {}
                "## Custody" => {
                    given.insert(entered(column, &CaseName::custody(sample::jurisdiction(), Uuid::nil())).method());
                }
                "## Appeal" => {
                    given.insert(appealed(column, &mut World::new(), &[], &laws()[0]).1.method());
                }
                "## Appeal: what is answered of a detainer" => {
                    let name = CaseName::appeal(sample::jurisdiction(), Uuid::nil());
                    given.insert(answered_of_one(column, &name, &name).method());
                }
                "## Transfer" => {
                    let (_, transfer) = transfer_in("none yet", &laws()[0]);
                    given.extend(
                        picked_up(column, &transfer, &sample::window(1_000))
                            .iter()
                            .map(|(_, command)| command.method()),
                    );
                }
                "## Reviews" | "## Obligations" => {
                    let name = CaseName::detainer(sample::jurisdiction(), Uuid::nil());
                    let resolve = duties::resolve(&name, ReviewMatter::Notify, ReviewDecision::Permit);
                    given.extend([resolve, duties::meet(&name)].map(|command| command.method()));
                }
                _ => {
                    let (mut world, detainer, custody) = detainer_in("matched", &laws()[0]);
                    given.insert(said(column, &mut world, &detainer, &custody, &laws()[0]).1.method());
                }
            }
        }
    }
    for method in Method::ALL {
        // What is said of an inbox moves no case.
        let opens = [Method::LodgeDetainer, Method::OpenCustody].contains(method);
        let elsewhere = opens || method.rpc().starts_with("InboxService");
        assert!(given.contains(method) != elsewhere, "{} is in no table", method.rpc());
    }
}

#[test]
fn scheduling_a_release_ends_no_detainer() {
    for law in laws() {
        for row in DETAINER_ROWS {
            if promises(row) && law.notify.ruling == Ruling::MustNot {
                continue;
            }
            let (mut world, detainer, custody) = detainer_in(row, &law);
            let before = world.detainer(&detainer).map(|detainer| detainer.state);
            // Refused where the person was released already; a detainer is touched in neither case.
            let _scheduled = world.give(CUSTODIAN, entered("ScheduleRelease", &custody), &law);
            assert_eq!(world.detainer(&detainer).map(|detainer| detainer.state), before, "{row}");
        }
    }
}

/// Whether a detainer in a row promises hold or notice.
fn promises(row: &str) -> bool {
    [DetainerState::HoldHonored, DetainerState::NotifyOnly].iter().any(|state| state.word() == state_of(row))
}

fn outcome_promises(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Becomes(state) if promises(state))
}

#[test]
fn a_promise_is_under_review_once_the_law_forbids_it() {
    let [allows, forbids] =
        [Ruling::May, Ruling::MustNot].map(|ruling| sample::law(ruling, ruling, FieldClasses::NONE));
    for row in DETAINER_ROWS {
        let (mut world, detainer, custody) = detainer_in(row, &allows);
        let before = world.detainer(&detainer).map(|detainer| detainer.state);
        world.pass(CUSTODIAN, entered("UpdateCharges", &custody), &forbids);
        let after = world.detainer(&detainer).map(|detainer| detainer.state);
        assert_eq!(after, if promises(row) { Some(DetainerState::UnderReview) } else { before }, "{row}");
    }
}

/// Laws as different as they can be: the tables hold under each.
fn laws() -> Vec<LawView> {
    let disclosed = [FieldClasses::all(), FieldClasses::NONE];
    let rulings = Ruling::ALL.iter().copied();
    rulings.flat_map(|ruling| disclosed.map(|classes| sample::law(ruling, ruling, classes))).collect()
}

/// A duplicate is of the issuer's own.
const ANOTHERS: &str = "Acknowledge: duplicate of another issuer's";

const DETAINER_ROWS: [&str; 20] = [
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
    "duplicate",
    "not-in-custody",
    "not-found-in-time",
    "released, told",
    "released, not told",
    "closed, told",
    "closed, not told",
    "withdrawn",
];

const ISSUER_ADDS: [&str; 5] = [
    "Amend",
    "Raise a claim: issuer",
    "Raise a claim: issuer, one is open",
    "Resolve a claim: issuer",
    "Resolve a claim: issuer, one is open",
];

const CUSTODIAN_ADDS: [&str; 9] = [
    "Serve a copy",
    "Serve a copy: served before",
    "Raise a claim: custodian",
    "Raise a claim: custodian, one is open",
    "Resolve a claim: custodian",
    "Resolve a claim: custodian, one is open",
    "Offer a window",
    "Verify the warrant",
    "Verify the warrant: it counts no longer",
];

const INTERVIEWS: [&str; 7] = [
    "Request an interview",
    "Request an interview: one is open",
    "Answer the interview: consented",
    "Answer the interview: declined",
    "Answer the interview: none is open",
    "Withdraw the interview",
    "Withdraw the interview: none is open",
];

const WITH_THE_CUSTODY: [&str; 4] = [
    "Closing of the custody",
    "Reopening of the custody",
    "Move to another agency",
    "Claim on another detainer of the custody",
];

const CORRECTIONS: [&str; 2] = ["Correct the service", "Correct the service: served before"];

const CUSTODY_ROWS: [&str; 9] = [
    "none yet",
    "held",
    "held, a detainer of the same issuer stands on it",
    "held, in another jurisdiction than the detainer",
    "held, offered to another agency",
    "release-scheduled",
    "released",
    "closed",
    "moved-on",
];

const TRANSFER_ROWS: [&str; 20] = [
    "none yet",
    "offered",
    "offered, window closed",
    "offered, detainer withdrawn",
    "accepted",
    "accepted, window closed",
    "accepted, detainer withdrawn",
    "declined",
    "handed-over",
    "handed-over, window closed",
    "taken-over",
    "taken-over, window closed",
    "completed",
    "failed",
    "proposed",
    "proposed, window closed",
    "proposed, detainer withdrawn",
    "reopened",
    "reopened, window closed",
    "withdrawn",
];

const TRANSFER_COLUMNS: [&str; 19] = [
    "OfferWindow",
    "OfferWindow: already past",
    "AcceptWindow",
    "DeclineWindow",
    "ReviseWindow: another window, by the custodian",
    "ReviseWindow: another window, by the issuer",
    "ReviseWindow: the same window, by the custodian",
    "ReviseWindow: the same window, by the issuer",
    "WithdrawWindow: by the custodian",
    "WithdrawWindow: by the issuer",
    "WithdrawWindow: no longer sought, by the custodian",
    "ConfirmTransfer: by the custodian",
    "ConfirmTransfer: by the issuer",
    "ReportFailure: no-show, by the custodian",
    "ReportFailure: no-show, by the issuer",
    "ReportFailure: not-produced, by the custodian",
    "ReportFailure: not-produced, by the issuer",
    "ReportFailure: other, by the custodian",
    "ReportFailure: other, by the issuer",
];

/// What a custodian may find: that the person was not found in time the gateway records.
fn findings(command: &str) -> Vec<String> {
    let said = Finding::ALL.iter().filter(|finding| **finding != Finding::NotFoundInTime);
    said.map(|finding| format!("{command}: {}", finding.word().replace('-', " "))).collect()
}

fn answers(command: &str) -> Vec<String> {
    AnswerKind::ALL.iter().map(|kind| format!("{command}: {}", kind.word().replace('-', " "))).collect()
}

/// The law is asked of these; what becomes of the custody is the same.
const HANDING_OVER: [&str; 2] =
    ["RecordRelease: to the requesting agency", "RecordRelease: to the requesting agency, correction"];

fn custody_columns() -> Vec<String> {
    let first = ["ScheduleRelease", "RescheduleRelease", "CancelRelease", "RecordRelease", "RecordRelease: correction"];
    let first = [&first[..], &HANDING_OVER].concat();
    let rest = [
        "CloseCustody",
        "ReopenCustody",
        "ReopenCustody: its booking number is in use",
        "ExpungeCustody",
        "RecordReleaseEligibility",
        "UpdateCharges",
        "CorrectIdentity",
        "CorrectIdentity: to a booking number in use",
    ];
    let moves = MovementKind::ALL.iter().map(|kind| format!("MoveCustody: {}", kind.word()));
    let answers = ["AcceptMove", "AcceptMove: to a booking number in use", "DeclineMove", "WithdrawMove"];
    let entered = first.into_iter().chain(rest).map(str::to_owned).chain(moves);
    let entered = entered.chain(answers.map(str::to_owned));
    entered.chain(["Acknowledge: matched custody".to_owned()]).collect()
}

fn run_detainer(row: &str, column: &str, law: &LawView) -> Outcome {
    let (mut world, detainer, custody) = detainer_in(row, law);
    let (caller, command) = said(column, &mut world, &detainer, &custody, law);
    let of_the_custody = command.target() != Some(&detainer);
    let before = world.clone();
    let outcome = world.give(caller, command, law);
    let after = world.detainer(&detainer);
    match outcome {
        // What a custody does not take leaves the detainer as it is; that table speaks of the detainer.
        Err(_) if of_the_custody => Outcome::AsBefore,
        Err(refusal) => {
            assert_eq!(world.cases, before.cases, "a refusal changes nothing");
            Outcome::Refused(refusal)
        }
        // Nor does it matter to it what else its issuer is told of the custody.
        Ok(_) if of_the_custody && after.map(stands) == before.detainer(&detainer).map(stands) => Outcome::AsBefore,
        Ok(_) => Outcome::Becomes(after.unwrap().state.word().to_owned()),
    }
}

fn stands(detainer: &Detainer) -> (DetainerState, Option<&AgencyId>, Option<&Answer>) {
    (detainer.state, detainer.custodian.as_ref(), detainer.answer.as_ref())
}

fn run_custody(row: &str, column: &str, law: &LawView) -> Outcome {
    let mut world = World::new();
    let detainer = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), law);
    let jurisdiction =
        if row.contains("another jurisdiction") { "us-tx".parse().unwrap() } else { sample::jurisdiction() };
    let prison = sample::officer(CUSTODIAN);
    let mut custody = CaseName::custody(sample::jurisdiction(), Uuid::from_u128(1));
    if row != "none yet" {
        let intake = if column.ends_with("in use") { booked("2026-1") } else { sample::intake() };
        let opened = world.give_in(&jurisdiction, &prison, CaseCommand::OpenCustody(intake), law).unwrap();
        custody = opened.first().unwrap().resource.clone();
    }
    let way = match row {
        "none yet" | "held" | "held, in another jurisdiction than the detainer" => None,
        "held, a detainer of the same issuer stands on it" => {
            let first = world.pass(ISSUER, CaseCommand::LodgeDetainer(sample::request(Some(CUSTODIAN))), law);
            Some(matched(&first, &custody))
        }
        "release-scheduled" => Some(entered("ScheduleRelease", &custody)),
        "released" => Some(entered("RecordRelease", &custody)),
        "closed" => Some(entered("CloseCustody", &custody)),
        "held, offered to another agency" | "moved-on" => Some(entered("MoveCustody: agency", &custody)),
        unknown => panic!("no way to a custody {unknown}"),
    };
    if let Some(command) = way {
        world.pass(CUSTODIAN, command, law);
    }
    if row == "moved-on" {
        // Whoever handed the person on has its record of them in place of the custody.
        world.pass(NEXT, entered("AcceptMove", &custody), law);
        let record = world.custody(&custody).unwrap().record_of(&prison.agency.id).unwrap().clone();
        world.cases.insert(custody.clone(), StoredCase::Custody(Box::new(record)));
    }
    assert_eq!(world.custody(&custody).map_or("none yet", |custody| custody.state.word()), state_of(row));
    // An offer is answered by whom it was made to.
    let prison =
        if column.starts_with("AcceptMove") || column == "DeclineMove" { sample::officer(NEXT) } else { prison };
    if column.ends_with("in use") {
        // The number of the one that is reopened is free only once it has ended.
        let number = if column.starts_with("Reopen") { "20261" } else { "2026-2" };
        let _opened = world.give_in(&jurisdiction, &prison, CaseCommand::OpenCustody(booked(number)), law);
    }
    let (jurisdiction, command) = if column == "Acknowledge: matched custody" {
        (sample::jurisdiction(), matched(&detainer, &custody))
    } else {
        (jurisdiction, entered(column, &custody))
    };
    let before = world.clone();
    match world.give_in(&jurisdiction, &prison, command, law) {
        Err(refusal) => {
            assert_eq!(world.cases, before.cases, "a refusal changes nothing");
            Outcome::Refused(refusal)
        }
        Ok(records) => {
            let alarmed = records.iter().any(|record| matches!(record.event, Event::UnlawfulHandOver { .. }));
            // Where nobody asks for the person the law lets nobody have them.
            let asked = row.contains("stands on it") && matches!(law.transfer.ruling, Ruling::Must | Ruling::May);
            assert_eq!(alarmed, HANDING_OVER.contains(&column) && !asked, "{row} | {column}");
            Outcome::Becomes(world.custody(&custody).map_or("expunged", |custody| custody.state.word()).to_owned())
        }
    }
}

fn run_transfer(row: &str, column: &str, law: &LawView) -> Outcome {
    let (before, name) = transfer_in(row, law);
    let last = before.detainer(&name.detainer).and_then(|detainer| detainer.transfers.last());
    let window = last.map_or_else(|| sample::window(1_000), |last| last.window.clone());
    let run = |(caller, command): (&'static str, CaseCommand)| {
        let mut world = before.clone();
        if let Err(refusal) = world.give(caller, command, law) {
            assert_eq!(world.cases, before.cases, "a refusal changes nothing");
            return Outcome::Refused(refusal);
        }
        let transfers = &world.detainer(&name.detainer).unwrap().transfers;
        Outcome::Becomes(transfers.last().unwrap().state.word().to_owned())
    };
    let mut outcomes: Vec<Outcome> = picked_up(column, &name, &window).into_iter().map(run).collect();
    outcomes.dedup();
    assert_eq!(outcomes.len(), 1, "{column} stands for what does not come to the same: {outcomes:?}");
    outcomes.remove(0)
}

/// The state that a row is about; what follows a comma tells one way to it from another.
fn state_of(row: &str) -> &str {
    row.split(',').next().unwrap_or(row)
}
