//! How alike two names are.

use crate::domain::matching;
use crate::domain::subject::PersonName;

/// Words of a name that are compared. Others do not count.
const WORDS_MAX: usize = 8;

/// What is written where a name is unknown: first or last name, no middle name or initial.
const UNKNOWN: [&str; 8] = ["fnu", "lnu", "nfn", "nln", "nmn", "nmi", "unk", "unknown"];

/// For each word that the other name does not have.
const MISSING_WORD: f64 = 0.03;
/// Of a name that is one word in both records.
const ONE_WORD: f64 = 0.93;
/// Of a name that is one word in one record alone: the other person may share it with many.
const ONE_OF_SEVERAL: f64 = 0.8;
/// The most for names whose words are not the same: hyphens and spaces were left out.
const SAME_LETTERS: f64 = 0.98;

/// The first letters of a word. A typing error later in the word does not change them.
pub(super) type Prefix = [char; 3];

/// A name, made ready to be compared: its words in the order of the alphabet, without accents or case
/// ([`crate::domain::matching`]).
#[derive(Debug, Clone, Default)]
pub(super) struct Name {
    words: Vec<String>,
    prefixes: Vec<Prefix>,
    letters: String,
}

impl Name {
    /// `None`: no word of it is known.
    pub(super) fn of(name: &PersonName) -> Option<Self> {
        let mut words = matching::words(name);
        words.retain(|word| !UNKNOWN.contains(&word.as_str()));
        words.truncate(WORDS_MAX);
        if words.is_empty() {
            return None;
        }
        let mut prefixes: Vec<Prefix> = words.iter().map(|word| prefix(word)).collect();
        prefixes.dedup();
        let letters = words.concat();
        Some(Self { words, prefixes, letters })
    }

    /// The first letters of its words, each once.
    pub(super) fn prefixes(&self) -> &[Prefix] {
        &self.prefixes
    }

    /// Whether it tells people apart who may be of any age.
    pub(super) fn is_telling(&self) -> bool {
        self.words.len() > 2
    }

    /// Whether a word of each begins alike.
    pub(super) fn begins_like(&self, other: &Self) -> bool {
        self.prefixes.iter().any(|prefix| other.prefixes.contains(prefix))
    }

    /// How alike two names are, from 0 to 1; 1 only if they have the same words, and more than one.
    ///
    /// Each word of the shorter name is paired with the word of the other that is most like it by Jaro-Winkler. The
    /// result is the mean of the average and of the least alike pair, less 0.03 for each word that is left over: a
    /// typing error costs little, and a word that is another word costs much, however many others agree.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        let (short, long) = if self.words.len() <= other.words.len() { (self, other) } else { (other, self) };
        let several = match (short.words.len(), long.words.len()) {
            (1, 1) => ONE_WORD,
            (1, _) => ONE_OF_SEVERAL,
            _ => 1.0,
        };
        if short.words == long.words {
            return several;
        }
        let paired = several * paired(&short.words, &long.words);
        let joined = if short.words.len() == long.words.len() { 0.0 } else { run_together(short, long) };
        paired.max(joined)
    }
}

fn paired(short: &[String], long: &[String]) -> f64 {
    let mut left: Vec<&String> = long.iter().collect();
    let mut unpaired = Vec::new();
    // Words that both have are taken first, so that no other word is paired with them.
    for word in short {
        match left.iter().position(|other| *other == word) {
            Some(at) => drop(left.swap_remove(at)),
            None => unpaired.push(word),
        }
    }
    let (mut sum, mut count, mut least) = (0.0, 0.0, 1.0_f64);
    for _ in unpaired.len()..short.len() {
        sum += 1.0;
        count += 1.0;
    }
    for word in unpaired {
        let alike = left.iter().map(|other| strsim::jaro_winkler(word, other)).enumerate();
        let best = alike.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let alike = best.map_or(0.0, |(at, alike)| {
            left.swap_remove(at);
            alike
        });
        sum += alike;
        count += 1.0;
        least = least.min(alike);
    }
    let missing = left.iter().fold(0.0, |missing, _| missing + MISSING_WORD);
    (f64::midpoint(sum / count, least) - missing).max(0.0)
}

/// Of names that differ in how many words they are written in: whether the letters are the same.
fn run_together(short: &Name, long: &Name) -> f64 {
    let sorted = |name: &Name| {
        let mut letters: Vec<char> = name.letters.chars().collect();
        letters.sort_unstable();
        letters
    };
    let same = short.letters.len() == long.letters.len()
        && short.words.iter().all(|word| is_made_of(word, &long.words))
        && sorted(short) == sorted(long);
    if same { SAME_LETTERS } else { 0.0 }
}

/// Whether a word begins with one of the others, or is within one.
fn is_made_of(word: &str, others: &[String]) -> bool {
    others.iter().any(|other| word.starts_with(other.as_str()))
}

fn prefix(word: &str) -> Prefix {
    let mut prefix = ['\0'; 3];
    prefix.iter_mut().zip(word.chars()).for_each(|(to, letter)| *to = letter);
    prefix
}
