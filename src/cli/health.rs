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

use crate::cli::output::{error_text, print_line, report_failure};
use crate::config::address;

/// Arguments of `comity health`.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    /// The gateway's ops listener.
    #[arg(long, default_value = "127.0.0.1:9443", value_parser = address)]
    ops: SocketAddr,
    /// A service, as comity.v1.DetainerService; a dependency: store, policy, clock or witness; or agency/ID, whether that
    /// agency can be delivered to. Default: the whole.
    #[arg(long, default_value = "")]
    service: String,
    /// How long to wait, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    timeout_ms: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &HealthArgs) -> ExitCode {
    match probe(args) {
        Ok(ServingStatus::Serving) => ExitCode::SUCCESS,
        Ok(ServingStatus::Unknown | ServingStatus::NotServing | ServingStatus::ServiceUnknown) => ExitCode::FAILURE,
        Err(error) => {
            if args.json {
                // The error is on standard error as well.
                let _ignored = print_line(&shown(args, "UNREACHABLE", Some(&error_text(&error))));
            }
            report_failure(&error)
        }
    }
}

fn shown(args: &HealthArgs, status: &str, message: Option<&str>) -> String {
    let ops = args.ops.to_string();
    let mut shown = serde_json::json!({ "ops": ops, "service": args.service, "status": status });
    if let (Some(fields), Some(message)) = (shown.as_object_mut(), message) {
        fields.insert("message".to_owned(), message.into());
    }
    shown.to_string()
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
    let word = status.as_str_name();
    print_line(&if args.json { shown(args, word, None) } else { word.to_owned() })?;
    Ok(status)
}
