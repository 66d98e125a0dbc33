//! Where lines are written: by any thread, each before what it is about goes on. When a line cannot be written, no call is
//! taken until one can (CJIS Security Policy AU-5).

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::audit::chain::Fields;
use crate::audit::config::Config;
use crate::audit::denials::{Denials, Source};
use crate::audit::file::ChainFile;
use crate::audit::head::head_line;
use crate::audit::record::{Act, CallRecord, Outcome};
use crate::audit::syslog::Syslog;
use crate::ledger::Signer;

/// What a tracing line has that is not of its event, and what no event may set.
const NOT_OF_AN_EVENT: [&str; 6] = ["timestamp", "level", "target", "sequence", "time", "previous"];

/// By what a gateway keeps its audit log.
#[derive(Debug)]
pub struct Terms {
    /// What operators set.
    pub config: Config,
    /// The origin of its heads.
    pub origin: String,
    /// The machine.
    pub host: String,
    /// Signs the heads.
    pub signer: Signer,
}

/// A line could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audit line could not be written")]
pub struct Unwritten;

/// Why no call is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The file cannot be written.
    Unwritable,
    /// There is little room on its disk, which is left to lines of operators.
    NoRoom,
}

/// An audit log that is written.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    written: Mutex<Written>,
    denials: Mutex<Denials>,
    away: watch::Sender<Option<Away>>,
    /// Set while there is less room than the reserve: denials are counted only.
    counts_only: AtomicBool,
    lost: AtomicU64,
    /// Of those, how many the file says.
    lost_said: AtomicU64,
}

/// The file, and who else is told of each line.
#[derive(Debug)]
struct Written {
    chain: ChainFile,
    signing: Option<(String, Signer)>,
    /// How many lines there were after the last head.
    headed: u64,
    syslog: Option<Syslog>,
}

impl AuditFile {
    /// Opens the file, and goes on with the chain in it.
    pub fn open(path: &Path) -> io::Result<Arc<Self>> {
        let Config { denials_per_s, denials_burst, .. } = Config::default();
        let written = Written { chain: ChainFile::open(path)?, signing: None, headed: 0, syslog: None };
        Ok(Arc::new(Self {
            path: path.to_owned(),
            written: Mutex::new(written),
            denials: Mutex::new(Denials::new(denials_per_s, denials_burst)),
            away: watch::Sender::new(None),
            counts_only: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            lost_said: AtomicU64::new(0),
        }))
    }

    /// Keeps the log by these terms from here on.
    pub fn begin(&self, terms: Terms) {
        let Terms { config, origin, host, signer } = terms;
        *self.denials() = Denials::new(config.denials_per_s, config.denials_burst);
        let mut written = self.written();
        written.signing = Some((origin, signer));
        written.syslog = config.syslog.map(|path| Syslog::new(path, host));
    }

    /// Opens the path again, since after a rotation it names another file. On an error the old file stays in use.
    ///
    /// Lines wait meanwhile: once the new file is there to be seen, no line goes to the old one.
    pub fn reopen(&self) -> io::Result<()> {
        let mut written = self.written();
        // The last line of a file is signed. If it cannot be, the next head covers it as well.
        drop(written.head());
        written.chain.reopen().map(drop)
    }

    /// Writes the line of a call, or counts it if it is one denial too many. The call MUST NOT be answered before this has
    /// returned, nor as it was meant to be if it is an error.
    pub fn answered(&self, call: &CallRecord<'_>) -> Result<(), Unwritten> {
        let reason = call.reason.unwrap_or("UNKNOWN");
        let source = call.agency.map(|agency| Source::Agency(agency.to_owned())).or(call.peer.map(Source::address));
        if call.outcome != Outcome::Success && !self.may_have_line(source, reason)? {
            return Ok(());
        }
        self.append(call)
    }

    /// Writes the line of an act.
    pub fn act(&self, act: &Act<'_>) -> Result<(), Unwritten> {
        self.append(act)
    }

    /// Writes the line of a connection, or counts it if its agency opens them too fast.
    pub fn connected(&self, agency: &str, peer: IpAddr, certificate: &str) -> Result<(), Unwritten> {
        if !self.may_have_line(Some(Source::Agency(agency.to_owned())), "connection_opened")? {
            return Ok(());
        }
        self.append(&Act::ConnectionOpened { agency, peer, certificate })
    }

    /// Why no call is taken. `None`: calls are taken.
    pub fn away(&self) -> Option<Away> {
        *self.away.borrow()
    }

    /// Tells when that changes.
    pub fn watch(&self) -> watch::Receiver<Option<Away>> {
        self.away.subscribe()
    }

    /// Counts the line of a call that was refused because it could not be written.
    pub fn refused_a_call(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many lines could not be written.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many lines the syslog daemon did not take.
    pub fn syslog_lost(&self) -> u64 {
        self.written().syslog.as_ref().map_or(0, Syslog::lost)
    }

    /// Writes all that is due at the end: the counts, that it ended, and the head of the chain. Then it is synced.
    pub fn close(&self) -> io::Result<()> {
        self.write_counts();
        self.act(&Act::Stopped).map_err(io::Error::other)?;
        self.sign();
        self.sync()
    }

    /// Writes how many denials had no line.
    pub(super) fn write_counts(&self) {
        if self.away() != Some(Away::Unwritable) {
            self.denials().write_out(|act| self.append(act).is_ok());
        }
    }

    /// Signs the chain, if it has grown since it was signed.
    pub(super) fn sign(&self) {
        let signed = self.written().head();
        if let Err(error) = signed {
            self.fail(&error);
        }
    }

    /// Makes everything that was written durable. Lines go on meanwhile.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = self.written().chain.to_sync();
        file.map_or(Ok(()), |file| file.sync_data())
    }

    /// Rotates the file if it is that long. Returns whether it was.
    pub(super) fn rotate_from(&self, len: u64) -> io::Result<bool> {
        let mut written = self.written();
        if written.chain.len() < len {
            return Ok(false);
        }
        // If it cannot be signed, the next head covers it as well.
        drop(written.head());
        written.chain.rotate().map(|()| true)
    }

    /// Tries whether lines can be written again, if they could not. Returns how many were lost, if they now can.
    pub(super) fn try_again(&self) -> Option<u64> {
        if self.away() != Some(Away::Unwritable) {
            return None;
        }
        let total = self.lost();
        let lost = total.saturating_sub(self.lost_said.load(Ordering::Relaxed));
        let fields = Fields::of(&Act::Resumed { lost })?;
        self.written().append(&fields).ok()?;
        self.lost_said.store(total, Ordering::Relaxed);
        self.set_away(None);
        Some(lost)
    }

    /// Looks how much room there is. Returns what there is too little room for, where that has changed.
    pub(super) fn look_at_room(&self, reserve_len: u64) -> Option<Room> {
        let room = self.written().chain.room().map_or(Room::Enough, |len| Room::of(len, reserve_len));
        let counts_only = room != Room::Enough;
        let had_room = if self.away() == Some(Away::NoRoom) {
            Room::ForOperators
        } else if self.counts_only.swap(counts_only, Ordering::Relaxed) {
            Room::ForCalls
        } else {
            Room::Enough
        };
        self.counts_only.store(counts_only, Ordering::Relaxed);
        if self.away() != Some(Away::Unwritable) {
            self.set_away((room == Room::ForOperators).then_some(Away::NoRoom));
        }
        (room != had_room).then_some(room)
    }

    /// Connects to the syslog daemon again, if it was lost.
    pub(super) fn connect_syslog(&self) {
        if let Some(syslog) = &mut self.written().syslog {
            syslog.connect();
        }
    }

    /// Writes a line that was logged. What is logged as an audit line is a denial, or what a peer did to its connection.
    fn logged(&self, line: &[u8]) -> Result<(), Unwritten> {
        let Ok(mut line) = serde_json::from_slice::<Map<String, Value>>(line) else { return Ok(()) };
        line.retain(|name, _| !NOT_OF_AN_EVENT.contains(&name.as_str()));
        line.entry("event").or_insert_with(|| "noted".into());
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let agency = text("agency").map(|agency| Source::Agency(agency.to_owned()));
        let source = agency.or_else(|| text("peer")?.parse().ok().map(Source::address));
        let reason = text("reason").or(text("event")).unwrap_or_default();
        if self.may_have_line(source, reason)? { self.append(&line) } else { Ok(()) }
    }

    /// Whether a denial has a line of its own. If not, it was counted.
    fn may_have_line(&self, source: Option<Source>, reason: &str) -> Result<bool, Unwritten> {
        if self.away() == Some(Away::Unwritable) {
            self.refused_a_call();
            return Err(Unwritten);
        }
        let (source, now) = (source.unwrap_or(Source::Others), Instant::now());
        let mut denials = self.denials();
        if self.counts_only.load(Ordering::Relaxed) {
            denials.count(source, reason, now);
            return Ok(false);
        }
        Ok(denials.may_have_line(source, reason, now))
    }

    fn append(&self, line: &impl Serialize) -> Result<(), Unwritten> {
        let fields = Fields::of(line).ok_or(Unwritten)?;
        if self.away() == Some(Away::Unwritable) {
            self.refused_a_call();
            return Err(Unwritten);
        }
        let written = self.written().append(&fields);
        written.map_err(|error| {
            self.fail(&error);
            Unwritten
        })
    }

    /// Takes no more calls, until a line can be written.
    fn fail(&self, error: &io::Error) {
        self.refused_a_call();
        if !self.set_away(Some(Away::Unwritable)) {
            return;
        }
        // Only the change is logged; the readiness probe reports the failure for as long as it lasts. Written by hand: a
        // line that is logged while another one is being logged is dropped.
        let said = serde_json::json!({
            "timestamp": Timestamp::now().to_string(),
            "level": "ERROR",
            "message": "audit lines are lost: the file cannot be written",
            "path": self.path,
            "error": error.to_string(),
        });
        let _nobody_left_to_tell = writeln!(io::stderr(), "{said}");
    }

    /// Returns whether that is a change.
    fn set_away(&self, away: Option<Away>) -> bool {
        self.away.send_if_modified(|now| std::mem::replace(now, away) != away)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn denials(&self) -> MutexGuard<'_, Denials> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn append(&mut self, fields: &Fields) -> io::Result<()> {
        let line = self.chain.append(fields)?;
        self.send(&line);
        Ok(())
    }

    fn head(&mut self) -> io::Result<()> {
        let (tip, Some((origin, signer))) = (self.chain.tip(), &self.signing) else { return Ok(()) };
        if tip.sequence <= self.headed {
            return Ok(());
        }
        let line = head_line(tip, origin, signer).map_err(io::Error::other)?;
        let line = self.chain.append_line(line)?;
        self.headed = self.chain.tip().sequence;
        self.send(&line);
        Ok(())
    }

    fn send(&mut self, line: &[u8]) {
        if let Some(syslog) = &mut self.syslog {
            syslog.send(Timestamp::now(), line);
        }
    }
}

/// What the room on a disk is enough for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Everything.
    Enough,
    /// Calls: denials are counted only.
    ForCalls,
    /// Lines of the gateway and its operator: no call is taken.
    ForOperators,
}

impl Room {
    fn of(len: u64, reserve_len: u64) -> Self {
        if len >= reserve_len {
            Self::Enough
        } else if len >= reserve_len / 2 {
            Self::ForCalls
        } else {
            Self::ForOperators
        }
    }
}

/// Takes the lines that are logged as audit lines. A lost line is counted and never stops whoever logged it.
#[derive(Debug)]
pub struct AuditLines(pub Arc<AuditFile>);

impl Write for AuditLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _counted = self.0.logged(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
