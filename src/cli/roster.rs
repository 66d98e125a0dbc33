//! `comity roster`: holds a custodian's roster against its own open detainers and custodies, and says what it finds.

mod acknowledge;
mod file;
mod reconcile;
mod said;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;

use crate::cli::call::{Failure, ended};
use crate::cli::caller::CallerArgs;
use crate::cli::rejects;
use crate::cli::resend::send_all;
use crate::client::Client;
use crate::domain::ids::{FacilityCode, JurisdictionId};

use acknowledge::{Acknowledged, acknowledge_exact};
use reconcile::Reconciling;

/// Arguments of `comity roster`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    comity roster --as us-ny-doccs --jurisdiction us-ny roster.csv\n\n\
    The first line names the columns: family_name, given_name, middle_name, birth_date (YYYY-MM-DD, YYYY-MM or YYYY), sex, \
    a_number, fbi_number, sid, din, booking_number, facility, booked_at; any of them, in any order, with one of the names. \
    What is found is proposed to the custodian and told to nobody else. Nothing is matched unless it is said: with \
    --acknowledge-exact, or one by one with AcknowledgeDetainer. Exit codes as of `comity call`; 1: some rows could not be \
    used, or some acknowledgements were refused.")]
pub(super) struct RosterArgs {
    /// The people that the custodian holds: CSV in UTF-8, a person a row.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    caller: CallerArgs,
    /// Where they are held, as us-ny.
    #[arg(long, value_name = "JURISDICTION")]
    jurisdiction: JurisdictionId,
    /// Acknowledges each detainer that is exact for one person of the roster alone. Sent again, it is the same request.
    #[arg(long)]
    acknowledge_exact: bool,
    /// The facility of rows that name none: a custody that is not on record is opened there, without charges.
    #[arg(long, value_name = "CODE", requires = "acknowledge_exact")]
    facility: Option<FacilityCode>,
    /// Where the rows go that cannot be used: row, column, reason. Default: beside the file, with .rejects.csv.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Prints one JSON document, and no table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RosterArgs) -> ExitCode {
    ended(roster(args))
}

fn roster(args: &RosterArgs) -> Result<(), Failure> {
    // All of it is read before anything is sent: who is not in a part of a roster has not left.
    let read = file::read(&args.file).with_context(|| format!("cannot use {}", args.file.display()))?;
    let config = args.caller.config()?;
    let parent = format!("jurisdictions/{}", args.jurisdiction);
    let mut roster = Reconciling::of(parent, read.rows.into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let acknowledged = runtime.context("no runtime can be made")?.block_on(async {
        let client = Client::connect(config).await?;
        let came = send_all(&client, &mut roster).await;
        roster.bar.finish_and_clear();
        came?;
        let facility = args.facility.as_ref();
        let acknowledged = if args.acknowledge_exact {
            acknowledge_exact(&client, &roster, facility).await?
        } else {
            Acknowledged::default()
        };
        Ok::<_, Failure>(acknowledged)
    })?;
    let rejected: Vec<_> = read.rejected.into_iter().chain(std::mem::take(&mut roster.rejected)).collect();
    let path = args.rejects.clone().unwrap_or_else(|| args.file.with_extension("rejects.csv"));
    let faults = rejected.iter().flat_map(|(row, faults)| faults.iter().map(|fault| (*row, fault)));
    rejects::write(&path, faults).with_context(|| format!("cannot write {}", path.display()))?;
    said::print_all(&roster, rejected.len(), &acknowledged, args.json)?;
    match (rejected.len(), acknowledged.refused) {
        (0, 0) => Ok(()),
        (rows, 0) => Err(Failure::Refused(anyhow!(
            "{rows} rows could not be used, and their people may be among the departed: {} says why",
            path.display()
        ))),
        (rows, refused) => Err(Failure::Refused(anyhow!(
            "{refused} acknowledgements were refused, and {rows} rows could not be used; each says why"
        ))),
    }
}
