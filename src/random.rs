//! Randomness for salts, nonces and ids, drawn from the cryptographic library a page at a time: it asks the processor anew at
//! each call, and a write needs a dozen of them. Keys are drawn from the library itself.

use std::cell::RefCell;

use zeroize::Zeroizing;

const DRAWN_LEN: usize = 4_096;

/// The library's generator refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random generator refused")]
pub struct NoRandomness;

struct Drawn {
    bytes: Zeroizing<[u8; DRAWN_LEN]>,
    /// Where what was not given out yet begins.
    next: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = RefCell::new(Drawn { bytes: Zeroizing::new([0; DRAWN_LEN]), next: DRAWN_LEN });
}

/// Fills bytes with random ones that nobody else is given.
pub fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    DRAWN.with_borrow_mut(|drawn| {
        if bytes.len() > DRAWN_LEN.saturating_sub(drawn.next) {
            drawn.next = DRAWN_LEN;
            aws_lc_rs::rand::fill(drawn.bytes.as_mut()).map_err(|_| NoRandomness)?;
            drawn.next = 0;
        }
        let end = drawn.next.saturating_add(bytes.len());
        // Longer than a page: from the library itself.
        let Some(given) = drawn.bytes.get_mut(drawn.next..end) else {
            return aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness);
        };
        bytes.copy_from_slice(given);
        // What was given out is not kept.
        given.fill(0);
        drawn.next = end;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_given_out_twice() {
        let mut seen = BTreeSet::new();
        for _ in 0..5_000 {
            let mut salt = [0; 32];
            fill(&mut salt).unwrap();
            assert!(seen.insert(salt));
            let mut nonce = [0; 12];
            fill(&mut nonce).unwrap();
            let mut padded = [0; 32];
            padded[..12].copy_from_slice(&nonce);
            assert!(seen.insert(padded));
        }
        DRAWN.with_borrow(|drawn| assert!(drawn.bytes[..drawn.next].iter().all(|byte| *byte == 0)));
    }

    #[test]
    fn more_than_a_page_is_filled_too() {
        let mut long = vec![0; DRAWN_LEN * 3];
        fill(&mut long).unwrap();
        assert!(long.chunks(64).all(|part| part.iter().any(|byte| *byte != 0)));
    }
}
