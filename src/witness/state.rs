//! What a witness has on disk: its keys, and one small file for each log with the head that it cosigned last.
//!
//! A witness that forgets what it saw would cosign a fork. So a file is replaced whole, and synced with its directory before
//! anything is answered; and a directory that is missing, unreadable, or of other keys is no reason to begin anew.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::files::read_secret;
use crate::ledger::{Cosigner, Head, NOTE_LEN_MAX, is_name, sha256_hex};
use crate::witness::config::WitnessError;

/// The private keys, PEM.
const KEYS: &str = "witness.pem";
/// The public keys, a line each: what everything in the directory was cosigned with.
const VKEYS: &str = "witness.vkey";
/// The heads.
const HEADS: &str = "heads";

/// Makes a directory with new keys and no heads. Refuses one that exists: its heads belong to its keys.
pub fn establish(directory: &Path, name: &str) -> Result<Cosigner, WitnessError> {
    let failed = |source| WitnessError::Unwritable { path: directory.to_owned(), source };
    if !is_name(name) {
        return Err(WitnessError::Name);
    }
    let (cosigner, pem) =
        Cosigner::generate(name).map_err(|source| WitnessError::Keys { path: directory.into(), source })?;
    DirBuilder::new().mode(0o700).create(directory).map_err(failed)?;
    DirBuilder::new().mode(0o700).create(directory.join(HEADS)).map_err(failed)?;
    replace(directory, KEYS, pem.as_bytes()).map_err(failed)?;
    // Last: a directory with it is complete.
    replace(directory, VKEYS, vkeys(&cosigner).as_bytes()).map_err(failed)?;
    Ok(cosigner)
}

/// The keys of a directory.
pub fn read_cosigner(directory: &Path, name: &str) -> Result<Cosigner, WitnessError> {
    let path = directory.join(KEYS);
    let pem = read_secret(&path)?;
    let cosigner = Cosigner::from_pem(name, &pem).map_err(|source| WitnessError::Keys { path, source })?;
    let path = directory.join(VKEYS);
    let known = fs::read_to_string(&path).map_err(|source| WitnessError::Unreadable { path: path.clone(), source })?;
    if known != vkeys(&cosigner) {
        return Err(WitnessError::OtherKeys(path));
    }
    Ok(cosigner)
}

fn vkeys(cosigner: &Cosigner) -> String {
    let lines: Vec<String> = cosigner.keys().iter().map(|key| format!("{key}\n")).collect();
    lines.concat()
}

/// The heads on disk, open to one process.
#[derive(Debug)]
pub(super) struct Heads {
    directory: PathBuf,
    /// Held for as long as the heads are open: two witnesses with one key could cosign two histories.
    _lock: File,
}

impl Heads {
    /// Opens the heads of a directory that [`establish`] made.
    pub(super) fn open(directory: &Path) -> Result<Self, WitnessError> {
        let heads = directory.join(HEADS);
        let unreadable = |source| WitnessError::Unreadable { path: heads.clone(), source };
        if !fs::metadata(&heads).map_err(unreadable)?.is_dir() {
            return Err(unreadable(io::ErrorKind::NotADirectory.into()));
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock"));
        let lock = lock.map_err(|source| WitnessError::Unwritable { path: directory.to_owned(), source })?;
        lock.try_lock().map_err(|_| WitnessError::InUse(directory.to_owned()))?;
        Ok(Self { directory: heads, _lock: lock })
    }

    /// The head of a log that was cosigned last, if there is one. It must bear a cosignature of ours.
    pub(super) fn read(&self, origin: &str, cosigner: &Cosigner) -> Result<Option<(Head, String)>, WitnessError> {
        let path = self.directory.join(file_name(origin));
        let unreadable = |source| WitnessError::Unreadable { path: path.clone(), source };
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(found) if found.len() > u64::try_from(NOTE_LEN_MAX).unwrap_or(u64::MAX) => {
                return Err(WitnessError::NotOurs { path, origin: origin.to_owned() });
            }
            Ok(_) => {}
        }
        let note = fs::read_to_string(&path).map_err(unreadable)?;
        match Head::open_cosigned(&note, origin, cosigner.keys()) {
            Ok(head) => Ok(Some((head, note))),
            Err(_) => Err(WitnessError::NotOurs { path, origin: origin.to_owned() }),
        }
    }

    /// Makes a head durable in place of the one before. When it returns, it survives a power cut.
    pub(super) fn write(&self, origin: &str, note: &str) -> io::Result<()> {
        replace(&self.directory, &file_name(origin), note.as_bytes())
    }

    /// Keeps a signed head that does not fit the one cosigned: evidence against the log. Only the first is kept.
    pub(super) fn keep_evidence(&self, origin: &str, note: &str) -> io::Result<()> {
        let name = format!("{}.refused", sha256_hex(origin.as_bytes()));
        if self.directory.join(&name).exists() {
            return Ok(());
        }
        replace(&self.directory, &name, note.as_bytes())
    }
}

/// C2SP tlog-witness names a log in a path by the hash of its origin.
pub(super) fn file_name(origin: &str) -> String {
    format!("{}.checkpoint", sha256_hex(origin.as_bytes()))
}

fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = directory.join(format!(".{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, directory.join(name))?;
    // The name is durable only with its directory.
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Checkpoint, Hash, Signer};

    const ORIGIN: &str = "comity.example/jurisdictions/us-ny/logs/exchange";

    fn note(size: u64, cosigner: &Cosigner) -> String {
        let (signer, _) = Signer::generate("comity.example/gateway").unwrap();
        let note = Checkpoint::new(ORIGIN, size, Hash::from_bytes([7; 32])).unwrap().sign(&signer).unwrap();
        let head = Head::open(&note, ORIGIN, &signer.verifiers()).unwrap();
        head.signed_by(&cosigner.cosign(&head, 5).unwrap())
    }

    #[test]
    fn a_head_is_read_as_it_was_written_and_no_other_is() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("witness");
        let cosigner = establish(&at, "witness.example/w1").unwrap();
        assert!(matches!(establish(&at, "witness.example/w1"), Err(WitnessError::Unwritable { .. })));
        let heads = Heads::open(&at).unwrap();
        assert!(heads.read(ORIGIN, &cosigner).unwrap().is_none());
        for size in [3, 9] {
            heads.write(ORIGIN, &note(size, &cosigner)).unwrap();
            assert_eq!(heads.read(ORIGIN, &cosigner).unwrap().unwrap().0.size(), size);
        }
        let again = read_cosigner(&at, "witness.example/w1").unwrap();
        assert_eq!(heads.read(ORIGIN, &again).unwrap().unwrap().0.size(), 9);
        assert!(matches!(read_cosigner(&at, "witness.example/w2"), Err(WitnessError::OtherKeys(_))));
        // Whatever else stands there, nothing is begun anew.
        let file = at.join(HEADS).join(file_name(ORIGIN));
        let whole = fs::read_to_string(&file).unwrap();
        let (other, _) = Cosigner::generate("witness.example/w1").unwrap();
        for text in [
            "",
            "x",
            &whole[..whole.len() / 2],
            &note(9, &other),
            &whole.replace("us-ny", "us-tx"),
            &"x".repeat(70_000),
        ] {
            fs::write(&file, text).unwrap();
            assert!(matches!(heads.read(ORIGIN, &cosigner), Err(WitnessError::NotOurs { .. })), "{text:?}");
        }
    }

    #[test]
    fn one_process_at_a_time_has_the_heads_and_none_without_them() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().join("witness");
        establish(&at, "w").unwrap();
        let first = Heads::open(&at).unwrap();
        assert!(matches!(Heads::open(&at), Err(WitnessError::InUse(_))));
        drop(first);
        Heads::open(&at).unwrap();
        fs::remove_dir_all(at.join(HEADS)).unwrap();
        assert!(matches!(Heads::open(&at), Err(WitnessError::Unreadable { .. })));
        fs::write(at.join(VKEYS), "other\n").unwrap();
        assert!(matches!(read_cosigner(&at, "w"), Err(WitnessError::OtherKeys(_))));
    }
}
