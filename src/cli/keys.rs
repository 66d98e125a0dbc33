//! `comity keys`: changes keys of a gateway that is not served meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::cli::output::print_line;
use crate::cli::paths::base_directory;
use crate::cli::verify::print_verified;
use crate::config::{Config, Secrets, read_key, secret_files};
use crate::demo::number;
use crate::sandbox::files::write_new_key;
use crate::store::{Rewrapped, rewrap};
use crate::verify::Claim;

/// Arguments of `comity keys`.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Makes a new wrapping key, and puts every store of a configuration under it.
    Rotate(RotateArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "The stores must not be served meanwhile. With the old key gone, no older copy of a store can be read: \
                        neither what was expunged since, nor anything else. Keep a copy of the new wrapping.key apart from \
                        every backup, make a new backup, and destroy every copy of the old key. A command that was cut off \
                        is given again: it goes on with the same new key."
)]
struct RotateArgs {
    /// The configuration of the gateway.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(args: &KeysArgs) -> Result<()> {
    let KeysCommand::Rotate(RotateArgs { config: path }) = &args.command;
    let base = base_directory(path)?;
    let config = Config::read(path)?;
    config.check()?;
    let secrets = Secrets::read(&config.keys, &base)?;
    let directory = base.join(&config.keys.directory);
    let own = directory.join(secret_files::WRAPPING);
    let next = own.with_extension("key.next");
    let key = next_key(&next)?;
    for (_, place) in config.store.locations(&config.jurisdictions, &base)? {
        let Rewrapped { cases, entries } = rewrap(&place, &secrets.wrapping, &key)
            .with_context(|| format!("{place} stays under the key it is under"))?;
        print_line(&format!(
            "{place}: the keys of {} cases and {} entries of none are under the new key",
            number(cases),
            number(entries)
        ))?;
        print_verified(&Claim {
            store: place,
            // No receipts are kept here: what clients hold is not asked for.
            directory: directory.clone(),
            keys: secrets.signer.verifiers(),
            wrapping_key: Some(*key),
            origin: config.log.origin.clone(),
            against: Vec::new(),
        })?;
    }
    // Last: until then a command that was cut off has both keys.
    fs::rename(&next, &own).with_context(|| format!("cannot put {} in place of the old key", next.display()))?;
    fs::File::open(&directory)?.sync_all()?;
    print_line(&format!("{} is the new key", own.display()))?;
    Ok(())
}

/// The new key: of a command that was cut off, or made now.
fn next_key(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    if !path.exists() {
        write_new_key(path)?;
    }
    Ok(read_key(path)?)
}
