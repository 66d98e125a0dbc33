//! Reads the words of a vocabulary as the tables spell them.

use crate::domain::vocabulary::Vocabulary;

/// A word of a vocabulary. The error lists the known words.
pub(crate) fn word<T: Vocabulary>(key: &str, text: &str) -> Result<T, String> {
    let known = || T::VARIANTS.iter().map(|known| known.plain_word()).collect::<Vec<_>>().join(", ");
    let found = T::VARIANTS.iter().copied().find(|known| known.plain_word() == text);
    found.ok_or_else(|| format!("{key}: {text:?} is none of: {}", known()))
}

/// Several words of a vocabulary.
pub(crate) fn words<T: Vocabulary>(key: &str, texts: &[String]) -> Result<Vec<T>, String> {
    texts.iter().map(|text| word(key, text)).collect()
}
