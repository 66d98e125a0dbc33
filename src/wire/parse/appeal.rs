//! Requests to issue and to answer appeals.

use std::fmt::{Arguments, Display};

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::appeal::{AnswerByLaw, AppealAnswer, Filter, Issue, Selection};
use crate::domain::command::CaseCommand;
use crate::domain::ids::{CaseKind, InvalidId};
use crate::domain::text::TextKind;
use crate::wire::parse::CITATION_LEN_MAX;
use crate::wire::parse::{REASON_LEN_MAX, RequestFields, Write, WriteRequest, under, upon};
use crate::wire::{Violations, v1};

const GROUND_LEN_MAX: usize = 2_000;
/// More than a message can hold.
const IDS_LEN_MAX: usize = 1_000_000;
/// Every word of a vocabulary, with room for repetition.
const WORDS_LEN_MAX: usize = 32;

/// The chosen detainers are looked up before the command reaches the writer: the parsed filter does not name them.
impl WriteRequest for v1::IssueAppealRequest {
    fn parse(self) -> Result<Write, Violations> {
        let mut fields = RequestFields::default();
        let selection = selection(&mut fields, self.filter, self.detainer_ids);
        let appeal = fields.required("appeal", self.appeal).unwrap_or_default();
        let ground = fields.required_text("appeal.ground", &appeal.ground, TextKind::Reason, GROUND_LEN_MAX);
        let due_at = fields.required_time("appeal.due_at", appeal.due_at);
        let issue = selection.zip(ground).zip(due_at).map(|((selection, ground), due_at)| {
            CaseCommand::IssueAppeal(Box::new(Issue { selection, ground, due_at, members: Vec::new() }))
        });
        under(fields, &self.parent, issue, &self.request_id)
    }
}

/// What the law bars is found before the command reaches the writer.
impl WriteRequest for v1::AnswerAppealRequest {
    fn parse(self) -> Result<Write, Violations> {
        const BY_LAW: &str = "left out where all is answered by law";
        let mut fields = RequestFields::default();
        let appeal = fields.case("name", &self.name, CaseKind::Appeal);
        let command = if self.by_law {
            fields.empty("detainer", &self.detainer, BY_LAW);
            if self.answer.is_some() {
                fields.fault("answer", BY_LAW);
            }
            let judged = AnswerByLaw { bars: Vec::new(), open: 0, as_of: 0, overtaken: false, policy_digest: None };
            appeal.map(|appeal| CaseCommand::BarAppeal { appeal, judged: Box::new(judged) })
        } else {
            let detainer = fields.case("detainer", &self.detainer, CaseKind::Detainer);
            if let (Some(appeal), Some(detainer)) = (&appeal, &detainer)
                && appeal.jurisdiction != detainer.jurisdiction
            {
                fields.fault("detainer", "of the jurisdiction that the appeal is of");
            }
            let answer = answer(&mut fields, "answer", self.answer);
            let named = appeal.zip(detainer).zip(answer);
            named.map(|((appeal, detainer), answer)| CaseCommand::AnswerAppeal { appeal, detainer, answer })
        };
        upon(fields, command, &self.request_id, "")
    }
}

fn selection(fields: &mut RequestFields, filter: Option<v1::AppealFilter>, ids: Vec<Vec<u8>>) -> Option<Selection> {
    match (filter, ids.is_empty()) {
        (Some(filter), true) => Some(Selection::Filter(parsed_filter(fields, "filter", filter))),
        (None, false) => {
            let id = |fields: &mut RequestFields, field: Arguments<'_>, bytes: Vec<u8>| {
                let id = Uuid::from_slice(&bytes).map_err(|_| InvalidId { expected: "the 16 bytes of a UUID" });
                fields.parsed(field, id)
            };
            Some(Selection::Listed(fields.list("detainer_ids", ids, IDS_LEN_MAX, id).into_iter().collect()))
        }
        (Some(_), false) => {
            fields.fault("filter", "left out where detainer_ids are given");
            None
        }
        (None, true) => {
            fields.fault("filter", "present where no detainer_ids are given");
            None
        }
    }
}

fn parsed_filter(fields: &mut RequestFields, field: impl Display + Copy, filter: v1::AppealFilter) -> Filter {
    let states = fields.list(format_args!("{field}.states"), filter.states, WORDS_LEN_MAX, |fields, field, number| {
        fields.required_word(field, number)
    });
    let offences =
        fields.list(format_args!("{field}.offences"), filter.offences, WORDS_LEN_MAX, |fields, field, number| {
            fields.required_word(field, number)
        });
    let lodged_from = fields.time(format_args!("{field}.lodged_from"), filter.lodged_from);
    let lodged_before = fields.time(format_args!("{field}.lodged_before"), filter.lodged_before);
    if lodged_from.zip(lodged_before).is_some_and(|(from, before)| before <= from) {
        fields.fault(format_args!("{field}.lodged_before"), "after lodged_from");
    }
    Filter {
        states: states.into_iter().collect(),
        lodged_from,
        lodged_before,
        custodian: fields.agency(format_args!("{field}.custodian"), &filter.custodian),
        offences: offences.into_iter().collect::<BTreeSet<_>>(),
        eligible_before: fields.date(format_args!("{field}.eligible_before"), &filter.eligible_before),
    }
}

fn answer(
    fields: &mut RequestFields,
    field: impl Display + Copy,
    answer: Option<v1::AppealAnswer>,
) -> Option<AppealAnswer> {
    let answer = fields.required(field, answer)?;
    let kind = fields.required_word(format_args!("{field}.kind"), answer.kind);
    let legal_basis = fields.required_text(
        format_args!("{field}.legal_basis"),
        &answer.legal_basis,
        TextKind::Citation,
        CITATION_LEN_MAX,
    );
    let reason = fields.text(format_args!("{field}.reason"), &answer.reason, TextKind::Reason, REASON_LEN_MAX);
    let occurred_at = fields.time(format_args!("{field}.occurred_at"), answer.occurred_at);
    Some(AppealAnswer { kind: kind?, legal_basis: legal_basis?, reason, occurred_at })
}
