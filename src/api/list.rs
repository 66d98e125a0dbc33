//! Pages of resources. They are limited in number, in bytes and in how much is looked at for them, and accounted for before
//! they leave.
//!
//! The index finds what a filter may be about; the filter itself is held against what the reader is shown.

use aws_lc_rs::hmac;
use tonic::Status;
use uuid::Uuid;

use crate::api::context::Api;
use crate::api::status;
use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::custody::CustodyState;
use crate::domain::detainer::DetainerState;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, CaseKind};
use crate::domain::method::ReadMethod;
use crate::domain::search::Term;
use crate::store::{CaseFilter, CasesOf, DisclosedResource, Reader, StoreError};
use crate::wire::enums::from_wire;
use crate::wire::filter::{Field, Filterable, ListFilter};
use crate::wire::{Message, Named, parse, wire_walk};

/// A page ends at this size, however many resources were asked for (AIP-158). It is below 4 MiB, the default limit of
/// clients.
const PAGE_BYTES_MAX: usize = 1_024 * 1_024;

/// A page ends once so many cases were looked at, however few of them are in the list. The contract names the number.
const LOOKED_AT_MAX: usize = 500;

/// Bytes of a page token's tag.
const TAG_LEN: usize = 8;

/// A page that is asked for.
#[derive(Debug)]
pub(super) struct Page {
    /// Detainers or custodies.
    pub(super) kind: CaseKind,
    /// The method, for the account of disclosures.
    pub(super) method: ReadMethod,
    /// `jurisdictions/{id}`.
    pub(super) parent: String,
    /// The most resources.
    pub(super) size: i32,
    /// The page token, from an earlier answer.
    pub(super) token: String,
    /// What the list is narrowed to.
    pub(super) filter: String,
}

/// The classes that a message has content of.
pub(super) fn classes_of<T: Message + Named>(message: &T) -> Result<FieldClasses, Status> {
    wire_walk::classes(&T::full_name(), &message.encode_to_vec())
        .map_err(|_| status::internal("a message has a field without a class"))
}

impl Api {
    /// A page of what the caller may see, and the token of the next page.
    pub(super) async fn list<T: Message + Named + Filterable + 'static>(
        &self,
        caller: &Caller,
        page: Page,
        show: impl Fn(&StoredCase) -> Option<T> + Send + 'static,
    ) -> Result<(Vec<T>, String), Status> {
        let jurisdiction = parse::jurisdiction("parent", &page.parent).map_err(|faults| status::violations(&faults))?;
        let limit = parse::page_size(page.size).map_err(|faults| status::violations(&faults))?;
        let filter = ListFilter::parse::<T>(&page.filter).map_err(|faults| status::violations(&faults))?;
        let tag = self.tag(&page, &filter);
        let after = place(&page.token, &tag)?;
        if !caller.takes_part_in(&jurisdiction) {
            return Err(status::not_found());
        }
        let whose = CasesOf::of(caller, &jurisdiction);
        let terms = terms(page.kind, &whose, &filter);
        let records = record_terms(page.kind, &whose, &filter);
        let CasesOf { agency, unassigned } = whose;
        let cases =
            CaseFilter { jurisdiction: jurisdiction.clone(), kind: page.kind, agency, unassigned, terms, after, limit };
        // Takes a slot: a page is large while it is put together.
        let slot = self.slot(&self.concurrency.lists).await?;
        let found = self.read_for(caller, page.method, move |reader, disclosure_filter| {
            let _slot = slot;
            let listed = |case: StoredCase| {
                let case = disclosure_filter.case(case)?;
                Ok(show(&case).filter(|shown| filter.holds(shown)))
            };
            find(cases, |cases| own_and_records(reader, cases, &records), listed)
        });
        let Found { shown, resources, next } = found.await?;
        let mut classes = FieldClasses::NONE;
        for message in &shown {
            classes = classes.union(classes_of(message)?);
        }
        self.disclose(caller, page.method, &jurisdiction, resources, classes).await?;
        Ok((shown, next.map(|next| format!("{next}{tag}")).unwrap_or_default()))
    }

    /// What binds a page token to its list and filter: empty without a filter. It is keyed, since a filter may name a
    /// person, and page tokens are kept in many places.
    fn tag(&self, page: &Page, filter: &ListFilter) -> String {
        if filter.is_empty() {
            return String::new();
        }
        let bound = format!("page token\0{}\0{}\0{}", page.method.word(), page.parent, filter.canonical());
        let tag = hmac::sign(&self.keys.digests, bound.as_bytes());
        format!(".{}", hex::encode(tag.as_ref().get(..TAG_LEN).unwrap_or_default()))
    }
}

/// The place that a page begins after.
fn place(token: &str, tag: &str) -> Result<Option<Uuid>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = token.strip_suffix(tag).ok_or_else(status::invalid_cursor)?;
    parse::page_token(place).ok().flatten().map(Some).ok_or_else(status::invalid_cursor)
}

/// A page that was found.
struct Found<T> {
    shown: Vec<T>,
    resources: Vec<DisclosedResource>,
    /// The last case that was looked at. `None`: there are no more.
    next: Option<Uuid>,
}

/// Looks at cases in order until the page is full, the cases have ended, or enough was looked at. `listed` gives what a case
/// is listed as.
fn find<T: Message>(
    mut cases: CaseFilter,
    read: impl Fn(&CaseFilter) -> Result<Vec<StoredCase>, StoreError>,
    mut listed: impl FnMut(StoredCase) -> Result<Option<T>, StoreError>,
) -> Result<Found<T>, StoreError> {
    let limit = cases.limit;
    let mut found = Found { shown: Vec::new(), resources: Vec::new(), next: None };
    let (mut bytes, mut looked_at) = (0usize, 0usize);
    loop {
        let some = read(&cases)?;
        let have_ended = some.len() < limit;
        for case in some {
            let name = case.name().clone();
            if let Some(message) = listed(case)? {
                bytes = bytes.saturating_add(message.encoded_len());
                if bytes > PAGE_BYTES_MAX && !found.shown.is_empty() {
                    // The next page begins with the resource that did not fit.
                    return Ok(Found { next: cases.after, ..found });
                }
                found.resources.push(DisclosedResource::from(&name));
                found.shown.push(message);
            }
            cases.after = Some(name.id);
            looked_at = looked_at.saturating_add(1);
            if found.shown.len() >= limit || looked_at >= LOOKED_AT_MAX {
                return Ok(Found { next: cases.after, ..found });
            }
        }
        if have_ended {
            return Ok(found);
        }
    }
}

/// The next cases of a list: the reader's own, and those of which it keeps a record, since it handed the person on.
/// `records` finds these alone.
fn own_and_records(reader: &dyn Reader, filter: &CaseFilter, records: &[Term]) -> Result<Vec<StoredCase>, StoreError> {
    let mut found = reader.cases(filter)?;
    if !records.is_empty() {
        let filter = CaseFilter { agency: None, unassigned: true, terms: records.to_vec(), ..filter.clone() };
        found.extend(reader.cases(&filter)?);
        found.sort_by_key(|case| case.name().id);
        found.truncate(filter.limit);
    }
    Ok(found)
}

/// The terms of the records that a list may have. Each names the reader, so they find no others'.
fn record_terms(kind: CaseKind, whose: &CasesOf, filter: &ListFilter) -> Vec<Term> {
    let (Some(own), CaseKind::Custody) = (&whose.agency, kind) else { return Vec::new() };
    let handed_on = filter.state().and_then(from_wire::<CustodyState>).is_none_or(|it| it == CustodyState::MovedOn);
    match filter.number() {
        _ if !handed_on => Vec::new(),
        Some((number, value)) => vec![Term::number_handed_on_by(own, number, value)],
        None => vec![Term::handed_on_by(own)],
    }
}

/// The terms that find everything that may be in a list, and as little else as one condition of its filter can do. Empty:
/// every case is looked at, as for oversight.
fn terms(kind: CaseKind, whose: &CasesOf, filter: &ListFilter) -> Vec<Term> {
    if let Some((number, value)) = filter.number() {
        return vec![Term::number(number, value)];
    }
    let Some(own) = &whose.agency else { return Vec::new() };
    let holders = || std::iter::once(Some(own)).chain(whose.unassigned.then_some(None));
    let held = || holders().map(Term::held_by);
    match kind {
        CaseKind::Custody => match filter.state().and_then(from_wire::<CustodyState>) {
            Some(state) => vec![Term::custody_state(own, state)],
            None => held().collect(),
        },
        CaseKind::Detainer => {
            let custodian = filter.equal(Field::Custodian).and_then(|name| name.strip_prefix("agencies/"));
            let custodian: Option<AgencyId> = custodian.and_then(|id| id.parse().ok());
            if let Some(state) = filter.state().and_then(from_wire::<DetainerState>) {
                let of_holder = holders().map(|holder| Term::state_to_holder(holder, state));
                return std::iter::once(Term::state_to_issuer(own, state)).chain(of_holder).collect();
            }
            let issued = custodian.map_or_else(|| Term::issued_by(own), |of| Term::custodian_to_issuer(own, &of));
            std::iter::once(issued).chain(held()).collect()
        }
        CaseKind::Appeal => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
