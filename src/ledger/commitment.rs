//! Commitments. A commitment binds an entry to bytes that need not be shown; it is opened by showing them with their
//! salt.

use super::hash::Hash;
use super::merkle::sha256;

/// Length of a salt, in bytes: as long as the digest, so that not even a guessable name can be found by trying.
pub const SALT_LEN: usize = 32;

/// SHA-256(salt || content). The salt has a fixed length, so that no content can pass for another.
pub fn commit(salt: &[u8; SALT_LEN], content: &[u8]) -> Hash {
    sha256(&[salt, content])
}

/// Whether `salt` and `content` are what was committed to. Not compared in constant time: a commitment is no secret.
pub fn opens(commitment: Hash, salt: &[u8; SALT_LEN], content: &[u8]) -> bool {
    commit(salt, content) == commitment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commitment_is_the_digest_of_salt_and_content() {
        // (head -c 32 /dev/zero; printf abc) | sha256sum
        let expected = "365aa7d8f7f9402c4b9434502b4cc89ddb09fe50d7cd95b493b834c62d5a5370";
        assert_eq!(commit(&[0; SALT_LEN], b"abc").to_string(), expected);
    }

    #[test]
    fn a_commitment_opens_only_to_its_salt_and_content() {
        let salt = [7; SALT_LEN];
        let commitment = commit(&salt, b"larceny");
        assert!(opens(commitment, &salt, b"larceny"));
        assert!(!opens(commitment, &salt, b"larcenz"));
        assert!(!opens(commitment, &salt, b""));
        let mut other = salt;
        other[31] ^= 1;
        assert!(!opens(commitment, &other, b"larceny"));
    }
}
