//! `comity inbox`: prints the entries that wait for an agency, decoded, one on each line.

use std::num::NonZeroU64;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use uuid::Uuid;

use crate::cli::call::{Failure, ended, print};
use crate::cli::caller::CallerArgs;
use crate::client::{Client, Error};
use crate::domain::ids::{ConsumerId, JurisdictionId};
use crate::wire::json::decoded;
use crate::wire::v1;
use crate::wire::v1::receive_response::Item;

/// Arguments of `comity inbox`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity inbox us-ny --as us-ny-doccs\n  \
    comity inbox us-ny --as us-ice --consumer case-system --confirm --follow\n\n\
    Each line is an entry as the agency may know it: its leaf, the event that its contents tell, and what is withheld. \
    Exit codes as of `comity call`.")]
pub(super) struct InboxArgs {
    /// Whose inbox, as us-ny.
    jurisdiction: JurisdictionId,
    #[command(flatten)]
    caller: CallerArgs,
    /// As which of the agency's systems: each has a position of its own.
    #[arg(long, value_name = "NAME", default_value = "default")]
    consumer: ConsumerId,
    /// Confirms what was printed, so that it does not come again. It is an entry of the log: proof of delivery.
    #[arg(long)]
    confirm: bool,
    /// Goes on with what comes. Default: ends when there is nothing more.
    #[arg(long)]
    follow: bool,
    /// Ends after so many entries.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroU64>,
}

pub(super) fn run(args: &InboxArgs) -> ExitCode {
    ended(inbox(args))
}

fn inbox(args: &InboxArgs) -> Result<(), Failure> {
    let config = args.caller.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime can be made")?.block_on(async {
        let client = Client::connect(config).await?;
        let request = v1::ReceiveRequest {
            parent: format!("jurisdictions/{}", args.jurisdiction),
            cursor: String::new(),
            consumer: args.consumer.to_string(),
        };
        let mut stream = client.inbox().receive(request).await.map_err(Error::from)?.into_inner();
        let mut left = args.limit.map(NonZeroU64::get);
        // The cursor after the last entry that was printed and is not confirmed yet.
        let mut unconfirmed = None;
        while left != Some(0)
            && let Some(message) = stream.message().await.map_err(Error::from)?
        {
            match message.item {
                Some(Item::Delivery(delivery)) => {
                    print(&decoded(&delivery).map_err(anyhow::Error::from)?.to_string())?;
                    unconfirmed = Some(delivery.cursor);
                    left = left.map(|left| left.saturating_sub(1));
                }
                Some(Item::Heartbeat(_)) => {
                    confirm(args, &client, &mut unconfirmed).await?;
                    if !args.follow {
                        break;
                    }
                }
                None => {}
            }
        }
        confirm(args, &client, &mut unconfirmed).await
    })
}

/// Confirms what was printed, if that was asked for.
async fn confirm(args: &InboxArgs, client: &Client, unconfirmed: &mut Option<String>) -> Result<(), Failure> {
    let Some(cursor) = unconfirmed.take().filter(|_| args.confirm) else { return Ok(()) };
    let request = v1::AcknowledgeRequest {
        parent: format!("jurisdictions/{}", args.jurisdiction),
        cursor,
        request_id: Uuid::now_v7().to_string(),
        consumer: args.consumer.to_string(),
    };
    client.inbox().acknowledge(request).await.map_err(Error::from)?;
    Ok(())
}
