//! Everything that reads what others wrote, fed with inputs that were changed at random: nothing panics, what is refused
//! is refused for a named reason, and what is accepted means one thing only.
//!
//! An input in `tests/corpus/TARGET/OUTCOME` or `OUTCOME.ANYTHING` is tried on each run, and has to come to that outcome.
//! The environment may say: `COMITY_FUZZ_RUNS` (how many to each target), `COMITY_FUZZ_SEED`, and `COMITY_FUZZ_KEEP` (the
//! first input of each outcome goes into the corpus). An input that breaks a target is kept under `target/tmp/fuzz`.

mod entries;
mod evidence;
mod identity;
mod policies;
mod requests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::flood::told;
use crate::mutate::{Kind, mutate};

/// Inputs that are mutated further.
const POOL_LEN_MAX: usize = 500;
/// For one input, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that reads what others wrote.
struct Target<'a> {
    /// Also its folder in the corpus.
    name: &'a str,
    kind: Kind,
    /// Good inputs beside the corpus.
    seeds: Vec<Vec<u8>>,
    /// What its grammar is made of.
    words: &'a [&'a [u8]],
    /// Unless the environment says otherwise.
    runs: usize,
    /// What it refuses now a later contract may accept: so only what it accepts is held to that.
    grows: bool,
}

impl Target<'_> {
    /// Tries the corpus, then mutations. `read` says what came of an input: `accepted`, or why it was refused, with more
    /// detail after a slash. An outcome that is new makes its input one to go on from.
    fn fuzz(&self, read: impl Fn(&[u8]) -> String) {
        let seed = told("COMITY_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
        let runs = told("COMITY_FUZZ_RUNS").map_or(self.runs, |runs| usize::try_from(runs).unwrap());
        // Before anything else: a stack that overflows lets nobody say anything afterwards.
        println!("{}: {runs} runs, COMITY_FUZZ_SEED={seed}", self.name);
        let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
        let mut pool = self.seeds.clone();
        for (path, input) in self.corpus() {
            let outcome = self.try_one(&input, seed, &read);
            let name = path.file_name().unwrap().to_str().unwrap();
            let expected = name.split('.').next().unwrap();
            assert!(self.grows && expected != "accepted" || file_name(&outcome) == expected, "{name}: {outcome}");
            outcomes.entry(outcome).or_default();
            pool.push(input);
        }
        let mut random = Rng::with_seed(seed);
        for seed_input in &self.seeds {
            outcomes.entry(self.try_one(seed_input, seed, &read)).or_default();
        }
        for _ in 0..runs {
            let input = random.choice(&pool).unwrap();
            let other = random.choice(&pool).unwrap();
            let input = mutate(&mut random, self.kind, input, other, self.words);
            let outcome = self.try_one(&input, seed, &read);
            let times = outcomes.entry(outcome.clone()).or_default();
            *times += 1;
            if *times == 1 && pool.len() < POOL_LEN_MAX {
                self.keep(&outcome, &input);
                pool.push(input);
            }
        }
        let coarse: BTreeSet<_> = outcomes.keys().map(|outcome| file_name(outcome)).collect();
        println!("  {} outcomes: {coarse:?}", outcomes.len());
        assert!(coarse.contains("accepted") && coarse.len() > 1, "{}: nothing is shown: {coarse:?}", self.name);
    }

    fn try_one(&self, input: &[u8], seed: u64, read: &impl Fn(&[u8]) -> String) -> String {
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(input)));
        let in_time = begun.elapsed() < PATIENCE;
        if let (Ok(outcome), true) = (&outcome, in_time) {
            return outcome.clone();
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(self.name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{seed:016x}"));
        fs::write(&path, input).unwrap();
        panic!("{} broke on {} (seed {seed}, took {:?})", self.name, path.display(), begun.elapsed());
    }

    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(self.name)
    }

    fn corpus(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(entries) = fs::read_dir(self.folder()) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// The first input of an outcome, if told to.
    fn keep(&self, outcome: &str, input: &[u8]) {
        let path = self.folder().join(file_name(outcome));
        if std::env::var_os("COMITY_FUZZ_KEEP").is_some() && !path.exists() {
            fs::create_dir_all(self.folder()).unwrap();
            fs::write(path, input).unwrap();
        }
    }
}

/// The part of an outcome that names its file.
fn file_name(outcome: &str) -> String {
    let coarse = outcome.split('/').next().unwrap().to_lowercase();
    let words = coarse.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take(8).collect::<Vec<_>>().join("-")
}
