//! A gateway under attack goes on serving everybody else, answers probes, and neither fills its memory nor its log. How fast it
//! is meanwhile is for `benches/siege` to say: no verdict here hangs on it.

mod attack;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use crate::availability::attack::{Agency, Attack, CHECKPOINT, Target, question};
use crate::harness::process::Served;

const MEMORY_MAX_KIB: u64 = 256 * 1_024;
/// What own methods may take of it while 8 connections send as much as they can.
const GROWTH_MAX_KIB: u64 = 64 * 1_024;
const LOGGED_PER_CONNECTION_MAX: u64 = 1_000;
/// For the gateway to give memory back. Far longer than it takes, since the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// For one call or probe: what takes longer is kept out.
const CALL_PATIENCE: Duration = Duration::from_secs(30);
/// Honest calls, of each kind, while an attack goes on.
const CALLS: usize = 20;
/// So long nothing is written, and the log is as long as it gets.
const QUIET: Duration = Duration::from_secs(1);
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(20);

/// An agency that attacks nobody.
struct Honest<'a> {
    served: &'a Served,
    agency: Agency,
}

impl Honest<'_> {
    /// Calls on a connection it had before, and each time on a new one as well; probes, and looks at the memory.
    async fn go_about(&self, calls: usize) -> u64 {
        let mut known = self.agency.connect(self.served.grpc).await.unwrap();
        let mut memory_kib = 0;
        for _ in 0..calls {
            let on_known = async { known.call(CHECKPOINT, &question()).await.unwrap() };
            let on_new = async {
                let mut new = self.agency.connect(self.served.grpc).await.unwrap();
                new.call(CHECKPOINT, &question()).await.unwrap()
            };
            for call in [within(on_known).await, within(on_new).await] {
                assert_eq!(call.code(), Code::Ok, "an honest call is refused: {}", call.message());
            }
            assert_eq!(within(self.probe()).await, "HTTP/1.1 200 OK");
            memory_kib = memory_kib.max(self.served.memory_now_kib());
            tokio::time::sleep(PAUSE).await;
        }
        memory_kib
    }

    async fn probe(&self) -> String {
        let mut socket = TcpStream::connect(self.served.ops).await.unwrap();
        socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

async fn within<T>(asked: impl Future<Output = T>) -> T {
    tokio::time::timeout(CALL_PATIENCE, asked).await.expect("an honest peer is kept out")
}

/// How long the log is once nothing more is written of connections that have just ended: the next attack has no part in them.
async fn logged_in_all(served: &Served) -> u64 {
    let mut len = served.logged_len();
    loop {
        tokio::time::sleep(QUIET).await;
        let now = served.logged_len();
        if now == len {
            return len;
        }
        len = now;
    }
}

/// Resolves once the attack has been made in full: so much was begun as it begins at once, or a round of it is over.
async fn in_full(target: &Target, attack: Attack) {
    let at_once = match attack {
        Attack::HalvesOfMessages => 2_079,
        Attack::LongMessages | Attack::LongQuestions => 792,
        Attack::UnreadAnswers => 3_960,
        Attack::Watchers => 512,
        Attack::SilentSockets => 200,
        Attack::IllegalNames => 20,
        Attack::HalfHandshakes => 2_000,
        Attack::TooFast => 20_000,
    };
    while target.begun.load(Ordering::Relaxed) < at_once && target.rounds.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attack_shuts_nobody_out_and_fills_neither_memory_nor_log() {
    let served = Served::start("error,comity=info", |_| ());
    let honest = Honest { served: &served, agency: Agency::of(&served.sandbox, "us-ny-doccs").unwrap() };
    // What is made at a first call, of each of the threads that serve, is there before anything is measured.
    honest.go_about(CALLS).await;
    for attack in Attack::ALL {
        let peace_kib = served.memory_now_kib();
        let logged_len = served.logged_len();
        let target = Target::new(served.grpc, served.ops, Agency::of(&served.sandbox, attack.agency()).unwrap());
        let attacking = tokio::spawn(attack.go_on(Arc::clone(&target)));
        let goes_about = async {
            let (while_it_grows_kib, ()) = tokio::join!(honest.go_about(CALLS), in_full(&target, attack));
            while_it_grows_kib.max(honest.go_about(CALLS).await)
        };
        let most_kib = goes_about.await;
        attacking.abort();
        drop(attacking.await);
        let connections = u64::try_from(target.connections.load(Ordering::Relaxed)).unwrap();
        let per_connection = (logged_in_all(&served).await - logged_len) / connections;
        let back = async {
            loop {
                honest.go_about(1).await;
                let now_kib = served.memory_now_kib();
                if now_kib <= peace_kib + peace_kib / 10 {
                    break now_kib;
                }
            }
        };
        let back_kib = tokio::time::timeout(PATIENCE, back).await.unwrap_or(u64::MAX);
        println!(
            "{attack:?}: {connections} connections, {peace_kib} KiB in peace, {most_kib} at most, {back_kib} after; \
             {per_connection} bytes of log a connection"
        );
        assert!(most_kib < MEMORY_MAX_KIB, "{attack:?}: {most_kib} KiB");
        if attack == Attack::LongMessages {
            assert!(most_kib < peace_kib + GROWTH_MAX_KIB, "{attack:?}: from {peace_kib} to {most_kib} KiB");
        }
        assert!(back_kib < u64::MAX, "{attack:?}: {} KiB after it, {peace_kib} before", served.memory_now_kib());
        assert!(per_connection < LOGGED_PER_CONNECTION_MAX, "{attack:?}: {per_connection} bytes of log a connection");
    }
    assert!(served.stop().status.success());
}
