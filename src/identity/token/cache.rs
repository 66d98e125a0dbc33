//! Caches verified tokens: verification costs some 50 us, a look-up less than one.

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

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

/// A bounded cache that gives out no token past its end. A full cache drops tokens that are not used.
pub(crate) struct TokenCache(Cache<CacheKey, VerifiedToken>);

impl TokenCache {
    /// Holds this many tokens, rounded up to the same number for each of its parts, which are locked by themselves.
    pub(crate) fn new(tokens_max: usize) -> Self {
        Self(Cache::new(tokens_max))
    }

    pub(crate) fn get(&self, key: &CacheKey, now: Timestamp) -> Option<VerifiedToken> {
        self.0.get(key).filter(|token| is_good(token, now))
    }

    pub(crate) fn insert(&self, key: CacheKey, token: VerifiedToken) {
        self.0.insert(key, token);
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
        let cache = TokenCache::new(8);
        let used = [255; 32];
        cache.insert(used, token(100));
        for byte in 0..100 {
            cache.insert([byte; 32], token(100));
            assert!(cache.get(&[byte; 32], now).is_some(), "the newest is missing: {byte}");
            assert!(cache.get(&used, now).is_some(), "forgotten after {byte}");
            assert!(cache.0.len() <= 8);
        }
        assert!(cache.get(&[0; 32], now).is_none());
    }

    #[test]
    fn a_token_is_forgotten_when_it_ends() {
        let cache = TokenCache::new(8);
        cache.insert([1; 32], token(100));
        assert!(cache.get(&[1; 32], Timestamp::from_second(99).unwrap()).is_some());
        assert!(cache.get(&[1; 32], Timestamp::from_second(100).unwrap()).is_none());
    }
}
