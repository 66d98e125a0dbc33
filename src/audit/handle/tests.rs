//! One log as a gateway writes it: over restarts, rotations, floods and a file that cannot be written.

use std::fs::File;
use std::process::Command;
use std::sync::TryLockError;
use std::time::Duration;
use std::{fs, thread};

use tempfile::TempDir;

use super::*;
use crate::audit::record::CallEvent;
use crate::audit::verify::{Verified, verify};

/// A directory with an audit log in it, and the key that signs it.
struct Log {
    directory: TempDir,
    signer: Signer,
}

impl Log {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), signer: Signer::generate("gateway").unwrap().0 }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("audit.log")
    }

    fn open(&self) -> Arc<AuditFile> {
        let audit = AuditFile::open(&self.path()).unwrap();
        let (origin, host, signer) = ("comity.example/audit/gate".to_owned(), "gate".to_owned(), self.signer.clone());
        audit.begin(Terms { config: Config::default(), origin, host, signer });
        audit
    }

    /// The files of the chain, rotated ones too.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| !path.to_str().unwrap().contains(".torn-")).collect()
    }

    fn verified(&self) -> Verified {
        verify(&self.files(), Some(&[self.signer.verifier().clone()]), &[]).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        lines_in(&fs::read_to_string(self.path()).unwrap())
    }

    fn events(&self) -> Vec<String> {
        self.lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }
}

fn lines_in(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn call(outcome: Outcome) -> CallRecord<'static> {
    CallRecord {
        event: CallEvent::Call,
        outcome,
        method: "comity.v1.DetainerService/LodgeDetainer",
        agency: Some("us-ice"),
        actor: None,
        pseudonym: None,
        peer: Some("192.0.2.7".parse().unwrap()),
        resource: None,
        disclosed: None,
        code: 0,
        reason: (outcome != Outcome::Success).then_some("NOT_FOUND"),
        cause: None,
        request: None,
        trace: None,
    }
}

#[test]
fn a_chain_goes_on_over_restarts_and_says_how_the_process_before_ended() {
    let log = Log::new();
    let audit = log.open();
    audit.answered(&call(Outcome::Success)).unwrap();
    audit.close().unwrap();
    drop(audit);
    let audit = log.open();
    audit.answered(&call(Outcome::Success)).unwrap();
    // As by a kill.
    drop(audit);
    log.open().close().unwrap();
    let told = ["begun", "call", "stopped", "head", "call", "recovered", "stopped", "head"];
    assert_eq!(log.events(), told);
    assert_eq!(log.verified(), Verified { files: 1, lines: 8, heads: 2, ..Verified::default() });
}

#[test]
fn what_is_no_whole_line_is_set_apart_and_the_chain_goes_on() {
    let log = Log::new();
    let audit = log.open();
    for _ in 0..3 {
        audit.answered(&call(Outcome::Success)).unwrap();
    }
    drop(audit);
    let whole = fs::read(log.path()).unwrap();
    let third = whole.len() - whole.iter().rev().skip(1).position(|byte| *byte == b'\n').unwrap() - 1;
    // Cut within the last line; and garbage in its place, as a disk may leave after a power loss.
    for torn in [&whole[third..third + 40], &[0; 9_000], b"\n\n{}\n"] {
        fs::write(log.path(), [&whole[..third], torn].concat()).unwrap();
        log.open().close().unwrap();
        assert_eq!(log.events()[3..], ["recovered", "stopped", "head"]);
        assert_eq!(log.lines()[3]["torn_len"], torn.len());
        assert_eq!(fs::read(log.directory.path().join("audit.log.torn-000000000003")).unwrap(), torn);
        assert_eq!(log.verified().lines, 6);
        fs::remove_file(log.directory.path().join("audit.log.torn-000000000003")).unwrap();
    }
}

#[test]
fn a_file_that_is_no_chain_is_moved_aside_and_none_of_it_is_lost() {
    let log = Log::new();
    fs::write(log.path(), "{\"timestamp\":\"2026-01-01\",\"event\":\"call_denied\"}\n").unwrap();
    drop(log.open());
    let lines = log.lines();
    let aside = lines[0]["aside"].as_str().unwrap();
    assert_eq!((lines.len(), &lines[0]["event"]), (1, &"begun".into()));
    assert!(fs::read_to_string(log.directory.path().join(aside)).unwrap().contains("call_denied"));
}

#[test]
fn a_chain_goes_on_over_files_whoever_rotates_them() {
    let log = Log::new();
    let at = |name: &str| log.directory.path().join(name);
    let audit = log.open();
    audit.answered(&call(Outcome::Success)).unwrap();
    // By the gateway itself, when it is long enough and not before.
    assert!(!audit.rotate_from(1_000_000).unwrap());
    assert!(audit.rotate_from(1).unwrap());
    assert!(at("audit.log.000000000000").exists());
    audit.answered(&call(Outcome::Success)).unwrap();
    // By others, who rename it and say so.
    fs::rename(log.path(), at("audit.log.1")).unwrap();
    audit.reopen().unwrap();
    audit.answered(&call(Outcome::Success)).unwrap();
    assert_eq!(log.events(), ["continued", "call"]);
    // By others, who rename it while no gateway runs.
    audit.close().unwrap();
    drop(audit);
    fs::rename(log.path(), at("audit.log-20261130")).unwrap();
    log.open().close().unwrap();
    assert_eq!(log.events(), ["continued", "stopped", "head"]);
    let Verified { files, first, unsigned, .. } = log.verified();
    assert_eq!((files, first, unsigned), (4, 0, 0));
    // Nothing is found wrong in what is left when older files were taken away, and it is said where it begins.
    fs::remove_file(at("audit.log.000000000000")).unwrap();
    assert_eq!(log.verified().first, 3);
    fs::remove_file(at("audit.log.1")).unwrap();
    fs::write(at("audit.log.000000000000"), "").unwrap();
    assert!(verify(&log.files(), None, &[]).is_err());
}

/// Killed between the two steps of a rotation.
#[test]
fn a_rotation_that_was_interrupted_is_made_up_for() {
    let log = Log::new();
    let audit = log.open();
    audit.answered(&call(Outcome::Success)).unwrap();
    fs::hard_link(log.path(), log.directory.path().join("audit.log.000000000000")).unwrap();
    fs::write(log.directory.path().join("audit.log.new"), "{\"sequence\":2").unwrap();
    drop(audit);
    let audit = log.open();
    assert!(audit.rotate_from(1).unwrap());
    audit.close().unwrap();
    assert_eq!(log.verified().files, 2);
}

#[test]
fn one_process_alone_writes_into_a_file() {
    let log = Log::new();
    let audit = log.open();
    let error = AuditFile::open(&log.path()).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    drop(audit);
    assert!(AuditFile::open(&log.path()).is_ok());
}

/// The sum of lines and counts is what there was, and the file stays small.
#[test]
fn a_flood_of_denials_does_not_grow_the_file_and_none_of_them_is_lost() {
    let log = Log::new();
    let audit = log.open();
    for number in 0..20_000 {
        let reason = Some(if number % 4 == 0 { "METHOD_DENIED" } else { "NOT_FOUND" });
        audit.answered(&CallRecord { reason, ..call(Outcome::Denied) }).unwrap();
        if number % 5_000 == 0 {
            audit.write_counts();
        }
    }
    // Of others nothing is held back meanwhile.
    audit.answered(&CallRecord { agency: Some("us-ny-doccs"), ..call(Outcome::Denied) }).unwrap();
    audit.close().unwrap();
    let (mut told, mut flooded) = ([0_u64; 2], 0);
    for line in log.lines().iter().filter(|line| line["agency"] == "us-ice") {
        for (sum, reason) in told.iter_mut().zip(["METHOD_DENIED", "NOT_FOUND"]) {
            *sum += u64::from(line["reason"] == reason) + line["counts"][reason].as_u64().unwrap_or(0);
        }
        flooded += 1;
    }
    assert_eq!(told, [5_000, 15_000]);
    let len = fs::metadata(log.path()).unwrap().len();
    // A burst of 100, and ten for each second that this takes.
    assert!(flooded < 1_000 && len < 400_000, "{flooded} lines, {len} bytes");
    assert!(log.lines().iter().any(|line| line["agency"] == "us-ny-doccs" && line["event"] == "call"));
    log.verified();
}

#[test]
fn with_less_room_than_the_reserve_denials_are_counted_and_with_half_of_it_no_call_is_taken() {
    let log = Log::new();
    let audit = log.open();
    let room = audit.written().chain.room().unwrap();
    let lines = || log.lines().len();
    assert_eq!(audit.look_at_room(room / 2), None);
    audit.answered(&call(Outcome::Denied)).unwrap();
    assert_eq!(lines(), 2);
    // Others use the disk meanwhile, so neither is exactly what it was.
    assert_eq!(audit.look_at_room(room / 2 * 3), Some(Room::ForCalls));
    audit.answered(&call(Outcome::Denied)).unwrap();
    assert_eq!((lines(), audit.away()), (2, None));
    audit.answered(&call(Outcome::Success)).unwrap();
    assert_eq!(lines(), 3);
    assert_eq!(audit.look_at_room(room * 4), Some(Room::ForOperators));
    assert_eq!((audit.look_at_room(room * 4), audit.away()), (None, Some(Away::NoRoom)));
    audit.act(&Act::Stopped).unwrap();
    assert_eq!(lines(), 4);
    assert_eq!((audit.look_at_room(0), audit.away()), (Some(Room::Enough), None));
    audit.write_counts();
    assert_eq!(log.lines()[4]["counts"]["NOT_FOUND"], 1);
}

/// A pipe that nobody reads is a file that cannot be written.
#[test]
fn while_no_line_can_be_written_no_call_is_taken_and_afterwards_the_loss_is_told() {
    let log = Log::new();
    let reader = pipe_with_reader(&log.path());
    let audit = AuditFile::open(&log.path()).unwrap();
    let mut seen = audit.watch();
    audit.answered(&call(Outcome::Success)).unwrap();
    let read = reader.join().unwrap();
    drop(read);
    assert_eq!(audit.answered(&call(Outcome::Success)), Err(Unwritten));
    assert_eq!(audit.away(), Some(Away::Unwritable));
    assert_eq!(audit.answered(&call(Outcome::Denied)), Err(Unwritten));
    assert_eq!((audit.try_again(), audit.lost()), (None, 2));
    assert!(seen.has_changed().unwrap() && seen.borrow_and_update().is_some());
    let mut again = {
        let path = log.path();
        thread::spawn(move || File::open(path).unwrap()).join().unwrap()
    };
    assert_eq!((audit.try_again(), audit.away()), (Some(2), None));
    audit.answered(&call(Outcome::Success)).unwrap();
    drop(audit);
    let mut text = String::new();
    io::Read::read_to_string(&mut again, &mut text).unwrap();
    let told: Vec<(Value, Value)> =
        lines_in(&text).iter().map(|line| (line["event"].clone(), line["sequence"].clone())).collect();
    // What was not written has no number.
    let expected = [("begun", 0), ("call", 1), ("resumed", 2), ("call", 3)];
    assert_eq!(told, expected.map(|(event, sequence)| (event.into(), sequence.into())));
}

fn pipe_with_reader(path: &Path) -> thread::JoinHandle<File> {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let path = path.to_owned();
    thread::spawn(move || File::open(path).unwrap())
}

/// A pipe is opened for writing only once somebody reads it, so the reopening lasts as long as the test wants.
#[test]
fn no_line_goes_to_the_old_file_once_the_new_one_is_there() {
    let log = Log::new();
    let rotated = log.directory.path().join("audit.log.1");
    let audit = log.open();
    fs::rename(log.path(), &rotated).unwrap();
    assert!(Command::new("mkfifo").arg(log.path()).status().unwrap().success());
    let reopening = thread::spawn({
        let audit = Arc::clone(&audit);
        move || audit.reopen()
    });
    let begun = Instant::now();
    while !matches!(audit.written.try_lock(), Err(TryLockError::WouldBlock)) {
        assert!(begun.elapsed() < Duration::from_secs(10), "lines may go to the old file meanwhile");
        thread::sleep(Duration::from_millis(1));
    }
    let writing = thread::spawn({
        let audit = Arc::clone(&audit);
        move || audit.answered(&call(Outcome::Success))
    });
    let reading = thread::spawn({
        let path = log.path();
        move || fs::read_to_string(path)
    });
    reopening.join().unwrap().unwrap();
    writing.join().unwrap().unwrap();
    drop(audit);
    let events = |text: &str| lines_in(text).iter().map(|line| line["event"].clone()).collect::<Vec<_>>();
    assert_eq!(events(&reading.join().unwrap().unwrap()), ["continued", "call"]);
    assert_eq!(events(&fs::read_to_string(rotated).unwrap()), ["begun", "head"]);
}

#[test]
fn a_line_that_was_logged_keeps_its_fields_and_sets_no_link() {
    let log = Log::new();
    let mut lines = AuditLines(log.open());
    let logged = r#"{"timestamp":"t","level":"INFO","target":"audit","event":"connection_refused","peer":"192.0.2.1",
        "reason":"handshake_failed","sequence":9,"previous":"x"}"#;
    assert_eq!(lines.write(logged.as_bytes()).unwrap(), logged.len());
    let line = &log.lines()[1];
    assert_eq!(
        (&line["sequence"], &line["reason"], &line["peer"]),
        (&1.into(), &"handshake_failed".into(), &"192.0.2.1".into())
    );
    assert!(line.get("target").is_none() && line["previous"].as_str().unwrap().len() == 64);
    log.verified();
}

/// How long a line takes. It says so, and fails for nothing: `cargo test --release -- --ignored a_line_takes`.
#[test]
#[ignore = "a measurement"]
fn a_line_takes() {
    const LINES: u32 = 200_000;
    let log = Log::new();
    let audit = log.open();
    for threads in [1, 2, 4] {
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for _ in 0..LINES / threads {
                        audit.answered(&call(Outcome::Success)).unwrap();
                    }
                });
            }
        });
        println!("{threads} threads: {:?} a line", begun.elapsed() / LINES);
    }
}
