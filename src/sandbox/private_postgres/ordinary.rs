//! Processes of servers. They run as an ordinary user, which root is not, and are found and signalled by their ids.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::sandbox::files::{make_private_directory, write_private};

/// The user that servers run as. PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrdinaryUser {
    /// Another user and group, if we are root; otherwise `None`.
    other: Option<(u32, u32)>,
}

impl OrdinaryUser {
    /// A program run as this user, with `home` as its home and none of our environment.
    pub fn command(self, program: &Path, home: &Path) -> Command {
        let mut command = Command::new(program);
        // Not in our working directory, which this user may not be able to enter.
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("HOME", home).current_dir("/");
        if let Some((user, group)) = self.other {
            // The library also drops root's other groups.
            command.uid(user).gid(group);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Makes a directory that only this user can enter.
    pub fn make_directory(self, path: &Path) -> Result<()> {
        make_private_directory(path)?;
        self.own(path)
    }

    /// Writes a file that only this user can read.
    pub fn give(self, path: &Path, text: &str) -> Result<()> {
        write_private(path, text)?;
        self.own(path)
    }

    fn own(self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.other else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("cannot give away {}", path.display()))
    }
}

/// The user to run servers as: ourselves, or `postgres` or `nobody` if we are root.
pub fn ordinary_user() -> Result<OrdinaryUser> {
    // Without this file we cannot tell; `initdb` itself refuses root.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
    if effective != Some("0") {
        return Ok(OrdinaryUser { other: None });
    }
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |name: &str| {
        let line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let mut ids = line.split(':').skip(1).map(str::parse::<u32>);
        Some((ids.next()?.ok()?, ids.next()?.ok()?))
    };
    let other = find("postgres").or_else(|| find("nobody")).context("no user postgres or nobody in /etc/passwd")?;
    Ok(OrdinaryUser { other: Some(other) })
}

/// The direct children of a process.
pub(super) fn children_of(pid: u32) -> Vec<u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).filter(|&child| parent_of(child) == Some(pid)).collect()
}

/// Sends processes a signal, such as `KILL`. Ended processes are skipped.
pub(super) fn signal(name: &str, pids: &[u32]) -> Result<()> {
    let words = pids.iter().map(u32::to_string);
    let kill = r#"name=$1; shift; for pid; do kill -s "$name" "$pid" || [ ! -e "/proc/$pid" ] || exit 1; done"#;
    output_of(Command::new("/bin/sh").args(["-c", kill, "signal", name]).args(words)).map(drop)
}

/// The parent of a running process. `None` if the process has ended, reaped or not.
pub(super) fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat.rsplit_once(") ")?.1.split(' ');
    let has_ended = words.next()? == "Z";
    words.next()?.parse().ok().filter(|_| !has_ended)
}

/// Runs a program and returns its output. If it failed, the error holds what it complained about.
pub(super) fn output_of(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
