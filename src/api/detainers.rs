//! `DetainerService`: what an issuer and a custodian tell each other.

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
use crate::wire::v1::detainer_service_server::DetainerService;
use crate::wire::{parse, show, v1};

/// The service.
#[derive(Debug, Clone)]
pub struct Detainers(pub Arc<Api>);

#[tonic::async_trait]
impl DetainerService for Detainers {
    async fn lodge_detainer(
        &self,
        request: Request<v1::LodgeDetainerRequest>,
    ) -> Result<Response<v1::LodgeDetainerResponse>, Status> {
        self.0.write(request).await
    }

    async fn acknowledge_detainer(
        &self,
        request: Request<v1::AcknowledgeDetainerRequest>,
    ) -> Result<Response<v1::AcknowledgeDetainerResponse>, Status> {
        self.0.write(request).await
    }

    async fn answer_detainer(
        &self,
        request: Request<v1::AnswerDetainerRequest>,
    ) -> Result<Response<v1::AnswerDetainerResponse>, Status> {
        self.0.write(request).await
    }

    async fn amend_detainer(
        &self,
        request: Request<v1::AmendDetainerRequest>,
    ) -> Result<Response<v1::AmendDetainerResponse>, Status> {
        self.0.write(request).await
    }

    async fn verify_warrant(
        &self,
        request: Request<v1::VerifyWarrantRequest>,
    ) -> Result<Response<v1::VerifyWarrantResponse>, Status> {
        self.0.write(request).await
    }

    async fn record_service_of_copy(
        &self,
        request: Request<v1::RecordServiceOfCopyRequest>,
    ) -> Result<Response<v1::RecordServiceOfCopyResponse>, Status> {
        self.0.write(request).await
    }

    async fn request_interview(
        &self,
        request: Request<v1::RequestInterviewRequest>,
    ) -> Result<Response<v1::RequestInterviewResponse>, Status> {
        self.0.write(request).await
    }

    async fn answer_interview(
        &self,
        request: Request<v1::AnswerInterviewRequest>,
    ) -> Result<Response<v1::AnswerInterviewResponse>, Status> {
        self.0.write(request).await
    }

    async fn withdraw_interview(
        &self,
        request: Request<v1::WithdrawInterviewRequest>,
    ) -> Result<Response<v1::WithdrawInterviewResponse>, Status> {
        self.0.write(request).await
    }

    async fn raise_citizenship_claim(
        &self,
        request: Request<v1::RaiseCitizenshipClaimRequest>,
    ) -> Result<Response<v1::RaiseCitizenshipClaimResponse>, Status> {
        self.0.write(request).await
    }

    async fn resolve_citizenship_claim(
        &self,
        request: Request<v1::ResolveCitizenshipClaimRequest>,
    ) -> Result<Response<v1::ResolveCitizenshipClaimResponse>, Status> {
        self.0.write(request).await
    }

    async fn withdraw_detainer(
        &self,
        request: Request<v1::WithdrawDetainerRequest>,
    ) -> Result<Response<v1::WithdrawDetainerResponse>, Status> {
        self.0.write(request).await
    }

    type LodgeDetainersStream = ResponseStream<v1::LodgeDetainersResponse>;

    async fn lodge_detainers(
        &self,
        request: Request<Streaming<v1::LodgeDetainersRequest>>,
    ) -> Result<Response<Self::LodgeDetainersStream>, Status> {
        self.0.bulk("DetainerService/LodgeDetainers", request)
    }

    type AcknowledgeDetainersStream = ResponseStream<v1::AcknowledgeDetainersResponse>;

    async fn acknowledge_detainers(
        &self,
        request: Request<Streaming<v1::AcknowledgeDetainersRequest>>,
    ) -> Result<Response<Self::AcknowledgeDetainersStream>, Status> {
        self.0.bulk("DetainerService/AcknowledgeDetainers", request)
    }

    type AnswerDetainersStream = ResponseStream<v1::AnswerDetainersResponse>;

    async fn answer_detainers(
        &self,
        request: Request<Streaming<v1::AnswerDetainersRequest>>,
    ) -> Result<Response<Self::AnswerDetainersStream>, Status> {
        self.0.bulk("DetainerService/AnswerDetainers", request)
    }

    async fn get_detainer(
        &self,
        request: Request<v1::GetDetainerRequest>,
    ) -> Result<Response<v1::GetDetainerResponse>, Status> {
        let caller = Api::caller(&request)?;
        let name = parse::case_name("name", &request.get_ref().name, CaseKind::Detainer)
            .map_err(|faults| status::violations(&faults))?;
        let whose = CasesOf::of(&caller, &name.jurisdiction);
        let case = self.0.read_for(&caller, ReadMethod::GetDetainer, move |reader, disclosure_filter| {
            reader.case_of(&whose, &name)?.map(|case| disclosure_filter.case(case)).transpose()
        });
        let case = case.await?.ok_or_else(status::not_found)?;
        let detainer = case.detainer().ok_or_else(status::not_found)?;
        let viewpoint = self.0.gate().viewpoint(&caller, detainer).ok_or_else(status::not_found)?;
        let shown = show::detainer(detainer, viewpoint, self.0.answer_within);
        let (name, classes) = (&detainer.name, classes_of(&shown)?);
        let resources = vec![DisclosedResource::from(name)];
        self.0.disclose(&caller, ReadMethod::GetDetainer, &name.jurisdiction, resources, classes).await?;
        Ok(Response::new(v1::GetDetainerResponse { detainer: Some(shown) }))
    }

    async fn list_detainers(
        &self,
        request: Request<v1::ListDetainersRequest>,
    ) -> Result<Response<v1::ListDetainersResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let page = Page {
            kind: CaseKind::Detainer,
            method: ReadMethod::ListDetainers,
            parent: request.parent,
            size: request.page_size,
            token: request.page_token,
            filter: request.filter,
        };
        let (gate, reader, answer_within) = (self.0.gate(), caller.clone(), self.0.answer_within);
        let show = move |case: &StoredCase| {
            let detainer = case.detainer()?;
            Some(show::detainer(detainer, gate.viewpoint(&reader, detainer)?, answer_within))
        };
        let (detainers, next_page_token) = self.0.list(&caller, page, show).await?;
        Ok(Response::new(v1::ListDetainersResponse { detainers, next_page_token }))
    }
}
