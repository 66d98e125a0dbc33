//! `PolicyService`: the policies as data.

mod replay;
mod show;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::api::context::Api;
use crate::api::status;
use crate::api::stream::ResponseStream;
use crate::audit::call;
use crate::domain::method::ReadMethod;
use crate::wire::v1::policy_service_server::PolicyService;
use crate::wire::{parse, v1};

/// The service.
#[derive(Debug, Clone)]
pub struct Policies(pub Arc<Api>);

#[tonic::async_trait]
impl PolicyService for Policies {
    type ReplayStream = ResponseStream<v1::ReplayResponse>;

    async fn get_policy_set(
        &self,
        request: Request<v1::GetPolicySetRequest>,
    ) -> Result<Response<v1::GetPolicySetResponse>, Status> {
        let caller = Api::caller(&request)?;
        let gate = self.0.gate_for(&caller, ReadMethod::GetPolicySet.word())?;
        let policy_set = show::policy_set(gate.engine(), gate.since());
        Ok(Response::new(v1::GetPolicySetResponse { policy_set: Some(policy_set) }))
    }

    async fn evaluate(&self, request: Request<v1::EvaluateRequest>) -> Result<Response<v1::EvaluateResponse>, Status> {
        let caller = Api::caller(&request)?;
        let gate = self.0.gate_for(&caller, ReadMethod::Evaluate.word())?;
        let asked = parse::evaluation(request.into_inner()).map_err(|faults| status::violations(&faults))?;
        let now = asked.at.unwrap_or_else(|| self.0.clock.now());
        let engine = Arc::clone(gate.engine());
        let explain = move || engine.explain(&asked.jurisdiction, &asked.facts, now);
        let explanation = self.0.evaluate_blocking(explain).await?;
        Ok(Response::new(show::explanation(gate.engine().digest(), &explanation)))
    }

    async fn replay(&self, request: Request<v1::ReplayRequest>) -> Result<Response<Self::ReplayStream>, Status> {
        let caller = Api::caller(&request)?;
        let opener = Api::opener(&request, ReadMethod::Replay.word())?;
        let period = parse::period(request.into_inner()).map_err(|faults| status::violations(&faults))?;
        let replaying = replay::Replaying::begin(&self.0, caller, period).await?;
        let (outgoing, answers) = self.0.outgoing();
        let api = Arc::clone(&self.0);
        let served = async move {
            let serve = async |sender| replaying.serve(&api, &sender).await;
            api.serve_stream(opener, outgoing, serve).await;
        };
        tokio::spawn(call::carried(served.in_current_span()));
        Ok(Response::new(answers))
    }
}
