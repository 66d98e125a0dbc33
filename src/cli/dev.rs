//! `comity dev`: an exchange to try things on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use crate::cli::sandbox::Sandbox;
use crate::cli::serve::{Ended, serve};
use crate::config::address;
use crate::server::AuditFile;

/// Arguments of `comity dev`.
#[derive(Debug, Args)]
#[command(after_help = "Under DIR: certs/AGENCY.pem and .key, certs/gateway-ca.pem, tokens/AGENCY.jwt (a system) and \
                        tokens/AGENCY-officer.jwt, comity.toml, comity.db. When ready, one JSON line on standard output: \
                        {\"ready\":true,\"grpc\":\"127.0.0.1:PORT\",\"ops\":\"127.0.0.1:PORT\",\"dir\":\"...\"}")]
pub(super) struct DevArgs {
    /// Where everything is kept; made if it is not there.
    #[arg(long, default_value = "comity-dev")]
    dir: PathBuf,
    /// gRPC over mutual TLS. Port 0 is any free port.
    #[arg(long, default_value = "127.0.0.1:8443", value_parser = address)]
    listen: SocketAddr,
    /// Probes, in plain HTTP. Port 0 is any free port.
    #[arg(long, default_value = "127.0.0.1:9443", value_parser = address)]
    ops: SocketAddr,
}

pub(super) fn run(args: &DevArgs, audit: Option<&Arc<AuditFile>>) -> Result<Ended> {
    let sandbox = Sandbox::establish(&args.dir)?;
    let mut config = sandbox.config.clone();
    config.server.listen = args.listen;
    config.server.ops_listen = args.ops;
    serve(&config, sandbox.directory(), audit)
}
