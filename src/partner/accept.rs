//! The agency's side once more: takes up the operator's answer, if it is the answer to its own request.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, ensure};
use jiff::Timestamp;

use crate::files::{pem, read_secret};
use crate::identity::certificate_request::{is_of_key, public_half};
use crate::identity::development::certificate_ends;
use crate::ledger::VerifierKey;
use crate::partner::approval::Approval;
use crate::partner::files;
use crate::partner::request::{CheckedRequest, Fingerprint};
use crate::partner::settings::Settings;
use crate::sandbox::files::write_public;

/// The longest that the agency's own tokens are valid, in seconds.
const TOKEN_LIFETIME_S: u32 = 300;

/// Takes up an approval in the directory that the request was made in, and returns what its client goes by from then on.
pub fn accept(approval: &Approval, fingerprint: Fingerprint, directory: &Path, now: Timestamp) -> Result<Settings> {
    ensure!(
        approval.fingerprint()? == fingerprint,
        "the approval's fingerprint is another: it was changed on its way, or is not the operator's"
    );
    let at = |name: &str| directory.join(name);
    let text = std::fs::read_to_string(at(files::REQUEST))
        .with_context(|| format!("cannot read {}: was the request made here?", at(files::REQUEST).display()))?;
    let asked = CheckedRequest::read(&text)?;
    ensure!(
        approval.request == hex::encode(asked.fingerprint.0),
        "the approval answers another request than the one in {}",
        directory.display()
    );
    ensure!(
        now <= approval.accept_until,
        "the approval could be taken up until {}: ask the operator to approve the request again",
        approval.accept_until
    );
    check_certificate(approval, &read_secret(&at(files::KEY))?, now)?;
    pem::certificates(approval.gateway.authorities.as_bytes())
        .map_err(|why| anyhow!("the approval's authorities: it {}", why.word()))?;
    ensure!(!approval.logs.keys.is_empty(), "the approval names no key of the logs: no receipt could be checked");
    for key in &approval.logs.keys {
        VerifierKey::parse(key).context("the approval has a key of the logs that is none")?;
    }
    let token_key_id = asked.token_keys.first().map(|(name, _)| name.clone()).context("there is no token key")?;
    let settings = Settings {
        agency: approval.agency.clone(),
        kind: asked.statement.kind,
        jurisdictions: approval.jurisdictions.clone(),
        address: approval.gateway.address.clone(),
        server_name: approval.gateway.server_name.clone(),
        issuer: approval.token.issuer.clone(),
        audience: approval.token.audience.clone(),
        token_key_id,
        token_lifetime_s: approval.token.lifetime_max_s.min(TOKEN_LIFETIME_S),
        leeway_s: approval.token.leeway_s,
        origin: approval.logs.origin.clone(),
        log_keys: approval.logs.keys.clone(),
    };
    write_public(&at(files::CERTIFICATE), &approval.certificate)?;
    write_public(&at(files::AUTHORITIES), &approval.gateway.authorities)?;
    if let Some(policy) = &approval.logs.witnesses {
        write_public(&at(files::WITNESSES), policy)?;
    }
    // Written last: a directory with settings is complete.
    write_public(&at(files::SETTINGS), &toml::to_string(&settings)?)?;
    Ok(settings)
}

/// The certificate is of the key that never left, and good today.
fn check_certificate(approval: &Approval, key_pem: &str, now: Timestamp) -> Result<()> {
    let chain = pem::certificates(approval.certificate.as_bytes())
        .map_err(|why| anyhow!("the approval's certificate: it {}", why.word()))?;
    let key = public_half(key_pem)?;
    let is_ours = chain.first().is_some_and(|leaf| is_of_key(leaf, &key));
    ensure!(is_ours, "the approval's certificate is of another key than {}", files::KEY);
    let ends = certificate_ends(&approval.certificate)?;
    ensure!(now < ends, "the approval's certificate ended on {ends}");
    Ok(())
}
