//! `CustodyService`: what a custodian records about a custody.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::api::context::Api;
use crate::api::list::{Page, classes_of};
use crate::api::status;
use crate::api::stream::ResponseStream;
use crate::domain::agency::Caller;
use crate::domain::case::StoredCase;
use crate::domain::ids::{CaseKind, CaseName};
use crate::domain::method::ReadMethod;
use crate::domain::search::Term;
use crate::store::{CaseFilter, CasesOf, DisclosedResource, Reader, StoreError};
use crate::wire::v1::custody_service_server::CustodyService;
use crate::wire::{parse, show, v1};

/// The service.
#[derive(Debug, Clone)]
pub struct Custodies(pub Arc<Api>);

#[tonic::async_trait]
impl CustodyService for Custodies {
    async fn open_custody(
        &self,
        request: Request<v1::OpenCustodyRequest>,
    ) -> Result<Response<v1::OpenCustodyResponse>, Status> {
        self.0.write(request).await
    }

    async fn schedule_release(
        &self,
        request: Request<v1::ScheduleReleaseRequest>,
    ) -> Result<Response<v1::ScheduleReleaseResponse>, Status> {
        self.0.write(request).await
    }

    async fn record_release(
        &self,
        request: Request<v1::RecordReleaseRequest>,
    ) -> Result<Response<v1::RecordReleaseResponse>, Status> {
        self.0.write(request).await
    }

    async fn record_release_eligibility(
        &self,
        request: Request<v1::RecordReleaseEligibilityRequest>,
    ) -> Result<Response<v1::RecordReleaseEligibilityResponse>, Status> {
        self.0.write(request).await
    }

    async fn update_charges(
        &self,
        request: Request<v1::UpdateChargesRequest>,
    ) -> Result<Response<v1::UpdateChargesResponse>, Status> {
        self.0.write(request).await
    }

    async fn correct_identity(
        &self,
        request: Request<v1::CorrectIdentityRequest>,
    ) -> Result<Response<v1::CorrectIdentityResponse>, Status> {
        self.0.write(request).await
    }

    async fn move_custody(
        &self,
        request: Request<v1::MoveCustodyRequest>,
    ) -> Result<Response<v1::MoveCustodyResponse>, Status> {
        self.0.write(request).await
    }

    async fn accept_move(
        &self,
        request: Request<v1::AcceptMoveRequest>,
    ) -> Result<Response<v1::AcceptMoveResponse>, Status> {
        self.0.write(request).await
    }

    async fn decline_move(
        &self,
        request: Request<v1::DeclineMoveRequest>,
    ) -> Result<Response<v1::DeclineMoveResponse>, Status> {
        self.0.write(request).await
    }

    async fn withdraw_move(
        &self,
        request: Request<v1::WithdrawMoveRequest>,
    ) -> Result<Response<v1::WithdrawMoveResponse>, Status> {
        self.0.write(request).await
    }

    async fn reschedule_release(
        &self,
        request: Request<v1::RescheduleReleaseRequest>,
    ) -> Result<Response<v1::RescheduleReleaseResponse>, Status> {
        self.0.write(request).await
    }

    async fn cancel_release(
        &self,
        request: Request<v1::CancelReleaseRequest>,
    ) -> Result<Response<v1::CancelReleaseResponse>, Status> {
        self.0.write(request).await
    }

    async fn close_custody(
        &self,
        request: Request<v1::CloseCustodyRequest>,
    ) -> Result<Response<v1::CloseCustodyResponse>, Status> {
        self.0.write(request).await
    }

    async fn reopen_custody(
        &self,
        request: Request<v1::ReopenCustodyRequest>,
    ) -> Result<Response<v1::ReopenCustodyResponse>, Status> {
        self.0.write(request).await
    }

    async fn expunge_custody(
        &self,
        request: Request<v1::ExpungeCustodyRequest>,
    ) -> Result<Response<v1::ExpungeCustodyResponse>, Status> {
        self.0.write(request).await
    }

    type RecordReleasesStream = ResponseStream<v1::RecordReleasesResponse>;

    async fn record_releases(
        &self,
        request: Request<Streaming<v1::RecordReleasesRequest>>,
    ) -> Result<Response<Self::RecordReleasesStream>, Status> {
        self.0.bulk("CustodyService/RecordReleases", request)
    }

    async fn get_custody(
        &self,
        request: Request<v1::GetCustodyRequest>,
    ) -> Result<Response<v1::GetCustodyResponse>, Status> {
        let caller = Api::caller(&request)?;
        let name = parse::case_name("name", &request.get_ref().name, CaseKind::Custody)
            .map_err(|faults| status::violations(&faults))?;
        let reader_is = caller.clone();
        let case = self.0.read(move |reader| custody_of(reader, &reader_is, &name)).await?;
        let custody = case.as_ref().and_then(StoredCase::custody);
        let custody = custody.and_then(|custody| self.0.gate().custody_for(&caller, custody));
        let custody = custody.ok_or_else(status::not_found)?;
        let shown = show::custody(&custody);
        let (name, classes) = (&custody.name, classes_of(&shown)?);
        let resources = vec![DisclosedResource::from(name)];
        self.0.disclose(&caller, ReadMethod::GetCustody, &name.jurisdiction, resources, classes).await?;
        Ok(Response::new(v1::GetCustodyResponse { custody: Some(shown) }))
    }

    async fn list_custodies(
        &self,
        request: Request<v1::ListCustodiesRequest>,
    ) -> Result<Response<v1::ListCustodiesResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let page = Page {
            kind: CaseKind::Custody,
            method: ReadMethod::ListCustodies,
            parent: request.parent,
            size: request.page_size,
            token: request.page_token,
            filter: request.filter,
        };
        let (gate, reader) = (self.0.gate(), caller.clone());
        let show = move |case: &StoredCase| Some(show::custody(gate.own_custody(&reader, case.custody()?)?));
        let (custodies, next_page_token) = self.0.list(&caller, page, show).await?;
        Ok(Response::new(v1::ListCustodiesResponse { custodies, next_page_token }))
    }
}

/// A custody that may be the caller's to see: it holds or oversees it, or the index says that it is shown it all the same.
/// Any other is not opened.
pub(super) fn custody_of(
    reader: &dyn Reader,
    caller: &Caller,
    name: &CaseName,
) -> Result<Option<StoredCase>, StoreError> {
    let own = reader.case_of(&CasesOf::of(caller, &name.jurisdiction), name)?;
    if own.is_some() || !caller.takes_part_in(&name.jurisdiction) {
        return Ok(own);
    }
    let shown = CaseFilter {
        jurisdiction: name.jurisdiction.clone(),
        kind: CaseKind::Custody,
        agency: None,
        unassigned: true,
        terms: vec![Term::shown_to(&caller.agency.id, name)],
        after: None,
        limit: 1,
    };
    Ok(reader.cases(&shown)?.pop())
}
