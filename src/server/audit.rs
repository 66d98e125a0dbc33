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
    ///
    /// Lines wait meanwhile: once the new file is there to be seen, no line goes to the old one.
    pub fn reopen(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        *file = opened(&self.path)?;
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

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::TryLockError;
    use std::time::{Duration, Instant};
    use std::{fs, thread};

    use super::*;

    /// A pipe is opened for writing only once somebody reads it, so the reopening lasts as long as the test wants.
    #[test]
    fn no_line_goes_to_the_old_file_once_the_new_one_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let rotated = directory.path().join("audit.log.1");
        let audit = AuditFile::open(&path).unwrap();
        fs::rename(&path, &rotated).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let reopening = thread::spawn({
            let audit = Arc::clone(&audit);
            move || audit.reopen()
        });
        let begun = Instant::now();
        while !matches!(audit.file.try_lock(), Err(TryLockError::WouldBlock)) {
            assert!(begun.elapsed() < Duration::from_secs(10), "lines may go to the old file meanwhile");
            thread::sleep(Duration::from_millis(1));
        }
        let writing = thread::spawn({
            let audit = Arc::clone(&audit);
            move || audit.write(b"a line\n")
        });
        let reading = thread::spawn(move || fs::read(path));
        reopening.join().unwrap().unwrap();
        writing.join().unwrap();
        drop(audit);
        assert_eq!(reading.join().unwrap().unwrap(), b"a line\n");
        assert_eq!(fs::read(rotated).unwrap(), b"");
    }
}
