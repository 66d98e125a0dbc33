//! An answer to a write leaves when the write is synced, and not before: seen from outside, call by call.

use crate::crash::client::Order;
use crate::crash::gateway::Gateway;
use crate::crash::trace::{self, Event};
use crate::crash::{Trial, trace::log_in};

const WAL: &str = "comity.db-wal";
/// Slow enough that an answer that does not wait would be seen to overtake it.
const SYNC_TAKES_US: u32 = 20_000;
/// Writes before the story reads its inbox, whose stream is opened while its disclosure is still being recorded.
const WRITES: usize = 5;

/// Where the answers leave, by the numbers of their events.
#[derive(Debug, Default)]
struct Seen {
    answers: Vec<usize>,
    syncs: Vec<usize>,
}

#[test]
fn no_byte_of_an_answer_leaves_before_the_write_ahead_log_is_synced() {
    if !trace::is_possible("that an answer waits for the disk") {
        return;
    }
    let trial = Trial::new();
    let log = log_in(trial.kept.path());
    let delay = format!("-einject=fsync,fdatasync:delay_enter={SYNC_TAKES_US}");
    let calls = "-etrace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg";
    let words = ["strace", "-f", "-yy", "-ttt", calls, &delay, "-o", &log.display().to_string()].map(str::to_owned);
    let gateway = Gateway::start(trial.directory(), &words).unwrap();
    let port = gateway.grpc.port();
    trial.client(&gateway, Order { lanes: 1, stories: 1, again: 0, patience_s: 0 }).done();
    gateway.stop();
    let events = trace::read(&log);
    let seen = follow(&events, &format!("TCP:[127.0.0.1:{port}->"));
    assert!(seen.answers.len() >= WRITES, "{} answers were seen", seen.answers.len());
    for (answer, sync) in seen.answers.iter().zip(&seen.syncs).take(WRITES) {
        println!("synced, then answered:\n  {}\n  {}", brief(&events[*sync]), brief(&events[*answer]));
    }
    trial.settle();
}

/// Follows the log's state from call to call: what was written to it since it was last synced?
fn follow(events: &[Event], client: &str) -> Seen {
    let (mut unsynced, mut syncing, mut synced) = (false, false, None);
    let mut seen = Seen::default();
    // What it does to start, it does on its first thread.
    let start = events.first().map(|event| event.thread);
    for (at, event) in events.iter().enumerate().filter(|(_, event)| Some(event.thread) != start) {
        if seen.answers.len() >= WRITES {
            break;
        }
        if event.begins && event.file == WAL && event.call == "pwrite64" {
            (unsynced, syncing, synced) = (true, false, None);
        }
        if event.is_sync() && event.begins && event.file == WAL {
            syncing = true;
        }
        if event.is_sync() && event.ends && syncing && event.result() == Some(0) {
            (unsynced, syncing, synced) = (false, false, Some(at));
        }
        if event.begins && event.file.starts_with(client) {
            assert!(!unsynced, "sent while the log was not synced: {}", brief(event));
            if let Some(sync) = synced.take() {
                seen.syncs.push(sync);
                seen.answers.push(at);
            }
        }
    }
    seen
}

/// A line of the record without what was written.
fn brief(event: &Event) -> String {
    let text = &event.text;
    let (head, tail) = (text.split('"').next().unwrap_or(text), text.rsplit('"').next().unwrap_or(""));
    let tail = if text.contains('"') { format!("...{tail}") } else { String::new() };
    format!("{} thread {} {head}{tail}", event.at_us, event.thread)
}
