//! Sends each line to a syslog daemon on this machine as well (RFC 5424, over a datagram socket), from where it can leave the
//! machine at once. It never waits: what the daemon does not take is counted, and is in the file.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Facility 13, log audit; severity 6, informational (RFC 5424 6.2.1).
const PRIORITY: u8 = 13 * 8 + 6;

/// A daemon that takes lines.
#[derive(Debug)]
pub(super) struct Syslog {
    path: PathBuf,
    host: String,
    pid: u32,
    socket: Option<UnixDatagram>,
    lost: u64,
}

impl Syslog {
    /// Connects to a daemon. If there is none yet, [`Self::connect`] tries again.
    pub(super) fn new(path: PathBuf, host: String) -> Self {
        let mut syslog = Self { path, host, pid: std::process::id(), socket: None, lost: 0 };
        syslog.connect();
        syslog
    }

    /// Connects again if there is no connection.
    pub(super) fn connect(&mut self) {
        if self.socket.is_none() {
            let connected = || {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.connect(&self.path)?;
                Ok::<_, std::io::Error>(socket)
            };
            self.socket = connected().ok();
        }
    }

    /// Sends a line, which ends in a newline. `time` is now.
    pub(super) fn send(&mut self, time: jiff::Timestamp, line: &[u8]) {
        let Self { host, pid, .. } = self;
        // RFC 5424 6: priority, version, time, host, application, process, message id, structured data, message.
        let mut message = format!("<{PRIORITY}>1 {time:.6} {host} comity {pid} audit - ").into_bytes();
        message.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        let sent = self.socket.as_ref().map(|socket| socket.send(&message));
        match sent {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                self.lost = self.lost.saturating_add(1);
                // A daemon that is busy is still there; another error says that it is not.
                if error.kind() != std::io::ErrorKind::WouldBlock {
                    self.socket = None;
                }
            }
            None => self.lost = self.lost.saturating_add(1),
        }
    }

    /// Lines that the daemon did not take.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_as_the_protocol_has_it_and_what_is_not_taken_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut syslog = Syslog::new(path.clone(), "gate-1".to_owned());
        let time = "2026-11-30T16:00:00.5Z".parse().unwrap();
        syslog.send(time, b"{}\n");
        assert_eq!(syslog.lost(), 1);
        let daemon = UnixDatagram::bind(&path).unwrap();
        syslog.connect();
        syslog.send(time, b"{\"sequence\":7}\n");
        let mut buffer = [0; 200];
        let len = daemon.recv(&mut buffer).unwrap();
        let pid = std::process::id();
        let expected = format!("<110>1 2026-11-30T16:00:00.500000Z gate-1 comity {pid} audit - {{\"sequence\":7}}");
        assert_eq!(String::from_utf8_lossy(&buffer[..len]), expected);
        assert_eq!(syslog.lost(), 1);
    }
}
