//! What a start would meet where its configuration points: addresses to listen on, and stores. Nothing is changed, and no
//! database server is asked.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, Secrets};
use crate::domain::ids::{LogKind, LogName};
use crate::ledger::Checkpoint;
use crate::recorder::{RecorderError, origin};
use crate::server::writer::kept_here;
use crate::server::{Checked, ServerError};
use crate::store::{Found, Reader};

/// Holds the addresses and stores of a checked configuration against what is there. Returns what to look at: what another
/// gateway uses now, this one could use once that has stopped.
pub fn check_start(config: &Config, base: &Path, checked: &Checked) -> Result<Vec<String>, ServerError> {
    let mut warnings = Vec::new();
    let addresses = [config.server.listen, config.server.ops_listen];
    // Held until both are there: an address cannot be listened on twice.
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.extend(listen(address, !listeners.is_empty() && overlap(addresses), &mut warnings)?);
    }
    for (jurisdictions, place) in config.store.places(&config.jurisdictions, base)? {
        match place.find(&checked.secrets.wrapping)? {
            Found::Nothing => {}
            Found::InUse(held) => warnings.push(format!("a gateway has the store open: it holds {}", held.display())),
            Found::Unasked => warnings.push(format!("{place} was not asked")),
            Found::Store(reader) => {
                kept_here(&*reader, &jurisdictions, &place)?;
                for jurisdiction in jurisdictions {
                    for kind in [LogKind::Exchange, LogKind::Custody] {
                        let log = LogName { jurisdiction: jurisdiction.clone(), kind };
                        check_head(&reader, &log, &config.log.origin, &checked.secrets)?;
                    }
                }
            }
        }
    }
    Ok(warnings)
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

/// Whether two listeners would be one.
fn overlap([one, other]: [SocketAddr; 2]) -> bool {
    one.port() != 0 && one.port() == other.port()
}

/// A head that this gateway did not sign, or signed under another name, is refused at the start.
fn check_head(reader: &Arc<dyn Reader>, log: &LogName, prefix: &str, secrets: &Secrets) -> Result<(), ServerError> {
    let size = reader.head(log)?.unwrap_or(0);
    let signed = match reader.checkpoint(log)? {
        None => size == 0,
        Some((signed, note)) => {
            let keys = [secrets.signer.verifier().clone()];
            Checkpoint::open(&note, &origin(prefix, log), &keys).map_err(RecorderError::from)?;
            signed == size
        }
    };
    if signed { Ok(()) } else { Err(RecorderError::HeadNotSigned(log.clone()).into()) }
}
