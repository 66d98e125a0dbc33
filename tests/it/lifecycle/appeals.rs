//! The tables of appeals: their columns, and how a cell is run.

use std::sync::Arc;

use comity::domain::appeal::{
    AnswerByLaw, AppealAnswer, AppealAnswerKind, AppealItem, AppealStanding, Bars, Issue, Limits, Member, Selection,
};
use comity::domain::command::CaseCommand;
use comity::domain::determination::{LawAction, LawView};
use comity::domain::ids::CaseName;
use uuid::Uuid;

use crate::lifecycle::table::Outcome;
use crate::lifecycle::ways::{CUSTODIAN, ISSUER, detainer_in};
use crate::sample;
use crate::world::World;

pub(super) const APPEAL_COLUMNS: [&str; 8] = [
    "IssueAppeal",
    "IssueAppeal: of nothing",
    "IssueAppeal: of more than it takes",
    "IssueAppeal: due already",
    "IssueAppeal: one too many",
    "AnswerAppeal: by law",
    "AnswerAppeal: by law, nothing is barred",
    "AnswerAppeal: by law, answered meanwhile",
];

pub(super) fn appeal_answers() -> Vec<String> {
    AppealAnswerKind::ALL.iter().map(|kind| format!("AnswerAppeal: {}", kind.word().replace('-', " "))).collect()
}

pub(super) fn run_appeal(row: &str, column: &str, law: &LawView) -> Outcome {
    let (mut world, detainer, _) = detainer_in("lodged, to an agency", law);
    if row == "issued" {
        world.pass(ISSUER, demand(&[&detainer]), law);
    }
    let (caller, command) = appealed(column, &mut world, &[&detainer], law);
    let before = world.clone();
    match world.give(caller, command, law) {
        Err(refusal) => {
            assert_eq!(world.cases, before.cases, "a refusal changes nothing");
            Outcome::Refused(refusal)
        }
        Ok(_) => Outcome::Becomes("issued".to_owned()),
    }
}

/// What an answer does is that it stands: the detainer is never changed by it.
pub(super) fn run_appeal_of_one(row: &str, column: &str, law: &LawView) -> Outcome {
    let (mut world, detainer, _) = detainer_in(row, law);
    let appeal = world.pass(ISSUER, demand(&[&detainer]), law);
    world.items.insert(detainer.clone(), AppealItem::default());
    let before = world.clone();
    let outcome = world.give(CUSTODIAN, answered_of_one(column, &appeal, &detainer), law);
    assert_eq!(world.cases, before.cases, "it changes no case");
    match outcome {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(_) => Outcome::Becomes("answered".to_owned()),
    }
}

/// An issuer's demand over these.
fn demand(detainers: &[&CaseName]) -> CaseCommand {
    let member = |name: &&CaseName| Member { id: name.id, addressed: None, standing: AppealStanding::Open };
    CaseCommand::IssueAppeal(Box::new(Issue {
        selection: Selection::Listed(detainers.iter().map(|name| name.id).collect()),
        ground: "probable cause".to_owned(),
        due_at: "2030-01-01T00:00:00Z".parse().unwrap(),
        members: detainers.iter().map(member).collect(),
    }))
}

/// What is said of an appeal in a column. Whatever it takes for it to be said comes first.
pub(super) fn appealed(
    column: &str,
    world: &mut World,
    detainers: &[&CaseName],
    law: &LawView,
) -> (&'static str, CaseCommand) {
    let (command, how) = column.split_once(": ").unwrap_or((column, ""));
    if command == "AnswerAppeal" {
        let known = world.cases.keys().find(|name| world.appeal(name).is_some()).cloned();
        let appeal = known.unwrap_or_else(|| CaseName::appeal(sample::jurisdiction(), Uuid::from_u128(1)));
        let bars = Bars {
            action: LawAction::Hold,
            also: Vec::new(),
            determination: Arc::clone(&law.hold),
            detainers: detainers.iter().map(|name| name.id).collect(),
        };
        let bars = if how.ends_with("nothing is barred") { Vec::new() } else { vec![bars] };
        let overtaken = how.ends_with("answered meanwhile");
        let judged = AnswerByLaw { bars, open: 0, as_of: 0, overtaken, policy_digest: None };
        return (CUSTODIAN, CaseCommand::BarAppeal { appeal, judged: Box::new(judged) });
    }
    world.appealing.limits = Limits { members_max: 1, open_max: 1 };
    let CaseCommand::IssueAppeal(mut issue) = demand(detainers) else { panic!("no demand") };
    match how {
        "" => {}
        "of nothing" => issue.members.clear(),
        "of more than it takes" => issue.members.extend(issue.members.clone()),
        "due already" => issue.due_at = world.now,
        "one too many" => world.appealing.due = vec![issue.due_at],
        unknown => panic!("no way to issue {unknown}"),
    }
    (ISSUER, CaseCommand::IssueAppeal(issue))
}

/// What a custodian answers of one detainer, in a column.
pub(super) fn answered_of_one(column: &str, appeal: &CaseName, detainer: &CaseName) -> CaseCommand {
    let kind = column.strip_prefix("AnswerAppeal: ").unwrap().replace(' ', "-").parse().unwrap();
    let (legal_basis, reason) = ("Correction Law 1".to_owned(), Some("Quigley's file".to_owned()));
    let answer = AppealAnswer { kind, legal_basis, reason, occurred_at: None };
    CaseCommand::AnswerAppeal { appeal: appeal.clone(), detainer: detainer.clone(), answer }
}
