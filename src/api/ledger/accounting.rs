//! `GetAccounting`: what was disclosed of a person's record, from the account that is kept before anything leaves
//! (5 USC 552a(c)).
//!
//! The account is in the order of time, without an index by person. A call looks through a part of it, and its answer says where
//! the next one goes on.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tonic::Status;

use crate::api::context::Api;
use crate::api::custodies::custody_of;
use crate::api::status;
use crate::domain::agency::Caller;
use crate::domain::custody::CustodyState;
use crate::domain::determination::FieldClass;
use crate::domain::ids::CaseKind;
use crate::domain::method::ReadMethod;
use crate::store::{Disclosed, EntrySubjects, Reader, StoreError};
use crate::wire::{Violations, enums, parse, show, v1};

/// Resources that one call looks at: a disclosure names up to a page of entries, each of which is looked up.
const LOOKED_AT_MAX: usize = 16_384;
/// Disclosures read at once.
const PAGE_LEN: usize = 512;

/// What is looked for, and from where on.
struct Search {
    jurisdiction: crate::domain::ids::JurisdictionId,
    /// The names of the custody and of the detainers on it.
    subjects: BTreeSet<String>,
    /// Up to when. None: up to now.
    until: Option<Timestamp>,
    after: i64,
    limit: usize,
}

impl Api {
    /// A part of the account of one person's stay.
    pub(super) async fn accounting(
        &self,
        caller: &Caller,
        request: v1::GetAccountingRequest,
    ) -> Result<v1::GetAccountingResponse, Status> {
        let faults = |faults: Violations| status::violations(&faults);
        let name = parse::case_name("name", &request.name, CaseKind::Custody).map_err(faults)?;
        let limit = parse::page_size(request.page_size).map_err(faults)?;
        let after = parse::account_token(&request.page_token).map_err(|_| status::invalid_cursor())?;
        let gate = self.gate_for(caller, ReadMethod::GetAccounting.word())?;
        let (caller, jurisdiction) = (caller.clone(), name.jurisdiction.clone());
        let found = self.read(move |reader| {
            let case = custody_of(reader, &caller, &name)?;
            let custody = case.as_ref().and_then(|case| case.custody());
            let Some(custody) = custody.and_then(|custody| gate.own_custody(&caller, custody)) else {
                return Ok(None);
            };
            // The account of whoever handed the person on ends there.
            let until = (custody.state == CustodyState::MovedOn).then_some(custody.updated_at);
            let subjects = custody.detainers.iter().chain([&custody.name]).map(ToString::to_string).collect();
            looked_through(reader, &Search { jurisdiction, subjects, until, after, limit }).map(Some)
        });
        let (disclosures, next) = found.await?.ok_or_else(status::not_found)?;
        let next_page_token = next.map(|after| after.to_string()).unwrap_or_default();
        Ok(v1::GetAccountingResponse { disclosures, next_page_token })
    }
}

/// Looks through a part of the account. Returns what is of the subjects, and where to go on, unless that was its end.
fn looked_through(reader: &dyn Reader, search: &Search) -> Result<(Vec<v1::Disclosure>, Option<i64>), StoreError> {
    let (mut found, mut after, mut looked_at) = (Vec::new(), search.after, 0_usize);
    let mut entries = EntrySubjects::new(reader);
    loop {
        let page = reader.disclosures(&search.jurisdiction, after, PAGE_LEN)?;
        entries.turn_page();
        let is_last = page.len() < PAGE_LEN;
        for disclosed in &page {
            if search.until.is_some_and(|until| disclosed.recorded_at > until) {
                return Ok((found, None));
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((found, Some(after)));
            }
            after = disclosed.number;
            looked_at = looked_at.saturating_add(disclosed.resources.len());
            let mut about = Vec::new();
            for resource in &disclosed.resources {
                if search.is_about(&entries.of(resource)?) {
                    about.push(resource.clone());
                }
            }
            if !about.is_empty() {
                found.push(shown(disclosed, about));
            }
            if found.len() == search.limit {
                return Ok((found, Some(after)));
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
}

impl Search {
    /// Whether a name is of a subject, or of what stands below one, as a pick-up below its detainer.
    fn is_about(&self, name: &str) -> bool {
        let below = |subject: &String| name.strip_prefix(subject.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.subjects.contains(name) || self.subjects.iter().any(below)
    }
}

fn shown(disclosed: &Disclosed, resources: Vec<String>) -> v1::Disclosure {
    v1::Disclosure {
        disclose_time: Some(show::timestamp(disclosed.recorded_at)),
        recipient: show::agency_name(&disclosed.recipient),
        officer: disclosed.officer.as_ref().map(ToString::to_string).unwrap_or_default(),
        purpose: disclosed.method.clone(),
        resources,
        classes: disclosed.classes.iter().map(enums::to_wire::<FieldClass>).collect(),
    }
}
