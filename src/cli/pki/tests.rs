//! Written files are what the gateway and a client need to meet, and secrets are readable by their owner only.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;

use super::*;
use crate::client::tls::{client_tls, connect};
use crate::domain::agency::{ActorKind, Caller};
use crate::identity::authenticate::{AuthenticateLayer, Authenticator};
use crate::identity::certificate::Thumbprint;
use crate::identity::clock::WallClock;
use crate::identity::key::{MintingKey, TokenAlgorithm};
use crate::identity::mint::{MintClaims, mint};
use crate::identity::pseudonym::PseudonymKey;
use crate::identity::registry::{Registry, RegistryConfig};
use crate::identity::token;
use crate::server::accept::{Config, Files, Material, TlsState, accept_loop, handshakes};

const REGISTRY: &str = r#"
trust_domain = "comity.test"

[[certificate_authorities]]
id = "us"
certificate = "authorities/us.pem"
kinds = ["federal"]

[[agencies]]
id = "us-ice"
kind = "federal"
jurisdictions = ["us-ny"]
token = { issuer = "https://us-ice.example", keys = [
    { kid = "1", algorithm = "EdDSA", public_key = "agencies/us-ice/token.pem" },
] }
"#;

fn ice() -> AgencyId {
    "us-ice".parse().unwrap()
}

fn written(now: Timestamp) -> (tempfile::TempDir, Directory) {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::new(root.path());
    let federal = directory.write_authority("us", "Federal development CA", now).unwrap();
    let gateway = directory.write_authority("gateway", "Gateway development CA", now).unwrap();
    directory.write_server(&gateway.issue(&CertificateOptions::server(now)).unwrap()).unwrap();
    let certificate = federal.issue(&CertificateOptions::agency("comity.test", &ice(), now)).unwrap();
    directory.write_agency(&ice(), &certificate, &TokenKeyPair::generate().unwrap()).unwrap();
    (root, directory)
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn private_keys_are_readable_by_their_owner_only() {
    let now = Timestamp::now();
    let (root, directory) = written(now);
    // Over a file that was open to all, as well.
    fs::set_permissions(directory.authority_key("us"), fs::Permissions::from_mode(0o666)).unwrap();
    directory.write_authority("us", "Federal development CA", now).unwrap();
    let files = files(root.path());
    assert_eq!(files.len(), 3 + 3 + 2 + 4, "{files:?}");
    for path in files {
        let secret = fs::read_to_string(&path).unwrap().contains("PRIVATE KEY");
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(secret, path.to_str().unwrap().ends_with(".key.pem"), "{}", path.display());
        assert_eq!(mode == 0o600, secret, "{} {mode:o}", path.display());
    }
}

#[test]
fn revoking_adds_to_what_is_revoked() {
    let now = Timestamp::now();
    let (_root, directory) = written(now);
    let federal = directory.read_authority("us").unwrap();
    let issue = || federal.issue(&CertificateOptions::agency("comity.test", &ice(), now)).unwrap();
    let (first, second) = (issue(), issue());
    directory.revoke("us", &[&first.pem], now).unwrap();
    directory.revoke("us", &[&second.pem, &first.pem], now).unwrap();
    let list = fs::read_to_string(directory.revocation_list("us")).unwrap();
    let mut serials = revoked_serials(&list).unwrap();
    let mut expected = [first, second].map(|issued| serial_of(&issued.pem, &federal).unwrap()).to_vec();
    serials.sort();
    expected.sort();
    assert_eq!(serials, expected);
    assert!(directory.revoke("gateway", &[&fs::read_to_string(directory.authority("us")).unwrap()], now).is_err());
}

/// A gateway with nothing but health on it, behind our acceptor and our layer.
struct Gateway {
    address: String,
    callers: mpsc::Receiver<Caller>,
    state: Arc<TlsState>,
    registry: Arc<Registry>,
    files: Files,
    shutdown: CancellationToken,
}

impl Gateway {
    async fn open(root: &Path, directory: &Directory) -> Self {
        let config: RegistryConfig = toml::from_str(REGISTRY).unwrap();
        let known = BTreeSet::from(["us-ny".parse().unwrap()]);
        let registry = Arc::new(Registry::load(&config, root, &known).unwrap());
        let (certificate, key) = directory.server();
        let files = Files { certificate, key, revocation_lists: vec![directory.revocation_list("us")] };
        let material = Material::read(&files, root).unwrap();
        let state = TlsState::new(Config::default(), material, Arc::clone(&registry), WallClock::system()).unwrap();
        let authenticator = Arc::new(Authenticator::new(
            Arc::clone(&registry),
            token::Config::default(),
            PseudonymKey::new(&[1; 32]),
            WallClock::system(),
        ));
        let (seen, callers) = mpsc::channel(16);
        let layer = ServiceBuilder::new().layer(AuthenticateLayer::new(authenticator)).map_request(
            move |request: http::Request<tonic::body::Body>| {
                seen.try_send(request.extensions().get::<Caller>().unwrap().clone()).unwrap();
                request
            },
        );
        let (_, health) = tonic_health::server::health_reporter();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sockets, receiver) = mpsc::channel(16);
        let shutdown = CancellationToken::new();
        tokio::spawn(accept_loop(listener, vec![sockets], Arc::clone(&state), shutdown.clone()));
        let connections = handshakes(receiver, Arc::clone(&state));
        tokio::spawn(Server::builder().layer(layer).add_service(health).serve_with_incoming(connections));
        Self { address, callers, state, registry, files, shutdown }
    }

    async fn client(&self, directory: &Directory) -> Channel {
        let read = |path: PathBuf| fs::read(path).unwrap();
        let agency = directory.agency(&ice());
        let config =
            client_tls(&read(directory.authority("gateway")), &read(agency.certificate), &read(agency.key)).unwrap();
        connect(&self.address, "localhost", Arc::new(config)).await.unwrap()
    }
}

async fn ask(channel: &Channel, token: Option<&str>) -> Result<(), tonic::Status> {
    let mut request = tonic::Request::new(HealthCheckRequest { service: String::new() });
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    HealthClient::new(channel.clone()).check(request).await.map(drop)
}

fn minted(directory: &Directory, now: Timestamp) -> String {
    let agency = directory.agency(&ice());
    let minting_key = fs::read_to_string(agency.minting_key).unwrap();
    let key = MintingKey::from_pkcs8_pem("1", TokenAlgorithm::EdDsa, &minting_key).unwrap();
    let certificate = CertificateDer::from_pem_file(agency.certificate).unwrap();
    let claims = MintClaims {
        issuer: "https://us-ice.example".to_owned(),
        audience: "comity".to_owned(),
        subject: "officer-1".to_owned(),
        actor: ActorKind::Officer,
        issued_at: now,
        lifetime_s: 900,
        token_id: None,
    };
    mint(&key, &claims, &Thumbprint::of(&certificate)).unwrap()
}

#[tokio::test]
async fn gateway_and_client_meet_over_written_files() {
    let now = Timestamp::now();
    let (root, directory) = written(now);
    let mut gateway = Gateway::open(root.path(), &directory).await;
    let channel = gateway.client(&directory).await;
    ask(&channel, None).await.unwrap();
    assert_eq!(gateway.callers.recv().await.unwrap().actor, None);
    ask(&channel, Some(&minted(&directory, now))).await.unwrap();
    let caller = gateway.callers.recv().await.unwrap();
    assert_eq!((caller.agency.id, caller.actor.unwrap().kind), (ice(), ActorKind::Officer));
    assert!(ask(&channel, Some("a.b.c")).await.is_err());

    // Revoked on disk and reloaded: the connection is cut, and the channel finds no way back.
    let certificate = fs::read_to_string(directory.agency(&ice()).certificate).unwrap();
    directory.revoke("us", &[&certificate], now).unwrap();
    let material = Material::read(&gateway.files, root.path()).unwrap();
    assert_eq!(gateway.state.reload(material, Arc::clone(&gateway.registry)).unwrap(), 1);
    assert!(ask(&channel, None).await.is_err());
    assert!(gateway.callers.try_recv().is_err());
    gateway.shutdown.cancel();
}
