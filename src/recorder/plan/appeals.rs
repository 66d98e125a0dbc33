//! Appeals in a batch: what must be loaded to decide on one, and what is stored about it beside the cases.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::appeal::{AppealItemView, AppealStanding, AppealViewpoint, StandingCounts};
use crate::domain::case::{Appealing, Case};
use crate::domain::command::{Action, CaseCommand, Command};
use crate::domain::event::{Event, Record};
use crate::domain::ids::{CaseName, JurisdictionId, LogKind, LogName};
use crate::domain::permit::Admitted;
use crate::recorder::plan::Plan;
use crate::store::Wanted;
use crate::store::appeals::{AppealsWanted, NewAppeal, NewBar, NewItem};
use crate::wire::{Message as _, show, v1};

/// The most grounds of one answer by law. Each entry reserves this many numbers.
const BARS_MAX: u64 = 256;

/// What a batch needs to load about appeals. `None`: nothing.
pub(in crate::recorder) fn wanted<'a>(writes: impl Iterator<Item = &'a Admitted<Command>>) -> Option<Wanted> {
    let mut appeals = AppealsWanted::default();
    for write in writes {
        let Action::Case(command) = &write.value.action else { continue };
        if let CaseCommand::IssueAppeal(issue) = &**command {
            let name = |id: Uuid| CaseName::detainer(write.jurisdiction.clone(), id);
            appeals.issuers.extend(issue.members.iter().map(|member| name(member.id)));
            appeals.due.insert((write.caller.agency.id.clone(), write.jurisdiction.clone()));
        } else if let CaseCommand::AnswerAppeal { appeal, detainer, .. } = &**command {
            appeals.items.insert((appeal.clone(), detainer.clone()));
        } else if let CaseCommand::BarAppeal { judged, .. } = &**command {
            let log = LogName { jurisdiction: write.jurisdiction.clone(), kind: LogKind::Exchange };
            let from = appeals.since.entry(log).or_insert(judged.as_of);
            *from = judged.as_of.min(*from);
        }
    }
    (!appeals.is_empty()).then(|| Wanted { appeals, ..Wanted::default() })
}

impl Plan<'_> {
    /// The command without what is no longer settled: a detainer of which something was disclosed after the law was asked is
    /// left open.
    pub(in crate::recorder) fn settled(&self, command: &Arc<CaseCommand>) -> Arc<CaseCommand> {
        let CaseCommand::BarAppeal { appeal, judged } = &**command else { return Arc::clone(command) };
        let recorded = self.recorded_since(&appeal.jurisdiction, judged.as_of);
        let mut judged = judged.clone();
        // Another policy set might have judged it otherwise.
        let other_law = judged.policy_digest.is_some_and(|digest| digest != self.gate.digest());
        judged.overtaken = other_law || recorded.contains(&appeal.id);
        judged.leave(|id| recorded.contains(&id));
        Arc::new(CaseCommand::BarAppeal { appeal: appeal.clone(), judged })
    }

    /// Cases about which the exchange log of a jurisdiction has a newer entry.
    fn recorded_since(&self, jurisdiction: &JurisdictionId, as_of: u64) -> BTreeSet<Uuid> {
        let earlier = self.loaded.appeals.since.iter().filter(|(_, index)| **index >= as_of).map(|(name, _)| name);
        let new = self.entries.iter().filter(|new| new.log.kind == LogKind::Exchange);
        let names = earlier.chain(new.filter_map(|new| new.case.as_ref()));
        names.filter(|name| name.jurisdiction == *jurisdiction).map(|name| name.id).collect()
    }

    /// Adds to a case what a command on an appeal is decided by.
    pub(in crate::recorder) fn with_appeal(
        &self,
        admitted: &Admitted<Command>,
        command: &CaseCommand,
        case: &mut Case,
    ) {
        if let CaseCommand::IssueAppeal(issue) = command {
            let jurisdiction = &admitted.jurisdiction;
            let issuer = |id: Uuid| self.loaded.appeals.issuers.get(&CaseName::detainer(jurisdiction.clone(), id));
            let own = &admitted.caller.agency.id;
            let earlier = self.loaded.appeals.due.get(&(own.clone(), jurisdiction.clone()));
            let new = self.appeals.issued.iter();
            let new = new.filter(|new| new.issuer == *own && new.appeal.jurisdiction == *jurisdiction);
            case.appealing = Appealing {
                issuers: issue
                    .members
                    .iter()
                    .filter_map(|member| Some((member.id, issuer(member.id)?.clone())))
                    .collect(),
                due: earlier.into_iter().flatten().copied().chain(new.map(|new| new.due_at)).collect(),
                limits: self.appeal_limits,
            };
        }
        if let CaseCommand::AnswerAppeal { appeal, detainer, .. } = command {
            case.item = self.loaded.appeals.items.get(&(appeal.clone(), detainer.clone())).cloned();
        }
    }

    /// Stores what a record changes about appeals. `index` is the position of its entry.
    pub(in crate::recorder) fn keep_appeal(&mut self, record: &Record, index: u64, case: &Case) {
        if let Event::AppealIssued { appeal, members, .. } = &record.event {
            self.appeals.issued.push(NewAppeal {
                appeal: appeal.name.clone(),
                issuer: appeal.issuer.clone(),
                due_at: appeal.due_at,
                members: members.clone(),
            });
        } else if let Event::AppealAnswered { appeal, detainer, .. } = &record.event {
            let item = case.item.clone().unwrap_or_default();
            self.loaded.appeals.items.insert((appeal.clone(), detainer.clone()), item.clone());
            self.appeals.items.push(NewItem { appeal: appeal.clone(), detainer: detainer.clone(), item });
        } else if let Event::AppealBarred { appeal, bars, .. } = &record.event {
            let numbers = (0..BARS_MAX).map(|at| index.saturating_mul(BARS_MAX).saturating_add(at));
            self.appeals.bars.extend(bars.iter().zip(numbers).map(|(bars, number)| NewBar {
                appeal: appeal.clone(),
                number,
                bar: bars.bar(),
                detainers: bars.detainers.clone(),
            }));
        }
    }
}

/// The answer to a command on an appeal, without its receipt. `None`: the command is on no appeal.
pub(in crate::recorder) fn answer(command: &CaseCommand, case: &Case, records: &[Record]) -> Option<Vec<u8>> {
    let mut tally = StandingCounts::default();
    if let CaseCommand::IssueAppeal(issue) = command {
        issue.members.iter().for_each(|member| tally.count(member.standing, 1));
        let appeal = v1::Appeal { tally: Some(show::appeal_tally(&tally)), ..show::appeal(case.appeal.as_ref()?) };
        return Some(v1::IssueAppealResponse { appeal: Some(appeal), receipt: None }.encode_to_vec());
    }
    if let CaseCommand::BarAppeal { judged, .. } = command {
        for bars in &judged.bars {
            let many = u32::try_from(bars.detainers.len()).unwrap_or(u32::MAX);
            let bar = bars.bar();
            tally.count_barred(&bar.citations, &bar.actions(), many);
        }
        if judged.open > 0 {
            tally.count(AppealStanding::Open, judged.open);
        }
        let tally = Some(show::appeal_tally(&tally));
        return Some(v1::AnswerAppealResponse { tally, ..Default::default() }.encode_to_vec());
    }
    let CaseCommand::AnswerAppeal { detainer, .. } = command else { return None };
    let stands = AppealItemView::of(case.detainer.as_ref()?, case.item.as_ref()?, AppealViewpoint::Custodian);
    let determinations = records.first().map(|record| show::determinations(&record.determinations));
    let answered = v1::AnswerAppealResponse {
        item: Some(show::appeal_item(detainer, &stands)),
        determinations: determinations.unwrap_or_default(),
        ..Default::default()
    };
    Some(answered.encode_to_vec())
}
