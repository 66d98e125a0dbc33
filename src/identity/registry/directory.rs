//! A directory of agencies' records: one agency a file, so that adding an agency is adding a file and never editing one.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::identity::pem::UnreadableFile;
use crate::identity::registry::config::{AgencyConfig, RegistryConfig};
use crate::identity::registry::error::RegistryError;

/// How the name of a record ends.
const EXTENSION: &str = "toml";
/// The longest record, in bytes.
const RECORD_LEN_MAX: u64 = 65_536;
/// The most records in a directory.
const RECORDS_MAX: usize = 10_000;

impl RegistryConfig {
    /// Every agency: those of the configuration itself, then those of its directory. `base` is the directory for relative
    /// paths.
    pub fn all_agencies(&self, base: &Path) -> Result<Vec<AgencyConfig>, RegistryError> {
        let mut all = self.agencies.clone();
        if let Some(records) = &self.directory {
            all.extend(read(&base.join(records))?);
        }
        Ok(all)
    }

    /// The records that are there now, for whoever looks whether one has changed. None if the directory cannot be read.
    pub fn record_files(&self, base: &Path) -> Vec<PathBuf> {
        self.directory.iter().flat_map(|records| records_in(&base.join(records)).unwrap_or_default()).collect()
    }
}

/// The agencies of a directory, by the names of their files. All of them are read, or the directory is refused.
///
/// Files whose names do not end in `.toml`, or begin with a dot, are not records: editors leave such.
fn read(directory: &Path) -> Result<Vec<AgencyConfig>, RegistryError> {
    let paths = records_in(directory).map_err(|source| UnreadableFile { path: directory.to_owned(), source })?;
    if paths.len() > RECORDS_MAX {
        return Err(RegistryError::TooManyRecords(directory.to_owned()));
    }
    paths.iter().map(|path| read_record(path)).collect()
}

fn records_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    let mut paths: Vec<PathBuf> = paths.into_iter().filter(|path| is_record(path)).collect();
    paths.sort();
    Ok(paths)
}

fn is_record(path: &Path) -> bool {
    let is_hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && path.extension().is_some_and(|extension| extension == EXTENSION)
}

fn read_record(path: &Path) -> Result<AgencyConfig, RegistryError> {
    let mut text = String::new();
    let opened = File::open(path).and_then(|file| file.take(RECORD_LEN_MAX + 1).read_to_string(&mut text));
    opened.map_err(|source| UnreadableFile { path: path.to_owned(), source })?;
    let fault = |line, why| RegistryError::Record { path: path.to_owned(), line, why };
    if u64::try_from(text.len()).map_or(true, |len| len > RECORD_LEN_MAX) {
        return Err(fault(1, "the record is longer than 64 KiB".to_owned()));
    }
    toml::from_str(&text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        fault(before.matches('\n').count().saturating_add(1), error.message().to_owned())
    })
}
