//! A gateway that was restored from an older copy and took other writes: refused by the witness, and found by what it cosigned.

use std::fs;

use comity::wire::v1;

use crate::harness::copy;
use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::witness::{ORIGIN, Process, Site, Witness, comity, cosigned_at};

async fn lodge(site: &Site, gateway: &Process, count: usize) -> Option<v1::Receipt> {
    let ice = site.party(gateway, "us-ice");
    let mut receipt = None;
    for _ in 0..count {
        receipt = ice.lodge(detainer_for("us-ny-doccs")).await.accepted().receipt;
    }
    receipt
}

#[tokio::test]
async fn a_forked_gateway_is_refused_by_the_witness_and_found_by_what_it_cosigned() {
    let site = Site::establish();
    let witness = Witness::establish("witness.us-tx.example/1", site.exchange_logs());
    let serving = witness.serve();
    site.policy(&[(&witness.keys[0], format!("http://{}", serving.address("witness")))]);

    // Three entries, a copy of the store at rest, and two entries more, all of them cosigned.
    let gateway = site.serve(|_| ());
    lodge(&site, &gateway, 3).await;
    cosigned_at(&site.party(&gateway, "us-ice"), NY_EXCHANGE, 3).await;
    gateway.stop();
    let backup = tempfile::tempdir().unwrap();
    copy(site.path(), backup.path());
    let gateway = site.serve(|_| ());
    lodge(&site, &gateway, 2).await;
    let cosigned = cosigned_at(&site.party(&gateway, "us-ice"), NY_EXCHANGE, 5).await;
    gateway.stop();
    let kept = witness.directory.path().join("kept");
    fs::write(&kept, &cosigned.checkpoint).unwrap();

    // The copy is restored and served: with fewer entries than were cosigned, the gateway learns it from the witness.
    for name in ["comity.db", "comity.db-wal"] {
        let _ = fs::remove_file(site.path().join(name));
        if backup.path().join(name).exists() {
            fs::copy(backup.path().join(name), site.path().join(name)).unwrap();
        }
    }
    let forked = site.serve(|_| ());
    forked.says("a witness has cosigned more of this log than the store holds").await;
    // It takes other writes until it is longer. Receipts are given as ever; no head of it is cosigned.
    lodge(&site, &forked, 4).await.unwrap();
    forked.says("a witness refuses this log: it has cosigned another history of it").await;
    assert!(forked.metric("comity_witness_pushes_total{outcome=\"refused\"}").await >= Some(1));
    assert_eq!(forked.metric("comity_witness_pushes_total{outcome=\"cosigned\"}").await, Some(0));
    let ice = site.party(&forked, "us-ice");
    let answer = ice.get_checkpoint(v1::GetCheckpointRequest { log: NY_EXCHANGE.to_owned() }).await.accepted();
    assert_eq!(answer.witnessed, None);
    serving.says("a log has signed a head that was not shown to extend what was cosigned").await;
    assert!(serving.metric("comity_witness_forks_total").await >= Some(1));

    // Whoever asks the witness with the forked head is refused over the wire, whatever size it says that it builds on.
    let asked =
        async |old_size: u64| super::add(&serving, &format!("old {old_size}\n\n{}", answer.checkpoint)).await.status;
    assert_eq!((asked(0).await, asked(3).await, asked(5).await), (409, 409, 422));
    // The signed head is kept as evidence, and what the witness cosigned stands.
    let evidence = fs::read_dir(witness.path().join("heads")).unwrap().map(|entry| entry.unwrap().path());
    let evidence: Vec<_> = evidence.filter(|path| path.extension().is_some_and(|kind| kind == "refused")).collect();
    assert_eq!(evidence.len(), 1);
    assert!(fs::read_to_string(&evidence[0]).unwrap().starts_with(&format!("{ORIGIN}\n")));
    forked.stop();

    // With what the witness cosigned, it is not served again, and is found offline.
    let config = site.path().join("comity.toml");
    let refused = comity().args(["serve", "--config"]).arg(&config).arg("--against").arg(&kept).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("are not those that were signed"), "{said}");
    let verified = site.verify(&["--against", kept.to_str().unwrap()]);
    let said = String::from_utf8(verified.stderr).unwrap();
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(said.contains("are not those that a kept checkpoint was signed over"), "{said}");
    // Without it, the copy is whole in itself: that is what the witness is for.
    assert!(site.verify(&[]).status.success());
}
