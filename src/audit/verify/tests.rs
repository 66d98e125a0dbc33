//! Whatever is done to the files of a log is found.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::audit::chain::Fields;
use crate::audit::file::ChainFile;
use crate::audit::head::{head_line, note_in};
use crate::audit::record::Act;
use crate::ledger::Signer;

/// A log over some files, which ends with a head.
struct Log {
    directory: TempDir,
    files: Vec<PathBuf>,
    signer: Signer,
}

impl Log {
    fn new(files: usize, lines: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let signer = Signer::generate("gateway").unwrap().0;
        let mut chain = ChainFile::open(&path).unwrap();
        let mut rotated = Vec::new();
        for file in 0..files {
            for line in 0..lines {
                chain.append(&Fields::of(&Act::Resumed { lost: u64::try_from(line).unwrap() }).unwrap()).unwrap();
                if line == lines / 2 {
                    sign(&mut chain, &signer);
                }
            }
            sign(&mut chain, &signer);
            if file + 1 < files {
                let (kept, current) = (directory.path().join(format!("kept.{file}")), path.clone());
                fs::rename(&current, &kept).unwrap();
                chain.reopen().unwrap();
                rotated.push(kept);
            }
        }
        rotated.push(path);
        Self { directory, files: rotated, signer }
    }

    fn keys(&self) -> [VerifierKey; 1] {
        [self.signer.verifier().clone()]
    }

    fn verify(&self) -> Result<Verified, AuditFault> {
        verify(&self.files, Some(&self.keys()), &[])
    }

    fn text(&self, file: usize) -> Vec<u8> {
        fs::read(&self.files[file]).unwrap()
    }

    fn lines(&self, file: usize) -> Vec<Vec<u8>> {
        self.text(file).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// What is found once a file holds something else.
    fn with(&self, file: usize, text: &[u8]) -> Result<Verified, AuditFault> {
        let before = self.text(file);
        fs::write(&self.files[file], text).unwrap();
        let found = self.verify();
        fs::write(&self.files[file], before).unwrap();
        found
    }

    /// The newest head, as somebody elsewhere keeps it.
    fn kept(&self) -> Checkpoint {
        let last = self.lines(self.files.len() - 1).pop().unwrap();
        let note = note_in(&last).unwrap();
        Checkpoint::open(&note, "comity.example/audit/gate", &self.keys()).unwrap()
    }
}

fn sign(chain: &mut ChainFile, signer: &Signer) {
    let line = head_line(chain.tip(), "comity.example/audit/gate", signer).unwrap();
    chain.append_line(line).unwrap();
}

#[test]
fn a_log_is_whole_in_whatever_order_its_files_are_named() {
    let mut log = Log::new(3, 4);
    let whole = log.verify().unwrap();
    assert_eq!((whole.files, whole.first, whole.heads, whole.unsigned), (3, 0, 6, 0));
    log.files.reverse();
    assert_eq!(log.verify().unwrap(), whole);
    let keys = log.keys();
    let against = [log.kept()];
    assert_eq!(verify(&log.files, Some(&keys), &against).unwrap(), Verified { kept: 1, ..whole });
}

#[test]
fn a_line_that_was_taken_out_put_in_or_moved_is_found() {
    let log = Log::new(2, 5);
    for file in 0..2 {
        let lines = log.lines(file);
        let is_last = |at: usize| file == 1 && at + 1 == lines.len();
        for at in 0..lines.len() {
            if !is_last(at) {
                let mut without = lines.clone();
                without.remove(at);
                assert!(log.with(file, &without.concat()).is_err(), "line {at} of file {file} taken out");
                let mut moved = lines.clone();
                moved.swap(at, (at + 1) % lines.len());
                assert!(log.with(file, &moved.concat()).is_err(), "line {at} of file {file} moved");
            }
            let mut twice = lines.clone();
            twice.insert(at, lines[at].clone());
            assert!(log.with(file, &twice.concat()).is_err(), "line {at} of file {file} twice");
        }
    }
    let whole = std::mem::take(&mut log.files.clone());
    for at in 0..2 {
        let mut without = whole.clone();
        let gone = without.remove(at);
        // Without the older file the rest begins later, which is said; without the newer one a kept head is not there.
        let found = verify(&without, Some(&log.keys()), &[log.kept()]);
        assert!(at == 0 && found.as_ref().is_ok_and(|found| found.first > 0) || found.is_err(), "{gone:?}: {found:?}");
    }
}

#[test]
fn a_tail_that_was_cut_off_is_found_by_a_head_that_was_kept() {
    let log = Log::new(1, 6);
    let (kept, keys, lines) = (log.kept(), log.keys(), log.lines(0));
    for left in 1..lines.len() - 1 {
        fs::write(&log.files[0], lines[..left].concat()).unwrap();
        assert!(log.verify().is_ok(), "it is whole in itself");
        let found = verify(&log.files, Some(&keys), std::slice::from_ref(&kept));
        assert!(matches!(found, Err(AuditFault::NotAsKept { .. })), "{left}: {found:?}");
    }
    // Written anew by whoever has no key, it has no head that holds; by another one with a key, another one.
    let other = Log::new(1, 6);
    let found = verify(&other.files, Some(&other.keys()), std::slice::from_ref(&kept));
    assert!(matches!(found, Err(AuditFault::NotAsKept { .. })), "{found:?}");
    let found = verify(&other.files, Some(&keys), &[]);
    assert!(matches!(found, Err(AuditFault::Broken { .. })), "{found:?}");
}

/// A checkpoint of a log of the exchange is no head of an audit log, whichever key signed both.
#[test]
fn a_checkpoint_of_a_log_is_no_head() {
    let log = Log::new(1, 2);
    let lines = log.lines(0);
    let last = Links::parse(lines.last().unwrap()).unwrap();
    let tip = Tip { sequence: last.sequence, previous: log.kept().root() };
    let line = head_line(tip, "comity.example/jurisdictions/us-ny/logs/exchange", &log.signer).unwrap() + "\n";
    let text = [lines[..lines.len() - 1].concat(), line.into_bytes()].concat();
    let found = log.with(0, &text).unwrap_err().to_string();
    assert!(found.contains("no audit log"), "{found}");
    let exchange = Checkpoint::new("comity.example/jurisdictions/us-ny/logs/exchange", 1, tip.previous).unwrap();
    assert!(matches!(verify(&log.files, None, &[exchange]), Err(AuditFault::NoHead(_))));
}

#[test]
fn what_is_no_audit_log_and_what_is_not_there_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    for text in [&b""[..], b"\n", b"{}\n", b"{\"timestamp\":\"t\"}\n", &[0xff; 100], &vec![b'['; 300_000]] {
        let found = verify(&[at("other", text)], None, &[]);
        assert!(matches!(found, Err(AuditFault::NotAnAuditLog(_))), "{found:?}");
    }
    let found = verify(&[directory.path().join("nowhere")], None, &[]);
    assert!(matches!(found, Err(AuditFault::Unreadable { .. })), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    /// A byte that is changed, taken out or put in, anywhere.
    #[test]
    fn whatever_is_changed_is_found(
        (files, lines) in (1..4_usize, 1..5_usize),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8, 0..3_u8), 40),
    ) {
        let log = Log::new(files, lines);
        prop_assert!(log.verify().is_ok());
        for (file, at, byte, how) in changes {
            let file = file.index(files);
            let mut text = log.text(file);
            let at = at.index(text.len());
            match how {
                0 => text[at] ^= byte,
                1 => _ = text.remove(at),
                _ => text.insert(at, byte),
            }
            let found = log.with(file, &text);
            prop_assert!(found.is_err(), "byte {at} of file {file}, {how}: {found:?}");
        }
    }
}

/// The directory lives as long as its files are looked at.
impl Drop for Log {
    fn drop(&mut self) {
        assert!(self.directory.path().exists());
    }
}
