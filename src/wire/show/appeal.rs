//! Appeals: the resource, its items, its tally, and the events on them.

use uuid::Uuid;

use crate::domain::appeal::{Appeal, AppealAnswer, AppealItemView, Bars, Filter, StandingCounts};
use crate::domain::determination::FieldClass;
use crate::domain::ids::{AgencyId, CaseName};
use crate::wire::enums::to_wire;
use crate::wire::show::parts::or_empty;
use crate::wire::show::{agency_name, timestamp};
use crate::wire::v1;

/// An appeal as its issuer and oversight see it, without the answers.
pub fn appeal(appeal: &Appeal) -> v1::Appeal {
    v1::Appeal {
        name: appeal.name.to_string(),
        issuer: agency_name(&appeal.issuer),
        ground: appeal.ground.clone(),
        due_at: Some(timestamp(appeal.due_at)),
        detainer_count: number(appeal.size),
        custodians: appeal.custodians.iter().map(agency_name).collect(),
        create_time: Some(timestamp(appeal.issued_at)),
        ..v1::Appeal::default()
    }
}

/// How many items have each standing.
pub fn appeal_tally(tally: &StandingCounts) -> v1::AppealTally {
    let standings = tally.standings.iter();
    let (barred_by, barred_actions) = (tally.barred_by.iter(), tally.barred_actions.iter());
    v1::AppealTally {
        total: number(tally.total()),
        standings: standings
            .map(|(standing, count)| v1::AppealStandingCount { standing: to_wire(*standing), count: number(*count) })
            .collect(),
        barred_by: barred_by
            .map(|(citation, count)| v1::AppealCitationCount { citation: citation.clone(), count: number(*count) })
            .collect(),
        barred_actions: barred_actions
            .map(|(action, count)| v1::AppealActionCount { action: to_wire(*action), count: number(*count) })
            .collect(),
    }
}

/// One detainer of an appeal, as the reader sees it.
pub fn appeal_item(detainer: &CaseName, stands: &AppealItemView) -> v1::AppealItem {
    v1::AppealItem {
        detainer: detainer.to_string(),
        standing: to_wire(stands.standing),
        answer: stands.answer.as_ref().map(|answer| v1::AppealAnswer {
            kind: to_wire(answer.kind),
            legal_basis: answer.legal_basis.clone(),
            reason: answer.reason.clone().unwrap_or_default(),
            occurred_at: answer.occurred_at.map(timestamp),
        }),
        barred_by: stands.barred_by.clone(),
        barred_actions: stands.barred_actions.iter().copied().map(to_wire).collect(),
    }
}

pub(super) fn issued(issued: &Appeal, members: &[Uuid], filter: Option<&Filter>) -> v1::AppealIssued {
    v1::AppealIssued {
        appeal: Some(appeal(issued)),
        detainer_ids: ids(members),
        filter: filter.map(|filter| v1::AppealFilter {
            states: filter.states.iter().copied().map(to_wire).collect(),
            lodged_from: filter.lodged_from.map(timestamp),
            lodged_before: filter.lodged_before.map(timestamp),
            custodian: filter.custodian.as_ref().map(agency_name).unwrap_or_default(),
            offences: filter.offences.iter().copied().map(to_wire).collect(),
            eligible_before: or_empty(filter.eligible_before.as_ref()),
        }),
    }
}

pub(super) fn answered(
    appeal: &CaseName,
    detainer: &CaseName,
    answer: &AppealAnswer,
    revealed_class: FieldClass,
) -> v1::AppealAnswered {
    let statement = Some(v1::AppealStatement {
        kind: to_wire(answer.kind),
        legal_basis: answer.legal_basis.clone(),
        occurred_at: answer.occurred_at.map(timestamp),
    });
    let told = v1::AppealAnswered {
        appeal: appeal.to_string(),
        detainer: detainer.to_string(),
        reason: answer.reason.clone().unwrap_or_default(),
        ..v1::AppealAnswered::default()
    };
    // In the field class that it reveals, so that it is withheld together with that class.
    match revealed_class {
        FieldClass::ReleaseDate | FieldClass::ReleaseDetail | FieldClass::ReleasePlace => {
            v1::AppealAnswered { ended: statement, ..told }
        }
        FieldClass::Answer => v1::AppealAnswered { answer: statement, ..told },
        FieldClass::Custody
        | FieldClass::Count
        | FieldClass::Request
        | FieldClass::Identity
        | FieldClass::Identifiers
        | FieldClass::Citizenship
        | FieldClass::Charges
        | FieldClass::Contact
        | FieldClass::Address
        | FieldClass::Medical
        | FieldClass::Safeguard
        | FieldClass::Restricted
        | FieldClass::Determination => v1::AppealAnswered { found: statement, ..told },
    }
}

pub(super) fn barred(appeal: &CaseName, custodian: &AgencyId, bars: &[Bars]) -> v1::AppealBarred {
    let bar = |bars: &Bars| v1::AppealBar {
        action: to_wire(bars.action),
        policies: bars.determination.policies.clone(),
        citations: bars.determination.citations.clone(),
        detainer_ids: ids(&bars.detainers),
        also: bars.also.iter().copied().map(to_wire).collect(),
    };
    v1::AppealBarred {
        appeal: appeal.to_string(),
        custodian: agency_name(custodian),
        bars: bars.iter().map(bar).collect(),
    }
}

fn ids(ids: &[Uuid]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| id.as_bytes().to_vec()).collect()
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
