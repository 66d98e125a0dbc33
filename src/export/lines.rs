//! Files of lines: written and read one at a time, with length and digest counted on the way.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::marker::PhantomData;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::export::ExportError;
use crate::export::layout::{FileManifest, LINE_LEN_MAX};

/// Lines, bytes and digest of what passed.
struct Counted {
    lines: u64,
    bytes: u64,
    digest: Context,
}

impl Counted {
    fn new() -> Self {
        Self { lines: 0, bytes: 0, digest: Context::new(&SHA256) }
    }

    fn take(&mut self, line: &[u8]) {
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        self.digest.update(line);
    }

    fn finish(self, path: &str) -> FileManifest {
        let sha256 = hex::encode(self.digest.finish());
        FileManifest { path: path.to_owned(), lines: self.lines, bytes: self.bytes, sha256 }
    }
}

/// Makes a directory that is its owner's alone, with those above it.
pub(super) fn make_directory(path: &Path) -> Result<(), ExportError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ExportError::file(path, source))
}

/// A file of lines that is being written.
pub(super) struct LineWriter {
    /// Where it is.
    path: PathBuf,
    /// Its name in the manifest.
    name: String,
    file: BufWriter<File>,
    counted: Counted,
}

impl LineWriter {
    /// Makes the file, which MUST NOT be there. It is its owner's alone.
    pub(super) fn create(directory: &Path, name: &str) -> Result<Self, ExportError> {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = BufWriter::new(opened.map_err(|source| ExportError::file(&path, source))?);
        Ok(Self { path, name: name.to_owned(), file, counted: Counted::new() })
    }

    /// Adds a line.
    pub(super) fn write(&mut self, line: &impl Serialize) -> Result<(), ExportError> {
        let mut text = serde_json::to_vec(line).map_err(|error| ExportError::broken(error.to_string()))?;
        text.push(b'\n');
        self.counted.take(&text);
        self.file.write_all(&text).map_err(|source| ExportError::file(&self.path, source))
    }

    /// Makes the file durable, and says what it is.
    pub(super) fn finish(self) -> Result<FileManifest, ExportError> {
        let Self { path, name, file, counted } = self;
        let file = file.into_inner().map_err(|error| ExportError::file(&path, error.into_error()))?;
        file.sync_all().map_err(|source| ExportError::file(&path, source))?;
        Ok(counted.finish(&name))
    }
}

/// A file of lines that is being read. It is held against the manifest at its end.
pub(super) struct LineReader<T> {
    path: PathBuf,
    file: BufReader<File>,
    counted: Counted,
    said: FileManifest,
    ended: bool,
    line: PhantomData<fn() -> T>,
}

impl<T> LineReader<T> {
    /// Opens a file that the manifest names. Its path MUST have been checked.
    pub(super) fn open(directory: &Path, said: &FileManifest) -> Result<Self, ExportError> {
        let path = directory.join(&said.path);
        let file = File::open(&path).map_err(|source| ExportError::file(&path, source))?;
        let (file, said) = (BufReader::new(file), said.clone());
        Ok(Self { path, file, counted: Counted::new(), said, ended: false, line: PhantomData })
    }
}

impl<T: DeserializeOwned + Serialize> LineReader<T> {
    /// The next line. None: the file ends here, and is what the manifest says.
    pub(super) fn read(&mut self) -> Result<Option<T>, ExportError> {
        if self.ended {
            return Ok(None);
        }
        let mut text = Vec::new();
        let limit = u64::try_from(LINE_LEN_MAX).unwrap_or(u64::MAX);
        let read = (&mut self.file).take(limit).read_until(b'\n', &mut text);
        read.map_err(|source| ExportError::file(&self.path, source))?;
        if text.is_empty() {
            self.ended = true;
            let found = std::mem::replace(&mut self.counted, Counted::new()).finish(&self.said.path);
            let same = found == self.said;
            return if same { Ok(None) } else { Err(self.broken("the file is not what the manifest says of it")) };
        }
        self.counted.take(&text);
        let Some((b'\n', json)) = text.split_last() else {
            return Err(self.broken("a line is too long, or does not end"));
        };
        let line: T =
            serde_json::from_slice(json).map_err(|error| self.broken(&format!("not such a line: {error}")))?;
        // A line has one spelling, so that none of its bytes can change unnoticed.
        if serde_json::to_vec(&line).ok().as_deref() != Some(json) {
            return Err(self.broken("a line is not spelled as it is written"));
        }
        Ok(Some(line))
    }

    fn broken(&self, what: &str) -> ExportError {
        let line = self.counted.lines;
        ExportError::broken(format!("{}, line {line}: {what}", self.said.path))
    }
}
