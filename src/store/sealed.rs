//! Rows with sealed content, the same on both engines: entries, cases, answers to appeals, and the keys that seal them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crate::domain::appeal::AppealItem;
use crate::domain::case::StoredCase;
use crate::domain::detainer::DetainerState;
use crate::domain::determination::FieldClass;
use crate::domain::ids::CaseName;
use crate::store::data_keys::DataKey;
use crate::store::vault::Key;
use crate::store::{NewEntry, PolicyInForce, RecordedAnswer, StoreError, compact, rows};
use crate::wire::entry::{self, Opening};

const BROKEN_ENTRY: StoreError = StoreError::Broken("an entry is not of a known layout");
const BROKEN_POLICY: StoreError = StoreError::Broken("the policy set in force is not of a known layout");

/// A row of `entries`.
pub(super) struct EntryRow {
    pub(super) position: i64,
    pub(super) batch_size: i64,
    pub(super) leaf: Vec<u8>,
    pub(super) audience: String,
    pub(super) clear: Vec<u8>,
    pub(super) sealed: Vec<u8>,
    pub(super) answer: Option<Vec<u8>>,
}

impl EntryRow {
    /// Seals the personal content of a new entry and the answer to its write.
    pub(super) fn seal(position: i64, batch_size: u64, new: &NewEntry, key: &Key) -> Result<Self, StoreError> {
        let is_clear = |opening: &&Opening| opening.class == FieldClass::Count;
        let clear = entry::write_openings(new.openings.iter().filter(is_clear));
        let personal = entry::write_openings(new.openings.iter().filter(|opening| !is_clear(opening)));
        let answer = new.answer.as_ref().map(|answer| {
            // The answer repeats the better part of what its entry says.
            let kept = compact::compress(answer, &personal)?;
            Ok::<_, StoreError>(key.seal(&kept, &rows::answer_context(position))?)
        });
        let mut row = Self {
            position,
            batch_size: rows::integer(batch_size)?,
            leaf: new.leaf.clone(),
            audience: new.audience.to_text(),
            clear,
            sealed: Vec::new(),
            answer: answer.transpose()?,
        };
        row.sealed = key.seal(&personal, &row.context())?;
        Ok(row)
    }

    /// The contents: those that are never personal, and the others if the key is given.
    pub(super) fn openings(&self, key: Option<&Key>) -> Result<Vec<Opening>, StoreError> {
        let mut openings = entry::read_openings(&self.clear).map_err(|_| BROKEN_ENTRY)?;
        if let Some(key) = key {
            let personal = key.open(&self.sealed, &self.context())?;
            openings.extend(entry::read_openings(&personal).map_err(|_| BROKEN_ENTRY)?);
            openings.sort_by_key(|opening| opening.class);
        }
        Ok(openings)
    }

    /// The answer that was given to the write, as it was given. Without a key: it was expunged since.
    pub(super) fn answer(self, key: Option<&Key>) -> Result<Option<RecordedAnswer>, StoreError> {
        let Some(sealed) = &self.answer else { return Ok(None) };
        let answer = key.map(|key| self.opened_answer(sealed, key)).transpose()?;
        Ok(Some(RecordedAnswer { answer, leaf: self.leaf, batch_size: rows::size(self.batch_size)? }))
    }

    fn opened_answer(&self, sealed: &[u8], key: &Key) -> Result<Vec<u8>, StoreError> {
        let kept = key.open(sealed, &rows::answer_context(self.position))?;
        if !compact::is_compressed(&kept) {
            return Ok(kept);
        }
        compact::decompress(&kept, &key.open(&self.sealed, &self.context())?)
    }

    /// The row, sealed under another wrapping key: of an entry that no case's key seals.
    pub(super) fn resealed(mut self, from: &Key, to: &Key) -> Result<Self, StoreError> {
        let personal = from.open(&self.sealed, &self.context())?;
        if let Some(answer) = &mut self.answer {
            let context = rows::answer_context(self.position);
            *answer = to.seal(&from.open(answer, &context)?, &context)?;
        }
        self.sealed = to.seal(&personal, &self.context())?;
        Ok(self)
    }

    fn context(&self) -> Vec<u8> {
        let bound = rows::Bound {
            position: self.position,
            batch_size: self.batch_size,
            leaf: &self.leaf,
            audience: &self.audience,
            clear: &self.clear,
            answer: self.answer.as_deref(),
        };
        bound.context()
    }
}

/// The case whose key seals an entry, by its leaf. `None`: the wrapping key itself seals it.
pub(super) fn case_of(leaf: &[u8]) -> Result<Option<CaseName>, StoreError> {
    Ok(entry::read_leaf(leaf).map_err(|_| BROKEN_ENTRY)?.resource.parse().ok())
}

/// The sealed state of a case.
pub(super) fn seal_case(case: &StoredCase, key: &Key) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(case).map_err(|_| StoreError::Broken("a case cannot be written"))?;
    let is_lodged = case.detainer().is_some_and(|detainer| detainer.state == DetainerState::Lodged);
    Ok(key.seal(&compact::compress_case(&json, is_lodged)?, &rows::case_context(case.name()))?)
}

/// Opens a case. Returns it with its data key.
pub(super) fn open_case(
    vault: &Key,
    name: &CaseName,
    wrapped: &[u8],
    sealed: &[u8],
) -> Result<(StoredCase, Key), StoreError> {
    let key = DataKey::open(vault, name, wrapped)?.key;
    let json = compact::decompress_case(key.open(sealed, &rows::case_context(name))?)?;
    let case: StoredCase = serde_json::from_slice(&json).map_err(|_| StoreError::Broken("a case cannot be read"))?;
    if case.name() == name { Ok((case, key)) } else { Err(StoreError::Broken("a case bears another's name")) }
}

/// The sealed answer about a detainer in an appeal.
pub(super) fn seal_item(
    key: &Key,
    appeal: &CaseName,
    detainer: &CaseName,
    item: &AppealItem,
) -> Result<Vec<u8>, StoreError> {
    let item = AppealItem { barred: None, ..item.clone() };
    let plain = serde_json::to_vec(&item).map_err(|_| StoreError::Broken("an answer cannot be written"))?;
    Ok(key.seal(&plain, &rows::item_context(appeal, detainer))?)
}

/// Opens the sealed answer of an item; an empty answer if there is none.
pub(super) fn open_item(
    key: &Key,
    appeal: &CaseName,
    detainer: &CaseName,
    sealed: Option<&[u8]>,
) -> Result<AppealItem, StoreError> {
    let Some(sealed) = sealed else { return Ok(AppealItem::default()) };
    let plain = key.open(sealed, &rows::item_context(appeal, detainer))?;
    serde_json::from_slice(&plain).map_err(|_| StoreError::Broken("an answer to an appeal cannot be read"))
}

/// So many rows are worth a thread of their own.
const ROWS_A_THREAD: usize = 64;

/// Seals the rows of a batch, on all cores where there are many: sealing needs no order, and a log has one writer.
pub(super) fn seal_all<T: Sync, R: Send>(
    new: &[T],
    seal: impl Fn(&T) -> Result<R, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = cores.min(new.len() / ROWS_A_THREAD).max(1);
    let mut parts = new.chunks(new.len().div_ceil(threads).max(1));
    let own = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let seal = &seal;
        let others: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().map(seal).collect())).collect();
        let mut rows = own.iter().map(seal).collect::<Result<Vec<R>, StoreError>>()?;
        for other in others {
            let sealed: Result<Vec<R>, StoreError> =
                other.join().map_err(|_| StoreError::Broken("a thread that seals was given up"))?;
            rows.extend(sealed?);
        }
        Ok(rows)
    })
}

/// The digest of each file of a policy set, as stored.
pub(super) fn policy_files(policy: &PolicyInForce) -> Result<String, StoreError> {
    let files: BTreeMap<&str, String> =
        policy.files.iter().map(|(name, digest)| (name.as_str(), hex::encode(digest))).collect();
    serde_json::to_string(&files).map_err(|_| BROKEN_POLICY)
}

/// A policy set as read.
pub(super) fn policy_in_force(digest: &[u8], files: &str, since: i64) -> Result<PolicyInForce, StoreError> {
    let digest = digest.try_into().map_err(|_| BROKEN_POLICY)?;
    let files: BTreeMap<String, String> = serde_json::from_str(files).map_err(|_| BROKEN_POLICY)?;
    let file = |(name, text): (String, String)| {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| BROKEN_POLICY)?;
        Ok((name, digest))
    };
    let files = files.into_iter().map(file).collect::<Result<_, StoreError>>()?;
    Ok(PolicyInForce { digest, files, since: rows::time(since)? })
}
