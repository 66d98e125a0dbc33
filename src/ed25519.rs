//! Ed25519 public keys that must never be trusted: signatures verify under them that nobody made.
//!
//! RFC 8032 leaves this check to the reader of a key, and the cryptographic library does not make it.

/// The y coordinates of the points of small order, without the sign of x. There are five; each may have either sign
/// (RFC 7748 7, and the orders 1, 2, 4, 8 and 8).
const SMALL_ORDER: [[u8; 32]; 5] = [
    ends_of(1, 0),
    ends_of(0xec, 0x7f),
    ends_of(0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// The sign of x, in the last byte.
const SIGN: u8 = 0x80;

/// Whether nobody may be trusted by this key. It is of small order, so that a signature can be made without a private
/// key; or it is not in a key's only encoding (RFC 8032 5.1.3: y is below the prime).
pub fn is_weak(public: &[u8; 32]) -> bool {
    let mut y = *public;
    y[31] &= !SIGN;
    // The prime is 2^255 - 19. A number not below it begins with 0xed or more, and all bits after that byte are ones.
    let (first, rest) = (y[0], &y[1..31]);
    let is_below_prime = first < 0xed || y[31] != 0x7f || rest.iter().any(|byte| *byte != 0xff);
    !is_below_prime || SMALL_ORDER.contains(&y)
}

/// A number with these first and last bytes. The bytes between are all zero if the last is, else all ones.
const fn ends_of(first: u8, last: u8) -> [u8; 32] {
    let mut bytes = if last == 0 { [0; 32] } else { [0xff; 32] };
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

    use super::*;

    /// Every encoding of a point of small order: each y, also as its value above the prime, with either sign.
    fn small() -> Vec<[u8; 32]> {
        let mut all = SMALL_ORDER.to_vec();
        all.extend([ends_of(0xed, 0x7f), ends_of(0xee, 0x7f)]);
        all.into_iter()
            .flat_map(|y| {
                [0, SIGN].map(|sign| {
                    let mut key = y;
                    key[31] |= sign;
                    key
                })
            })
            .collect()
    }

    #[test]
    fn keys_under_which_nobody_signed_are_weak() {
        for key in small() {
            assert!(is_weak(&key), "{}", hex::encode(key));
        }
        // The library accepts a signature under one of them: R is the point itself and S is zero, over any text.
        let neutral = ends_of(1, 0);
        let nobodys = [neutral, [0; 32]].concat();
        let key = UnparsedPublicKey::new(&ED25519, neutral);
        assert!(key.verify(b"a checkpoint", &nobodys).is_ok() && key.verify(b"another", &nobodys).is_ok());
    }

    #[test]
    fn a_spelling_above_the_prime_is_weak() {
        for first in 0xed..=0xff {
            assert!(is_weak(&ends_of(first, 0x7f)) && is_weak(&ends_of(first, 0xff)));
        }
        assert!(!is_weak(&ends_of(0xeb, 0x7f)));
    }

    #[test]
    fn a_key_that_somebody_has_is_not() {
        for seed in 0..200 {
            let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
            assert!(!is_weak(pair.public_key().as_ref().try_into().unwrap()));
        }
    }
}
