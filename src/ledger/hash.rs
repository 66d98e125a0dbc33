//! A 32-byte hash, and its only spelling in C2SP texts.

use std::array::TryFromSliceError;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A SHA-256 digest: a leaf, a node, a root or a commitment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Wraps bytes that are already a digest. Does not hash them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest's bytes, as stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Standard base64 (RFC 4648 section 4), the spelling in checkpoints and receipts: 44 characters.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Appends [`Hash::to_base64`] to a text without an intermediate string.
    pub(super) fn push_base64(&self, text: &mut String) {
        STANDARD.encode_string(self.0, text);
    }

    /// Reads [`Hash::to_base64`] back. Accepts only the canonical spelling: padded, without stray trailing bits.
    pub fn from_base64(text: &str) -> Option<Self> {
        // One byte more than a hash, since the last four letters could decode to three bytes.
        let mut bytes = [0; 33];
        let len = STANDARD.decode_slice(text, &mut bytes).ok()?;
        Self::try_from(bytes.get(..len)?).ok()
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = TryFromSliceError;

    /// Reads a stored digest. Refuses anything but 32 bytes.
    fn try_from(bytes: &[u8]) -> Result<Self, TryFromSliceError> {
        bytes.try_into().map(Self)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_base64_spelling_is_read() {
        let hash = Hash::from_bytes([7; 32]);
        let text = hash.to_base64();
        assert_eq!(Hash::from_base64(&text), Some(hash));
        let unpadded = text.trim_end_matches('=');
        // 'c' ends the last sextet. 'd' differs from it only in bits that base64 ignores.
        let stray_bits = text.replace("c=", "d=");
        assert_ne!(text, stray_bits);
        let with_newline = format!("{text}\n");
        let url_alphabet = Hash::from_bytes([0xff; 32]).to_base64().replace('/', "_");
        for other in [unpadded, &stray_bits, &with_newline, &url_alphabet, "", "AAAA"] {
            assert_eq!(Hash::from_base64(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_hash_prints_as_hex() {
        let hash = Hash::from_bytes([0xab; 32]);
        assert_eq!(format!("{hash:?}"), "ab".repeat(32));
        assert_eq!(hash.to_string(), "ab".repeat(32));
    }
}
