//! `ReviewService` and `ObligationService`: what custodians have to decide, and what they still owe.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::{Request, Response, Status};

use crate::api::context::Api;
use crate::api::list::classes_of;
use crate::api::status;
use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::agenda::ItemKind;
use crate::domain::detainer::Detainer;
use crate::domain::determination::FieldClasses;
use crate::domain::method::ReadMethod;
use crate::store::{AgendaFilter, AgendaPosition, DisclosedResource, ListedItem};
use crate::wire::v1::obligation_service_server::ObligationService;
use crate::wire::v1::review_service_server::ReviewService;
use crate::wire::{Message, Named, parse, show, v1};

/// Reviews.
#[derive(Debug, Clone)]
pub struct Reviews(pub Arc<Api>);

/// Obligations.
#[derive(Debug, Clone)]
pub struct Obligations(pub Arc<Api>);

#[tonic::async_trait]
impl ReviewService for Reviews {
    async fn list_reviews(
        &self,
        request: Request<v1::ListReviewsRequest>,
    ) -> Result<Response<v1::ListReviewsResponse>, Status> {
        let caller = Api::caller(&request)?;
        let v1::ListReviewsRequest { parent, page_size, page_token, overdue } = request.into_inner();
        let page = Page {
            kind: ItemKind::Review,
            method: ReadMethod::ListReviews,
            parent,
            size: page_size,
            token: page_token,
        };
        let show = |detainer: &Detainer, key: &str, now| {
            let review = detainer.review(key.parse().ok()?).filter(|review| review.is_open())?;
            Some(show::review(&detainer.name, review, Some(now)))
        };
        let (reviews, next_page_token) = self.0.duties(&caller, page, overdue, show).await?;
        Ok(Response::new(v1::ListReviewsResponse { reviews, next_page_token }))
    }

    async fn resolve_review(
        &self,
        request: Request<v1::ResolveReviewRequest>,
    ) -> Result<Response<v1::ResolveReviewResponse>, Status> {
        self.0.write(request).await
    }
}

#[tonic::async_trait]
impl ObligationService for Obligations {
    async fn list_obligations(
        &self,
        request: Request<v1::ListObligationsRequest>,
    ) -> Result<Response<v1::ListObligationsResponse>, Status> {
        let caller = Api::caller(&request)?;
        let v1::ListObligationsRequest { parent, page_size, page_token, overdue } = request.into_inner();
        let method = ReadMethod::ListObligations;
        let page = Page { kind: ItemKind::Obligation, method, parent, size: page_size, token: page_token };
        let show = |detainer: &Detainer, key: &str, now| {
            let owed = detainer.owed(key.parse().ok()?).filter(|owed| owed.is_open())?;
            Some(show::obligation(&detainer.name, owed, Some(now)))
        };
        let (obligations, next_page_token) = self.0.duties(&caller, page, overdue, show).await?;
        Ok(Response::new(v1::ListObligationsResponse { obligations, next_page_token }))
    }

    async fn meet_obligation(
        &self,
        request: Request<v1::MeetObligationRequest>,
    ) -> Result<Response<v1::MeetObligationResponse>, Status> {
        self.0.write(request).await
    }
}

/// A page that is asked for.
struct Page {
    kind: ItemKind,
    /// The method, for the account of disclosures.
    method: ReadMethod,
    parent: String,
    size: i32,
    token: String,
}

impl Api {
    /// A page of open items, the earliest due first, and the token of the next page. A custodian gets its own;
    /// oversight gets the whole jurisdiction.
    async fn duties<T: Message + Named>(
        &self,
        caller: &Caller,
        page: Page,
        overdue: bool,
        show: impl Fn(&Detainer, &str, Timestamp) -> Option<T>,
    ) -> Result<(Vec<T>, String), Status> {
        let jurisdiction = parse::jurisdiction("parent", &page.parent).map_err(|faults| status::violations(&faults))?;
        let limit = parse::page_size(page.size).map_err(|faults| status::violations(&faults))?;
        let after = parse::due_token(&jurisdiction, &page.token).map_err(|_| status::invalid_cursor())?;
        if !caller.takes_part_in(&jurisdiction) {
            return Err(status::not_found());
        }
        let after = after.map(|(due_at, case, key)| AgendaPosition { due_at, case, key });
        let overseen = caller.agency.kind == AgencyKind::Oversight;
        let holder = (!overseen).then(|| caller.agency.id.clone());
        let of = jurisdiction.clone();
        let filter = AgendaFilter { jurisdiction: of, kind: page.kind, holder, unassigned: false, after, limit };
        let now = self.clock.now();
        // Takes a slot: a page is large while it is put together.
        let slot = self.slot(&self.concurrency.lists).await?;
        let listed = self.read(move |reader| {
            let _slot = slot;
            let mut listed = Vec::new();
            for item in reader.agenda(&filter)? {
                let case = reader.case(&item.case)?;
                listed.push((item, case));
            }
            Ok(listed)
        });
        let mut listed = listed.await?;
        let whole = listed.len() >= limit;
        listed.retain(|(listed, _)| !overdue || listed.item.due_at < now);
        // If an item was left out because it is not due yet, nothing after it is due either.
        let last = listed.last().filter(|_| whole && listed.len() >= limit).map(|(listed, _)| token(listed));
        let (mut shown, mut resources, mut classes) = (Vec::new(), Vec::new(), FieldClasses::NONE);
        for (listed, case) in &listed {
            let Some(detainer) = case.as_ref().and_then(|case| case.detainer()) else { continue };
            let Some(message) = show(detainer, &listed.item.key, now) else { continue };
            classes = classes.union(classes_of(&message)?);
            resources.push(DisclosedResource::from(&detainer.name));
            shown.push(message);
        }
        self.disclose(caller, page.method, &jurisdiction, resources, classes).await?;
        Ok((shown, last.unwrap_or_default()))
    }
}

fn token(listed: &ListedItem) -> String {
    let AgendaPosition { due_at, case, key } = listed.position();
    show::due_token(due_at, &case, &key)
}
