//! Looks at a machine and a configuration as a gateway would meet them, and says what to do. It changes nothing, takes no
//! lock, and a gateway may be running meanwhile.
//!
//! What a configuration must be is judged by the checks of a start ([`server::check`] and those beside it). Here is added
//! what a start cannot refuse, or what an operator should see coming.

mod clock;
mod disk;
mod expiry;
mod finding;
mod network;
mod ownership;
mod stores;
mod system;

use std::path::Path;

pub use finding::{Finding, Verdict};

use crate::config::Config;
use crate::identity::clock::WallClock;
use crate::server::{self, CheckedConfig};

/// Everything that is found, in the order of a start. `audit_log` is the file that the gateway is started with.
pub fn examine(path: &Path, base: &Path, audit_log: Option<&Path>, wall: &WallClock) -> Vec<Finding> {
    let mut findings = vec![system::entropy(), clock::synchronised()];
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(error) => {
            findings.push(Finding::fail("configuration", error.to_string(), "correct the file"));
            return findings;
        }
    };
    let (registry, expiries) = expiry::read(&config, base);
    findings.push(clock::set(path, expiries.as_ref(), wall.now()));
    let checked = server::check(&config, base, wall);
    findings.push(configuration(&checked));
    findings.extend(ownership::files(path, &config, base));
    findings.extend(expiry::ends(&config, base, (registry.as_ref(), expiries.as_ref()), wall.now()));
    findings.extend(disk::disks(&config, base));
    findings.push(disk::audit(config.audit.reserve_len, audit_log));
    if let Ok(checked) = &checked {
        findings.extend(stores::stores(&config, base, checked));
        findings.extend(network::witnesses(checked));
    }
    findings.push(system::open_files(&config));
    findings.push(network::ports(&config));
    findings
}

/// What `comity check-config` would say of the files.
fn configuration(checked: &Result<CheckedConfig, server::ServerError>) -> Finding {
    const CHECK: &str = "configuration";
    match checked {
        Err(error) => Finding::fail(CHECK, error.to_string(), "correct it: a gateway would not start"),
        Ok(checked) if checked.warnings.is_empty() => {
            Finding::ok(CHECK, format!("it holds, with {} agencies", checked.agencies))
        }
        Ok(checked) => Finding::warn(CHECK, checked.warnings.join("; "), "see to it: a gateway serves meanwhile"),
    }
}
