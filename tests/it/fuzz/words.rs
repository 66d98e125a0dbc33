//! Short texts that mean something: cursors, page tokens, audiences.

use comity::domain::inbox::InboxConsumer;
use comity::feed::{Cursor, CursorKey};
use comity::store::Audience;
use comity::wire::parse;

use crate::fuzz::Target;
use crate::mutate::Kind;

const WORDS: [&[u8]; 12] =
    [b"us-ice", b"@oversight", b"@custodians", b"=1ff", b";", b"+", b"0", b"ffffffff", b"urn:uuid:", b"{", b"A", b"=="];

fn target<'a>(name: &'a str, seeds: &[&str]) -> Target<'a> {
    let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    Target { name, kind: Kind::Text, seeds, words: &WORDS, runs: 10_000, grows: false }
}

#[test]
fn only_a_cursor_that_was_given_is_one() {
    let key = CursorKey::new(&[7; 32]);
    let whose = |agency: &str, jurisdiction: &str, consumer: &str| InboxConsumer {
        agency: agency.parse().unwrap(),
        jurisdiction: jurisdiction.parse().unwrap(),
        consumer: consumer.parse().unwrap(),
    };
    let own = whose("us-ice", "us-ny", "default");
    let others = [
        whose("us-ny-doccs", "us-ny", "default"),
        whose("us-ice", "us-tx", "default"),
        whose("us-ice", "us-ny", "statistics"),
    ];
    let positions = Cursor { exchange: 7, exchange_seen: 9, ..Cursor::default() };
    let good = key.seal(&own, positions);
    let [agency, jurisdiction, consumer] = others.each_ref().map(|other| key.seal(other, positions));
    target("cursor", &[&good, &agency, &jurisdiction, &consumer]).fuzz(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return "not a text".to_owned() };
        let opened = key.open(&own, text);
        assert_eq!(opened.is_some(), text == good, "{text}");
        opened.map_or("nobody's", |_| "accepted").to_owned()
    });
}

#[test]
fn a_page_token_has_one_spelling() {
    target("page-token", &["0198c0de-0000-7000-8000-000000000001", ""]).fuzz(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return "not a text".to_owned() };
        match parse::page_token(text) {
            Ok(id) => {
                assert_eq!(id.map(|id| id.to_string()).unwrap_or_default(), text);
                "accepted".to_owned()
            }
            Err(error) => error.to_string(),
        }
    });
}

/// A second spelling would be a second audience to whatever compares texts.
#[test]
fn an_audience_has_one_spelling() {
    target("audience", &["us-ice=1ff;@oversight=1fff;@custodians=3;@requesters=0", ""]).fuzz(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return "not a text".to_owned() };
        match Audience::parse(text) {
            Some(audience) => {
                assert_eq!(audience.to_text(), text);
                format!("accepted/{}", audience.0.len().min(6))
            }
            None => "nobody's".to_owned(),
        }
    });
}
