//! `CustodyService`: what a custodian records about a custody.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use crate::api::context::Api;
use crate::api::list::{Page, classes_of};
use crate::api::status;
use crate::api::stream::ResponseStream;
use crate::domain::case::StoredCase;
use crate::domain::ids::CaseKind;
use crate::domain::method::ReadMethod;
use crate::store::{CasesOf, DisclosedResource};
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
        let whose = CasesOf::of(&caller, &name.jurisdiction);
        let case = self.0.read(move |reader| reader.case_of(&whose, &name)).await?.ok_or_else(status::not_found)?;
        let custody = case.custody().filter(|custody| self.0.gate().may_see_custody(&caller, custody));
        let custody = custody.ok_or_else(status::not_found)?;
        let shown = show::custody(custody);
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
        let show = move |case: &StoredCase| {
            let custody = case.custody().filter(|custody| gate.may_see_custody(&reader, custody))?;
            Some(show::custody(custody))
        };
        let (custodies, next_page_token) = self.0.list(&caller, page, show).await?;
        Ok(Response::new(v1::ListCustodiesResponse { custodies, next_page_token }))
    }
}
