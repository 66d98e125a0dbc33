//! `comity dev`: serves a sandbox. It may be left running, since what expires is renewed in time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use toml_edit::{DocumentMut, Item, table, value};

use crate::audit::AuditFile;
use crate::cli::serve::{StopSignal, serve_beside};
use crate::config::{Config, address};
use crate::demo::Counterpart;
use crate::policy::load::PolicySet;
use crate::sandbox::files;
use crate::sandbox::{AGENCIES, CONFIG_FILE, COUNSEL_READINGS, CounselReading, Sandbox, Terms};
use crate::server::Gateway;

/// The directory with the policies of a new sandbox, to be read and changed.
const POLICIES: &str = "policies";
/// How often the wall clock is checked for due renewals. A timer alone would miss the time that a machine slept.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Arguments of `comity dev`.
#[derive(Debug, Args)]
#[command(after_help = "Under DIR: certs/AGENCY.pem and .key, certs/gateway-ca.pem, tokens/AGENCY.jwt (a system) and \
                        tokens/AGENCY-officer.jwt, policies/ (the law, to be changed), comity.toml with the addresses, \
                        comity.db. When ready, one JSON line on standard output: \
                        {\"ready\":true,\"grpc\":\"127.0.0.1:PORT\",\"ops\":\"127.0.0.1:PORT\",\"dir\":\"...\"}. Tokens, \
                        revocation lists and certificates are made anew while it runs.")]
pub(super) struct DevArgs {
    /// Where everything is kept; made if it is not there.
    #[arg(long, default_value = "comity-dev")]
    dir: PathBuf,
    /// gRPC over mutual TLS. Port 0 is any free port. Default: as DIR/comity.toml has it, at first 127.0.0.1:8443.
    #[arg(long, value_parser = address)]
    listen: Option<SocketAddr>,
    /// Probes, in plain HTTP. Port 0 is any free port. Default: as DIR/comity.toml has it, at first 127.0.0.1:9443.
    #[arg(long, value_parser = address)]
    ops: Option<SocketAddr>,
    /// Plays this custodian, as us-ny-doccs: finds everybody who is asked for, answers as its law has it, and schedules a
    /// release. May be given several times.
    #[arg(long, value_name = "AGENCY")]
    counterpart: Vec<String>,
    /// How long certificates, revocation lists and tokens are good at most, in seconds; each is made anew at half of that.
    #[arg(long, value_name = "SECONDS", default_value_t = Terms::default().certificates_s,
          value_parser = clap::value_parser!(u32).range(10..=7_776_000))]
    term: u32,
}

pub(super) fn run(args: &DevArgs, audit: Option<&Arc<AuditFile>>) -> Result<StopSignal> {
    let counterparts: Vec<&str> = args.counterpart.iter().map(|id| custodian(id)).collect::<Result<_>>()?;
    let is_new = !args.dir.join(CONFIG_FILE).exists();
    let terms = Terms::default().at_most(args.term);
    let sandbox = Sandbox::establish_for(&args.dir, terms)?;
    let file = sandbox.directory().join(CONFIG_FILE);
    if is_new {
        lay_policies(&sandbox.directory().join(POLICIES))?;
        change(&file, |config| of_table(config, "policy", "directory", POLICIES))?;
    }
    let mut config = Config::read(&file)?;
    config.server.listen = address_of(args.listen, config.server.listen, 8443);
    config.server.ops_listen = address_of(args.ops, config.server.ops_listen, 9443);
    serve_beside(&config, sandbox.directory(), Some(&file), audit, |gateway| {
        // Whoever reads the file finds the exchange, whichever port was free.
        change(&file, |config| {
            of_table(config, "server", "listen", &gateway.grpc().to_string());
            of_table(config, "server", "ops_listen", &gateway.ops().to_string());
        })?;
        let sandbox = sandbox.clone();
        Ok(Box::pin(async move {
            let played = Counterpart::play(&sandbox, gateway.grpc(), &counterparts);
            join(renew(&sandbox, terms, gateway), played).await.0
        }))
    })
}

/// The seat of a custodian.
fn custodian(id: &str) -> Result<&'static str> {
    let seat =
        AGENCIES.iter().find(|seat| seat.id == id).with_context(|| format!("{id} is no agency of the sandbox"))?;
    ensure!(seat.kind.holds_people(), "{id} holds nobody: a counterpart is a custodian");
    Ok(seat.id)
}

fn address_of(asked: Option<SocketAddr>, kept: SocketAddr, port: u16) -> SocketAddr {
    let first = if kept.port() == 0 { SocketAddr::new(kept.ip(), port) } else { kept };
    asked.unwrap_or(first)
}

/// Renews what expires at half of its term, for as long as the gateway runs.
async fn renew(sandbox: &Sandbox, terms: Terms, gateway: &Gateway) -> Infallible {
    let half_s = terms.shortest_s() / 2;
    let half = SignedDuration::from_secs(half_s.into());
    let look_every = LOOK_EVERY.min(Duration::from_secs((half_s / 4).max(1).into()));
    let mut renewed_at = Timestamp::now();
    loop {
        tokio::time::sleep(look_every).await;
        let now = Timestamp::now();
        if now.duration_since(renewed_at).abs() < half {
            continue;
        }
        // A failed renewal is tried again at the next check.
        match renew_once(sandbox, terms, gateway) {
            Ok(()) => renewed_at = now,
            Err(error) => tracing::error!(error = format!("{error:#}"), "what expires was not made anew"),
        }
    }
}

fn renew_once(sandbox: &Sandbox, terms: Terms, gateway: &Gateway) -> Result<()> {
    sandbox.renew(terms)?;
    gateway.reload()?;
    tracing::info!("certificates, revocation lists and tokens made anew");
    Ok(())
}

/// Writes the built-in policies, with some points as counsel may have decided them.
fn lay_policies(directory: &Path) -> Result<()> {
    files::make_private_directory(&directory.join("law"))?;
    for (name, text) in PolicySet::embedded_files() {
        let mut text = text;
        if name == "law/switches.toml" {
            let mut switches: DocumentMut = text.parse()?;
            for CounselReading { switch, shipped, read } in COUNSEL_READINGS {
                let is = switches.get_mut(switch).and_then(|switch| switch.get_mut("is")).and_then(Item::as_value_mut);
                let is = is.filter(|is| is.as_str() == Some(shipped));
                *is.with_context(|| format!("{switch} is not shipped {shipped}"))? = read.into();
            }
            text = switches.to_string();
        } else if name.starts_with("law/us-") && name.ends_with(".cases.toml") {
            text = without_cases(&text);
        }
        files::write_public(&directory.join(name), &text)?;
    }
    Ok(())
}

/// A table of cases reduced to its time zone. Running all cases at each start would take seconds. Whoever changes a law
/// finds them in the source.
fn without_cases(table: &str) -> String {
    let head = table.find("\n[").and_then(|at| table.get(..=at)).unwrap_or(table);
    head.to_owned()
}

/// Changes the configuration file and keeps everything else in it, including comments.
fn change(file: &Path, change: impl FnOnce(&mut DocumentMut)) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut config: DocumentMut = text.parse()?;
    change(&mut config);
    let changed = config.to_string();
    if changed == text { Ok(()) } else { files::write_public(file, &changed) }
}

fn of_table(config: &mut DocumentMut, name: &str, key: &str, text: &str) {
    let table = config.entry(name).or_insert_with(table);
    if table.get(key).and_then(Item::as_str) != Some(text)
        && let Some(table) = table.as_table_like_mut()
    {
        table.insert(key, value(text));
    }
}
