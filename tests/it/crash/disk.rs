//! A disk that is full, in fact and by a limit, and one that may only be read: the gateway says so and stops, keeps
//! what it acknowledged, and goes on where it was once there is room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use comity::audit::verify;

use crate::crash::Trial;
use crate::crash::audited::configure;
use crate::crash::client::Order;
use crate::crash::gateway::Gateway;
use crate::harness::copy;

/// More stories than any of these disks has room for.
const WITHOUT_END: Order = Order { lanes: 4, stories: usize::MAX, again: 4, patience_s: 0 };

/// Something mounted over a directory, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// None, and a word about it, where this may not be done.
    fn over(directory: &Path, options: &[&str], what: &str) -> Option<Self> {
        let mounted = mount(&[options, &[&directory.display().to_string()]].concat());
        if !mounted {
            println!("LEFT OUT: {what} (this user may not mount)");
        }
        mounted.then(|| Self(directory.to_owned()))
    }

    fn again(&self, options: &str) {
        assert!(mount(&["-o", options, &self.0.display().to_string()]));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(words: &[&str]) -> bool {
    Command::new("mount").args(words).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Serves until there is no more room, and then once more without any.
fn fill(trial: &Trial, under: &[String], word: &str) {
    let gateway = Gateway::start(trial.directory(), under).unwrap();
    trial.client(&gateway, WITHOUT_END).done();
    gateway.await_failure();
    let ended = gateway.ended();
    assert!(ended.is_loud() && ended.errors.contains(word), "{ended:?}");
    assert!(trial.journal().acknowledged.len() > 10, "there was no room to begin with");
    match Gateway::start(trial.directory(), under) {
        Err(ended) => assert!(ended.is_loud(), "{ended:?}"),
        Ok(gateway) => {
            trial.client(&gateway, WITHOUT_END).done();
            gateway.await_failure();
            let ended = gateway.ended();
            assert!(ended.is_loud(), "{ended:?}");
        }
    }
}

#[test]
fn a_full_disk_stops_it_loudly_and_room_lets_it_go_on() {
    let trial = Trial::new();
    let content = tempfile::tempdir().unwrap();
    copy(trial.directory(), content.path());
    let tmpfs = ["-t", "tmpfs", "-o", "size=4m", "comity"];
    let Some(disk) = Mounted::over(trial.directory(), &tmpfs, "a disk that is full in fact") else { return };
    copy(content.path(), trial.directory());
    fill(&trial, &[], "database or disk is full");
    let full = trial.journal();
    disk.again("remount,size=64m");
    let found = trial.settle();
    let (told, asked) = (full.acknowledged.len(), full.asked.len());
    println!("full: {told} of {asked} requests acknowledged; with room: all {}", found.recorded);
}

/// The same without any privilege: files may not grow beyond a limit.
#[test]
fn a_file_that_may_not_grow_stops_it_loudly_and_room_lets_it_go_on() {
    let trial = Trial::new();
    // In units of 512 bytes: 2 MiB. Ignored, the signal leaves the call to fail.
    let limit = "trap '' XFSZ; ulimit -f 4096; exec \"$@\"";
    fill(&trial, &["sh", "-c", limit, "sh"].map(str::to_owned), "disk I/O error");
    trial.settle();
}

#[test]
fn a_disk_that_may_only_be_read_is_refused_and_left_as_it_is() {
    let trial = Trial::new();
    let gateway = trial.start();
    trial.client(&gateway, Order { lanes: 1, stories: 1, again: 0, patience_s: 0 }).done();
    gateway.kill();
    let directory = trial.directory().display().to_string();
    let before = fs::read(trial.directory().join("comity.db-wal")).unwrap();
    {
        let bind = ["--bind", &directory];
        let Some(disk) = Mounted::over(trial.directory(), &bind, "a disk that may only be read") else { return };
        disk.again("remount,bind,ro");
        let refused = Gateway::start(trial.directory(), &[]).expect_err("it serves what it cannot write");
        assert!(refused.is_loud() && refused.errors.contains("Read-only file system"), "{refused:?}");
    }
    assert_eq!(fs::read(trial.directory().join("comity.db-wal")).unwrap(), before);
    trial.settle();
}

/// The audit log on a full disk of its own: no call is taken that it could not tell of, and room lets them go on.
#[test]
fn a_full_disk_of_the_audit_log_lets_no_call_through_until_there_is_room() {
    let trial = Trial::new();
    let apart = tempfile::tempdir().unwrap();
    let tmpfs = ["-t", "tmpfs", "-o", "size=128k", "comity"];
    let Some(disk) = Mounted::over(apart.path(), &tmpfs, "an audit log on a full disk") else { return };
    configure(trial.directory(), |config| config.audit.reserve_len = 0);
    let path = apart.path().join("audit.log");
    let under = ["env".to_owned(), format!("COMITY_AUDIT_LOG={}", path.display())];
    let gateway = Gateway::start(trial.directory(), &under).unwrap();
    trial.client(&gateway, WITHOUT_END).done();
    let ready = gateway.ready();
    assert!(ready.contains("audit lines are lost"), "{ready}: {}", gateway.logged());
    assert!(trial.journal().acknowledged.len() > 10, "there was no room to begin with");
    disk.again("remount,size=16m");
    let begun = Instant::now();
    while gateway.ready() != "serving" {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not go on: {}", gateway.logged());
        std::thread::sleep(Duration::from_millis(10));
    }
    trial.client(&gateway, Order { lanes: 1, stories: 1, again: 4, patience_s: 5 }).done();
    gateway.stop();
    let found = verify(std::slice::from_ref(&path), None, &[]).unwrap_or_else(|fault| panic!("{fault}"));
    let lines = fs::read_to_string(&path).unwrap();
    assert!(found.lines > 100 && lines.contains("\"event\":\"resumed\""), "{found:?}");
    trial.settle();
}
