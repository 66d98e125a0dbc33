//! What a self-test found, a row for each check, signed by the agency's token key: the operator need not take its word.

use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::agency::AgencyKind;
use crate::domain::ids::AgencyId;
use crate::identity::key::MintingKey;
use crate::identity::registry::Registry;
use crate::identity::sealed::Sealed;
use crate::partner::plain::plain;

/// The type in the header of its signature.
const KIND: &str = "comity-partner-report";
/// The version of this form.
const VERSION: u64 = 1;

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nothing was tried: it is not for an agency of this kind, or was not asked for.
    NotApplicable,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What was tried, as `token.accepted`.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What was seen. Nothing personal: names of resources and figures.
    pub seen: String,
}

/// All that a self-test found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTestReport {
    version: u64,
    /// Who tested.
    pub agency: AgencyId,
    /// Its kind.
    pub kind: AgencyKind,
    /// Against which gateway.
    pub gateway: String,
    /// The version of this program.
    pub program: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether nothing failed.
    pub passed: bool,
    /// Each check, in order.
    pub checks: Vec<Check>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::NotApplicable => "-",
        };
        write!(f, "{outcome:6}  {:20}  {}", plain(&self.name), plain(&self.seen))
    }
}

impl fmt::Display for SelfTestReport {
    /// Who tested what, and when.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) against {}, {}", self.agency, self.kind.word(), plain(&self.gateway), self.began_at)
    }
}

impl SelfTestReport {
    /// The report over these checks. It passed if at least one did, and none failed.
    pub(super) fn over(
        (agency, kind): (AgencyId, AgencyKind),
        gateway: String,
        (began_at, ended_at): (Timestamp, Timestamp),
        checks: Vec<Check>,
    ) -> Self {
        let any = |wanted: Outcome| checks.iter().any(|check| check.outcome == wanted);
        let passed = any(Outcome::Passed) && !any(Outcome::Failed);
        let program = env!("COMITY_VERSION").to_owned();
        Self { version: VERSION, agency, kind, gateway, program, began_at, ended_at, passed, checks }
    }

    /// The report, signed.
    pub(crate) fn signed(&self, key: &MintingKey) -> Result<String> {
        let sealed = Sealed::sign(KIND, &serde_json::to_vec(self)?, &[key])?;
        Ok(format!("{}\n", serde_json::to_string_pretty(&sealed)?))
    }
}

/// Reads a report and checks that a token key of the agency that it names signed it, as the registry has them.
pub fn verify(text: &str, registry: &Registry) -> Result<SelfTestReport> {
    let sealed = Sealed::parse(text)?;
    let members = sealed.members()?;
    ensure!(
        members.get("version").and_then(Value::as_u64) == Some(VERSION),
        "it is of a version that is not known here"
    );
    let report: SelfTestReport = serde_json::from_value(Value::Object(members)).ok().context("it is no report")?;
    let member = registry.member(&report.agency);
    let issuer = member.and_then(|member| member.issuer.as_ref());
    let issuer = issuer.with_context(|| format!("{} is not in the registry, or signs no tokens", report.agency))?;
    let signers = sealed.signers()?;
    let [signer] = signers.as_slice() else { bail!("it has more than one signature") };
    let key = issuer.keys.get(signer).with_context(|| format!("{} has no key of that name", report.agency))?;
    sealed.verify(KIND, &[(signer, key)])?;
    Ok(report)
}
