//! Tokens that end, files that change, and sources that fail.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Not signed: the client trusts nothing in it.
fn token(name: &str, lifetime_s: i64) -> String {
    let claims = format!(r#"{{"sub":"{name}","exp":{}}}"#, Timestamp::now().as_second() + lifetime_s);
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
}

async fn sent(held: &TokenCache) -> String {
    let header = held.bearer().await.unwrap().unwrap();
    assert!(header.is_sensitive());
    let payload = header.to_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

/// Mints `1`, `2` and so on, each good for so long; those in `failing` cannot be had.
fn minter(lifetime_s: i64, failing: &'static [u32]) -> TokenSource {
    let count = AtomicU32::new(0);
    TokenSource::minted_by(move || {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        let minted =
            if failing.contains(&number) { Err("no".into()) } else { Ok(token(&number.to_string(), lifetime_s)) };
        async move { minted }
    })
}

#[tokio::test]
async fn a_token_is_asked_for_once_while_it_is_good() {
    let held = TokenCache::new(minter(3_600, &[]), Duration::ZERO);
    assert_eq!((sent(&held).await, sent(&held).await), ("1".to_owned(), "1".to_owned()));
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_it() {
    // A fifth of ten seconds is two: good for one more, it is due.
    let held = TokenCache::new(minter(10, &[]), Duration::ZERO);
    assert_eq!(sent(&held).await, "1");
    let due = CachedToken { renew_at: Some(Timestamp::now()), ..CachedToken::clone(&held.held.load_full().unwrap()) };
    let end = due.expires_at.unwrap();
    assert!(held.held.load_full().unwrap().renew_at.unwrap() <= end - SignedDuration::from_secs(1));
    held.held.store(Some(Arc::new(due)));
    assert_eq!(sent(&held).await, "2");
}

#[tokio::test]
async fn a_token_that_is_still_good_is_sent_when_there_is_no_new_one() {
    let held = TokenCache::new(minter(0, &[2]), Duration::ZERO);
    // Without a time to live every call asks; the second is given none and has nothing else to send.
    assert_eq!(sent(&held).await, "1");
    assert!(matches!(held.bearer().await, Err(Error::Token(_))));
    assert_eq!(sent(&held).await, "3");

    let held = TokenCache::new(minter(3_600, &[2]), Duration::ZERO);
    assert_eq!(sent(&held).await, "1");
    let due = CachedToken { renew_at: Some(Timestamp::now()), ..CachedToken::clone(&held.held.load_full().unwrap()) };
    held.held.store(Some(Arc::new(due)));
    assert_eq!((sent(&held).await, sent(&held).await), ("1".to_owned(), "3".to_owned()));
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, format!("{}\n", token("first", 3_600))).unwrap();
    let at_once = TokenCache::new(TokenSource::File(path.clone()), Duration::ZERO);
    let in_an_hour = TokenCache::new(TokenSource::File(path.clone()), Duration::from_hours(1));
    assert_eq!((sent(&at_once).await, sent(&in_an_hour).await), ("first".to_owned(), "first".to_owned()));
    std::fs::write(&path, token("second", 3_600)).unwrap();
    assert_eq!((sent(&at_once).await, sent(&in_an_hour).await), ("second".to_owned(), "first".to_owned()));
    // A refusal does not wait.
    let first = in_an_hour.bearer().await.unwrap();
    assert!(in_an_hour.renew(first.as_ref()).await);
    assert_eq!(sent(&in_an_hour).await, "second");
    assert!(in_an_hour.renew(first.as_ref()).await, "somebody else has asked");
    let second = in_an_hour.bearer().await.unwrap();
    assert!(!in_an_hour.renew(second.as_ref()).await, "there is no other");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(sent(&at_once).await, "second");
}

#[tokio::test]
async fn what_is_no_token_is_not_sent() {
    let check = async |source: TokenSource| TokenCache::new(source, Duration::ZERO).bearer().await;
    assert_eq!(check("".into()).await.unwrap(), None);
    assert_eq!(check(TokenSource::Absent).await.unwrap(), None);
    assert!(matches!(check("a\nb".into()).await, Err(Error::Token(_))));
    assert!(matches!(check(TokenSource::File("/nowhere/at/all".into())).await, Err(Error::Token(_))));
    for opaque in ["opaque", "a.b.c", "a.e30.c"] {
        assert!(check(opaque.into()).await.unwrap().is_some(), "{opaque}");
        assert_eq!(expiry(opaque), None);
    }
    let debug = format!("{:?} {:?}", TokenSource::from("secret"), TokenCache::new("secret".into(), Duration::ZERO));
    assert!(!debug.contains("secret"), "{debug}");
}
