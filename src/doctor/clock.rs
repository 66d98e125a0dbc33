//! Whether the clock is right: certificates, tokens and legal clocks go by it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};

use crate::accept::Expiries;
use crate::doctor::finding::Finding;

/// How far a file may seem to be from the future: file servers have clocks of their own.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// Whether the clock is behind something that was made before now.
pub(super) fn set(path: &Path, expiries: Option<&Expiries>, now: Timestamp) -> Finding {
    const CHECK: &str = "clock";
    let latest = now.saturating_add(TOLERANCE).unwrap_or(now);
    let behind = |what: &str, made: Timestamp| {
        Finding::fail(CHECK, format!("it is {now:.0}, and {what} is of {made:.0}"), "set the clock")
    };
    let written = fs::metadata(path).and_then(|about| about.modified()).ok();
    if let Some(written) = written.and_then(|at| Timestamp::try_from(at).ok()).filter(|written| *written > latest) {
        return behind("the configuration", written);
    }
    if let Some(begins) = expiries.map(|expiries| expiries.own.begins).filter(|begins| *begins > latest) {
        return behind("the gateway's certificate", begins);
    }
    Finding::ok(CHECK, format!("it is {now:.0}"))
}

/// Whether something keeps the clock right.
pub(super) fn synchronised() -> Finding {
    const CHECK: &str = "clock-sync";
    const ADVICE: &str = "see that the machine is synchronised (systemd-timesyncd, chrony)";
    // systemd asks the kernel, so it is right for chrony and ntpd too.
    let asked = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .output();
    match asked.ok().filter(|answer| answer.status.success()) {
        Some(answer) if answer.stdout.trim_ascii() == b"yes" => Finding::ok(CHECK, "the clock is synchronised"),
        Some(_) => Finding::warn(CHECK, "the clock is not synchronised", ADVICE),
        None => Finding::warn(CHECK, "whether the clock is synchronised cannot be read (timedatectl)", ADVICE),
    }
}
