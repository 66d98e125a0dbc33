//! Encrypts personal data at rest: AES-256-GCM under a data key for each case. The data key is wrapped by a key that is
//! kept outside the database.
//!
//! Expunging a case destroys its data key. Every proof still verifies, and nothing about the person can be read.

use std::fmt;
use std::ops::Deref;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

use crate::random;

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The bytes are not what was sealed, or the key is another.
    #[error("the sealed bytes or the key are not the ones they should be")]
    Unopened,
    /// The cryptographic library refused, for want of randomness or memory.
    #[error("the cryptographic library refused")]
    Refused,
}

/// Length of a digest in the search index, in bytes.
const INDEXED_LEN: usize = 16;

/// A term of the search index as it is stored: a digest under a key, so that nobody without the key can tell of whom it is.
pub type Indexed = [u8; INDEXED_LEN];

/// The wrapping key, and the key of the search index, which is derived from it.
pub struct WrappingKey {
    key: Key,
    index: hmac::Key,
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey(withheld)")
    }
}

impl Deref for WrappingKey {
    type Target = Key;
    fn deref(&self) -> &Key {
        &self.key
    }
}

impl WrappingKey {
    /// Makes the keys from 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, VaultError> {
        // The input is a uniform key, so that one HMAC derives another (RFC 5869 3.3: the extraction may be left out).
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), b"comity search index");
        Ok(Self { key: Key::new(bytes)?, index: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()) })
    }

    /// The digest of a term.
    pub fn indexed(&self, term: &[u8]) -> Result<Indexed, VaultError> {
        let digest = hmac::sign(&self.index, term);
        digest.as_ref().first_chunk().copied().ok_or(VaultError::Refused)
    }
}

/// A wrapping key, or the data key of a case.
pub struct Key(LessSafeKey);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(withheld)")
    }
}

impl Key {
    /// Makes a key from 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, VaultError> {
        UnboundKey::new(&AES_256_GCM, bytes).map(|key| Self(LessSafeKey::new(key))).map_err(|_| VaultError::Refused)
    }

    /// Makes a data key, and wraps it under this key for the named case.
    pub fn new_data_key(&self, case: &[u8]) -> Result<(Self, Vec<u8>), VaultError> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| VaultError::Refused)?;
        Ok((Self::new(&bytes)?, self.seal(bytes.as_ref(), case)?))
    }

    /// Unwraps a data key.
    pub fn unwrap_data_key(&self, wrapped: &[u8], case: &[u8]) -> Result<Self, VaultError> {
        let bytes = Zeroizing::new(self.open(wrapped, case)?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| VaultError::Unopened)?;
        Self::new(bytes)
    }

    /// Unwraps a data key, and wraps it under another key.
    pub fn rewrap_data_key(&self, wrapped: &[u8], case: &[u8], under: &Self) -> Result<Vec<u8>, VaultError> {
        let bytes = Zeroizing::new(self.open(wrapped, case)?);
        under.seal(&bytes, case)
    }

    /// Seals bytes and binds them to a context. The result is nonce, ciphertext and tag.
    pub fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0u8; NONCE_LEN];
        random::fill(&mut nonce).map_err(|_| VaultError::Refused)?;
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .map_err(|_| VaultError::Refused)?;
        sealed.splice(..0, nonce);
        Ok(sealed)
    }

    /// Opens bytes that were sealed with the same context.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(VaultError::Unopened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Unopened)?;
        let mut opened = rest.to_vec();
        let len = self.0.open_in_place(nonce, Aad::from(context), &mut opened).map_err(|_| VaultError::Unopened)?.len();
        opened.truncate(len);
        Ok(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_its_term_and_its_key_alone() {
        let [one, other] = [7, 8].map(|byte| WrappingKey::new(&[byte; 32]).unwrap());
        let digest = one.indexed(b"A012345678").unwrap();
        assert_eq!(WrappingKey::new(&[7; 32]).unwrap().indexed(b"A012345678").unwrap(), digest);
        assert_ne!(other.indexed(b"A012345678").unwrap(), digest);
        assert_ne!(one.indexed(b"A012345679").unwrap(), digest);
        // Not by the wrapping key itself.
        let plain = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"A012345678");
        assert_ne!(plain.as_ref().first_chunk(), Some(&digest));
    }

    #[test]
    fn what_was_sealed_opens_in_its_context_alone() {
        let vault = Key::new(&[7; 32]).unwrap();
        let (key, wrapped) = vault.new_data_key(b"case").unwrap();
        let sealed = key.seal(b"content", b"here").unwrap();
        assert_eq!(vault.unwrap_data_key(&wrapped, b"case").unwrap().open(&sealed, b"here").unwrap(), b"content");
        assert!(vault.unwrap_data_key(&wrapped, b"another").is_err());
        assert_eq!(key.open(&sealed, b"there"), Err(VaultError::Unopened));
        assert_eq!(vault.open(&sealed, b"here"), Err(VaultError::Unopened));
        for at in 0..sealed.len() {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert_eq!(key.open(&broken, b"here"), Err(VaultError::Unopened));
        }
    }
}
