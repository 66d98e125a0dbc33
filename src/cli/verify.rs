//! `comity verify`: verifies a store or an export offline against pinned keys.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use zeroize::Zeroizing;

use crate::cli::output::{error_text, print_line, report_failure};
use crate::cli::paths::{STORE_ENV, store_location};
use crate::config::{read_key, secret_files};
use crate::domain::broken::Broken;
use crate::domain::ids::LogName;
use crate::export::{Checked, Export, ExportError, Manifest};
use crate::ledger::{TrustPolicy, VerifierKey};
use crate::store::StoreLocation;
use crate::verify::{Claim, NotEvidence, Verified, verify};

/// Arguments of `comity verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --wrapping-key, personal content stays sealed and only its commitments' place in the log is \
                        checked. A tail cut off together with its checkpoints leaves a log that is whole in itself: \
                        --against a checkpoint kept elsewhere finds it. Exit codes: 0 whole; 1 broken; 2 wrong usage; 3 something \
                        cannot be read; 4 what was kept is no checkpoint of this key, which says nothing of the store."
)]
pub(crate) struct VerifyArgs {
    /// A data directory: of `comity dev`, of `comity demo --out`, or a copy of one. Or an export: of `comity export`.
    dir: PathBuf,
    /// Where the store is, if it is not DIR/comity.db: another file, or a database as `postgres://...?sslrootcert=FILE`.
    #[arg(long, value_name = "PLACE", env = STORE_ENV, hide_env_values = true)]
    store: Option<String>,
    /// The pinned public keys of the log, one a line. Default: DIR/keys/log.vkey, which proves no more than consistency.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A policy (C2SP tlog-policy) in place of --key: the keys of the log, and the witnesses of whom a quorum must have
    /// cosigned each checkpoint of --against.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    policy: Option<PathBuf>,
    /// The key that opens sealed content. Default: DIR/keys/wrapping.key, if it is there.
    #[arg(long, value_name = "FILE")]
    wrapping_key: Option<PathBuf>,
    /// Before the name of a log, gives the origin of its checkpoints.
    #[arg(long, default_value = "comity.example")]
    origin: String,
    /// A checkpoint kept elsewhere, which the log must still contain. May be given several times.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Prints one JSON object: what was found whole, or what is broken and where first.
    #[arg(long)]
    json: bool,
}

/// Exit code: the store was changed.
pub(super) const BROKEN: u8 = 1;
/// Exit code: a named file cannot be read.
pub(super) const UNREADABLE: u8 = 3;
/// Exit code: what was kept elsewhere is not a checkpoint by this key. This says nothing about the store.
pub(super) const NO_CHECKPOINT: u8 = 4;

/// A named file or key cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0} cannot be read")]
pub(super) struct Unreadable(pub(super) String);

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    let Err(error) = verify_all(args) else { return ExitCode::SUCCESS };
    if args.json {
        let (log, index) = where_broken(&error);
        let found = serde_json::json!({
            "whole": false,
            "class": class(&error).0,
            "log": log.map(ToString::to_string),
            "index": index,
            "message": error_text(&error),
        });
        // The error is on standard error as well.
        let _ignored = print_line(&found.to_string());
    }
    exit_code(&error)
}

/// The log and the index that a fault is in, if it is in one.
fn where_broken(error: &anyhow::Error) -> (Option<&LogName>, Option<u64>) {
    let of_export = error.downcast_ref().and_then(|error| match error {
        ExportError::Broken(broken) => Some(broken),
        ExportError::File { .. } | ExportError::NotEvidence(_) => None,
    });
    let broken = error.downcast_ref::<Broken>().or(of_export);
    broken.map_or((None, None), |broken| (broken.log.as_ref(), broken.index))
}

/// The class of a failure, and its exit code.
fn class(error: &anyhow::Error) -> (&'static str, u8) {
    let export = error.downcast_ref::<ExportError>();
    if error.is::<Unreadable>() || matches!(export, Some(ExportError::File { .. })) {
        ("unreadable", UNREADABLE)
    } else if error.is::<NotEvidence>() || matches!(export, Some(ExportError::NotEvidence(_))) {
        ("not-evidence", NO_CHECKPOINT)
    } else {
        ("broken", BROKEN)
    }
}

/// Reports an error and returns the exit code of its class.
pub(super) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let _code_of_any_failure = report_failure(error);
    ExitCode::from(class(error).1)
}

fn verify_all(args: &VerifyArgs) -> Result<()> {
    if Export::is_at(&args.dir) {
        return verify_export(args);
    }
    let store = store_location(args.store.as_deref(), &args.dir)?;
    let keys = (args.key.as_deref(), args.wrapping_key.as_deref());
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let log_keys = policy.as_ref().map(|policy| Ok(policy.log_keys().to_vec()));
    let log_keys = log_keys.or_else(|| keys.0.map(read_keys)).transpose()?;
    let claim = claim_in(&args.dir, store, (log_keys, keys.1), &args.origin)?;
    let claim = Claim { against: read_kept(&args.against)?, ..claim };
    for note in policy.iter().flat_map(|policy| claim.against.iter().map(move |note| (policy, note))) {
        // Which log it is of, is looked at below.
        let origin = note.1.lines().next().unwrap_or_default();
        note.0.open(note.1, origin).map_err(|error| NotEvidence::checkpoint(error.to_string()))?;
    }
    if !args.json {
        return print_verified(&claim);
    }
    let found =
        serde_json::json!({ "whole": true, "found": verify(&claim)?, "unsealed": claim.wrapping_key.is_some() });
    Ok(print_line(&found.to_string())?)
}

/// Checkpoints that were kept elsewhere.
fn read_kept(files: &[PathBuf]) -> Result<Vec<String>> {
    let read = |path: &PathBuf| {
        let text = std::fs::read(path).with_context(|| Unreadable(path.display().to_string()))?;
        String::from_utf8(text).map_err(|_| NotEvidence::checkpoint(format!("{} is no text", path.display())).into())
    };
    files.iter().map(read).collect()
}

/// Verifies an export by the pinned key alone.
fn verify_export(args: &VerifyArgs) -> Result<()> {
    let keys = pinned_keys(args.key.as_deref(), &args.dir)?;
    let export = Export::open(&args.dir)?;
    let found = export.check(&keys, &read_kept(&args.against)?, |_| ())?;
    let Manifest { audience, payloads, .. } = export.manifest();
    let payloads = payloads.word();
    if args.json {
        let found = serde_json::json!({
            "whole": true,
            "found": found,
            "audience": audience.to_string(),
            "payloads": payloads,
        });
        return Ok(print_line(&found.to_string())?);
    }
    let Checked { logs, whole_logs, entries, commitments, checkpoints, grown } = found;
    Ok(print_line(&format!(
        "whole: an export for {audience}, {logs} logs ({whole_logs} with every entry), {entries} entries, {commitments} \
         commitments opened, {checkpoints} checkpoints, grown from {grown} that were kept"
    ))?)
}

/// The log's public keys: as named, or in the directory. There are two while a key is rolled.
pub(super) fn pinned_keys(named: Option<&Path>, directory: &Path) -> Result<Vec<VerifierKey>> {
    read_keys(&named.map_or_else(|| directory.join("keys/log.vkey"), Path::to_owned))
}

/// The key that opens sealed content: as named, or in the directory, if it is there.
pub(super) fn wrapping_key_in(directory: &Path, named: Option<&Path>) -> Result<Option<Zeroizing<[u8; 32]>>> {
    let own = || Some(directory.join("keys").join(secret_files::WRAPPING)).filter(|path| path.exists());
    named
        .map(Path::to_owned)
        .or_else(own)
        .map(|path| read_key(&path).with_context(|| Unreadable(path.display().to_string())))
        .transpose()
}

/// Reads public keys, one a line.
fn read_keys(path: &Path) -> Result<Vec<VerifierKey>> {
    let text = std::fs::read_to_string(path).with_context(|| Unreadable(path.display().to_string()))?;
    Ok(text.trim_end().lines().map(VerifierKey::parse).collect::<Result<_, _>>()?)
}

/// Reads a key that is written out, or those in a file: there are two while a key is rolled.
pub(super) fn keys_given(given: &str) -> Result<Vec<VerifierKey>> {
    if let Ok(key) = VerifierKey::parse(given.trim_end()) {
        return Ok(vec![key]);
    }
    let text = std::fs::read_to_string(Path::new(given)).with_context(|| Unreadable(format!("the key {given}")))?;
    let keys = text.trim_end().lines().map(VerifierKey::parse).collect::<Result<_, _>>();
    keys.with_context(|| Unreadable(format!("the key in {given}")))
}

fn read_policy(path: &Path) -> Result<TrustPolicy> {
    let unreadable = || Unreadable(path.display().to_string());
    let text = std::fs::read(path).with_context(unreadable)?;
    TrustPolicy::parse(&text).with_context(unreadable)
}

/// What to verify in a data directory. Keys that are not named are taken from the directory: the log's public keys, and
/// the wrapping key if it is there.
pub(super) fn claim_in(
    directory: &Path,
    store: StoreLocation,
    (keys, wrapping_key): (Option<Vec<VerifierKey>>, Option<&Path>),
    origin: &str,
) -> Result<Claim> {
    let wrapping_key = wrapping_key_in(directory, wrapping_key)?;
    Ok(Claim {
        store,
        directory: directory.to_owned(),
        keys: keys.map_or_else(|| pinned_keys(None, directory), Ok)?,
        wrapping_key: wrapping_key.map(|key| *key),
        origin: origin.to_owned(),
        against: Vec::new(),
    })
}

/// Verifies, and prints what was verified.
pub(super) fn print_verified(claim: &Claim) -> Result<()> {
    let Verified { logs, entries, commitments, expunged, checkpoints, receipts } = verify(claim)?;
    print_line(&format!(
        "whole: {logs} logs, {entries} entries, {commitments} commitments opened, {checkpoints} checkpoints, \
         {receipts} receipts"
    ))?;
    if expunged > 0 {
        print_line(&format!("{expunged} entries are of cases that were expunged: of these, what is for counting"))?;
    }
    if claim.wrapping_key.is_none() {
        print_line("sealed content was not opened: no wrapping key")?;
    }
    Ok(())
}
