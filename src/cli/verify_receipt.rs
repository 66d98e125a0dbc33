//! `comity receipt verify`: verifies a receipt offline with the log's public key, and says what it proves.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::output::{error_text, print_line};
use crate::cli::verify::{Unreadable, exit_code, keys_given};
use crate::domain::broken::Broken;
use crate::domain::ids::LogName;
use crate::ledger::{self, CheckpointError, NoteError, Receipt, ReceiptError, VerifierKey};
use crate::verify::NotEvidence;
use crate::wire::entry::{self, ReadLeaf};

/// Arguments of `comity receipt verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes, as of `comity verify`: 0 it holds; 1 broken: it was changed, or is of another entry; 2 wrong \
                        usage; 3 something cannot be read; 4 it is no receipt, or none of this key."
)]
pub(super) struct VerifyReceiptArgs {
    /// The receipt as JSON: an answer of `comity call`, the receipt in it, or one such object after another.
    file: PathBuf,
    /// The pinned public key of the log, as name+hash+base64, or a file with it: as DIR/keys/log.vkey.
    #[arg(long, value_name = "VKEY")]
    key: String,
    /// Prints one JSON object for each receipt.
    #[arg(long)]
    json: bool,
}

/// The stages, as `comity receipt show` names them.
pub(super) const ACCEPTED: &str = "accepted";
pub(super) const DELIVERED: &str = "delivered";
pub(super) const ACTED_UPON: &str = "acted-upon";
const STAGES: [&str; 3] = [ACCEPTED, DELIVERED, ACTED_UPON];

/// A receipt that was verified.
#[derive(Debug)]
pub(super) struct Proven {
    log: LogName,
    leaf: ReadLeaf,
    size: u64,
    origin: String,
    /// The name that the log's keys bear.
    signer: String,
    /// Which of the three receipts it is, where `comity receipt show` said so.
    stage: Option<&'static str>,
}

pub(super) fn run(args: &VerifyReceiptArgs) -> ExitCode {
    let Err(error) = verify(args) else { return ExitCode::SUCCESS };
    if args.json {
        // The error is on standard error as well.
        let _ignored = print_line(&json!({ "holds": false, "message": error_text(&error) }).to_string());
    }
    exit_code(&error)
}

fn verify(args: &VerifyReceiptArgs) -> Result<()> {
    let keys = keys_given(&args.key)?;
    let text = std::fs::read(&args.file).with_context(|| Unreadable(args.file.display().to_string()))?;
    let receipts: Vec<Value> = serde_json::Deserializer::from_slice(&text)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| no_receipt(&format!("it is not JSON: {error}")))?;
    if receipts.is_empty() {
        bail!(no_receipt("there is none in it"));
    }
    for receipt in &receipts {
        let proven = verify_one(receipt, &keys)?;
        print_line(&if args.json { in_json(&proven).to_string() } else { in_words(&proven) })?;
    }
    Ok(())
}

/// Verifies a receipt as JSON, or an object that has one.
pub(super) fn verify_one(given: &Value, keys: &[VerifierKey]) -> Result<Proven> {
    let stage = given.get("stage").and_then(Value::as_str);
    let stage = STAGES.into_iter().find(|known| Some(*known) == stage);
    let given = given.get("receipt").unwrap_or(given);
    let text = |field: &str| {
        let text = given.get(field).and_then(Value::as_str);
        text.ok_or_else(|| no_receipt(&format!("it has no {field}: a receipt is log, index, leaf and proof")))
    };
    let log: LogName = text("log")?.parse().map_err(|error| no_receipt(&format!("its log {error}")))?;
    let index = match given.get("index") {
        // JSON leaves out a zero, and writes a 64-bit number as text.
        None => 0,
        Some(Value::String(digits)) => digits.parse().map_err(|_| no_receipt("its index is no number"))?,
        Some(number) => number.as_u64().ok_or_else(|| no_receipt("its index is no number"))?,
    };
    let leaf = STANDARD.decode(text("leaf")?).map_err(|_| no_receipt("its leaf is not base64"))?;
    let receipt = Receipt::parse(text("proof")?).map_err(|error| no_receipt(&error.to_string()))?;
    let broken = |what: &str| anyhow!(Broken { log: Some(log.clone()), index: Some(index), what: what.to_owned() });
    // The origin is the gateway's prefix and the log. The key identifies the gateway.
    let origin = receipt.checkpoint.lines().next().unwrap_or_default();
    if !origin.ends_with(&format!("/{log}")) {
        return Err(broken("its checkpoint is of another log"));
    }
    if receipt.index != index {
        return Err(broken("its proof is of another index"));
    }
    let head = receipt.verify(ledger::leaf_hash(&leaf), origin, keys).map_err(|error| {
        let unknown = matches!(&error, ReceiptError::Checkpoint(CheckpointError::Note(NoteError::UnknownKey { .. })));
        if unknown { no_receipt(&error.to_string()) } else { broken(&error.to_string()) }
    })?;
    let leaf = entry::read_leaf(&leaf).map_err(|_| broken("its leaf is not of a known layout"))?;
    if leaf.index != index {
        return Err(broken("its leaf says another index"));
    }
    let signer = keys.first().map(|key| key.name().to_owned()).unwrap_or_default();
    Ok(Proven { log, leaf, size: head.size(), origin: head.origin().to_owned(), signer, stage })
}

fn no_receipt(why: &str) -> anyhow::Error {
    NotEvidence::receipt(why).into()
}

fn in_json(proven: &Proven) -> Value {
    let Proven { log, leaf, size, origin, signer, stage } = proven;
    json!({
        "holds": true,
        "stage": stage,
        "entry": log.entry(leaf.index),
        "recordedAt": leaf.recorded_at.to_string(),
        "method": leaf.method,
        "resource": leaf.resource,
        "treeSize": size,
        "origin": origin,
        "key": signer,
    })
}

/// What a receipt proves, in plain words.
pub(super) fn in_words(proven: &Proven) -> String {
    let Proven { log, leaf, size, signer, stage, .. } = proven;
    let agency = leaf.agency.trim_start_matches("agencies/");
    let stage = match *stage {
        Some(ACCEPTED) => format!("\n  Accepted: what {agency} sent was recorded."),
        Some(DELIVERED) => {
            format!("\n  Delivered: {agency} confirmed that everything for it up to a position arrived.")
        }
        Some(_) => format!("\n  Acted upon: {agency} recorded what it found, decided or did."),
        None => String::new(),
    };
    let ReadLeaf { index, method, resource, .. } = leaf;
    let at = leaf.recorded_at.round(jiff::Unit::Second).unwrap_or(Timestamp::UNIX_EPOCH);
    format!(
        "holds: {entry}{stage}\n\
         \x20 recorded at {at}, by {method}, on {resource}\n\
         \x20 It proves that {name} signed a log of {size} entries in which this one stands at index {index}. It cannot be \
         changed, moved or taken out without another history under the same signature.\n\
         \x20 It does not prove what the entry's contents are (their openings do), nor that nobody was shown another history \
         (comity verify --against finds that).",
        entry = log.entry(*index),
        name = signer,
    )
}
