//! Witnesses that do not answer, or not as witnesses: no write waits for them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::witness::{Site, Witness, checkpoint_of, cosigned_at};

/// Takes connections, reads, and answers with this text, or never.
async fn impostor(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let Some(answer) = answer else {
                held.push(socket);
                continue;
            };
            let _ = socket.read(&mut [0; 4_096]).await;
            let line = format!("HTTP/1.1 {answer}");
            let _ = socket.write_all(line.as_bytes()).await;
        }
    });
    url
}

#[tokio::test]
async fn no_receipt_waits_for_a_witness() {
    let site = Site::establish();
    let names = ["silent", "garbled", "liar", "stubborn"]
        .map(|name| Witness::establish(&format!("witness.example/{name}"), Vec::new()));
    let urls = [
        impostor(None).await,
        impostor(Some("200 OK\r\ncontent-length: 4\r\n\r\nyes\n")).await,
        impostor(Some("409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: 3\r\n\r\n07\n")).await,
        impostor(Some("503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")).await,
    ];
    let witnesses: Vec<_> = names.iter().zip(urls).map(|(witness, url)| (&witness.keys[0], url)).collect();
    site.policy(&witnesses);
    let gateway = site.serve(|config| config.witness.timeout_ms = 60_000);
    let ice = site.party(&gateway, "us-ice");
    let begun = Instant::now();
    for _ in 0..20 {
        ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    }
    // The silent one alone would have taken a minute.
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(checkpoint_of(&ice, NY_EXCHANGE).await.witnessed, None);
    // Each of the others is named once, and counted.
    for (witness, why) in
        [("w1", "its answer is no cosignature by its key"), ("w2", "names none"), ("w3", "it answered 503")]
    {
        gateway.says(why).await;
        assert_eq!(gateway.said().matches(&format!("\"witness\":\"{witness}\"")).count(), 1, "{}", gateway.said());
    }
    // It stops as ever, with a push under way.
    gateway.stop();
}

#[tokio::test]
async fn a_witness_that_comes_back_is_asked_again_and_the_others_were_meanwhile() {
    let site = Site::establish();
    let [there, away] =
        ["there", "away"].map(|name| Witness::establish(&format!("witness.example/{name}"), site.exchange_logs()));
    let first = there.serve();
    // An address that the other will have later: nobody listens there now.
    let later = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.policy(&[
        (&there.keys[0], format!("http://{}", first.address("witness"))),
        (&away.keys[0], format!("http://{later}")),
    ]);
    let gateway = site.serve(|_| ());
    let ice = site.party(&gateway, "us-ice");
    for _ in 0..3 {
        ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
    }
    let by_one = super::until("one of them", async || {
        checkpoint_of(&ice, NY_EXCHANGE).await.witnessed.filter(|witnessed| witnessed.size == 3)
    });
    let by_one = by_one.await;
    assert!(!by_one.quorum);
    assert_eq!(by_one.witnesses, ["w0"]);
    gateway.says("a witness does not cosign").await;
    away.change(|config| config.listen = later);
    let second = away.serve();
    // The log does not grow, and it is asked all the same.
    assert_eq!(cosigned_at(&ice, NY_EXCHANGE, 3).await.witnesses, ["w0", "w1"]);
    gateway.says("a witness cosigns again").await;
    for process in [gateway, first, second] {
        process.stop();
    }
}
