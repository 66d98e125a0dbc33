//! Peers that get no connection.

use std::fs;
use std::path::Path;

use comity::config::Config;
use comity::domain::ids::AgencyId;
use comity::identity::development::{
    CertificateOptions, DevelopmentAuthority, IssuedCertificate, Purpose, Role, TokenKeyPair,
};
use comity::sandbox::TRUST_DOMAIN;
use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::version::TLS12;

use crate::hostile::peer::Peer;
use crate::hostile::siege::{Siege, authority, in_seconds};

const ICE: &str = "spiffe://comity.example/agency/us-ice";
const HOUR_S: i64 = 3_600;

/// Lists and certificates that the gateway must know of, or must not, before it starts.
pub(super) fn prepare(directory: &Path, config: &mut Config) {
    let write = |name: &str, text: &str| fs::write(directory.join("certs").join(name), text).unwrap();
    let federal = authority(directory, "federal");
    let revoked = federal.issue(&options()).unwrap();
    let list = federal.revoke(std::slice::from_ref(&revoked.serial), in_seconds(-HOUR_S), in_seconds(HOUR_S)).unwrap();
    write("federal.crl.pem", &list.pem);
    write("revoked.pem", &revoked.pem);
    write("revoked.key", &revoked.key_pem);
    let stale = authority(directory, "us-tx").revoke(&[], in_seconds(-2 * HOUR_S), in_seconds(-60)).unwrap();
    write("us-tx.crl.pem", &stale.pem);
    // An authority below the federal one, with a list of its own, so that nothing but its place is wrong with it.
    let below = CertificateOptions::authority("below", in_seconds(0));
    let below = federal.issue(&below).unwrap();
    write("below-ca.pem", &below.pem);
    fs::write(directory.join("keys/authorities/below.key"), &below.key_pem).unwrap();
    let list = authority(directory, "below").revoke(&[], in_seconds(-HOUR_S), in_seconds(HOUR_S)).unwrap();
    write("below.crl.pem", &list.pem);
    config.tls.revocation_lists.retain(|path| !path.ends_with("exchange.crl.pem"));
    config.tls.revocation_lists.push("certs/below.crl.pem".into());
}

fn options() -> CertificateOptions {
    let ice: AgencyId = "us-ice".parse().unwrap();
    CertificateOptions::agency(TRUST_DOMAIN, &ice, in_seconds(0))
}

/// A certificate of ICE's by an authority, but for one thing.
fn but(authority: &DevelopmentAuthority, change: impl FnOnce(&mut CertificateOptions)) -> Peer {
    let mut options = options();
    change(&mut options);
    Peer::with(&authority.issue(&options).unwrap())
}

/// What the development authority would not make: signed by the key it is about.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Peer {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(SanType::URI(ICE.try_into().unwrap()));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    change(&mut params);
    let signed = params.self_signed(&key).unwrap();
    let (der, pem) = (signed.der().clone(), signed.pem());
    Peer::with(&IssuedCertificate { der, pem, key_pem: key.serialize_pem(), serial: Vec::new() })
}

/// What the federal authority would sign for anybody who asks: a certificate of ICE's with something else in it.
fn with(siege: &Siege, change: impl FnOnce(&mut CertificateParams)) -> Peer {
    let read = |path: &str| fs::read_to_string(siege.directory().join(path)).unwrap();
    let issuer = KeyPair::from_pem(&read("keys/authorities/federal.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("certs/federal-ca.pem"), issuer).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(SanType::URI(ICE.try_into().unwrap()));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    change(&mut params);
    let signed = params.signed_by(&key, &issuer).unwrap();
    let (der, pem) = (signed.der().clone(), signed.pem());
    Peer::with(&IssuedCertificate { der, pem, key_pem: key.serialize_pem(), serial: Vec::new() })
}

/// A peer that is nobody's agency, what it gets for its hello, and what is audited.
type Row = (&'static str, Peer, &'static str, &'static str);

/// Refused within the handshake, with an alert.
fn of_chain(siege: &Siege) -> Vec<Row> {
    let federal = siege.authority("federal");
    let stranger = DevelopmentAuthority::generate("federal", in_seconds(0)).unwrap();
    let read = |name: &str| fs::read(siege.directory().join("certs").join(name)).unwrap();
    let revoked = Peer {
        chain: vec![rustls::pki_types::pem::PemObject::from_pem_slice(&read("revoked.pem")).unwrap()],
        key_pem: Some(String::from_utf8(read("revoked.key")).unwrap()),
        ..but(&federal, |_| ())
    };
    let stolen = Peer { key_pem: but(&federal, |_| ()).key_pem, ..Peer::of(siege, "us-ice") };
    let other_kind = Peer { key_pem: Some(TokenKeyPair::generate().unwrap().private_pem), ..Peer::of(siege, "us-ice") };
    let mut below = but(&siege.authority("below"), |_| ());
    below.chain.push(siege.authority("below").certificate.der);
    let unknown = "authority_unknown";
    vec![
        ("another authority of the same name", but(&stranger, |_| ()), "alert DecryptError", "signature_wrong"),
        ("signed by itself", self_signed(|_| ()), "alert UnknownCA", unknown),
        (
            "the certificate of an authority unknown here",
            Peer::with(&stranger.certificate),
            "alert CertificateUnknown",
            "certificate_invalid",
        ),
        ("an authority below a known one", below, "closed", unknown),
        (
            "no certificate",
            Peer { key_pem: None, ..but(&federal, |_| ()) },
            "alert CertificateRequired",
            "certificate_absent",
        ),
        ("revoked", revoked, "alert CertificateRevoked", "certificate_revoked"),
        ("under a list past its time", Peer::of(siege, "us-tx-prison"), "alert UnknownCA", "revocation_list_expired"),
        ("under no list", Peer::of(siege, "comity-operator"), "alert UnknownCA", "revocation_unknown"),
        (
            "expired a second ago",
            but(&federal, |o| o.not_after = in_seconds(-1)),
            "alert CertificateExpired",
            "certificate_expired",
        ),
        (
            "valid in a minute",
            but(&federal, |o| o.not_before = in_seconds(60)),
            "alert CertificateExpired",
            "certificate_not_yet_valid",
        ),
        ("stolen without its key", stolen, "alert DecryptError", "signature_wrong"),
        ("stolen, with a key of another kind", other_kind, "alert DecryptError", "certificate_invalid"),
        ("TLS 1.2", Peer { version: &TLS12, ..but(&federal, |_| ()) }, "alert ProtocolVersion", "tls_incompatible"),
        (
            "HTTP/1.1",
            Peer { protocols: &[b"http/1.1"], ..but(&federal, |_| ()) },
            "alert NoApplicationProtocol",
            "protocol_not_h2",
        ),
        (
            "HTTP/3",
            Peer { protocols: &[b"h3"], ..but(&federal, |_| ()) },
            "alert NoApplicationProtocol",
            "protocol_not_h2",
        ),
        ("no protocol", Peer { protocols: &[], ..but(&federal, |_| ()) }, "closed", "protocol_not_h2"),
    ]
}

/// id-ce-nameConstraints (RFC 5280 4.2.1.10).
const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];

/// What TLS lets pass, and we do not.
fn of_leaf(siege: &Siege) -> Vec<Row> {
    let (federal, new_york) = (siege.authority("federal"), siege.authority("us-ny"));
    let several = "certificate_with_several_names";
    let usage = |usage| with(siege, |params| params.key_usages.push(usage));
    let number = |number| with(siege, |params| params.serial_number = Some(SerialNumber::from_slice(number)));
    let extended = |oid, critical| {
        // A sequence of nothing, which is as much as any of these needs.
        let mut extension = CustomExtension::from_oid_content(oid, vec![0x30, 0]);
        extension.set_criticality(critical);
        with(siege, |params| params.custom_extensions.push(extension))
    };
    let purpose = "certificate_not_for_clients";
    vec![
        ("the authority's own", Peer::with(&federal.certificate), "alert CertificateUnknown", "certificate_invalid"),
        (
            "an authority's, with a name",
            but(&federal, |o| o.role = Role::Authority),
            "alert CertificateUnknown",
            "certificate_invalid",
        ),
        ("for servers", but(&federal, |o| o.purposes = vec![Purpose::Server]), "alert UnsupportedCertificate", purpose),
        ("for anything", but(&federal, |o| o.purposes = vec![Purpose::Any]), "alert UnsupportedCertificate", purpose),
        ("for nothing in particular", but(&federal, |o| o.purposes.clear()), "closed", purpose),
        ("may sign certificates", usage(KeyUsagePurpose::KeyCertSign), "closed", "certificate_key_usage"),
        ("may sign revocation lists", usage(KeyUsagePurpose::CrlSign), "closed", "certificate_key_usage"),
        ("of number zero", number(&[0]), "closed", "certificate_serial"),
        ("of a number of 21 octets", number(&[1; 21]), "closed", "certificate_serial"),
        (
            "a critical extension of nobody's",
            extended(&[1, 2, 3, 4], true),
            "alert CertificateUnknown",
            "certificate_critical_extension",
        ),
        ("critical name constraints", extended(NAME_CONSTRAINTS, true), "closed", "certificate_with_name_constraints"),
        ("name constraints", extended(NAME_CONSTRAINTS, false), "closed", "certificate_with_name_constraints"),
        ("no name", but(&federal, |o| o.uris.clear()), "closed", "certificate_without_name"),
        ("a name in DNS", named_in_dns(&federal), "closed", "certificate_without_name"),
        ("two agencies", but(&federal, |o| o.uris.push(ICE.replace("us-ice", "us-ny-doccs"))), "closed", several),
        ("the same agency twice", but(&federal, |o| o.uris.push(ICE.to_owned())), "closed", several),
        ("an agency and a page", but(&federal, |o| o.uris.push("https://x.example/".to_owned())), "closed", several),
        ("an authority of another sovereign", but(&new_york, |_| ()), "closed", "authority_may_not_speak"),
        (
            "ours, in the name of another's",
            of_name(&federal, &ICE.replace("us-ice", "us-ny-doccs")),
            "closed",
            "authority_may_not_speak",
        ),
        (
            "an agency that nobody registered",
            of_name(&federal, &ICE.replace("us-ice", "us-uscis")),
            "closed",
            "agency_unknown",
        ),
    ]
}

fn of_name(authority: &DevelopmentAuthority, uri: &str) -> Peer {
    but(authority, |options| options.uris = vec![uri.to_owned()])
}

fn named_in_dns(authority: &DevelopmentAuthority) -> Peer {
    but(authority, |options| {
        options.uris.clear();
        options.dns_names.push("us-ice.comity.example".to_owned());
    })
}

/// SPIFFE ids of ICE's, nearly.
const NAMES: [(&str, &str, &str); 16] = [
    ("another trust domain", "spiffe://comity.test/agency/us-ice", "certificate_of_other_trust_domain"),
    ("a trust domain below ours", "spiffe://x.comity.example/agency/us-ice", "certificate_of_other_trust_domain"),
    ("a trust domain in capitals", "spiffe://COMITY.example/agency/us-ice", "certificate_of_other_trust_domain"),
    ("a port", "spiffe://comity.example:443/agency/us-ice", "certificate_of_other_trust_domain"),
    ("a user", "spiffe://x@comity.example/agency/us-ice", "certificate_of_other_trust_domain"),
    ("another scheme", "https://comity.example/agency/us-ice", "certificate_not_of_agency"),
    ("a scheme in capitals", "SPIFFE://comity.example/agency/us-ice", "certificate_not_of_agency"),
    ("a trust domain alone", "spiffe://comity.example", "certificate_not_of_agency"),
    ("another path", "spiffe://comity.example/agencies/us-ice", "certificate_not_of_agency"),
    ("no agency", "spiffe://comity.example/agency/", "certificate_not_of_agency"),
    ("more path", "spiffe://comity.example/agency/us-ice/x", "certificate_not_of_agency"),
    ("a slash at the end", "spiffe://comity.example/agency/us-ice/", "certificate_not_of_agency"),
    ("a query", "spiffe://comity.example/agency/us-ice?x", "certificate_not_of_agency"),
    ("an escape", "spiffe://comity.example/agency/us%2Dice", "certificate_not_of_agency"),
    ("a way up", "spiffe://comity.example/agency/x/../us-ice", "certificate_not_of_agency"),
    ("capitals", "spiffe://comity.example/agency/US-ICE", "certificate_not_of_agency"),
];

pub(super) async fn check(siege: &mut Siege) {
    let federal = siege.authority("federal");
    let mut rows = of_chain(siege);
    rows.extend(of_leaf(siege));
    rows.extend(NAMES.map(|(name, uri, reason)| (name, of_name(&federal, uri), "closed", reason)));
    let cases = rows.into_iter().map(Into::into).collect();
    siege.check("certificates", cases, async |siege, peer: Peer| peer.greeting(siege).await).await;
    // RFC 5280 4.1.2.5: without an end. Later than the last day that we can name.
    let endless = with(siege, |params| params.not_after = date_time_ymd(9_999, 12, 31)).greeting(siege).await;
    siege.compare("certificates", "one without an end", "seen", &endless, "greeted");
    // What only differs from these in being good is let in.
    let good = but(&federal, |_| ()).greeting(siege).await;
    siege.compare("certificates", "a good one", "seen", &good, "greeted");
}
