//! `comity health`: a probe with an exit code, for containers without a shell.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cli::{failed, say};

/// Arguments of `comity health`.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// The gateway's ops listener.
    #[arg(long, default_value = "127.0.0.1:9443")]
    ops: SocketAddr,
    /// A service, as comity.v1.DetainerService, or the dependency `store`. Default: the whole.
    #[arg(long, default_value = "")]
    service: String,
    /// How long to wait, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    timeout_ms: u64,
}

pub(super) fn run(args: &HealthArgs) -> ExitCode {
    match probe(args) {
        Ok(ServingStatus::Serving) => ExitCode::SUCCESS,
        Ok(ServingStatus::Unknown | ServingStatus::NotServing | ServingStatus::ServiceUnknown) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

fn probe(args: &HealthArgs) -> Result<ServingStatus> {
    let timeout = Duration::from_millis(args.timeout_ms);
    let endpoint = Endpoint::from_shared(format!("http://{}", args.ops))?.connect_timeout(timeout).timeout(timeout);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let mut client = HealthClient::new(endpoint.connect().await?);
        let request = HealthCheckRequest { service: args.service.clone() };
        anyhow::Ok(client.check(request).await?.into_inner().status())
    })?;
    say(status.as_str_name())?;
    Ok(status)
}
