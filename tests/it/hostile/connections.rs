//! Peers that get no connection.

use std::path::Path;
use std::sync::Arc;

use comity::cli::sandbox::TRUST_DOMAIN;
use comity::domain::ids::AgencyId;
use comity::identity::development::{CertificateOptions, DevelopmentAuthority, IssuedCertificate};
use jiff::{SignedDuration, Timestamp};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::World;
use crate::hostile::Besieged;

/// How a peer shakes hands.
struct Peer {
    certificate: Option<IssuedCertificate>,
    version: &'static SupportedProtocolVersion,
    protocols: &'static [&'static [u8]],
}

impl Peer {
    fn with(certificate: &IssuedCertificate) -> Self {
        Self { certificate: Some(certificate.clone()), version: &TLS13, protocols: &[b"h2"] }
    }

    fn config(&self, directory: &Path) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(directory.join("certs/gateway-ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der.clone()], key).unwrap()
            }
        };
        config.alpn_protocols = self.protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }

    /// Whether the gateway says a byte of HTTP to it.
    async fn is_greeted(&self, world: &World) -> bool {
        let config = Arc::new(self.config(world.directory()));
        let socket = TcpStream::connect(world.gateway().grpc()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        // In TLS 1.3 a client is done before its certificate was looked at: only what is read afterwards tells.
        match TlsConnector::from(config).connect(name, socket).await {
            Ok(mut stream) => stream.read_u8().await.is_ok(),
            Err(_) => false,
        }
    }
}

/// An authority of a sandbox, with its key.
fn authority(directory: &Path, name: &str) -> DevelopmentAuthority {
    let read = |path: String| std::fs::read_to_string(directory.join(path)).unwrap();
    let (certificate, key) = (read(format!("certs/{name}-ca.pem")), read(format!("keys/authorities/{name}.key")));
    DevelopmentAuthority::from_pem(&certificate, &key).unwrap()
}

fn ice_certificate(change: impl FnOnce(&mut CertificateOptions)) -> CertificateOptions {
    let ice: AgencyId = "us-ice".parse().unwrap();
    let mut options = CertificateOptions::agency(TRUST_DOMAIN, &ice, Timestamp::now());
    change(&mut options);
    options
}

#[tokio::test]
async fn a_peer_without_a_good_certificate_gets_no_connection() {
    let now = Timestamp::now();
    let mut revoked = None;
    let world = World::with(|directory, _| {
        let federal = authority(directory, "federal");
        let certificate = federal.issue(&ice_certificate(|_| ())).unwrap();
        let hour = SignedDuration::from_hours(1);
        let list = federal.revoke(std::slice::from_ref(&certificate.serial), now - hour, now + hour).unwrap();
        std::fs::write(directory.join("certs/federal.crl.pem"), list.pem).unwrap();
        revoked = Some(certificate);
    });
    let directory = world.directory();
    let (federal, texas) = (authority(directory, "federal"), authority(directory, "us-tx"));
    let foreign = DevelopmentAuthority::generate("federal", now).unwrap();
    let issue = |authority: &DevelopmentAuthority, change: fn(&mut CertificateOptions)| {
        Peer::with(&authority.issue(&ice_certificate(change)).unwrap())
    };
    let good = issue(&federal, |_| ());
    let peers = [
        ("another authority of the same name", issue(&foreign, |_| ()), "authority_unknown"),
        ("an authority of another sovereign", issue(&texas, |_| ()), "authority_may_not_speak"),
        ("no certificate", Peer { certificate: None, ..issue(&federal, |_| ()) }, "certificate_absent"),
        ("revoked", Peer::with(&revoked.unwrap()), "certificate_revoked"),
        (
            "expired",
            issue(&federal, |options| options.not_after = Timestamp::now() - SignedDuration::from_secs(60)),
            "certificate_expired",
        ),
        (
            "two names",
            issue(&federal, |options| options.uris.push("spiffe://x.example/agency/y".to_owned())),
            "certificate_with_several_names",
        ),
        (
            "for nothing in particular",
            issue(&federal, |options| options.purposes.clear()),
            "certificate_not_for_clients",
        ),
        ("TLS 1.2", Peer { version: &TLS12, ..issue(&federal, |_| ()) }, "tls_incompatible"),
        ("HTTP/1.1", Peer { protocols: &[b"http/1.1"], ..issue(&federal, |_| ()) }, "protocol_not_h2"),
        ("no protocol", Peer { protocols: &[], ..issue(&federal, |_| ()) }, "protocol_not_h2"),
    ];
    let mut besieged = Besieged::new(world).await;
    for (name, peer, reason) in peers {
        assert!(!peer.is_greeted(&besieged.world).await, "{name}");
        let line = [("event", "connection_refused"), ("reason", reason), ("peer", "127.0.0.1")];
        besieged.denied(name, &line).await;
    }
    assert!(good.is_greeted(&besieged.world).await, "one that only differs in being good");
    besieged.unharmed("a good one");
}
