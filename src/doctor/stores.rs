//! Whether each store is ours, of a version that is read, and who serves it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::Config;
use crate::doctor::finding::Finding;
use crate::domain::ids::JurisdictionId;
use crate::server::{CheckedConfig, ServerError, check_content, check_heads, check_location};
use crate::store::{Inspected, StoreLocation, StoreState};

const CHECK: &str = "store";

/// Looks at each store of a configuration that was checked.
pub(super) fn stores(config: &Config, base: &Path, checked: &CheckedConfig) -> Vec<Finding> {
    let located = config.store.locations(&config.jurisdictions, base).unwrap_or_default();
    located.iter().map(|(jurisdictions, place)| store(config, checked, jurisdictions, place)).collect()
}

fn store(
    config: &Config,
    checked: &CheckedConfig,
    jurisdictions: &BTreeSet<JurisdictionId>,
    place: &StoreLocation,
) -> Finding {
    let looked = check_location(place).and_then(|()| Ok(place.inspect(checked.wrapping_key())?));
    let Inspected { version, restored, state } = match looked {
        Ok(None) => return Finding::ok(CHECK, format!("{place} is not there yet: a start makes it")),
        Ok(Some(inspected)) => inspected,
        Err(error) => return at_fault(place, &error),
    };
    if let Some(log) = restored.first() {
        let found = format!("{place} was restored, and {log} was not held against a checkpoint from outside since");
        return Finding::fail(CHECK, found, "start it with --against (docs/operations.md)");
    }
    let held = match &state {
        StoreState::AtRest(reader) => check_content(&**reader, jurisdictions, place)
            .and_then(|()| check_heads(&**reader, jurisdictions, config, checked)),
        // Heads move under a gateway that writes. It has checked them itself.
        StoreState::Served(_, reader) | StoreState::Shared(reader) => check_content(&**reader, jurisdictions, place),
        StoreState::Interrupted(_) | StoreState::Earlier => Ok(()),
    };
    if let Err(error) = held {
        return at_fault(place, &error);
    }
    match state {
        StoreState::AtRest(_) => Finding::ok(CHECK, format!("{place} is of version {version}, and nobody serves it")),
        StoreState::Served(process, _) => {
            Finding::ok(CHECK, format!("{place} is of version {version}, and process {process} serves it"))
        }
        StoreState::Shared(_) => Finding::ok(CHECK, format!("{place} answers, and is of version {version}")),
        StoreState::Interrupted(len) => Finding::warn(
            CHECK,
            format!("{place} was left with a write-ahead log of {len} bytes, or is served from another container"),
            "start the gateway: it takes the log in, and keeps what was acknowledged",
        ),
        StoreState::Earlier => Finding::warn(
            CHECK,
            format!("{place} is of the earlier version {version}"),
            "make a backup: the next start brings it to the newest version",
        ),
    }
}

fn at_fault(place: &StoreLocation, error: &ServerError) -> Finding {
    Finding::fail(CHECK, format!("{place}: {error}"), "see docs/operations.md: a gateway would not start on it")
}
