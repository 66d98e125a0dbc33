//! What operators set about the audit log. Where it is, is an argument (`--audit-log`), since lines are written before a
//! configuration is read.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::range::Within;

/// The audit log, where `--audit-log` names a file.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Denials of one agency, or of one address before its agency is known, that have a line each, in a second. More become
    /// counts.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub denials_per_s: u32,
    /// Most of them at once.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub denials_burst: u32,
    /// How often the counts are written, in seconds. A kill loses no more than these.
    #[serde(with = "Within::<1, 3_600>")]
    pub summary_every_s: u32,
    /// How often the chain is signed, in seconds, if it has grown.
    #[serde(with = "Within::<1, 86_400>")]
    pub head_every_s: u32,
    /// How often the file is synced to the disk, in seconds; 0: only at a rotation and at the end. A power loss may take what
    /// was not synced.
    #[serde(with = "Within::<0, 86_400>")]
    pub sync_every_s: u32,
    /// The length from which the gateway rotates the file itself; 0: never.
    #[serde(with = "Within::<0, 1_099_511_627_776>")]
    #[schemars(extend("x-unit" = "bytes"))]
    pub file_len_max: u64,
    /// Room that is kept free on the disk of the file; 0: none. With less, denials are counted only; with less than half of
    /// it, calls are refused.
    #[serde(with = "Within::<0, 1_099_511_627_776>")]
    #[schemars(extend("x-unit" = "bytes"))]
    pub reserve_len: u64,
    /// A datagram socket that each line is sent to as well, such as `/dev/log` (RFC 5424).
    pub syslog: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            denials_per_s: 10,
            denials_burst: 100,
            summary_every_s: 10,
            head_every_s: 60,
            sync_every_s: 0,
            file_len_max: 0,
            reserve_len: 64 * 1_024 * 1_024,
            syslog: None,
        }
    }
}
