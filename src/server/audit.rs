//! The file of audit lines. It can be reopened after a rotation, and it reports when it cannot be written (NIST SP
//! 800-53 AU-5). A failing audit file refuses no call: audit lines record denials, and those callers are denied
//! already.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A file of audit lines.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    file: Mutex<File>,
    lost: AtomicU64,
    failing: AtomicBool,
}

impl AuditFile {
    /// Opens the file for appending. A new file is readable by its owner alone.
    pub fn open(path: &Path) -> io::Result<Arc<Self>> {
        let (file, path) = (Mutex::new(opened(path)?), path.to_owned());
        Ok(Arc::new(Self { path, file, lost: AtomicU64::new(0), failing: AtomicBool::new(false) }))
    }

    /// Opens the path again, since after a rotation it names another file. On an error the old file stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        let file = opened(&self.path)?;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// How many lines could not be written.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether the last line could not be written.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    fn write(&self, line: &[u8]) {
        let written = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line);
        let failed = written.is_err();
        if failed {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        // Log only the change. The readiness probe reports the failure for as long as it lasts.
        if self.failing.swap(failed, Ordering::Relaxed) != failed
            && let Err(error) = written
        {
            // Written by hand: a line logged while another line is being logged is dropped.
            let said = serde_json::json!({
                "timestamp": jiff::Timestamp::now().to_string(),
                "level": "ERROR",
                "message": "audit lines are lost: the file cannot be written",
                "path": self.path,
                "error": error.to_string(),
            });
            let _nobody_left_to_tell = writeln!(io::stderr(), "{said}");
        }
    }
}

fn opened(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Writes one audit line after another. A lost line is counted and never stops the call that caused it.
#[derive(Debug)]
pub struct AuditLines(pub Arc<AuditFile>);

impl Write for AuditLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
