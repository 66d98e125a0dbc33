//! What clients asked and what they were told, on their own disk: a line is synced before its writer goes on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread::JoinHandle;

use comity::wire::v1;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// Where a lane stands in its story.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) lane: usize,
    pub(crate) step: usize,
    pub(crate) custody: String,
    pub(crate) detainer: String,
}

/// A request as it was first sent, and as it is sent again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) request_id: String,
    pub(crate) agency: String,
    pub(crate) officer: bool,
    /// The method's path.
    pub(crate) path: String,
    #[serde(with = "base64_text")]
    pub(crate) message: Vec<u8>,
    pub(crate) place: Place,
}

/// An acknowledgement: the whole answer, and of it what is held against the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Acknowledged {
    pub(crate) request_id: String,
    #[serde(with = "base64_text")]
    pub(crate) answer: Vec<u8>,
    pub(crate) log: String,
    pub(crate) index: i64,
    #[serde(with = "base64_text")]
    pub(crate) leaf: Vec<u8>,
    pub(crate) proof: String,
    /// When the client had it, by the machine's clock, in microseconds.
    pub(crate) at_us: i64,
}

impl Acknowledged {
    pub(crate) fn new(request_id: &str, answer: Vec<u8>, receipt: v1::Receipt) -> Self {
        let v1::Receipt { log, index, leaf, proof } = receipt;
        let at_us = jiff::Timestamp::now().as_microsecond();
        Self { request_id: request_id.to_owned(), answer, log, index, leaf, proof, at_us }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Line {
    Asked(Asked),
    Acknowledged(Acknowledged),
    /// This request had an unknown outcome, and was settled by sending it again.
    SentAgain(String),
}

/// A journal read back.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) asked: Vec<Asked>,
    pub(crate) acknowledged: HashMap<String, Acknowledged>,
    /// Requests whose outcome was unknown until they were sent again.
    pub(crate) sent_again: usize,
}

impl Journal {
    pub(crate) fn read(path: &Path) -> Self {
        let mut journal = Self::default();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The last line may be being written.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match serde_json::from_str(line).unwrap() {
                Line::Asked(asked) => journal.asked.push(asked),
                Line::SentAgain(_) => journal.sent_again += 1,
                Line::Acknowledged(line) => {
                    assert!(journal.acknowledged.insert(line.request_id.clone(), line).is_none(), "acknowledged twice");
                }
            }
        }
        journal
    }

    /// The last that a lane asked.
    pub(crate) fn last_of(&self, lane: usize) -> Option<&Asked> {
        self.asked.iter().rev().find(|asked| asked.place.lane == lane)
    }
}

type Entry = (Line, oneshot::Sender<()>);

/// Writes a journal: what comes while a line is being synced is synced with the next.
#[derive(Debug, Clone)]
pub(crate) struct Writer(mpsc::Sender<Entry>);

impl Writer {
    /// Appends to a file. The thread ends when every writer is gone.
    pub(crate) fn open(path: &Path) -> (Self, JoinHandle<()>) {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        let (sender, lines) = mpsc::channel(64);
        (Self(sender), std::thread::spawn(move || write(file, lines)))
    }

    /// Returns when the line is synced.
    pub(crate) async fn write(&self, line: Line) {
        let (synced, is_synced) = oneshot::channel();
        self.0.send((line, synced)).await.unwrap();
        is_synced.await.unwrap();
    }
}

fn write(mut file: File, mut lines: mpsc::Receiver<Entry>) {
    let mut batch = Vec::new();
    while let Some(first) = lines.blocking_recv() {
        batch.push(first);
        while let Ok(next) = lines.try_recv() {
            batch.push(next);
        }
        let text: String = batch.iter().map(|(line, _)| serde_json::to_string(line).unwrap() + "\n").collect();
        file.write_all(text.as_bytes()).unwrap();
        file.sync_data().unwrap();
        for (_, synced) in batch.drain(..) {
            // Its lane may have been given up; the line stays.
            let _gone = synced.send(());
        }
    }
}

mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
