//! What the operator sends back: the certificate, and everything by which the agency holds the gateway to its word. Nothing of
//! it is secret; that it came from the operator is told by its fingerprint, by another way.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{AgencyId, JurisdictionId};
use crate::identity::strict_json;
use crate::partner::request::Fingerprint;

/// The version of this form.
pub(super) const VERSION: u32 = 1;

/// An answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub(super) version: u32,
    /// Whom it is for.
    pub agency: AgencyId,
    /// The fingerprint of the request that it answers.
    pub request: String,
    /// Until when it may be taken up.
    pub accept_until: Timestamp,
    pub(super) trust_domain: String,
    pub(super) jurisdictions: BTreeSet<JurisdictionId>,
    /// The agency's certificate, PEM.
    pub(super) certificate: String,
    pub(super) gateway: GatewayAnswer,
    pub(super) logs: LogsAnswer,
    pub(super) token: TokenAnswer,
}

/// Where the gateway is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayAnswer {
    /// `host:port`, or several separated by commas.
    pub(super) address: String,
    /// The name in its certificate.
    pub(super) server_name: String,
    /// The authorities that may vouch for it, PEM.
    pub(super) authorities: String,
}

/// What receipts are checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsAnswer {
    /// What the names of the logs begin with.
    pub(super) origin: String,
    /// C2SP verifier keys.
    pub(super) keys: Vec<String>,
    /// How many witnesses a head is to be cosigned by, and which (C2SP tlog-policy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) witnesses: Option<String>,
}

/// What tokens must be like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenAnswer {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) lifetime_max_s: u32,
    pub(super) leeway_s: u32,
}

impl Approval {
    /// Reads an answer. Whether it is the operator's is told by its fingerprint alone.
    pub fn read(text: &str) -> Result<Self> {
        strict_json::check(text).context("the approval is not JSON with each name once")?;
        let read: Self = serde_json::from_str(text).context("the approval is not one")?;
        ensure!(read.version == VERSION, "the approval is of a version that this program does not know");
        Ok(read)
    }

    /// As it is sent.
    pub fn to_json(&self) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// The SHA-256 of all that it says, however it is laid out.
    pub fn fingerprint(&self) -> Result<Fingerprint> {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &serde_json::to_vec(self)?).as_ref());
        Ok(Fingerprint(bytes))
    }
}
