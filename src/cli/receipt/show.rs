//! `comity receipt show`: what became of a write, step by step, each verified.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::call::{Failure, ended};
use crate::cli::caller::CallerArgs;
use crate::cli::output::print_line;
use crate::cli::verify::pinned_keys;
use crate::cli::verify_receipt::{ACCEPTED, ACTED_UPON, DELIVERED, in_words, verify_one};
use crate::client::{Client, Error};
use crate::wire::v1;
use crate::wire::v1::list_receipts_request::Of;

/// Arguments of `comity receipt show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity receipt show jurisdictions/us-ny/detainers/0198c0de-... --as us-ice\n  \
    comity receipt show --request-id 6d1f8f3c-8a43-4a5e-9d55-0a1b2c3d4e5f --as us-ice --json\n\n\
    With --json each line can be kept, and verified offline by `comity receipt verify`. Exit codes as of `comity call`.")]
pub(super) struct ShowArgs {
    /// A detainer, custody or appeal.
    #[arg(required_unless_present = "request_id")]
    resource: Option<String>,
    /// The request id of a write of the caller's agency, instead.
    #[arg(long, value_name = "UUID", conflicts_with = "resource")]
    request_id: Option<String>,
    #[command(flatten)]
    caller: CallerArgs,
    /// The pinned public key of the logs. Default: DIR/keys/log.vkey.
    #[arg(long, value_name = "FILE")]
    log_key: Option<PathBuf>,
    /// Prints one JSON object for each receipt.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs) -> ExitCode {
    ended(show(args))
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let keys = pinned_keys(args.log_key.as_deref(), args.caller.directory())?;
    let of = match (&args.request_id, &args.resource) {
        (Some(id), _) => Of::Write(id.clone()),
        (None, Some(name)) => Of::Resource(name.clone()),
        (None, None) => return Err(anyhow!("of what? A resource, or --request-id").into()),
    };
    let config = args.caller.config()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime can be made")?.block_on(async {
        let client = Client::connect(config).await?;
        let mut page_token = String::new();
        loop {
            let request =
                v1::ListReceiptsRequest { of: Some(of.clone()), page_token: page_token.clone(), ..Default::default() };
            let answer = client.ledger().list_receipts(request).await.map_err(Error::from)?.into_inner();
            for staged in &answer.receipts {
                let shown = in_json(staged)?;
                let proven = verify_one(&shown, &keys)?;
                let line = if args.json { shown.to_string() } else { in_words(&proven) };
                print_line(&line).context("cannot write")?;
            }
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    })
}

fn in_json(staged: &v1::StagedReceipt) -> anyhow::Result<Value> {
    let stage = match staged.stage() {
        v1::ReceiptStage::Accepted => Some(ACCEPTED),
        v1::ReceiptStage::Delivered => Some(DELIVERED),
        v1::ReceiptStage::ActedUpon => Some(ACTED_UPON),
        v1::ReceiptStage::Unspecified => None,
    };
    let v1::Receipt { log, index, leaf, proof } = staged.receipt.as_ref().context("the gateway sent no receipt")?;
    let receipt = json!({ "log": log, "index": index, "leaf": STANDARD.encode(leaf), "proof": proof });
    Ok(json!({ "stage": stage, "receipt": receipt }))
}
