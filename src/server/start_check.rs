//! Checks what a start would find: the listen addresses, and the stores. Changes nothing and asks no database server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use crate::config::{Config, Secrets};
use crate::domain::ids::{JurisdictionId, LogName};
use crate::ledger::{Checkpoint, root_at};
use crate::recorder::{check_signed, origin};
use crate::server::check::CheckedConfig;
use crate::server::error::{AgainstError, ServerError};
use crate::server::store_check::{check_jurisdictions, check_location, check_restored, check_wrapping_key};
use crate::store::{FoundStore, Reader, StoreError, StoreLocation};

/// Compares the stores of a configuration with checkpoints that were kept elsewhere. Each log MUST extend its
/// checkpoint. A store that was restored from an older backup does not.
///
/// A store that is marked as restored is released, if each of its logs was held against a checkpoint that goes at least
/// as far as the backup did.
pub fn check_against(config: &Config, base: &Path, secrets: &Secrets, kept: &[String]) -> Result<(), ServerError> {
    let mut logs = Vec::new();
    let mut as_far_as: BTreeMap<LogName, u64> = BTreeMap::new();
    for (jurisdictions, location) in config.store.locations(&config.jurisdictions, base)? {
        let found = match location.find(&secrets.wrapping)? {
            FoundStore::Nothing => None,
            FoundStore::Store(reader) => Some(reader),
            FoundStore::InUse(_) | FoundStore::Unasked => Some(location.read(None)?),
        };
        for log in jurisdictions.iter().flat_map(LogName::both_of) {
            logs.push((origin(&config.log.origin, &log), log, found.clone()));
        }
    }
    let keys = secrets.signer.verifiers();
    for note in kept {
        let named = note.lines().next().unwrap_or_default();
        let kept = Checkpoint::open_received(note, named, &keys).map_err(AgainstError::NotOfTheKey)?;
        let of_log = logs.iter().find(|(origin, ..)| origin == named);
        let (_, log, reader) = of_log.ok_or_else(|| AgainstError::Stranger(named.to_owned()))?;
        let size = reader.as_ref().map(|reader| reader.head(log)).transpose()?.flatten().unwrap_or(0);
        let Some(reader) = reader.as_ref().filter(|_| size >= kept.size()) else {
            return Err(AgainstError::Older { log: log.clone(), here: size, kept: kept.size() }.into());
        };
        let root = root_at(kept.size(), |tile| reader.tile(log, tile)).map_err(StoreError::from)?;
        if root != kept.root() {
            return Err(AgainstError::Other { log: log.clone(), kept: kept.size() }.into());
        }
        let known = as_far_as.entry(log.clone()).or_default();
        *known = kept.size().max(*known);
    }
    // Readers of the stores are let go before a store is written to.
    drop(logs);
    for (_, location) in config.store.locations(&config.jurisdictions, base)? {
        let marks = location.restored()?;
        for (log, restored) in &marks {
            let kept = as_far_as.get(log).copied().unwrap_or(0);
            if kept < *restored {
                return Err(AgainstError::NotAsFar { log: log.clone(), restored: *restored, kept }.into());
            }
        }
        if !marks.is_empty() {
            location.release_restored()?;
            tracing::info!(place = %location, "the restored store was held against checkpoints from outside");
        }
    }
    Ok(())
}

/// What a start would find, if nothing prevents it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartFindings {
    /// What to look at: resources that another gateway uses now, and that are free once it has stopped.
    pub warnings: Vec<String>,
    /// What only a start can find out.
    pub unchecked: Vec<String>,
}

/// Compares the addresses and stores of a checked configuration with what exists.
pub fn check_start(config: &Config, base: &Path, checked: &CheckedConfig) -> Result<StartFindings, ServerError> {
    let mut warnings = check_addresses(config)?;
    let mut unchecked = Vec::new();
    for (jurisdictions, location) in config.store.locations(&config.jurisdictions, base)? {
        check_location(&location)?;
        match location.find(&checked.secrets.wrapping)? {
            FoundStore::Nothing => {}
            FoundStore::InUse(held) => warnings.push(format!("a gateway has the store open: it holds {}", held.display())),
            FoundStore::Unasked => unchecked.push(format!(
                "{location}: whether it can be reached, and what it holds, is found out by a start; this check asks no database server"
            )),
            FoundStore::Store(reader) => {
                check_restored(&location)?;
                check_content(&*reader, &jurisdictions, &location)?;
                check_heads(&*reader, &jurisdictions, config, checked)?;
            }
        }
    }
    Ok(StartFindings { warnings, unchecked })
}

/// Checks that each address can be listened on. One that is in use, perhaps by a gateway that runs, is a warning.
pub fn check_addresses(config: &Config) -> Result<Vec<String>, ServerError> {
    // Keep each listener until all are bound: the same address cannot be bound twice.
    let (mut listeners, mut warnings): (Vec<(SocketAddr, TcpListener)>, _) = (Vec::new(), Vec::new());
    for address in config.server.addresses() {
        let ours = listeners.iter().any(|(taken, _)| overlap([*taken, address]));
        listeners.extend(listen(address, ours, &mut warnings)?.map(|listener| (address, listener)));
    }
    Ok(warnings)
}

/// Checks that a store holds what it should, and that the wrapping key opens it. A gateway may be writing to it.
pub fn check_content(
    reader: &dyn Reader,
    jurisdictions: &BTreeSet<JurisdictionId>,
    place: &StoreLocation,
) -> Result<(), ServerError> {
    check_jurisdictions(reader, jurisdictions, place)?;
    Ok(check_wrapping_key(reader, jurisdictions)?)
}

/// Checks that this gateway signed the head of each log. Nobody MUST be writing to the store.
pub fn check_heads(
    reader: &dyn Reader,
    jurisdictions: &BTreeSet<JurisdictionId>,
    config: &Config,
    checked: &CheckedConfig,
) -> Result<(), ServerError> {
    jurisdictions
        .iter()
        .flat_map(LogName::both_of)
        .try_for_each(|log| check_head(reader, &log, &config.log.origin, &checked.secrets))
}

fn listen(
    address: SocketAddr,
    taken_by_ourselves: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<TcpListener>, ServerError> {
    match TcpListener::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(source) if source.kind() == ErrorKind::AddrInUse && !taken_by_ourselves => {
            warnings.push(format!("{address} is in use: by a gateway that runs?"));
            Ok(None)
        }
        Err(source) => Err(ServerError::Io { what: "a listener cannot be bound", source }),
    }
}

/// Whether both listeners would use the same port.
fn overlap([one, other]: [SocketAddr; 2]) -> bool {
    one.port() != 0 && one.port() == other.port()
}

/// Refuses a head that this gateway did not sign, or signed under another name.
fn check_head(reader: &dyn Reader, log: &LogName, prefix: &str, secrets: &Secrets) -> Result<(), ServerError> {
    let size = reader.head(log)?.unwrap_or(0);
    let root = root_at(size, |tile| reader.tile(log, tile)).map_err(StoreError::from)?;
    Ok(check_signed(reader.checkpoint(log)?, prefix, log, (size, root), &secrets.signer)?)
}
