//! The result of a run: report.json, and a directory that `comity verify` accepts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::config::secret_files;
use crate::demo::check::Findings;
use crate::demo::mix::{ByOutcome, CaseMix};
use crate::sandbox::files;
use crate::verify::Verified;

/// The speed of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speed {
    /// Writes answered with a receipt.
    pub(super) writes: u64,
    /// Entries that the writes made.
    pub(super) entries: u64,
    /// How long the year took.
    pub(super) year: Duration,
    /// How long the comparison took.
    pub(super) comparing: Duration,
    /// How long the verification took.
    pub(super) verifying: Duration,
    /// The median time of a write.
    pub(super) p50: Duration,
    /// The 99th percentile.
    pub(super) p99: Duration,
}

impl Speed {
    /// A count divided by the seconds of the year.
    pub(super) fn per_second(&self, count: u64) -> u64 {
        u64::try_from(u128::from(count) * 1_000 / self.year.as_millis().max(1)).unwrap_or(u64::MAX)
    }
}

/// The parameters of a run.
#[derive(Debug)]
pub(super) struct RunParameters<'a> {
    pub(super) mix: &'a CaseMix,
    pub(super) in_new_york: ByOutcome<u64>,
    pub(super) seed: u64,
    pub(super) policy_digest: String,
}

/// All numbers as JSON. Except for "run", they are the same for the same seed, size, mix and policies.
pub(super) fn report(played: &RunParameters<'_>, findings: &Findings, verified: Verified, speed: &Speed) -> Value {
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let entries: serde_json::Map<String, Value> =
        findings.entries.iter().map(|(log, entries)| (log.to_string(), json!(entries))).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "policy_digest": played.policy_digest,
        "seed": played.seed,
        "in_new_york": played.in_new_york,
        "mix": played.mix,
        "figures": {
            "requester": findings.federal.all(),
            "custodians": findings.custodians.all(),
            "logs": findings.logs.all(),
        },
        "custodies": findings.custodies,
        "entries": entries,
        "compared": {
            "views": findings.compared.views,
            "entries": findings.compared.entries,
            "receipts": findings.compared.receipts,
        },
        "run": {
            "year_us": micros(speed.year),
            "comparing_us": micros(speed.comparing),
            "verifying_us": micros(speed.verifying),
            "writes": speed.writes,
            "writes_per_second": speed.per_second(speed.writes),
            "entries_per_second": speed.per_second(speed.entries),
            "write_p50_us": micros(speed.p50),
            "write_p99_us": micros(speed.p99),
            "verified": {
                "logs": verified.logs,
                "entries": verified.entries,
                "commitments": verified.commitments,
                "checkpoints": verified.checkpoints,
                "receipts": verified.receipts,
            },
        },
    })
}

/// A working directory, which is removed at the end.
#[derive(Debug)]
pub(super) struct Workspace {
    path: PathBuf,
}

impl Workspace {
    /// The parent of the working directory: the output directory, so that keeping a file only renames it, or else the
    /// temporary directory.
    pub(super) fn parent(out: Option<&Path>) -> Result<PathBuf> {
        let Some(out) = out else { return Ok(std::env::temp_dir()) };
        std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
        let empty = std::fs::read_dir(out)?.next().is_none();
        ensure!(empty, "{} is not empty", out.display());
        Ok(out.to_owned())
    }

    pub(super) fn make(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("comity-demo-{}-{:08x}", std::process::id(), fastrand::u32(..)));
        files::make_private_directory(&path)?;
        files::make_private_directory(&path.join("receipts"))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of the receipts.
    pub(super) fn receipts(&self) -> PathBuf {
        self.path.join("receipts")
    }

    /// Keeps what others may look at. The only private key among it opens the synthetic people's content.
    pub(super) fn keep(&self, out: &Path, findings: &Findings, report: &Value) -> Result<()> {
        let (from, to) = (|name: &str| self.path.join(name), |name: &str| out.join(name));
        for directory in ["keys", "checkpoints"] {
            files::make_private_directory(&to(directory))?;
        }
        // A stopped gateway leaves an empty journal. Otherwise the database file alone would be incomplete.
        let journal = std::fs::metadata(from("comity.db-wal")).map_or(0, |journal| journal.len());
        ensure!(journal == 0, "the store was not closed");
        for name in ["comity.db", "receipts", "keys/log.vkey"] {
            std::fs::rename(from(name), to(name)).with_context(|| format!("cannot keep {name}"))?;
        }
        let wrapping = format!("keys/{}", secret_files::WRAPPING);
        std::fs::rename(from(&wrapping), to(&wrapping)).with_context(|| format!("cannot keep {wrapping}"))?;
        for (log, checkpoint) in &findings.checkpoints {
            let kind = log.to_string();
            let kind = kind.rsplit('/').next().unwrap_or_default();
            files::write_public(&to(&format!("checkpoints/{}-{kind}.txt", log.jurisdiction)), checkpoint)?;
        }
        files::write_public(&to("report.json"), &format!("{report:#}\n"))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed is left in the temporary directory.
        let _left = std::fs::remove_dir_all(&self.path);
    }
}
