//! Writes files. A private file is created with mode 0600 and never narrowed afterwards.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use zeroize::Zeroizing;

/// Writes a file that only its owner can read. It replaces an existing file atomically.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    write(path, text, 0o600)
}

/// Writes a new random key of 32 bytes, as 64 hexadecimal digits that only its owner can read.
pub fn write_new_key(path: &Path) -> Result<()> {
    let mut key = Zeroizing::new([0u8; 32]);
    aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| anyhow::anyhow!("the random generator refused"))?;
    write_private(path, &hex::encode(key.as_ref()))
}

/// Writes a file that anybody may read. It replaces an existing file atomically.
pub fn write_public(path: &Path, text: &str) -> Result<()> {
    write(path, text, 0o644)
}

/// Makes a directory that only its owner can enter.
pub fn make_private_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let beside = path.with_extension("new");
    let failed = || format!("cannot write {}", path.display());
    if beside.exists() {
        std::fs::remove_file(&beside).with_context(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    std::fs::rename(&beside, path).with_context(failed)
}
