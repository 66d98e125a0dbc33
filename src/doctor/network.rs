//! Whether ports are free, and the names of witnesses have addresses.

use std::net::ToSocketAddrs as _;

use crate::config::Config;
use crate::doctor::finding::Finding;
use crate::server::{CheckedConfig, check_addresses};

/// Whether all listeners could be bound. One that is in use may be the gateway that runs.
pub(super) fn ports(config: &Config) -> Finding {
    const CHECK: &str = "ports";
    match check_addresses(config) {
        Ok(warnings) if warnings.is_empty() => {
            let addresses: Vec<String> = config.server.addresses().map(|address| address.to_string()).collect();
            Finding::ok(CHECK, format!("{} are free", addresses.join(" and ")))
        }
        Ok(warnings) => Finding::warn(CHECK, warnings.join("; "), "nothing, if it is this gateway"),
        Err(error) => Finding::fail(
            CHECK,
            error.to_string(),
            "set server.listen, server.ops_listen and server.console_listen to addresses of this machine",
        ),
    }
}

/// Whether the name of each witness has an address. Nobody is connected to.
pub(super) fn witnesses(checked: &CheckedConfig) -> Vec<Finding> {
    const CHECK: &str = "witness-names";
    let judge = |(host, port): (&str, u16)| match (host, port).to_socket_addrs().map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => Finding::ok(CHECK, format!("{host} is {}", address.ip())),
        Ok(None) => {
            Finding::warn(CHECK, format!("{host} has no address"), "look at the resolver: it is not asked to cosign")
        }
        Err(error) => Finding::warn(
            CHECK,
            format!("{host} has no address: {error}"),
            "look at the resolver: it is not asked to cosign",
        ),
    };
    checked.witnesses().hosts().into_iter().map(judge).collect()
}
