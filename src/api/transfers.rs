//! `TransferService`: how a pick-up is agreed, and its outcome.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::api::Api;
use crate::wire::v1;
use crate::wire::v1::transfer_service_server::TransferService;

/// The service.
#[derive(Debug, Clone)]
pub struct Transfers(pub Arc<Api>);

#[tonic::async_trait]
impl TransferService for Transfers {
    async fn offer_window(
        &self,
        request: Request<v1::OfferWindowRequest>,
    ) -> Result<Response<v1::OfferWindowResponse>, Status> {
        self.0.write(request).await
    }

    async fn accept_window(
        &self,
        request: Request<v1::AcceptWindowRequest>,
    ) -> Result<Response<v1::AcceptWindowResponse>, Status> {
        self.0.write(request).await
    }

    async fn decline_window(
        &self,
        request: Request<v1::DeclineWindowRequest>,
    ) -> Result<Response<v1::DeclineWindowResponse>, Status> {
        self.0.write(request).await
    }

    async fn revise_window(
        &self,
        request: Request<v1::ReviseWindowRequest>,
    ) -> Result<Response<v1::ReviseWindowResponse>, Status> {
        self.0.write(request).await
    }

    async fn withdraw_window(
        &self,
        request: Request<v1::WithdrawWindowRequest>,
    ) -> Result<Response<v1::WithdrawWindowResponse>, Status> {
        self.0.write(request).await
    }

    async fn confirm_transfer(
        &self,
        request: Request<v1::ConfirmTransferRequest>,
    ) -> Result<Response<v1::ConfirmTransferResponse>, Status> {
        self.0.write(request).await
    }

    async fn report_failure(
        &self,
        request: Request<v1::ReportFailureRequest>,
    ) -> Result<Response<v1::ReportFailureResponse>, Status> {
        self.0.write(request).await
    }
}
