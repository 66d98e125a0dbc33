//! `CustodyService`: what a custodian records of a stay.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::api::{Api, status};
use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::case::StoredCase;
use crate::domain::determination::FieldClasses;
use crate::domain::ids::CaseKind;
use crate::store::CaseFilter;
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

    async fn get_custody(
        &self,
        request: Request<v1::GetCustodyRequest>,
    ) -> Result<Response<v1::GetCustodyResponse>, Status> {
        let caller = Api::caller(&request)?;
        let name = parse::case_name("name", &request.get_ref().name, CaseKind::Custody)
            .map_err(|faults| status::violations(&faults))?;
        let case = self.0.read(move |reader| reader.case(&name)).await?.ok_or_else(status::not_found)?;
        let custody = case.custody().filter(|custody| self.0.gate.may_see_custody(&caller, custody));
        let shown = show::custody(custody.ok_or_else(status::not_found)?);
        self.0.disclose(&caller, "CustodyService/GetCustody", shown.name.clone(), FieldClasses::all()).await?;
        Ok(Response::new(v1::GetCustodyResponse { custody: Some(shown) }))
    }

    async fn list_custodies(
        &self,
        request: Request<v1::ListCustodiesRequest>,
    ) -> Result<Response<v1::ListCustodiesResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let (cases, next_page_token) =
            self.0.list(&caller, CaseKind::Custody, &request.parent, request.page_size, &request.page_token).await?;
        let custodies: Vec<v1::Custody> = cases
            .iter()
            .filter_map(StoredCase::custody)
            .filter(|custody| self.0.gate.may_see_custody(&caller, custody))
            .map(show::custody)
            .collect();
        let names: Vec<&str> = custodies.iter().map(|custody| custody.name.as_str()).collect();
        if !names.is_empty() {
            let names = names.join("\n");
            self.0.disclose(&caller, "CustodyService/ListCustodies", names, FieldClasses::all()).await?;
        }
        Ok(Response::new(v1::ListCustodiesResponse { custodies, next_page_token }))
    }
}

impl Api {
    /// A page of the cases of a jurisdiction that the caller has a part in, and the token of the next.
    pub(super) async fn list(
        &self,
        caller: &Caller,
        kind: CaseKind,
        parent: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<(Vec<StoredCase>, String), Status> {
        let jurisdiction = parse::jurisdiction("parent", parent).map_err(|faults| status::violations(&faults))?;
        let limit = parse::page_size(page_size).map_err(|faults| status::violations(&faults))?;
        let after = parse::page_token(page_token).map_err(|_| status::invalid_cursor())?;
        if !caller.takes_part_in(&jurisdiction) {
            return Err(status::not_found());
        }
        let overseen = caller.agency.kind == AgencyKind::Oversight;
        let filter = CaseFilter {
            jurisdiction,
            kind,
            agency: (!overseen).then(|| caller.agency.id.clone()),
            unassigned: caller.agency.kind.holds_people(),
            after,
            limit,
        };
        let cases = self.read(move |reader| reader.cases(&filter)).await?;
        let full = cases.len() >= limit;
        let next = cases.last().filter(|_| full).map(|case| case.name().id.to_string()).unwrap_or_default();
        Ok((cases, next))
    }
}
