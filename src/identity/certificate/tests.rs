//! Every certificate that must not speak for an agency, and the few that may.

mod form;

use jiff::SignedDuration;
use rustls::pki_types::CertificateDer;

use super::*;
use crate::identity::development::{CertificateOptions, DevelopmentAuthority, Purpose, Role};
use crate::identity::fixture::{World, agency_id};

/// Makes a good certificate bad.
type Change = Box<dyn Fn(&mut CertificateOptions)>;

fn identified(
    world: &World,
    authority: &DevelopmentAuthority,
    options: &CertificateOptions,
) -> Result<AgencyId, CertificateError> {
    let certificate = authority.issue(options).unwrap();
    identify(&[certificate.der], &world.registry(), world.now).map(|peer| peer.agency)
}

#[test]
fn a_good_certificate_names_its_agency() {
    let world = World::new();
    for (authority, id) in [
        (&world.federal, "us-ice"),
        (&world.federal, "comity-operator"),
        (&world.new_york, "us-ny-doccs"),
        (&world.texas, "us-tx-tdcj"),
    ] {
        assert_eq!(identified(&world, authority, &world.options(id)), Ok(agency_id(id)));
    }
    let certificate = world.ice();
    let peer = world.peer(&certificate);
    assert_eq!(peer.thumbprint, Thumbprint::of(&certificate.der));
    assert_eq!(peer.not_after, world.options("us-ice").not_after);
}

#[test]
fn names_of_other_types_may_stand_beside_the_agency() {
    let world = World::new();
    let mut options = world.options("us-ice");
    options.dns_names.push("client.us-ice.example".to_owned());
    options.purposes.push(Purpose::Server);
    assert_eq!(identified(&world, &world.federal, &options), Ok(agency_id("us-ice")));
}

#[test]
fn a_bad_certificate_is_refused_for_what_is_wrong_with_it() {
    let world = World::new();
    let day = SignedDuration::from_hours(24);
    let uri = |uri: &'static str| move |o: &mut CertificateOptions| o.uris = vec![uri.to_owned()];
    let now = world.now;
    let cases: Vec<(&str, Change, CertificateError)> = vec![
        ("no EKU", Box::new(|o| o.purposes = vec![]), CertificateError::NotForClients),
        ("serverAuth only", Box::new(|o| o.purposes = vec![Purpose::Server]), CertificateError::NotForClients),
        ("anyExtendedKeyUsage", Box::new(|o| o.purposes = vec![Purpose::Any]), CertificateError::NotForClients),
        ("a CA as leaf", Box::new(|o| o.role = Role::Authority), CertificateError::Authority),
        ("no names", Box::new(|o| o.uris = vec![]), CertificateError::NoName),
        (
            "a DNS name only",
            Box::new(|o| {
                o.uris = vec![];
                o.dns_names = vec!["us-ice".to_owned()];
            }),
            CertificateError::NoName,
        ),
        (
            "two agencies",
            Box::new(|o| o.uris.push("spiffe://comity.test/agency/us-ny-doccs".to_owned())),
            CertificateError::SeveralNames,
        ),
        ("the same agency twice", Box::new(|o| o.uris.push(o.uris[0].clone())), CertificateError::SeveralNames),
        (
            "another URI beside it",
            Box::new(|o| o.uris.push("https://us-ice.example".to_owned())),
            CertificateError::SeveralNames,
        ),
        ("other domain", Box::new(uri("spiffe://other.test/agency/us-ice")), CertificateError::OtherTrustDomain),
        (
            "a domain that ends like ours",
            Box::new(uri("spiffe://evil-comity.test/agency/us-ice")),
            CertificateError::OtherTrustDomain,
        ),
        ("a user before it", Box::new(uri("spiffe://x@comity.test/agency/us-ice")), CertificateError::OtherTrustDomain),
        ("a port", Box::new(uri("spiffe://comity.test:443/agency/us-ice")), CertificateError::OtherTrustDomain),
        ("not SPIFFE", Box::new(uri("https://comity.test/agency/us-ice")), CertificateError::NotAnAgency),
        ("upper-case scheme", Box::new(uri("SPIFFE://comity.test/agency/us-ice")), CertificateError::NotAnAgency),
        ("not an agency", Box::new(uri("spiffe://comity.test/gateway/us-ice")), CertificateError::NotAnAgency),
        ("a longer path", Box::new(uri("spiffe://comity.test/agency/us-ice/x")), CertificateError::NotAnAgency),
        ("a trailing slash", Box::new(uri("spiffe://comity.test/agency/us-ice/")), CertificateError::NotAnAgency),
        ("a query", Box::new(uri("spiffe://comity.test/agency/us-ice?a=b")), CertificateError::NotAnAgency),
        ("an escape", Box::new(uri("spiffe://comity.test/agency/us%2Dice")), CertificateError::NotAnAgency),
        ("no path", Box::new(uri("spiffe://comity.test")), CertificateError::NotAnAgency),
        ("unknown agency", Box::new(uri("spiffe://comity.test/agency/us-uscis")), CertificateError::UnknownAgency),
        ("expired", Box::new(move |o| o.not_after = now - day), CertificateError::Expired),
        ("not yet valid", Box::new(move |o| o.not_before = now + day), CertificateError::NotYetValid),
    ];
    for (name, change, expected) in cases {
        let mut options = world.options("us-ice");
        options.not_before -= day * 2;
        change(&mut options);
        assert_eq!(identified(&world, &world.federal, &options), Err(expected), "{name}");
    }
}

#[test]
fn an_authority_speaks_for_its_own_agencies_only() {
    let world = World::new();
    let check = |authority, id, expected| assert_eq!(identified(&world, authority, &world.options(id)), Err(expected));
    check(&world.texas, "us-ice", CertificateError::AuthorityMayNotSpeak);
    check(&world.texas, "us-ny-doccs", CertificateError::AuthorityMayNotSpeak);
    check(&world.new_york, "us-tx-tdcj", CertificateError::AuthorityMayNotSpeak);
    check(&world.federal, "us-ny-doccs", CertificateError::AuthorityMayNotSpeak);
    let stranger = DevelopmentAuthority::generate("Stranger CA", world.now).unwrap();
    check(&stranger, "us-ice", CertificateError::UnknownAuthority);
    // The name alone proves nothing: another key has the same name.
    let impostor = DevelopmentAuthority::generate("Federal CA", world.now).unwrap();
    check(&impostor, "us-ice", CertificateError::UnknownAuthority);
}

#[test]
fn a_subordinate_of_a_pinned_authority_does_not_inherit_its_voice() {
    let world = World::new();
    let subordinate = world.federal.generate_subordinate("Texas CA 2", world.now).unwrap();
    let leaf = subordinate.issue(&world.options("us-ice")).unwrap();
    let chain = [leaf.der, subordinate.certificate.der.clone()];
    assert_eq!(identify(&chain, &world.registry(), world.now), Err(CertificateError::UnknownAuthority));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let world = World::new();
    let registry = world.registry();
    let check =
        |chain: &[CertificateDer<'_>], expected| assert_eq!(identify(chain, &registry, world.now), Err(expected));
    check(&[], CertificateError::Absent);
    check(&[CertificateDer::from(vec![])], CertificateError::Malformed);
    check(&[CertificateDer::from(vec![0x30, 0x80])], CertificateError::Malformed);
    let good = world.ice().der.to_vec();
    check(&[CertificateDer::from([good.as_slice(), &[0]].concat())], CertificateError::Malformed);
    // Any changed or missing byte refuses the certificate, and none causes a panic.
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(identify(&[CertificateDer::from(changed)], &registry, world.now).is_err(), "byte {at}");
        assert!(identify(&[CertificateDer::from(good[..at].to_vec())], &registry, world.now).is_err(), "cut at {at}");
    }
}
