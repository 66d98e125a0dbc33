//! Addresses of listeners as people write them: `127.0.0.1:8443`, `[::1]:8443`, `localhost:8443`.

use std::net::{SocketAddr, ToSocketAddrs as _};

use serde::{Deserialize as _, Deserializer, de};

/// Reads an address. A name is looked up. If it has several addresses, the first IPv4 address is used, since clients
/// look for `localhost` there by default.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let named = text
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok());
    if named.is_none() {
        return Err("must be an address and a port, such as 127.0.0.1:8443, [::1]:8443 or localhost:8443".to_owned());
    }
    let found: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|error| format!("is a name without an address: {error}"))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| "is a name without an address".to_owned())
}

/// Reads an address in a configuration.
pub(super) fn deserialized<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    address(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// Reads an address that may be missing.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    deserialized(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name() {
        let check = |text: &str, expected: &str| assert_eq!(address(text).unwrap().to_string(), expected);
        check("127.0.0.1:8443", "127.0.0.1:8443");
        check("[::1]:8443", "[::1]:8443");
        check("localhost:8443", "127.0.0.1:8443");
        check("localhost:0", "127.0.0.1:0");
        for bad in [
            "",
            "localhost",
            ":8443",
            "localhost:",
            "localhost:port",
            "localhost:65536",
            "::1:8443",
            "127.0.0.1",
            "no.such.name.invalid:1",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
