//! `comity backup` and `comity restore`: a copy of a store in a file, made while it is served, and the way back.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::cli::output::print_line;
use crate::cli::paths::{STORE_ENV, store_location};
use crate::cli::verify::{claim_in, pinned_keys, print_verified};
use crate::demo::number;
use crate::ledger::root_at;
use crate::store::{Copied, StoreError, StoreLocation, backup, digest, restore};
use crate::verify::Claim;

const LAYOUT: &str = "comity-backup/1";
/// The copy, in the directory of a backup.
const STORE_FILE: &str = "comity.db";
/// Says what the copy is.
const MANIFEST_FILE: &str = "backup.json";
/// The table of marks, which a restore fills.
const MARKS: &str = "restored";

/// Arguments of `comity backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "The store may be served meanwhile, from a file or from a database: the backup is of one moment. It \
                        is read again and verified before the command ends. Keys are not in it: keep keys/ apart from every \
                        backup, for with wrapping.key and a backup everything in it can be read."
)]
pub(super) struct BackupArgs {
    /// The data directory: keys, and the store.
    dir: PathBuf,
    /// The directory to make.
    out: PathBuf,
    /// Where the store is, if it is not DIR/comity.db: another file, or a database as `postgres://...?sslrootcert=FILE`.
    #[arg(long, value_name = "PLACE", env = STORE_ENV, hide_env_values = true)]
    store: Option<String>,
    /// The pinned public key of the log. Default: DIR/keys/log.vkey.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Before the name of a log, gives the origin of its checkpoints.
    #[arg(long, default_value = "comity.example")]
    origin: String,
}

/// Arguments of `comity restore`.
#[derive(Debug, Args)]
#[command(
    after_help = "Afterwards `comity serve` refuses the store until it is started with --against, once, with the newest \
                        checkpoint of each log that anybody outside kept: a backup is older than what was acknowledged last, \
                        and served as it is it would grow another log under the same key. See docs/operations.md."
)]
pub(super) struct RestoreArgs {
    /// What `comity backup` made.
    backup: PathBuf,
    /// The data directory: with the keys.
    dir: PathBuf,
    /// Where the store is to be, if not DIR/comity.db. Nothing may be there.
    #[arg(long, value_name = "PLACE", env = STORE_ENV, hide_env_values = true)]
    store: Option<String>,
    /// The pinned public key of the log. Default: DIR/keys/log.vkey.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Before the name of a log, gives the origin of its checkpoints.
    #[arg(long, default_value = "comity.example")]
    origin: String,
}

/// `backup.json`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    layout: String,
    /// The head of each log at the moment of the backup.
    logs: Vec<HeadNote>,
    /// The SHA-256 of each table, in hex.
    tables: BTreeMap<String, String>,
}

/// The head of a log.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadNote {
    log: String,
    size: u64,
    root: String,
}

pub(super) fn run_backup(args: &BackupArgs) -> Result<()> {
    let from = store_location(args.store.as_deref(), &args.dir)?;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    let file = args.out.join(STORE_FILE);
    let Copied { rows, digests } = backup(&from, &file, &mut |table, rows| tracing::debug!(table, rows, "copied"))?;
    let copy = StoreLocation::File(file);
    ensure!(
        digest(&copy)? == digests,
        "what was written differs from what was read: do not use {}",
        args.out.display()
    );
    let claim = claim_of(&args.dir, &args.out, copy, args.key.as_deref(), &args.origin)?;
    let manifest = Manifest { layout: LAYOUT.to_owned(), logs: heads(&claim.store)?, tables: in_hex(&digests) };
    print_verified(&claim)?;
    // Last: a directory without it is no backup.
    write(&args.out.join(MANIFEST_FILE), &format!("{}\n", serde_json::to_string_pretty(&manifest)?))?;
    let rows = rows.iter().fold(0u64, |all, (_, rows)| all.saturating_add(*rows));
    print_line(&format!("backed up {from} to {}: {} rows, at", args.out.display(), number(rows)))?;
    for HeadNote { log, size, root } in &manifest.logs {
        print_line(&format!("  {log}  {size} entries, root {root}"))?;
    }
    Ok(())
}

pub(super) fn run_restore(args: &RestoreArgs) -> Result<()> {
    let (from, to) = (args.backup.join(STORE_FILE), store_location(args.store.as_deref(), &args.dir)?);
    let path = args.backup.join(MANIFEST_FILE);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} is no backup: cannot read {}", args.backup.display(), path.display()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))?;
    ensure!(manifest.layout == LAYOUT, "the backup is of another layout");
    let copy = StoreLocation::File(from.clone());
    let before = digest(&copy)?;
    ensure!(in_hex(&before) == manifest.tables, "the backup is not as it was made: do not restore it");
    let claim = claim_of(&args.dir, &args.backup, copy, args.key.as_deref(), &args.origin)?;
    print_verified(&claim)?;
    ensure!(heads(&claim.store)? == manifest.logs, "the heads of the backup are not those that it was made with");
    restore(&from, &to, &mut |table, rows| tracing::debug!(table, rows, "restored"))?;
    let after = digest(&to)?;
    let same = before.iter().all(|(table, digest)| table == MARKS || after.get(table) == Some(digest));
    ensure!(same && before.len() == after.len(), "what was restored differs: do not use what is in {to}");
    print_line(&format!(
        "restored to {to}. It is not served before `comity serve --against` held it against checkpoints"
    ))?;
    print_line("from outside: of each log the newest that anybody kept, and at least as far as")?;
    for (log, size) in to.restored()? {
        print_line(&format!("  {log}  {size} entries"))?;
    }
    Ok(())
}

/// What to verify of the copy in a backup, by the keys of a data directory.
fn claim_of(dir: &Path, backup: &Path, copy: StoreLocation, key: Option<&Path>, origin: &str) -> Result<Claim> {
    // Receipts that clients keep beside a store are not in a backup of it.
    let keys = pinned_keys(key, dir)?;
    Ok(Claim { directory: backup.to_owned(), ..claim_in(dir, copy, (Some(keys), None), origin)? })
}

fn heads(place: &StoreLocation) -> Result<Vec<HeadNote>> {
    let reader = place.read(None)?;
    let head = |log| {
        let size = reader.head(&log)?.unwrap_or(0);
        let root = root_at(size, |tile| reader.tile(&log, tile)).map_err(StoreError::from)?;
        Ok(HeadNote { log: log.to_string(), size, root: root.to_base64() })
    };
    reader.logs()?.into_iter().map(head).collect()
}

fn in_hex(digests: &BTreeMap<String, [u8; 32]>) -> BTreeMap<String, String> {
    digests.iter().map(|(table, digest)| (table.clone(), hex::encode(digest))).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    let unwritten = || format!("cannot write {}", path.display());
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(unwritten)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(unwritten)
}
