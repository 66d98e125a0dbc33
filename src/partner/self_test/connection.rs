//! Keys, TLS, health and clock.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::Client;
use crate::client::tls::{Handshake, client_tls, handshake};
use crate::files::{pem, read_secret};
use crate::identity::certificate_request::{is_of_key, public_half};
use crate::identity::development::certificate_ends;
use crate::ledger::sha256_hex;
use crate::partner::files;
use crate::partner::self_test::rows::{Rows, chain, told};
use crate::partner::settings::{Settings, credential_files};

/// A name that no gateway has (RFC 2606).
const NOBODY: &str = "nobody.invalid";

/// Both private keys are there and nobody else's to read, and the certificate is of its key.
pub(super) fn keys(rows: &mut Rows, directory: &Path, now: Timestamp) {
    for (name, file) in [("keys.certificate", files::KEY), ("keys.token", files::TOKEN_KEY)] {
        let read = read_secret(&directory.join(file));
        rows.judge(name, read.map(|_| format!("{file} is its owner's alone")).map_err(chain));
    }
    let fits = || -> anyhow::Result<String> {
        let text = std::fs::read_to_string(directory.join(files::CERTIFICATE))?;
        let der = pem::certificate(text.as_bytes())?;
        let key = public_half(&read_secret(&directory.join(files::KEY))?)?;
        anyhow::ensure!(is_of_key(&der, &key), "{} is of another key than {}", files::CERTIFICATE, files::KEY);
        let left = certificate_ends(&text)?.duration_since(now);
        anyhow::ensure!(left.is_positive(), "{} has ended", files::CERTIFICATE);
        Ok(format!("SHA-256 {}, good for {} days", sha256_hex(&der), left.as_hours() / 24))
    };
    rows.judge("certificate.fits", fits().map_err(chain));
}

/// The gateway speaks TLS 1.3 by the name that it should have, and our client takes nobody else for it.
pub(super) async fn tls(rows: &mut Rows, directory: &Path, settings: &Settings) {
    let shake = async |name: &str| -> anyhow::Result<Handshake> {
        let read = credential_files(directory).read().await?;
        let config = Arc::new(client_tls(&read.authorities_pem, &read.certificate_pem, &read.key_pem)?);
        Ok(handshake(&settings.address, name, config).await?)
    };
    let shaken = Box::pin(shake(&settings.server_name)).await;
    let reached = shaken.is_ok();
    rows.judge(
        "tls.version",
        match shaken {
            Ok(Handshake { protocol, key_exchange, certificate }) if protocol == "TLSv1_3" => Ok(format!(
                "{protocol}, {key_exchange}; the gateway's certificate has SHA-256 {}",
                sha256_hex(&certificate)
            )),
            Ok(Handshake { protocol, .. }) => Err(format!("{protocol} was agreed on, and should be TLSv1_3")),
            Err(error) => Err(chain(error)),
        },
    );
    if !reached {
        rows.not_applicable("tls.name", "the gateway was not reached");
        return;
    }
    rows.judge(
        "tls.name",
        match Box::pin(shake(NOBODY)).await {
            Ok(_) => Err(format!("a gateway that calls itself {NOBODY} was believed")),
            Err(_) => Ok(format!("{} is believed, {NOBODY} is not", settings.server_name)),
        },
    );
}

/// The gateway serves, and its clock and ours agree.
pub(super) async fn health(rows: &mut Rows, client: &Client, settings: &Settings) {
    let before = Timestamp::now();
    let answered = HealthClient::new(client.authorized()).check(HealthCheckRequest::default()).await;
    let after = Timestamp::now();
    let date =
        answered.as_ref().ok().and_then(|answer| answer.metadata().get("date")?.to_str().ok().map(str::to_owned));
    rows.judge(
        "health.serving",
        match answered.map(|answer| answer.into_inner().status()) {
            Ok(ServingStatus::Serving) => Ok("SERVING".to_owned()),
            Ok(status @ (ServingStatus::Unknown | ServingStatus::NotServing | ServingStatus::ServiceUnknown)) => {
                Err(status.as_str_name().to_owned())
            }
            Err(status) => Err(told(status)),
        },
    );
    let told = date.and_then(|date| jiff::fmt::rfc2822::parse(&date).ok()).map(|zoned| zoned.timestamp());
    rows.judge(
        "clock.agrees",
        match told {
            None => Err("the gateway does not say what time it is".to_owned()),
            Some(date) => judge_clock(date, [before, after], settings.leeway_s),
        },
    );
}

/// Judges a date in whole seconds that was told between two moments of ours.
fn judge_clock(date: Timestamp, [before, after]: [Timestamp; 2], leeway_s: u32) -> Result<String, String> {
    // The gateway's time was within a second from the date on, ours between the two moments: so much it is ahead, at least,
    // or behind.
    let ahead = date.duration_since(after);
    let behind = before.duration_since(date + SignedDuration::from_secs(1));
    let apart = ahead.max(behind).max(SignedDuration::ZERO);
    let seen = format!("at least {:.1} s apart; {leeway_s} s are allowed", apart.as_secs_f64());
    if apart <= SignedDuration::from_secs(leeway_s.into()) { Ok(seen) } else { Err(seen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_within_the_leeway() {
        let at = |ms| Timestamp::from_millisecond(1_769_947_000_000 + ms).unwrap();
        let check = |date: i64, asked: [i64; 2], agrees: bool| {
            let judged = judge_clock(at(date), asked.map(at), 5);
            assert_eq!(judged.is_ok(), agrees, "{date} {asked:?}: {judged:?}");
        };
        check(0, [400, 900], true);
        // A date of whole seconds, told late in its second.
        check(0, [5_900, 5_950], true);
        check(0, [6_000, 6_010], true);
        check(0, [6_001, 6_010], false);
        check(10_000, [4_990, 5_000], true);
        check(10_000, [4_990, 4_999], false);
        // An answer that was long on its way says less.
        check(10_000, [0, 5_000], true);
    }
}
