//! Caches verified tokens: verification costs some 50 us, a look-up less than one.

use std::collections::HashMap;

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};

use crate::domain::agency::Actor;
use crate::identity::certificate::Thumbprint;

/// What a valid token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who acts.
    pub actor: Actor,
    /// Its `exp` plus our leeway.
    pub good_until: Timestamp,
}

/// Whether a cached token is still valid, by the same limit as one just verified.
fn is_good(token: &VerifiedToken, now: Timestamp) -> bool {
    token.good_until.duration_since(now) > SignedDuration::ZERO
}

/// SHA-256 over the thumbprint and the whole token, so that the cache holds no token.
pub(crate) type CacheKey = [u8; 32];

/// The cache key of a token that is presented with a certificate.
pub(crate) fn cache_key(token: &str, thumbprint: &Thumbprint) -> CacheKey {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(thumbprint.as_bytes());
    context.update(token.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// A bounded cache in two generations. When the young generation is full it replaces the old one, which is dropped. A
/// token in use moves back to the young one.
pub(crate) struct TokenCache {
    generation_max: usize,
    young: HashMap<CacheKey, VerifiedToken>,
    old: HashMap<CacheKey, VerifiedToken>,
}

impl TokenCache {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { generation_max: entries_max / 2, young: HashMap::new(), old: HashMap::new() }
    }

    pub(crate) fn get(&mut self, key: &CacheKey, now: Timestamp) -> Option<VerifiedToken> {
        if let Some(token) = self.young.get(key) {
            return is_good(token, now).then(|| token.clone());
        }
        let token = self.old.remove(key).filter(|token| is_good(token, now))?;
        self.insert(*key, token.clone());
        Some(token)
    }

    // INVARIANT: both generations together hold at most 2 * generation_max tokens.
    pub(crate) fn insert(&mut self, key: CacheKey, token: VerifiedToken) {
        if self.generation_max == 0 {
            return;
        }
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agency::ActorKind;

    fn token(good_until: i64) -> VerifiedToken {
        VerifiedToken {
            actor: Actor { pseudonym: "0".repeat(32).parse().unwrap(), kind: ActorKind::System },
            good_until: Timestamp::from_second(good_until).unwrap(),
        }
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_what_is_used() {
        let now = Timestamp::from_second(50).unwrap();
        let mut cache = TokenCache::new(8);
        let used = [255; 32];
        cache.insert(used, token(100));
        for byte in 0..100 {
            cache.insert([byte; 32], token(100));
            assert!(cache.get(&used, now).is_some(), "forgotten after {byte}");
            assert!(cache.young.len() + cache.old.len() <= 8);
        }
        assert!(cache.get(&[0; 32], now).is_none());
    }

    #[test]
    fn a_token_is_forgotten_when_it_ends() {
        let mut cache = TokenCache::new(8);
        cache.insert([1; 32], token(100));
        assert!(cache.get(&[1; 32], Timestamp::from_second(99).unwrap()).is_some());
        assert!(cache.get(&[1; 32], Timestamp::from_second(100).unwrap()).is_none());
    }
}
