//! A configuration is changed while the gateway runs: whole, checked as at a start, and without a failed call of anybody who may
//! still call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use comity::client::{Client, Config as ClientConfig, Error, Retry};
use comity::config::{BesideKey, Config, secret_files};
use comity::domain::agency::{ActorKind, AgencyClass, AgencyKind};
use comity::domain::ids::AgencyId;
use comity::identity::certificate::Thumbprint;
use comity::identity::development::{CertificateOptions, DevelopmentAuthority, TokenKeyPair};
use comity::identity::key::{MintingKey, TokenAlgorithm};
use comity::identity::mint::{MintClaims, mint};
use comity::identity::pem::PemSource;
use comity::identity::registry::{AgencyConfig, AuthorityConfig, IssuerConfig, KeyConfig};
use comity::ledger::{Signer, VerifierKey, pem_from_pkcs8};
use comity::sandbox::{CONFIG_FILE, Sandbox, TRUST_DOMAIN};
use comity::wire::{Message as _, v1};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Code;

use crate::harness::process::{Served, assert_verified};
use crate::harness::requests::{NY, NY_EXCHANGE, detainer_for, intake_at};
use crate::harness::{Party, probe, raw};

/// Only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);
const CALLERS: usize = 2;
/// A county jail that the sandbox does not have.
const MONROE: &str = "us-ny-monroe-jail";

/// What the gateway says of a counter.
async fn reloads(ops: SocketAddr, outcome: &str) -> u64 {
    let text = probe::body(ops, "/metrics").await;
    let series = format!("comity_configuration_reloads_total{{outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
}

/// Changes files, and returns once the gateway has taken them up, or refused them, by itself.
async fn change(served: &Served, outcome: &str, change: impl FnOnce(&Path)) {
    let before = reloads(served.ops, outcome).await;
    change(served.directory());
    let begun = Instant::now();
    while reloads(served.ops, outcome).await == before {
        let readiness = probe::body(served.ops, "/readyz?verbose").await;
        assert!(begun.elapsed() < PATIENCE, "it was not {outcome}: {readiness}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Changes the configuration's file, as whoever writes it anew does.
fn edit(directory: &Path, edit: impl FnOnce(&mut Config)) {
    let path = directory.join(CONFIG_FILE);
    let mut config = Config::read(&path).unwrap();
    edit(&mut config);
    let next = directory.join("next.toml");
    fs::write(&next, toml::to_string(&config).unwrap()).unwrap();
    fs::rename(next, path).unwrap();
}

fn read(directory: &Path, path: &str) -> String {
    fs::read_to_string(directory.join(path)).unwrap()
}

fn authority(directory: &Path, name: &str) -> DevelopmentAuthority {
    let certificate = read(directory, &format!("certs/{name}-ca.pem"));
    DevelopmentAuthority::from_pem(&certificate, &read(directory, &format!("keys/authorities/{name}.key"))).unwrap()
}

/// Revokes certificates of an authority, or none.
fn revoke(directory: &Path, of: &DevelopmentAuthority, file: &str, serials: &[Vec<u8>]) {
    let (now, hour) = (Timestamp::now(), SignedDuration::from_hours(1));
    fs::write(directory.join(file), of.revoke(serials, now - hour, now + hour).unwrap().pem).unwrap();
}

/// The key that signs an agency's tokens, and what it is called.
#[derive(Clone, Copy)]
struct TokenKey<'a> {
    kid: &'a str,
    private_pem: &'a str,
}

/// Gives an agency a token that is bound to the certificate it now has.
fn give_token(directory: &Path, agency: &str, key: TokenKey<'_>) {
    let TokenKey { kid, private_pem } = key;
    let key = MintingKey::from_pkcs8_pem(kid, TokenAlgorithm::EdDsa, private_pem).unwrap();
    let claims = MintClaims {
        issuer: format!("https://tokens.{agency}.{TRUST_DOMAIN}"),
        audience: Config::read(&directory.join(CONFIG_FILE)).unwrap().token.audience,
        subject: format!("{agency}-system"),
        actor: ActorKind::System,
        issued_at: Timestamp::now(),
        lifetime_s: 900,
        token_id: None,
    };
    let certificate = Thumbprint::of_pem(&read(directory, &format!("certs/{agency}.pem"))).unwrap();
    fs::write(directory.join(format!("tokens/{agency}.jwt")), mint(&key, &claims, &certificate).unwrap()).unwrap();
}

/// Gives an agency another certificate and a token that is bound to it. Returns the certificate's serial.
fn certify(directory: &Path, by: &DevelopmentAuthority, agency: &str, key: TokenKey<'_>) -> Vec<u8> {
    let id: AgencyId = agency.parse().unwrap();
    let issued = by.issue(&CertificateOptions::agency(TRUST_DOMAIN, &id, Timestamp::now())).unwrap();
    fs::write(directory.join(format!("certs/{agency}.pem")), &issued.pem).unwrap();
    fs::write(directory.join(format!("certs/{agency}.key")), &issued.key_pem).unwrap();
    give_token(directory, agency, key);
    issued.serial
}

/// A client that sends each call once, and so fails with it. It has the certificate and the token that its agency now has, and
/// knows both keys of the logs.
async fn client(served: &Served, agency: &str, next_log_key: &VerifierKey) -> Client {
    let credentials = served.sandbox.credentials(agency).unwrap();
    let token = read(served.directory(), &format!("tokens/{agency}.jwt"));
    let config = ClientConfig::new(served.grpc.to_string(), "localhost", credentials, token);
    let keys = read(served.directory(), "keys/log.vkey");
    let first = VerifierKey::parse(keys.lines().next().unwrap()).unwrap();
    let config = ClientConfig { retry: Retry::NEVER, ..config.pinning(first).pinning(next_log_key.clone()) };
    Client::connect(config).await.unwrap()
}

/// Calls that go on until they are told to stop, and how many of each caller's were answered.
struct Load {
    done: Arc<AtomicBool>,
    /// Whose next call is ICE's.
    ice: Arc<Mutex<Client>>,
    next_log_key: VerifierKey,
    answered: watch::Sender<[u32; CALLERS]>,
    callers: Vec<JoinHandle<Result<(), Error>>>,
}

impl Load {
    async fn begin(served: &Served, next_log_key: &VerifierKey) -> Self {
        let (done, answered) = (Arc::new(AtomicBool::new(false)), watch::Sender::new([0; CALLERS]));
        let mut callers = Vec::new();
        let ice = Arc::new(Mutex::new(client(served, "us-ice", next_log_key).await));
        let doccs = Arc::new(Mutex::new(client(served, "us-ny-doccs", next_log_key).await));
        for (nth, client) in [Arc::clone(&ice), doccs].into_iter().enumerate() {
            let (done, answered) = (Arc::clone(&done), answered.clone());
            callers.push(tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let client = client.lock().unwrap().clone();
                    if nth == 0 {
                        client.detainers().lodge_detainer(detainer_for("us-ny-doccs")).await.map_err(Error::from)?;
                    } else {
                        client.custodies().open_custody(intake_at("us-ny-doccs")).await.map_err(Error::from)?;
                    }
                    answered.send_modify(|answered| answered[nth] += 1);
                }
                Ok(())
            }));
        }
        Self { done, ice, next_log_key: next_log_key.clone(), answered, callers }
    }

    /// ICE goes on with the certificate and the token that it now has.
    async fn renew_ice(&self, served: &Served) {
        let renewed = client(served, "us-ice", &self.next_log_key).await;
        *self.ice.lock().unwrap() = renewed;
    }

    /// Returns once each caller has got through, and again.
    async fn gets_through(&self) {
        let before = *self.answered.borrow();
        let after = |now: &[u32; CALLERS]| now.iter().zip(before).all(|(now, before)| *now > before + 1);
        let mut answered = self.answered.subscribe();
        let got_through = tokio::time::timeout(PATIENCE, answered.wait_for(after)).await.is_ok();
        assert!(got_through, "a caller stands still, or has failed");
    }

    /// How many calls were answered, of which none failed.
    async fn end(self) -> u32 {
        self.done.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap().unwrap();
        }
        let answered = *self.answered.borrow();
        answered.iter().sum()
    }
}

/// A key for an agency's tokens, and what the registry has of it.
fn token_key(kid: &str) -> (TokenKeyPair, KeyConfig) {
    let pair = TokenKeyPair::generate().unwrap();
    let public_key = PemSource(pair.public_pem.clone());
    (pair, KeyConfig { kid: kid.to_owned(), algorithm: TokenAlgorithm::EdDsa, public_key })
}

/// A county jail that the sandbox does not have.
fn county_jail(id: &str, key: KeyConfig) -> AgencyConfig {
    AgencyConfig {
        id: id.parse().unwrap(),
        kind: AgencyKind::County,
        class: Some(AgencyClass::CountyJail),
        jurisdictions: ["us-ny".parse().unwrap()].into(),
        ori: None,
        facilities: BTreeSet::new(),
        time_zone: None,
        facility_time_zones: BTreeMap::new(),
        token: Some(IssuerConfig {
            issuer: format!("https://tokens.{id}.{TRUST_DOMAIN}"),
            jwks: None,
            keys: vec![key],
        }),
    }
}

fn keys_of<'a>(config: &'a mut Config, agency: &str) -> &'a mut Vec<KeyConfig> {
    let found = config.registry.agencies.iter_mut().find(|one| one.id.as_str() == agency).unwrap();
    &mut found.token.as_mut().unwrap().keys
}

/// An agency as it now stands in its files.
fn party(served: &Served, agency: &str) -> Party {
    let token = read(served.directory(), &format!("tokens/{agency}.jwt"));
    Party::new(served.grpc, served.sandbox.credentials(agency).unwrap(), token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_rolled_over_under_load_and_no_call_fails() {
    let served = Served::start("info", |config| config.server.look_every_ms = 250);
    let (next_signer, next_pkcs8) = Signer::generate("comity.example/gateway-2").unwrap();
    let load = Load::begin(&served, next_signer.verifier()).await;
    load.gets_through().await;
    the_gateways_certificate(&served).await;
    load.gets_through().await;
    let serial = an_agency_that_was_not_there(&served).await;
    load.gets_through().await;
    let pair = the_keys_of_ices_tokens(&served, &load).await;
    the_authority_of_ices_certificate(&served, &load, TokenKey { kid: "2", private_pem: &pair.private_pem }).await;
    the_key_of_the_logs(&served, &load, next_signer.verifier(), &next_pkcs8).await;
    a_certificate_that_is_revoked(&served, next_signer.verifier(), serial).await;
    load.gets_through().await;
    println!("{} calls", load.end().await);
    let ended = served.stop();
    assert!(ended.status.success(), "{:?}", ended.status);
    println!("{}", assert_verified(ended.directory.path()));
}

/// The gateway's own certificate.
async fn the_gateways_certificate(served: &Served) {
    change(served, "activated", |directory| {
        let issued = authority(directory, "exchange").issue(&CertificateOptions::server(Timestamp::now())).unwrap();
        fs::write(directory.join("certs/gateway.pem"), issued.pem).unwrap();
        fs::write(directory.join("certs/gateway.key"), issued.key_pem).unwrap();
    })
    .await;
    party(served, "us-ny-oversight").checkpoint(NY_EXCHANGE).await.accepted();
}

/// An agency that was not there is refused, and then it holds people. Returns its certificate's serial.
async fn an_agency_that_was_not_there(served: &Served) -> Vec<u8> {
    let (pair, key) = token_key("1");
    let monroe = TokenKey { kid: "1", private_pem: &pair.private_pem };
    let serial = certify(served.directory(), &authority(served.directory(), "us-ny"), MONROE, monroe);
    assert!(party(served, MONROE).checkpoint(NY_EXCHANGE).await.0.is_err());
    let jail = county_jail(MONROE, key);
    change(served, "activated", |directory| {
        edit(directory, |config| {
            let authorities = &mut config.registry.certificate_authorities;
            let of_ny = authorities.iter_mut().find(|authority| authority.id == "us-ny").unwrap();
            of_ny.agencies.insert(jail.id.clone());
            config.registry.agencies.push(jail);
        });
    })
    .await;
    party(served, MONROE).open(intake_at(MONROE)).await.accepted();
    serial
}

/// The keys of ICE's tokens: another beside the first, then the other alone.
async fn the_keys_of_ices_tokens(served: &Served, load: &Load) -> TokenKeyPair {
    let (pair, key) = token_key("2");
    let second = TokenKey { kid: "2", private_pem: &pair.private_pem };
    change(served, "activated", |directory| edit(directory, |config| keys_of(config, "us-ice").push(key))).await;
    load.gets_through().await;
    let with_the_first = party(served, "us-ice");
    with_the_first.checkpoint(NY_EXCHANGE).await.accepted();
    give_token(served.directory(), "us-ice", second);
    load.renew_ice(served).await;
    load.gets_through().await;
    change(served, "activated", |directory| {
        edit(directory, |config| keys_of(config, "us-ice").retain(|key| key.kid == "2"));
    })
    .await;
    with_the_first.checkpoint(NY_EXCHANGE).await.refused(Code::Unauthenticated, "TOKEN_REFUSED");
    load.gets_through().await;
    pair
}

/// The authority of ICE's certificate: another beside it, then the other alone.
async fn the_authority_of_ices_certificate(served: &Served, load: &Load, second: TokenKey<'_>) {
    let other = DevelopmentAuthority::generate("federal-2", Timestamp::now()).unwrap();
    change(served, "activated", |directory| {
        fs::write(directory.join("certs/federal-2-ca.pem"), &other.certificate.pem).unwrap();
        revoke(directory, &other, "certs/federal-2.crl.pem", &[]);
        edit(directory, |config| {
            let authorities = &mut config.registry.certificate_authorities;
            let before = authorities.iter().find(|authority| authority.id == "federal").unwrap();
            let certificate = PemSource("certs/federal-2-ca.pem".to_owned());
            authorities.push(AuthorityConfig { id: "federal-2".to_owned(), certificate, ..before.clone() });
            config.tls.revocation_lists.push("certs/federal-2.crl.pem".into());
        });
    })
    .await;
    let of_the_first = party(served, "us-ice");
    of_the_first.checkpoint(NY_EXCHANGE).await.accepted();
    certify(served.directory(), &other, "us-ice", second);
    load.renew_ice(served).await;
    load.gets_through().await;
    change(served, "activated", |directory| {
        edit(directory, |config| {
            config.registry.certificate_authorities.retain(|authority| authority.id != "federal");
            config.tls.revocation_lists.retain(|list| !list.ends_with("federal.crl.pem"));
        });
    })
    .await;
    assert!(of_the_first.checkpoint(NY_EXCHANGE).await.0.is_err(), "nobody vouches for that certificate any more");
    load.gets_through().await;
}

/// The key of the logs: another beside it, then the other alone.
async fn the_key_of_the_logs(served: &Served, load: &Load, next: &VerifierKey, next_pkcs8: &[u8]) {
    change(served, "activated", |directory| {
        let path = directory.join("keys/log-signing-2.pem");
        fs::write(&path, pem_from_pkcs8(next_pkcs8).as_str()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let beside = BesideKey { name: "comity.example/gateway-2".to_owned(), file: "log-signing-2.pem".into() };
        edit(directory, |config| config.keys.beside.push(beside));
    })
    .await;
    load.gets_through().await;
    change(served, "activated", |directory| {
        let before = read(directory, "keys/log.vkey").trim().to_owned();
        fs::write(directory.join("keys/log.vkey"), format!("{before}\n{next}\n")).unwrap();
        fs::rename(directory.join("keys/log-signing-2.pem"), directory.join("keys").join(secret_files::SIGNING))
            .unwrap();
        edit(directory, |config| {
            config.keys.signer_name = "comity.example/gateway-2".to_owned();
            config.keys.beside.clear();
            config.keys.retired.push(before);
        });
    })
    .await;
    load.gets_through().await;
    let checkpoint = party(served, "us-ny-doccs").checkpoint(NY_EXCHANGE).await.accepted();
    let signed = checkpoint.lines().filter(|line| line.starts_with('\u{2014}'));
    assert_eq!(signed.count(), 1, "{checkpoint}");
    assert!(checkpoint.contains("gateway-2"), "{checkpoint}");
}

/// A certificate that is revoked: what its agency has open is cut.
async fn a_certificate_that_is_revoked(served: &Served, next: &VerifierKey, serial: Vec<u8>) {
    let monroe = client(served, MONROE, next).await;
    let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
    let mut stream = monroe.inbox().receive(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let begun = Instant::now();
    let directory = served.directory();
    revoke(directory, &authority(directory, "us-ny"), "certs/us-ny.crl.pem", &[serial]);
    while let Ok(Some(_)) = stream.message().await {
        assert!(begun.elapsed() < PATIENCE, "it is served as if nothing had happened");
    }
    println!("cut after {:.1?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_cannot_be_used_is_left_aside_and_what_waits_for_a_restart_is_named() {
    let served = Served::start("info", |config| config.server.look_every_ms = 100);
    let ice = served.party("us-ice", ActorKind::System);
    let readiness = async || probe::body(served.ops, "/readyz?verbose").await;
    assert!(readiness().await.contains("[+]configuration ok"));
    let path = served.directory().join(CONFIG_FILE);
    let good = fs::read_to_string(&path).unwrap();
    let refused = [
        ("in_flight_max = 2048", "in_flight_max = 0", "in_flight_max"),
        ("burst = ", "birst = ", "birst"),
        ("trust_domain = \"comity.example\"", "trust_domain = \"Not a domain\"", "trust_domain"),
        ("certs/us-ny-ca.pem", "certs/nowhere.pem", "nowhere.pem"),
        ("certs/gateway.key", "certs/us-ice.key", "certificates cannot be used"),
        ("certs/us-ny.crl.pem", "certs/us-tx.crl.pem", "us-ny"),
        ("signer_name = \"", "signer_name = \"x", "signed by none of the keys"),
    ];
    let limited =
        |config: &str| config.replacen("requests_per_s = 1000\nburst = 2000", "requests_per_s = 1\nburst = 1", 1);
    for (before, after, why) in refused {
        assert!(good.contains(before), "{before} in {good}");
        // What is good in it is not taken up either.
        let bad = limited(&good).replacen(before, after, 1);
        change(&served, "failed", |_| fs::write(&path, &bad).unwrap()).await;
        let said = readiness().await;
        let line = said.lines().find(|line| line.contains("]configuration")).unwrap();
        assert!(line.starts_with("[-]configuration failed, ready all the same: not taken up: "), "{line}");
        assert!(line.contains(why), "{line}");
        for _ in 0..4 {
            ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
        }
    }
    let failed = reloads(served.ops, "failed").await;
    assert_eq!(failed, u64::try_from(refused.len()).unwrap(), "each is tried once");

    // Limits are others at once. What only a start reads is named.
    let other = good.replacen("connections_max = 4096", "connections_max = 999", 1);
    let other = limited(&other);
    assert!(other.contains("burst = 1\n") && other.contains("= 999"), "{other}");
    change(&served, "activated", |_| fs::write(&path, &other).unwrap()).await;
    let said = readiness().await;
    assert!(
        said.contains(
            "configuration failed, ready all the same: a change of accept.connections_max waits for a restart"
        ),
        "{said}"
    );
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(ice.checkpoint(NY_EXCHANGE).await.0.map(drop).map_err(|status| status.code()));
    }
    assert!(outcomes.contains(&Err(Code::ResourceExhausted)), "{outcomes:?}");
    change(&served, "activated", |_| fs::write(&path, &good).unwrap()).await;
    assert!(readiness().await.contains("[+]configuration ok"));
    ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    served.hang_up();
    assert!(served.stop().status.success());
}

/// A directory that is changed as a whole, as Kubernetes does with a secret: a link is renamed over another.
#[tokio::test]
async fn a_link_that_is_renamed_is_a_change() {
    let served = Served::start_on(
        "info",
        |config| {
            config.server.look_every_ms = 100;
            config.tls.certificate = "mounted/..data/gateway.pem".into();
            config.tls.key = "mounted/..data/gateway.key".into();
        },
        |directory| {
            let sandbox = Sandbox::establish(directory).unwrap();
            let first = directory.join("mounted/first");
            fs::create_dir_all(&first).unwrap();
            for name in ["gateway.pem", "gateway.key"] {
                fs::copy(sandbox.directory().join("certs").join(name), first.join(name)).unwrap();
            }
            symlink("first", directory.join("mounted/..data")).unwrap();
        },
    );
    change(&served, "activated", |directory| {
        let mounted = directory.join("mounted");
        let issued = authority(directory, "exchange").issue(&CertificateOptions::server(Timestamp::now())).unwrap();
        fs::create_dir(mounted.join("second")).unwrap();
        fs::write(mounted.join("second/gateway.pem"), issued.pem).unwrap();
        fs::write(mounted.join("second/gateway.key"), issued.key_pem).unwrap();
        fs::set_permissions(mounted.join("second/gateway.key"), Permissions::from_mode(0o640)).unwrap();
        symlink("second", mounted.join("..next")).unwrap();
        fs::rename(mounted.join("..next"), mounted.join("..data")).unwrap();
    })
    .await;
    served.party("us-ice", ActorKind::System).checkpoint(NY_EXCHANGE).await.accepted();
    assert!(served.stop().status.success());
}

/// Before a connection is cut at its age, it is told to begin no more calls. What is open then goes on.
#[tokio::test]
async fn a_connection_that_grows_old_is_let_go_before_it_is_cut() {
    let served = Served::start("info", |config| {
        config.accept.connection_age_max_s = 5;
        config.inbox.heartbeat_ms = 100;
    });
    let token = served.sandbox.token("us-ice", ActorKind::System).unwrap();
    let mut connection = raw::open(served.grpc, &served.sandbox.credentials("us-ice").unwrap()).await;
    let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() }.encode_to_vec();
    let mut other = connection.clone();
    let call = raw::Call::new("/comity.v1.InboxService/Receive", &token, &request);
    let begun = Instant::now();
    let stream = tokio::spawn(async move {
        let reply = raw::send(&mut other, call, |_| false).await;
        (reply.map(|reply| reply.messages.len()), Instant::now())
    });
    let one_more = || raw::Call::new("/grpc.health.v1.Health/Check", "", &[]);
    while raw::send(&mut connection, one_more(), |_| false).await.is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it was never told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = Instant::now();
    let (_, cut) = stream.await.unwrap();
    println!("told after {:.1?}, cut after {:.1?}", told - begun, cut - begun);
    assert!(told < cut, "an open call is cut off with the connection");
}

/// An agency's record, as it stands in a directory of them.
fn record(id: &str) -> String {
    let agency = AgencyConfig {
        id: id.parse().unwrap(),
        kind: AgencyKind::County,
        class: None,
        jurisdictions: ["us-ny".parse().unwrap()].into(),
        ori: None,
        facilities: BTreeSet::new(),
        time_zone: None,
        facility_time_zones: BTreeMap::new(),
        token: None,
    };
    toml::to_string(&agency).unwrap()
}

#[tokio::test]
async fn a_record_that_is_added_written_anew_or_taken_away_is_taken_up() {
    let served = Served::start_on(
        "info",
        |config| {
            config.server.look_every_ms = 20;
            config.registry.directory = Some("agencies".into());
            let authorities = &mut config.registry.certificate_authorities;
            let new_york = authorities.iter_mut().find(|authority| authority.id == "us-ny").unwrap();
            new_york.kinds = [AgencyKind::County].into();
        },
        |directory| fs::create_dir(directory.join("agencies")).unwrap(),
    );
    let of = authority(served.directory(), "us-ny");
    let id: AgencyId = MONROE.parse().unwrap();
    let certificate = of.issue(&CertificateOptions::agency(TRUST_DOMAIN, &id, Timestamp::now())).unwrap();
    let certified = comity::client::Credentials {
        authorities_pem: read(served.directory(), "certs/gateway-ca.pem").into_bytes(),
        certificate_pem: certificate.pem.into_bytes(),
        key_pem: certificate.key_pem.into_bytes(),
    };
    let asks = async || {
        let config = ClientConfig::new(served.grpc.to_string(), "localhost", certified.clone(), "");
        let config = ClientConfig { retry: Retry::NEVER, ..config };
        let client = Client::connect(config).await?;
        let request = v1::GetCheckpointRequest { log: NY_EXCHANGE.to_owned() };
        Ok::<_, Error>(client.ledger().get_checkpoint(request).await.map(drop)?)
    };
    assert!(asks().await.is_err());
    let path = Path::new("agencies/monroe.toml");
    change(&served, "activated", |directory| fs::write(directory.join(path), record(MONROE)).unwrap()).await;
    asks().await.unwrap();
    // Written in its place: the directory itself does not change by that.
    change(&served, "failed", |directory| fs::write(directory.join(path), "id = 1\n").unwrap()).await;
    asks().await.unwrap();
    change(&served, "activated", |directory| fs::write(directory.join(path), record("us-ny-other-jail")).unwrap())
        .await;
    assert!(asks().await.is_err());
    change(&served, "activated", |directory| fs::write(directory.join(path), record(MONROE)).unwrap()).await;
    asks().await.unwrap();
    change(&served, "activated", |directory| fs::remove_file(directory.join(path)).unwrap()).await;
    assert!(asks().await.is_err());
}
