//! `comity admin`: what operators see of a gateway, and do to it, while it runs.

use anyhow::Result;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use tonic::Status;

use crate::cli::call::{Failure, ended, print};
use crate::cli::caller::CallerArgs;
use crate::client::{Client, Error};
use crate::wire::json::decoded;
use crate::wire::v1;
use crate::wire::v1::admin_service_client::AdminServiceClient;
use crate::wire::{Message, Named, Timestamp};

/// Arguments of `comity admin`.
#[derive(Debug, Args)]
#[command(after_help = "The caller is an agency of the kind `operator`. Each act is an audit line.\n\n\
    Exit code 0: done; 1: refused by the gateway; 2: nothing was asked; 3: the gateway was not reached.")]
pub(super) struct AdminArgs {
    #[command(subcommand)]
    act: Act,
    #[command(flatten)]
    caller: CallerArgs,
    /// Prints the answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// What runs, since when, and in which phase.
    Status,
    /// The configuration in force, and how it differs from the one of the start.
    Config,
    /// The agencies of the registry: who is connected, until when its certificate lasts, and whether something waits for it.
    Agencies,
    /// The connections that are established.
    Sessions {
        /// Of this agency alone, as us-ice.
        #[arg(long, value_name = "AGENCY")]
        agency: Option<String>,
    },
    /// Cuts connections. Their agency may connect again.
    Close {
        /// sessions/NUMBER, or agencies/AGENCY for all of an agency.
        name: String,
    },
    /// Parks a consumer of an agency: its streams end and none is opened, until it is resumed or the gateway is started again.
    Park {
        /// The agency, as us-ice.
        agency: String,
        /// Its consumer.
        consumer: String,
        /// What the consumer is told.
        message: String,
    },
    /// Serves a consumer again.
    Resume {
        /// The agency, as us-ice.
        agency: String,
        /// Its consumer.
        consumer: String,
    },
    /// Begins or ends maintenance, during which no writes are taken.
    Maintenance {
        #[command(subcommand)]
        act: MaintenanceAct,
    },
    /// Ends the gateway: open calls are finished, then the process ends.
    Drain,
}

#[derive(Debug, Subcommand)]
enum MaintenanceAct {
    /// Takes no more writes, until it is ended or the gateway is started again.
    Begin {
        /// What callers are told.
        message: String,
    },
    /// Takes writes again.
    End,
}

pub(super) fn run(args: &AdminArgs) -> std::process::ExitCode {
    ended(act(args))
}

type Service = AdminServiceClient<crate::client::Authorized>;

fn act(args: &AdminArgs) -> Result<(), Failure> {
    let config = args.caller.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    let shown = runtime.block_on(async {
        let service = Client::connect(config).await?.admin();
        args.answer(service).await
    })?;
    Ok(print(&shown)?)
}

impl AdminArgs {
    /// Asks, and says what was answered.
    async fn answer(&self, mut service: Service) -> Result<String, Failure> {
        match &self.act {
            Act::Status => self.shown(service.get_gateway(v1::GetGatewayRequest {}).await, status),
            Act::Config => self.shown(service.get_configuration(v1::GetConfigurationRequest {}).await, configuration),
            Act::Agencies => self.shown(service.list_agencies(v1::ListAgenciesRequest {}).await, agencies),
            Act::Sessions { agency } => {
                let agency = agency.as_deref().map(|agency| format!("agencies/{agency}")).unwrap_or_default();
                self.shown(service.list_sessions(v1::ListSessionsRequest { agency }).await, sessions)
            }
            Act::Close { name } => {
                let request = v1::CloseSessionsRequest { name: name.clone() };
                self.shown(service.close_sessions(request).await, |answer| format!("{} closed", answer.closed))
            }
            Act::Park { agency, consumer, message } => {
                let request = v1::ParkConsumerRequest { name: name(agency, consumer), message: message.clone() };
                self.shown(service.park_consumer(request).await, |_| "no stream is opened for it".to_owned())
            }
            Act::Resume { agency, consumer } => {
                let said = |answer: &v1::ResumeConsumerResponse| match &answer.consumer {
                    Some(_) => "it is served again".to_owned(),
                    None => "it was not parked".to_owned(),
                };
                let request = v1::ResumeConsumerRequest { name: name(agency, consumer) };
                self.shown(service.resume_consumer(request).await, said)
            }
            Act::Maintenance { act: MaintenanceAct::Begin { message } } => {
                let request = v1::BeginMaintenanceRequest { message: message.clone() };
                self.shown(service.begin_maintenance(request).await, |_| "no writes are taken".to_owned())
            }
            Act::Maintenance { act: MaintenanceAct::End } => {
                let said = |answer: &v1::EndMaintenanceResponse| match &answer.maintenance {
                    Some(_) => "writes are taken again".to_owned(),
                    None => "there was no maintenance".to_owned(),
                };
                self.shown(service.end_maintenance(v1::EndMaintenanceRequest {}).await, said)
            }
            Act::Drain => self.shown(service.drain(v1::DrainRequest {}).await, |_| "it ends".to_owned()),
        }
    }

    fn shown<A: Message + Named>(
        &self,
        answer: Result<tonic::Response<A>, Status>,
        said: impl FnOnce(&A) -> String,
    ) -> Result<String, Failure> {
        let answer = answer.map_err(Error::from)?.into_inner();
        Ok(if self.json { format!("{:#}", decoded(&answer).map_err(anyhow::Error::from)?) } else { said(&answer) })
    }
}

fn name(agency: &str, consumer: &str) -> String {
    format!("agencies/{agency}/consumers/{consumer}")
}

fn status(answer: &v1::GetGatewayResponse) -> String {
    let phase = answer.phase().as_str_name().trim_start_matches("GATEWAY_PHASE_").to_lowercase().replace('_', "-");
    let mut lines = vec![
        format!("version        {}", answer.version),
        format!("started        {}", time_text(answer.start_time.as_ref())),
        format!("phase          {phase}"),
        format!("sessions       {}", answer.sessions),
        format!("jurisdictions  {}", answer.jurisdictions.join(" ")),
    ];
    if let Some(maintenance) = &answer.maintenance {
        let since = time_text(maintenance.begin_time.as_ref());
        lines.push(format!("maintenance    since {since}, by {}: {}", maintenance.operator, maintenance.message));
    }
    lines.join("\n")
}

fn configuration(answer: &v1::GetConfigurationResponse) -> String {
    let mut lines = vec![answer.configuration.trim_end().to_owned()];
    let was = |value: &str| if value.is_empty() { "nothing".to_owned() } else { value.to_owned() };
    for change in &answer.changes {
        let until = if change.waits_for_restart { ", waits for a restart" } else { "" };
        let (before, now) = (was(&change.start_value), was(&change.value));
        lines.push(format!("# changed since the start: {}: {before} -> {now}{until}", change.key));
    }
    if !answer.refusal.is_empty() {
        lines.push(format!("# not taken up: {}", answer.refusal));
    }
    lines.join("\n")
}

fn agencies(answer: &v1::ListAgenciesResponse) -> String {
    let row = |agency: &v1::RegisteredAgency| {
        [
            agency.name.clone(),
            agency.kind.clone(),
            agency.class.clone(),
            agency.jurisdictions.join(" "),
            agency.sessions.to_string(),
            time_text(agency.certificate_expire_time.as_ref()),
            condition(agency),
        ]
    };
    let header = ["agency", "kind", "class", "jurisdictions", "sessions", "certificate until", ""];
    table(header, answer.agencies.iter().map(row))
}

/// Whether something waits for an agency, and which of its consumers are parked.
fn condition(agency: &v1::RegisteredAgency) -> String {
    let parked = agency.parked_consumers.iter().filter_map(|parked| Some(parked.name.split_once("/consumers/")?.1));
    let parked: Vec<String> = parked.map(|consumer| format!("{consumer} parked")).collect();
    let behind = agency.behind.then(|| "behind".to_owned());
    behind.into_iter().chain(parked).collect::<Vec<_>>().join(", ")
}

fn sessions(answer: &v1::ListSessionsResponse) -> String {
    let row = |session: &v1::Session| {
        [
            session.name.clone(),
            session.agency.clone(),
            session.address.clone(),
            time_text(session.create_time.as_ref()),
            time_text(session.certificate_expire_time.as_ref()),
            session.certificate_thumbprint.clone(),
        ]
    };
    let header = ["session", "agency", "address", "since", "certificate until", "certificate"];
    table(header, answer.sessions.iter().map(row))
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table.add_rows(rows);
    table.trim_fmt()
}

/// A time as RFC 3339 writes it, or nothing.
fn time_text(time: Option<&Timestamp>) -> String {
    time.map(ToString::to_string).unwrap_or_default()
}
