//! Reads files that operators provide: secrets that only their owner and group may read, and PEM that is read whole.

pub mod pem;

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Mode bits that a secret must not have: others may access it, or its group may write it.
const TOO_OPEN: u32 = 0o027;

/// Whether a secret with this mode would be refused.
pub fn is_too_open(mode: u32) -> bool {
    mode & TOO_OPEN != 0
}

/// How much of a file is read at most, in bytes. No secret is longer.
const LEN_MAX: u64 = 1_024 * 1_024;

/// Why a secret is not read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Others may access it, or its group may write it.
    #[error("{} is open to others: set its mode to 0600, 0400, 0640 or 0440", .0.display())]
    Exposed(PathBuf),
}

/// Reads a secret. The group may read it too, since Kubernetes mounts a pod's secrets that way with `fsGroup`. Others
/// must not.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    // Checks the open file: the name could lead to another file by the time it is read.
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if is_too_open(about.permissions().mode()) {
        return Err(SecretError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LEN_MAX).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_secret_is_its_owners_and_its_groups_to_read_and_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "sesame").unwrap();
        for mode in [0o400, 0o440, 0o600, 0o640, 0o700] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(*read_secret(&path).unwrap(), "sesame", "{mode:o}");
        }
        for mode in [0o604, 0o602, 0o601, 0o620, 0o660, 0o644, 0o666, 0o444] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read_secret(&path), Err(SecretError::Exposed(_))), "{mode:o}");
        }
        let error = read_secret(&directory.path().join("nowhere")).unwrap_err();
        assert!(matches!(error, SecretError::Unreadable { .. }));
        assert!(matches!(read_secret(directory.path()), Err(SecretError::Exposed(_) | SecretError::Unreadable { .. })));
    }
}
