//! Whoever reaches the ops listener cannot keep the probes out.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hostile::siege::Siege;

const SOCKETS: usize = 600;
/// What the gateway may have open besides, of its own and of this test's honest calls.
const OWN: usize = 60;
/// The limit of the listener.
const AT_A_TIME: usize = 256;
/// All of them, so many at a time and each for two seconds, twice over.
const LIMIT: Duration = Duration::from_secs(12);

async fn probe(siege: &Siege) -> String {
    let mut socket = TcpStream::connect(siege.ops).await.unwrap();
    socket.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn half_asked_questions_are_dropped_in_time_and_are_never_too_many() {
    let siege = Siege::lay().await;
    let halves: [&[u8]; 4] = [b"", b"GET /livez HTTP/1.1\r\nx: ", b"PRI * HTTP/2.0\r\n", b"GET"];
    let mut sockets = Vec::new();
    for at in 0..SOCKETS {
        let mut socket = TcpStream::connect(siege.ops).await.unwrap();
        socket.write_all(halves[at % halves.len()]).await.unwrap();
        sockets.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let open = siege.descriptors();
    assert!(open <= AT_A_TIME + OWN, "{open} descriptors");
    // It waits behind them, and not for ever.
    let answer = tokio::time::timeout(LIMIT, probe(&siege)).await.expect("the probe is kept out");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\r\n\r\nserving\n"), "{answer}");
    let all_closed = async {
        for socket in &mut sockets {
            // HTTP/2 says a word before it goes.
            drop(socket.read_to_end(&mut Vec::new()).await);
        }
    };
    tokio::time::timeout(LIMIT, all_closed).await.expect("a half-asked question is still open");
    siege.lift_uncounted().await;
}

#[tokio::test]
async fn an_answered_question_ends_its_connection() {
    let siege = Siege::lay().await;
    for path in ["/livez", "/readyz", "/metrics", "/nothing"] {
        let mut socket = TcpStream::connect(siege.ops).await.unwrap();
        socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let ended = tokio::time::timeout(LIMIT, socket.read_to_end(&mut Vec::new())).await;
        assert!(ended.expect("kept open").unwrap() > 0, "{path}");
    }
    siege.lift_uncounted().await;
}
