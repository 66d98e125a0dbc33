//! Certificates and tokens are replaced while a client runs, and no call fails for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use comity::client::{Client, Config, Error, Retry};
use comity::config::Config as GatewayConfig;
use comity::domain::agency::ActorKind;
use comity::domain::ids::AgencyId;
use comity::identity::development::{CertificateOptions, DevelopmentAuthority, IssuedCertificate};
use comity::sandbox::{CONFIG_FILE, TRUST_DOMAIN, mint_for};
use comity::wire::v1;
use comity::wire::v1::receive_response::Item;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::harness::World;
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for};

const INTERVAL: Duration = Duration::from_millis(10);
const CALLERS: usize = 4;
/// Only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// ICE's client, which looks at its files often.
async fn ice(world: &World) -> Client {
    let config = world.sandbox.client(world.gateway().grpc(), "us-ice", ActorKind::System);
    Client::connect(Config { reload_interval: INTERVAL, retry: Retry::default(), ..config }).await.unwrap()
}

fn federal(directory: &Path) -> DevelopmentAuthority {
    let read = |path: &str| std::fs::read_to_string(directory.join(path)).unwrap();
    DevelopmentAuthority::from_pem(&read("certs/federal-ca.pem"), &read("keys/authorities/federal.key")).unwrap()
}

fn issue(directory: &Path) -> IssuedCertificate {
    let agency: AgencyId = "us-ice".parse().unwrap();
    federal(directory).issue(&CertificateOptions::agency(TRUST_DOMAIN, &agency, Timestamp::now())).unwrap()
}

/// As an agency would, one file after the other, and not fast.
async fn replace(directory: &Path) {
    const BETWEEN: Duration = Duration::from_millis(30);
    let issued = issue(directory);
    std::fs::write(directory.join("certs/us-ice.pem"), &issued.pem).unwrap();
    tokio::time::sleep(BETWEEN).await;
    std::fs::write(directory.join("certs/us-ice.key"), &issued.key_pem).unwrap();
    tokio::time::sleep(BETWEEN).await;
    let audience = GatewayConfig::read(&directory.join(CONFIG_FILE)).unwrap().token.audience;
    let token = mint_for(directory, &audience, "us-ice", "us-ice-system", ActorKind::System, 900).unwrap();
    std::fs::write(directory.join("tokens/us-ice.jwt"), token).unwrap();
}

/// Revokes every certificate of ICE's but the one it has now.
fn revoke(world: &World, revoked: &[IssuedCertificate]) {
    let (now, hour) = (Timestamp::now(), SignedDuration::from_hours(1));
    let serials: Vec<_> = revoked.iter().map(|certificate| certificate.serial.clone()).collect();
    let list = federal(world.directory()).revoke(&serials, now - hour, now + hour).unwrap();
    std::fs::write(world.directory().join("certs/federal.crl.pem"), list.pem).unwrap();
    world.gateway().reload().unwrap();
}

#[tokio::test]
async fn certificate_key_and_token_are_replaced_under_load_and_no_call_fails() {
    let world = World::start();
    // One whose serial is known, to be revoked when it was replaced.
    let first = issue(world.directory());
    std::fs::write(world.directory().join("certs/us-ice.pem"), &first.pem).unwrap();
    std::fs::write(world.directory().join("certs/us-ice.key"), &first.key_pem).unwrap();
    let audience = &world.sandbox.config.token.audience;
    let token = mint_for(world.directory(), audience, "us-ice", "us-ice-system", ActorKind::System, 900).unwrap();
    std::fs::write(world.directory().join("tokens/us-ice.jwt"), token).unwrap();
    let client = ice(&world).await;

    // A stream from before goes on after.
    let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
    let mut stream = client.inbox().receive(request).await.unwrap().into_inner();
    assert!(matches!(stream.message().await.unwrap().unwrap().item, Some(Item::Heartbeat(_))));

    let (done, calls) = (Arc::new(AtomicBool::new(false)), watch::Sender::new([0u32; CALLERS]));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (client, done, calls) = (client.clone(), Arc::clone(&done), calls.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.map_err(Error::from)?;
                    calls.send_modify(|calls| calls[caller] += 1);
                }
                Ok::<(), Error>(())
            })
        })
        .collect();
    // However fast the machine is: each caller has got through, and again.
    let each_got_through = async || {
        let before = *calls.borrow();
        let after = |now: &[u32; CALLERS]| now.iter().zip(before).all(|(now, before)| *now > before + 1);
        let mut seen = calls.subscribe();
        let waited = tokio::time::timeout(PATIENCE, seen.wait_for(after)).await;
        assert!(waited.is_ok(), "a caller stands still");
    };
    for _ in 0..3 {
        each_got_through().await;
        replace(world.directory()).await;
    }
    each_got_through().await;
    assert!(matches!(stream.message().await.unwrap().unwrap().item, Some(Item::Delivery(_))), "a stream from before");
    // Whoever still used the first would be cut.
    revoke(&world, &[first]);
    each_got_through().await;
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    let token_refused = world.journal.audited().iter().filter(|line| line.field("reason") == "TOKEN_REFUSED").count();
    println!("{token_refused} calls were refused on the way and sent again");
}

/// Without a refusal to be told by: the files are looked at.
#[tokio::test]
async fn a_certificate_is_taken_up_with_the_next_call() {
    let world = World::start();
    world.lodged("us-ny-doccs").await;
    let put = |issued: &IssuedCertificate| {
        std::fs::write(world.directory().join("certs/us-ice.pem"), &issued.pem).unwrap();
        std::fs::write(world.directory().join("certs/us-ice.key"), &issued.key_pem).unwrap();
    };
    let (first, second) = (issue(world.directory()), issue(world.directory()));
    put(&first);
    let client = ice(&world).await.with_token("").with_retry(Retry::NEVER);
    let checkpoint = async || {
        let request = v1::GetCheckpointRequest { log: NY_EXCHANGE.to_owned() };
        client.ledger().get_checkpoint(request).await.map(drop)
    };
    checkpoint().await.unwrap();
    put(&second);
    tokio::time::sleep(INTERVAL * 2).await;
    checkpoint().await.unwrap();
    revoke(&world, &[first]);
    checkpoint().await.unwrap();
    revoke(&world, &[second]);
    checkpoint().await.unwrap_err();
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_in_force() {
    let world = World::start();
    let client = ice(&world).await;
    let lodge = async || client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.map(drop);
    for (path, bad) in [("certs/us-ice.pem", "not PEM"), ("certs/us-ice.key", ""), ("certs/gateway-ca.pem", "no")] {
        let path = world.directory().join(path);
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, bad).unwrap();
        tokio::time::sleep(INTERVAL * 2).await;
        lodge().await.unwrap();
        std::fs::write(&path, good).unwrap();
    }
    std::fs::remove_file(world.directory().join("tokens/us-ice.jwt")).unwrap();
    tokio::time::sleep(INTERVAL * 2).await;
    lodge().await.unwrap();
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_told_from_a_gateway_that_is_not_there() {
    let mut world = World::start();
    let config = world.sandbox.client(world.gateway().grpc(), "us-ice", ActorKind::System);
    let connect = async |config: Config| Client::connect(config).await.unwrap_err();
    let nobody = world.sandbox.client(world.gateway().grpc(), "us-uscis", ActorKind::System);
    assert!(matches!(connect(Config { token: "".into(), ..nobody }).await, Error::Credentials(_)));
    let garbled = Config { token: "a\u{7f}b".into(), ..config.clone() };
    assert!(matches!(connect(garbled).await, Error::Token(_)));
    let elsewhere = Config { server_name: "comity.example".to_owned(), ..config.clone() };
    assert!(matches!(connect(elsewhere).await, Error::Unreachable(_)));
    world.stop().await;
    assert!(matches!(connect(config).await, Error::Unreachable(_)));
}
