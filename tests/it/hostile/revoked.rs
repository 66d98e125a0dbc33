//! Revocation takes effect on what is already connected.

use comity::identity::development::DevelopmentAuthority;
use jiff::{SignedDuration, Timestamp};

use crate::harness::World;
use crate::harness::requests::{NY_EXCHANGE, detainer_for};

#[tokio::test]
async fn an_agency_whose_certificate_is_revoked_is_cut_off_when_the_lists_are_reloaded() {
    let world = World::start();
    let (ice, doccs) = (world.ice(), world.doccs());
    ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    doccs.checkpoint(NY_EXCHANGE).await.accepted();

    let path = |name: &str| world.directory().join(name);
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let pem = read("certs/us-ice.pem");
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let serial = pem.parse_x509().unwrap().raw_serial().to_vec();
    let federal =
        DevelopmentAuthority::from_pem(&read("certs/federal-ca.pem"), &read("keys/authorities/federal.key")).unwrap();
    let now = Timestamp::now();
    let list =
        federal.revoke(&[serial], now - SignedDuration::from_mins(1), now + SignedDuration::from_hours(1)).unwrap();

    // A list that cannot be read changes nothing.
    std::fs::write(path("certs/federal.crl.pem"), "no list").unwrap();
    assert!(world.gateway().reload().is_err());
    ice.checkpoint(NY_EXCHANGE).await.accepted();

    std::fs::write(path("certs/federal.crl.pem"), &list.pem).unwrap();
    assert_eq!(world.gateway().reload().unwrap(), 1, "ICE's one connection");
    // Neither on the old connection nor on new ones, which the client makes by itself.
    for _ in 0..3 {
        assert!(ice.checkpoint(NY_EXCHANGE).await.0.is_err());
    }
    doccs.checkpoint(NY_EXCHANGE).await.accepted();
}
