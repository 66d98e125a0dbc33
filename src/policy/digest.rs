//! Identifies a policy set by a digest over its files.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

/// The digest of a set's files. Lengths are included: without them, text moved from one file to the next would not
/// change the digest.
pub fn digest_of(files: &BTreeMap<String, String>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in files.iter().flat_map(|(name, text)| [name, text]) {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part.as_bytes());
    }
    bytes_of(&context.finish())
}

/// The digest of one file's content.
pub(crate) fn of_text(text: &str) -> [u8; 32] {
    bytes_of(&digest(&SHA256, text.as_bytes()))
}

fn bytes_of(digest: &Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}
