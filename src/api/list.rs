//! Pages of resources. They are limited in number and in bytes, and accounted for before they leave.

use tonic::Status;

use crate::api::context::Api;
use crate::api::status;
use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::CaseKind;
use crate::domain::method::ReadMethod;
use crate::store::{CaseFilter, CasesOf, DisclosedResource};
use crate::wire::{Message, Named, parse, wire_walk};

/// A page ends at this size, however many resources were asked for (AIP-158). It is below 4 MiB, the default limit of
/// clients.
const PAGE_BYTES_MAX: usize = 1_024 * 1_024;

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
}

/// The classes that a message has content of.
pub(super) fn classes_of<T: Message + Named>(message: &T) -> Result<FieldClasses, Status> {
    wire_walk::classes(&T::full_name(), &message.encode_to_vec())
        .map_err(|_| status::internal("a message has a field without a class"))
}

impl Api {
    /// A page of what the caller may see, and the token of the next page.
    pub(super) async fn list<T: Message + Named>(
        &self,
        caller: &Caller,
        page: Page,
        show: impl Fn(&StoredCase) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        let jurisdiction = parse::jurisdiction("parent", &page.parent).map_err(|faults| status::violations(&faults))?;
        let limit = parse::page_size(page.size).map_err(|faults| status::violations(&faults))?;
        let after = parse::page_token(&page.token).map_err(|_| status::invalid_cursor())?;
        if !caller.takes_part_in(&jurisdiction) {
            return Err(status::not_found());
        }
        let CasesOf { agency, unassigned } = CasesOf::of(caller, &jurisdiction);
        let filter =
            CaseFilter { jurisdiction: jurisdiction.clone(), kind: page.kind, agency, unassigned, after, limit };
        // Takes a slot: a page is large while it is put together.
        let slot = self.slot(&self.concurrency.lists).await?;
        let cases = self.read_for(caller, page.method, move |reader, disclosure_filter| {
            let _slot = slot;
            reader.cases(&filter)?.into_iter().map(|case| disclosure_filter.case(case)).collect::<Result<Vec<_>, _>>()
        });
        let cases = cases.await?;
        let (mut shown, mut resources, mut classes, mut bytes) = (Vec::new(), Vec::new(), FieldClasses::NONE, 0usize);
        let mut last_shown = None;
        let mut next = cases.last().filter(|_| cases.len() >= limit).map(|case| case.name().id.to_string());
        for case in &cases {
            let Some(message) = show(case) else { continue };
            bytes = bytes.saturating_add(message.encoded_len());
            if bytes > PAGE_BYTES_MAX && !shown.is_empty() {
                // The next page begins with the resource that did not fit.
                next = last_shown;
                break;
            }
            classes = classes.union(classes_of(&message)?);
            resources.push(DisclosedResource::from(case.name()));
            shown.push(message);
            last_shown = Some(case.name().id.to_string());
        }
        self.disclose(caller, page.method, &jurisdiction, resources, classes).await?;
        Ok((shown, next.unwrap_or_default()))
    }
}
