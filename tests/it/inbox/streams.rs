//! When a stream ends: with the proof of who opened it, with its connection, and with a reader that does not read.

use std::time::Duration;

use comity::client::Credentials;
use comity::domain::agency::ActorKind;
use comity::identity::certificate::Thumbprint;
use comity::identity::development::{CertificateOptions, DevelopmentAuthority};
use comity::identity::key::{MintingKey, TokenAlgorithm};
use comity::identity::mint::{MintClaims, mint};
use comity::wire::v1;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tonic::{Code, Status, Streaming};

use crate::harness::requests::{NY, detainer_for};
use crate::harness::{Line, Outcome, Party, World};

const PATIENCE: Duration = Duration::from_secs(20);

async fn opened(party: &Party) -> Streaming<v1::ReceiveResponse> {
    let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
    party.client().await.inbox().receive(request).await.unwrap().into_inner()
}

/// Reads until it ends, and says how, and after how many messages.
async fn end_of(mut stream: Streaming<v1::ReceiveResponse>) -> (usize, Option<Status>) {
    let read = async {
        let mut read = 0;
        loop {
            match stream.message().await {
                Ok(Some(_)) => read += 1,
                Ok(None) => return (read, None),
                Err(status) => return (read, Some(status)),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the stream does not end")
}

/// What was said of streams that ended, once the gateway can say no more.
async fn ends_said(world: &mut World) -> Vec<Line> {
    world.stop().await;
    world.journal.audited().into_iter().filter(|line| line.field("event") == "stream_ended").collect()
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_one_line_says_so() {
    let mut world = World::with(|_, config| config.token.leeway_s = 0);
    let token = world.sandbox.mint("us-ice", "us-ice-officer", ActorKind::System, 2).unwrap();
    let short = world.with_token("us-ice", &token);
    let (longer, ending) = (opened(&world.ice()).await, opened(&short).await);
    let (read, ended) = end_of(ending).await;
    assert!(read > 0);
    Outcome::<()>(Err(ended.unwrap())).refused(Code::Unauthenticated, "TOKEN_REFUSED");
    short.receive(NY, "").await.refused(Code::Unauthenticated, "TOKEN_REFUSED");
    drop(longer);
    let lines = ends_said(&mut world).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let said = ["agency", "method", "reason"].map(|field| lines[0].field(field));
    assert_eq!(said, ["us-ice", "InboxService/Receive", "proof_expired"]);
    world.journal.assert_nothing_personal();
}

/// ICE with a certificate that ends soon, and a token bound to it that does not.
fn with_a_short_certificate(world: &World, lifetime: SignedDuration) -> Party {
    let read = |name: &str| std::fs::read_to_string(world.directory().join(name)).unwrap();
    let authority =
        DevelopmentAuthority::from_pem(&read("certs/federal-ca.pem"), &read("keys/authorities/federal.key")).unwrap();
    let now = Timestamp::now();
    let agency = CertificateOptions::agency("comity.example", &"us-ice".parse().unwrap(), now);
    let issued = authority.issue(&CertificateOptions { not_after: now + lifetime, ..agency }).unwrap();
    let key = MintingKey::from_pkcs8_pem("1", TokenAlgorithm::EdDsa, &read("keys/tokens/us-ice.pem")).unwrap();
    let claims = MintClaims {
        issuer: "https://tokens.us-ice.comity.example".to_owned(),
        audience: world.sandbox.config.token.audience.clone(),
        subject: "us-ice-officer".to_owned(),
        actor: ActorKind::System,
        issued_at: now,
        lifetime_s: 900,
        token_id: None,
    };
    let token = mint(&key, &claims, &Thumbprint::of_pem(&issued.pem).unwrap()).unwrap();
    let credentials = Credentials {
        authorities_pem: read("certs/gateway-ca.pem").into_bytes(),
        certificate_pem: issued.pem.into_bytes(),
        key_pem: issued.key_pem.into_bytes(),
    };
    Party::new(world.gateway().grpc(), credentials, token)
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate_and_one_line_says_so() {
    let mut world = World::start();
    let short = with_a_short_certificate(&world, SignedDuration::from_secs(3));
    let (read, ended) = end_of(opened(&short).await).await;
    assert!(read > 0);
    // With the connection, which is cut at the same moment, or a little before it.
    assert!(ended.is_some(), "it did not end in good order");
    let lines = ends_said(&mut world).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].field("reason"), "proof_expired");
}

#[tokio::test]
async fn a_stream_ends_when_its_certificate_is_revoked() {
    let mut world = World::start();
    let (ice, doccs) = (opened(&world.ice()).await, opened(&world.doccs()).await);
    let read = |name: &str| std::fs::read_to_string(world.directory().join(name)).unwrap();
    let federal =
        DevelopmentAuthority::from_pem(&read("certs/federal-ca.pem"), &read("keys/authorities/federal.key")).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(read("certs/us-ice.pem").as_bytes()).unwrap();
    let serial = pem.parse_x509().unwrap().raw_serial().to_vec();
    let now = Timestamp::now();
    let (from, to) = (now - SignedDuration::from_mins(1), now + SignedDuration::from_hours(1));
    let list = federal.revoke(&[serial], from, to).unwrap();
    std::fs::write(world.directory().join("certs/federal.crl.pem"), list.pem).unwrap();
    assert_eq!(world.gateway().reload().unwrap(), 1);
    let (_, ended) = end_of(ice).await;
    assert!(ended.is_some(), "it did not end in good order");
    let mut others = doccs;
    for _ in 0..2 {
        assert!(others.message().await.unwrap().is_some(), "nobody else's ends");
    }
    assert_eq!(ends_said(&mut world).await, [], "no proof expired");
}

/// As large as a detainer can be.
fn large_detainer() -> v1::LodgeDetainerRequest {
    let mut request = detainer_for("us-ny-doccs");
    let detainer = request.detainer.as_mut().unwrap();
    let name = || v1::PersonName { given: "é".repeat(100), family: "é".repeat(100) };
    detainer.subject.as_mut().unwrap().aliases = (0..20).map(|_| name()).collect();
    let charge = v1::Charge { statute: "é".repeat(100), ..detainer.charges[0].clone() };
    detainer.charges = vec![charge; 50];
    request
}

const LODGED: usize = 150;

/// Many large detainers wait for the prisons, who do not read: streams end when nothing was read for a second.
async fn with_much_to_read() -> World {
    let world = World::with(|_, config| config.inbox.stall_ms = 1_000);
    let ice = world.ice();
    ice.client().await;
    for _ in 0..LODGED / 50 {
        for lodged in join_all((0..50).map(|_| ice.lodge(large_detainer()))).await {
            lodged.accepted();
        }
    }
    world
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_told_so_at_the_end_of_what_was_held_for_it() {
    let world = with_much_to_read().await;
    let unread = opened(&world.doccs()).await;
    // Longer than it may stand still, and as long again.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let (read, ended) = end_of(unread).await;
    Outcome::<()>(Err(ended.unwrap())).refused(Code::ResourceExhausted, "OVERLOADED");
    assert!(read > 0 && read < LODGED, "{read} of {LODGED}");
    // It goes on from where it was, and loses nothing.
    assert_eq!(world.doccs().receive(NY, "").await.accepted().deliveries.len(), LODGED);
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[tokio::test]
async fn a_hundred_readers_that_do_not_read_hold_little() {
    const STREAMS: usize = 100;
    let world = with_much_to_read().await;
    let token = world.sandbox.token("us-ny-doccs", ActorKind::System).unwrap();
    let before = (resident(), world.kept().disclosures().len());
    let mut unread = Vec::new();
    for _ in 0..STREAMS / 50 {
        let party = world.with_token("us-ny-doccs", &token);
        for _ in 0..50 {
            unread.push(opened(&party).await);
        }
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let grown = resident().saturating_sub(before.0);
    // Eight messages and a page each, of some 20 KB, and what the client's windows took, which is in this process too.
    let pages = world.kept().disclosures().len() - before.1;
    println!("{} MB and {pages} pages for {} streams", grown >> 20, unread.len());
    assert!(grown < 160 << 20, "{} MB", grown >> 20);
    // Each has some twelve pages to read.
    assert!(pages < 4 * STREAMS, "what is not read is not prepared either: {pages} pages");
    // Who does read is served meanwhile.
    assert_eq!(world.doccs().receive(NY, "").await.accepted().deliveries.len(), LODGED);
    drop(unread);
}
