//! Who may read and replace the files that a gateway goes by.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;

use crate::config::{Config, NamedFile, named_files, secret_files};
use crate::doctor::finding::Finding;
use crate::files::is_too_open;

const CHECK: &str = "files";

/// Mode bits by which others than the owner may replace a file: its group, and everybody.
const REPLACEABLE: u32 = 0o022;

/// Looks at the configuration itself and at each file that it names. What holds is said in one line.
pub(super) fn files(path: &Path, config: &Config, base: &Path) -> Vec<Finding> {
    let mut named = vec![NamedFile { key: "--config".to_owned(), path: path.to_owned(), is_secret: false }];
    named.extend(named_files(config).into_iter().filter(|file| !is_made_by_itself(&file.key)).map(|file| {
        // A key that signs beside the first lies in the directory of keys.
        let within = if file.key == "keys.beside.file" { base.join(&config.keys.directory) } else { base.to_owned() };
        NamedFile { path: within.join(&file.path), ..file }
    }));
    let key = |name: &str| NamedFile {
        key: "keys.directory".to_owned(),
        path: base.join(&config.keys.directory).join(name),
        is_secret: true,
    };
    named.extend(secret_files::ALL.map(key));
    let at_fault: Vec<Finding> = named.iter().filter_map(judge).collect();
    if at_fault.is_empty() {
        return vec![Finding::ok(CHECK, format!("{} are readable, and nobody else may replace them", named.len()))];
    }
    at_fault
}

/// Whether a start makes it, if it is not there.
fn is_made_by_itself(key: &str) -> bool {
    ["store.path", "store.shard.path"].contains(&key)
}

/// What is wrong with a file, if anything is.
fn judge(file: &NamedFile) -> Option<Finding> {
    let NamedFile { key, path, is_secret } = file;
    let said = |what: String| format!("{} ({key}) {what}", path.display());
    let about = match readable(path) {
        Ok(about) => about,
        Err(error) => {
            let found = said(format!("cannot be read: {error}"));
            return Some(Finding::fail(CHECK, found, "put it there, and let the gateway's user read it"));
        }
    };
    let mode = about.mode() & 0o7777;
    if *is_secret && is_too_open(mode) {
        let found = said(format!("is a secret with mode {mode:04o}"));
        return Some(Finding::fail(CHECK, found, "set it to 0600, 0400, 0640 or 0440"));
    }
    if mode & REPLACEABLE != 0 {
        let found = said(format!("has mode {mode:04o}"));
        return Some(Finding::warn(CHECK, found, "take writing from its group and from others"));
    }
    let owner = about.uid();
    let trusted = [0, geteuid().as_raw()];
    (!trusted.contains(&owner)).then(|| {
        let found = said(format!("belongs to user {owner}"));
        Finding::warn(CHECK, found, "give it to root or to the gateway's user, unless doctor ran as another user")
    })
}

/// What is known of a file, if this user can read it.
fn readable(path: &Path) -> std::io::Result<Metadata> {
    let about = fs::metadata(path)?;
    if about.is_dir() {
        fs::read_dir(path)?;
    } else {
        fs::File::open(path)?;
    }
    Ok(about)
}
