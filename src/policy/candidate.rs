//! Builds a candidate set from another: with some files replaced, or with one jurisdiction under another's law.

use std::collections::BTreeMap;

use crate::domain::ids::JurisdictionId;
use crate::policy::digest::digest_of;
use crate::policy::engine::Engine;
use crate::policy::load::{PolicyError, PolicySet, SWITCHES};

/// An engine's set with some of its files replaced, by name. A file without a text is removed.
pub fn with_replaced_files(engine: &Engine, files: &[(String, Option<String>)]) -> Result<PolicySet, PolicyError> {
    let mut texts = engine.texts().clone();
    for (name, text) in files {
        match text {
            Some(text) => _ = texts.insert(name.clone(), text.clone()),
            None => _ = texts.remove(name),
        }
    }
    PolicySet::from_files(&texts)
}

impl PolicySet {
    /// The same set with one jurisdiction under another's law. It has a digest of its own, though no files have that
    /// digest.
    #[must_use]
    pub fn swapped(mut self, whose: &JurisdictionId, by: &JurisdictionId) -> Option<Self> {
        let (law, written) = (self.laws.get(by)?.clone(), self.written.get(by)?.clone());
        self.laws.insert(whose.clone(), law)?;
        self.written.insert(whose.clone(), written);
        match self.statutes.get(by).cloned() {
            Some(statutes) => _ = self.statutes.insert(whose.clone(), statutes),
            None => _ = self.statutes.remove(whose),
        }
        let parts = [("set", hex::encode(self.digest)), ("whose", whose.to_string()), ("by", by.to_string())];
        let parts: BTreeMap<String, String> = parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect();
        self.digest = digest_of(&parts);
        Some(self)
    }
}

impl PolicyError {
    /// The file at fault, if the error is about one.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Unreadable { file, .. }
            | Self::Excess { file, .. }
            | Self::Altered { file }
            | Self::Misnamed { file }
            | Self::Invalid { file, .. }
            | Self::List { file, .. }
            | Self::Offences { file, .. }
            | Self::Rule { file, .. } => Some(file),
            Self::Missing { file } => Some(file),
            Self::Switches(_) => Some(SWITCHES),
            Self::TooMany | Self::Vocabulary(_) => None,
        }
    }
}
