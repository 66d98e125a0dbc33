//! Decides what a witness cosigns: a head that a known log has signed and that extends the one cosigned before. Kept before it is
//! answered.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::ledger::{Cosigner, Hash, Head, NOTE_LEN_MAX, VerifierKey, empty_root, verify_consistency};
use crate::metrics::{Metrics, table};
use crate::witness::config::{WatchedLog, WitnessError};
use crate::witness::request::AddCheckpoint;
use crate::witness::state::Heads;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200: cosigned, with these signature lines.
    Cosigned(String),
    /// 400: not a request, or the old size is above that of the checkpoint.
    Malformed,
    /// 403: no known key of the log has signed it, or its signature is not valid.
    NotSigned,
    /// 404: a log that is not watched.
    UnknownLog,
    /// 409: the last size cosigned is another one.
    OtherSize(u64),
    /// 422: it does not extend what was cosigned, or the proof does not show that it does.
    Inconsistent,
    /// 500: it could not be kept, so it is not cosigned.
    Failed,
}

impl Answer {
    /// Every word in metrics.
    const WORDS: [&str; 7] =
        ["cosigned", "malformed", "not-signed", "unknown-log", "other-size", "inconsistent", "failed"];

    /// Its word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cosigned(_) => "cosigned",
            Self::Malformed => "malformed",
            Self::NotSigned => "not-signed",
            Self::UnknownLog => "unknown-log",
            Self::OtherSize(_) => "other-size",
            Self::Inconsistent => "inconsistent",
            Self::Failed => "failed",
        }
    }
}

/// A witness's memory and its keys.
#[derive(Debug)]
pub struct Keeper {
    cosigner: Cosigner,
    heads: Heads,
    logs: BTreeMap<String, Mutex<Kept>>,
    metrics: Arc<Metrics>,
}

/// What is kept of one log. The lock makes check and replacement one step.
#[derive(Debug)]
struct Kept {
    keys: Vec<VerifierKey>,
    /// The head cosigned last, and its note with the signatures of the log and of the witness.
    last: Option<(Head, String)>,
    /// The head refused last, so that it is said once.
    refused: Option<(u64, Hash)>,
}

impl Keeper {
    /// Reads what was cosigned of each log. Blocks.
    pub fn open(
        directory: &Path,
        cosigner: Cosigner,
        watched: Vec<WatchedLog>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WitnessError> {
        let heads = Heads::open(directory)?;
        let mut logs = BTreeMap::new();
        for WatchedLog { origin, keys } in watched {
            let last = heads.read(&origin, &cosigner)?;
            logs.insert(origin, Mutex::new(Kept { keys, last, refused: None }));
        }
        for word in Answer::WORDS {
            metrics.add(&table::WITNESS_REQUESTS, &[word.into()], 0);
        }
        Ok(Self { cosigner, heads, logs, metrics })
    }

    /// The size and root cosigned last of a log; zero if it is watched and nothing was cosigned.
    pub fn last(&self, origin: &str) -> Option<(u64, Hash)> {
        let kept = self.logs.get(origin)?.lock().ok()?;
        Some(kept.last.as_ref().map_or_else(|| (0, empty_root()), |(head, _)| (head.size(), head.root())))
    }

    /// The note cosigned last of the log whose origin has this hash, in lower-case hex.
    pub fn note_of(&self, origin_hash: &str) -> Option<String> {
        let (_, kept) =
            self.logs.iter().find(|(origin, _)| crate::ledger::sha256_hex(origin.as_bytes()) == origin_hash)?;
        Some(kept.lock().ok()?.last.as_ref()?.1.clone())
    }

    /// Checks a request in the order of the specification, and cosigns at `time`, in POSIX seconds. Blocks on the disk.
    pub fn add(&self, request: Option<&AddCheckpoint>, time: u64) -> Answer {
        let answer = request.map_or(Answer::Malformed, |request| self.decide(request, time));
        self.metrics.increment(&table::WITNESS_REQUESTS, &[answer.word().into()]);
        answer
    }

    fn decide(&self, request: &AddCheckpoint, time: u64) -> Answer {
        let Some(origin) = Head::claimed_origin(&request.note) else { return Answer::Malformed };
        let Some(kept) = self.logs.get(origin) else { return Answer::UnknownLog };
        // A panic under the lock leaves open what is on disk: nothing of this log is cosigned until a restart.
        let Ok(mut kept) = kept.lock() else { return Answer::Failed };
        let Ok(head) = Head::open(&request.note, origin, &kept.keys) else { return Answer::NotSigned };
        if request.old_size > head.size() {
            return Answer::Malformed;
        }
        let (size, root) = kept.last.as_ref().map_or_else(|| (0, empty_root()), |(last, _)| (last.size(), last.root()));
        // Two heads of one size with two roots are a fork, whatever the request says of the size.
        let forked = head.size() == size && head.root() != root;
        if request.old_size != size && !forked {
            return Answer::OtherSize(size);
        }
        let extends = verify_consistency(size, root, head.size(), head.root(), &request.proof).is_ok();
        if forked || !extends {
            self.alarm(&mut kept, &head, size, forked);
            return if request.old_size == size { Answer::Inconsistent } else { Answer::OtherSize(size) };
        }
        let Ok(lines) = self.cosigner.cosign(&head, time) else { return Answer::Failed };
        let note = head.signed_by(&format!("{}{lines}", head.signatures()));
        // Longer than what is read, it could not be kept. Only extension lines of the log itself can do that.
        if note.len() > NOTE_LEN_MAX {
            return Answer::Malformed;
        }
        if let Err(error) = self.heads.write(origin, &note) {
            tracing::error!(%error, origin, "a head could not be kept: it is not cosigned");
            return Answer::Failed;
        }
        kept.last = Some((head, note));
        kept.refused = None;
        Answer::Cosigned(lines)
    }

    /// Says once of each signed head that it does not fit, and keeps the first as evidence.
    fn alarm(&self, kept: &mut Kept, head: &Head, cosigned: u64, forked: bool) {
        let (origin, size) = (head.origin(), head.size());
        if kept.refused.replace((size, head.root())) == Some((size, head.root())) {
            return;
        }
        self.metrics.increment(&table::WITNESS_FORKS, &[]);
        if let Err(error) = self.heads.keep_evidence(origin, &head.signed_by(head.signatures())) {
            tracing::error!(%error, origin, "a head that was refused could not be kept as evidence");
        }
        if forked {
            tracing::error!(origin, size, "a log is forked: it has signed two heads of one size");
        } else {
            tracing::error!(
                origin,
                size,
                cosigned,
                "a log has signed a head that was not shown to extend what was cosigned"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Checkpoint, Signer, Tree, leaf_hash};
    use crate::witness::state::{establish, read_cosigner};

    const ORIGIN: &str = "comity.example/jurisdictions/us-ny/logs/exchange";
    const NAME: &str = "witness.example/w1";

    /// A log whose entries begin with a letter, of which any head can be signed. Its proofs are those of `ct-merkle`.
    struct Log {
        signer: Signer,
        letter: u8,
        /// Above it another letter stands: a fork.
        common: u64,
    }

    impl Log {
        fn tree(&self, size: u64) -> Tree {
            let mut tree = Tree::empty();
            for index in 0..size {
                let letter = if index < self.common { b'a' } else { self.letter };
                tree.append(leaf_hash(&[&[letter], &index.to_be_bytes()[..]].concat()));
            }
            tree
        }

        fn note(&self, size: u64) -> String {
            Checkpoint::new(ORIGIN, size, self.tree(size).root()).unwrap().sign(&self.signer).unwrap()
        }

        fn request(&self, old_size: u64, size: u64) -> AddCheckpoint {
            let mut tree = self.tree(size);
            let tiles: BTreeMap<_, _> = tree.take_changed().into_iter().collect();
            let read = |tile| Ok::<_, std::io::Error>(tiles.get(&tile).cloned().unwrap_or_default());
            let proof = if old_size == 0 || old_size >= size {
                Vec::new()
            } else {
                crate::ledger::prove_consistency(old_size, size, read).unwrap()
            };
            AddCheckpoint { old_size, proof, note: self.note(size) }
        }
    }

    struct Seat {
        directory: tempfile::TempDir,
        log: Log,
    }

    impl Seat {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            establish(&directory.path().join("w"), NAME).unwrap();
            let (signer, _) = Signer::generate("comity.example/gateway").unwrap();
            Self { directory, log: Log { signer, letter: b'a', common: u64::MAX } }
        }

        fn keeper(&self) -> Keeper {
            let at = self.directory.path().join("w");
            let watched = WatchedLog { origin: ORIGIN.to_owned(), keys: self.log.signer.verifiers() };
            Keeper::open(&at, read_cosigner(&at, NAME).unwrap(), vec![watched], Metrics::new()).unwrap()
        }

        fn fork(&self, common: u64) -> Log {
            Log { signer: self.log.signer.clone(), letter: b'b', common }
        }
    }

    fn add(keeper: &Keeper, request: &AddCheckpoint) -> Answer {
        keeper.add(Some(request), 1_700_000_000)
    }

    #[test]
    fn a_log_that_grows_is_cosigned_and_what_was_cosigned_outlives_the_process() {
        let seat = Seat::new();
        let mut old = 0;
        for size in [1, 3, 3, 8, 300] {
            let keeper = seat.keeper();
            assert_eq!(keeper.last(ORIGIN).unwrap().0, old);
            let request = seat.log.request(old, size);
            let Answer::Cosigned(lines) = add(&keeper, &request) else { panic!("{size} is not cosigned") };
            let head = Head::open(&request.note, ORIGIN, &seat.log.signer.verifiers()).unwrap();
            let note = format!("{}{lines}", request.note);
            let cosigner = read_cosigner(&seat.directory.path().join("w"), NAME).unwrap();
            let found = head.cosignatures(&note, cosigner.keys()).unwrap();
            assert!(found.len() == 2 && found.iter().all(|found| found.time == 1_700_000_000));
            let hash = crate::ledger::sha256_hex(ORIGIN.as_bytes());
            assert_eq!(keeper.note_of(&hash), Some(note));
            old = size;
        }
    }

    #[test]
    fn each_refusal_is_the_one_of_the_specification_and_changes_nothing() {
        let seat = Seat::new();
        let keeper = seat.keeper();
        let empty = seat.log.request(0, 0);
        assert!(matches!(add(&keeper, &empty), Answer::Cosigned(_)), "an empty log");
        assert!(matches!(add(&keeper, &seat.log.request(0, 5)), Answer::Cosigned(_)));
        let check = |request: &AddCheckpoint, expected: Answer| {
            assert_eq!(add(&keeper, request), expected);
            assert_eq!(keeper.last(ORIGIN).unwrap().0, 5);
        };
        let good = seat.log.request(5, 9);
        check(&AddCheckpoint { note: good.note.replace("us-ny", "us-tx"), ..good.clone() }, Answer::UnknownLog);
        check(&AddCheckpoint { note: good.note.replace("\n9\n", "\n8\n"), ..good.clone() }, Answer::NotSigned);
        check(&AddCheckpoint { note: "no note".to_owned(), ..good.clone() }, Answer::Malformed);
        let other = Log { signer: Signer::generate("comity.example/gateway").unwrap().0, letter: b'a', common: 0 };
        check(&other.request(5, 9), Answer::NotSigned);
        check(&AddCheckpoint { old_size: 10, ..good.clone() }, Answer::Malformed);
        for old_size in [0, 4, 6, 9] {
            check(&seat.log.request(old_size, 9), Answer::OtherSize(5));
        }
        // Smaller than what was cosigned: never, whatever it says it builds on.
        check(&seat.log.request(0, 3), Answer::OtherSize(5));
        check(&seat.log.request(3, 3), Answer::OtherSize(5));
        check(&AddCheckpoint { old_size: 5, ..seat.log.request(0, 3) }, Answer::Malformed);
        check(&AddCheckpoint { proof: Vec::new(), ..good.clone() }, Answer::Inconsistent);
        let mut longer = good.clone();
        longer.proof.push(empty_root());
        check(&longer, Answer::Inconsistent);
        check(&AddCheckpoint { proof: vec![empty_root()], ..seat.log.request(5, 5) }, Answer::Inconsistent);
        // Of a fork before and after what was cosigned.
        check(&seat.fork(2).request(5, 9), Answer::Inconsistent);
        check(&seat.fork(2).request(5, 5), Answer::Inconsistent);
        check(&seat.fork(2).request(0, 5), Answer::OtherSize(5));
        assert_eq!(keeper.add(None, 5), Answer::Malformed);
        assert!(matches!(add(&keeper, &good), Answer::Cosigned(_)));
    }

    #[test]
    fn an_empty_log_has_the_root_of_nothing_and_needs_no_proof() {
        let seat = Seat::new();
        let keeper = seat.keeper();
        let wrong = Checkpoint::new(ORIGIN, 0, Hash::from_bytes([7; 32])).unwrap().sign(&seat.log.signer).unwrap();
        assert_eq!(add(&keeper, &AddCheckpoint { old_size: 0, proof: Vec::new(), note: wrong }), Answer::Inconsistent);
        let request = AddCheckpoint { proof: vec![empty_root()], ..seat.log.request(0, 5) };
        assert_eq!(add(&keeper, &request), Answer::Inconsistent);
        assert_eq!(keeper.last(ORIGIN), Some((0, empty_root())));
    }

    #[test]
    fn a_fork_is_kept_as_evidence_and_counted_once() {
        let seat = Seat::new();
        let keeper = seat.keeper();
        add(&keeper, &seat.log.request(0, 5));
        let fork = seat.fork(3);
        for _ in 0..3 {
            assert_eq!(add(&keeper, &fork.request(5, 5)), Answer::Inconsistent);
        }
        assert!(keeper.metrics.render().contains("comity_witness_forks_total 1\n"));
        let kept = seat.directory.path().join("w/heads");
        let kept = kept.join(format!("{}.refused", crate::ledger::sha256_hex(ORIGIN.as_bytes())));
        let head = Head::open(&std::fs::read_to_string(kept).unwrap(), ORIGIN, &fork.signer.verifiers()).unwrap();
        assert_eq!((head.size(), head.root()), (5, fork.tree(5).root()));
    }

    #[test]
    fn what_cannot_be_kept_is_not_cosigned() {
        let seat = Seat::new();
        let keeper = seat.keeper();
        add(&keeper, &seat.log.request(0, 5));
        let heads = seat.directory.path().join("w/heads");
        std::fs::rename(&heads, seat.directory.path().join("elsewhere")).unwrap();
        assert_eq!(add(&keeper, &seat.log.request(5, 9)), Answer::Failed);
        std::fs::rename(seat.directory.path().join("elsewhere"), &heads).unwrap();
        assert_eq!(keeper.last(ORIGIN).unwrap().0, 5);
        assert!(matches!(add(&keeper, &seat.log.request(5, 9)), Answer::Cosigned(_)));
    }

    #[test]
    fn what_is_kept_does_not_grow_by_whoever_sends_it() {
        let seat = Seat::new();
        let keeper = seat.keeper();
        let good = seat.log.request(0, 5);
        let at = good.note.find('\u{2014}').unwrap();
        // Lines of the log repeated as often as a note may have any, and those of strangers up to its length.
        let own = good.note[at..].repeat(40);
        let stranger = format!("\u{2014} stranger {}\n", "A".repeat(40_000));
        let note = format!("{}{own}{stranger}", &good.note[..at]);
        assert!(matches!(add(&keeper, &AddCheckpoint { note, ..good.clone() }), Answer::Cosigned(_)));
        drop(keeper);
        let keeper = seat.keeper();
        let note = keeper.note_of(&crate::ledger::sha256_hex(ORIGIN.as_bytes())).unwrap();
        assert!(note.starts_with(&good.note) && note.lines().count() == good.note.lines().count() + 2, "{note}");
    }

    #[test]
    fn of_two_at_once_one_is_cosigned() {
        let seat = Seat::new();
        let keeper = seat.keeper();
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let adding = |size: u64| {
                let (keeper, request) = (&keeper, seat.log.request(0, size));
                scope.spawn(move || add(keeper, &request))
            };
            let threads: Vec<_> = (1..=16).map(adding).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let cosigned: Vec<u64> = (1..=16_u64)
            .zip(&answers)
            .filter(|(_, answer)| matches!(answer, Answer::Cosigned(_)))
            .map(|(size, _)| size)
            .collect();
        let [size] = cosigned[..] else { panic!("{answers:?}") };
        assert!(
            answers.iter().all(|answer| matches!(answer, Answer::Cosigned(_)) || *answer == Answer::OtherSize(size))
        );
        assert_eq!(keeper.last(ORIGIN).unwrap().0, size);
    }
}
