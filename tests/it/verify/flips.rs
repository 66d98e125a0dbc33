//! One byte changed, anywhere.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use crate::verify::Evidence;

/// The row of an entry.
pub(super) fn position_of(log: &str, index: i64, evidence: &Evidence) -> i64 {
    let number: i64 =
        evidence.database().query_row("SELECT id FROM names WHERE name = ?1", [log], |row| row.get(0)).unwrap();
    number << 40 | index
}

/// Changes one byte of a column, and gives back what was there.
pub(super) fn flip(database: &Connection, table: &str, column: &str, position: i64, at: usize, by: u8) -> Vec<u8> {
    let before = content(database, table, column, position);
    let mut after = before.clone();
    after[at] ^= by;
    put(database, table, column, position, &after);
    before
}

fn content(database: &Connection, table: &str, column: &str, position: i64) -> Vec<u8> {
    let query = format!("SELECT coalesce(CAST({column} AS BLOB), x'') FROM {table} WHERE position = ?1");
    database.query_row(&query, [position], |row| row.get(0)).unwrap()
}

fn put(database: &Connection, table: &str, column: &str, position: i64, bytes: &[u8]) {
    let kind = if column == "audience" || column == "note" { "TEXT" } else { "BLOB" };
    let update = format!("UPDATE {table} SET {column} = CAST(?2 AS {kind}) WHERE position = ?1");
    assert_eq!(database.execute(&update, params![position, bytes]), Ok(1));
}

fn positions(database: &Connection, table: &str) -> Vec<i64> {
    let mut statement = database.prepare(&format!("SELECT position FROM {table} ORDER BY position")).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Flips bytes of a column one at a time; each must be found. All bytes of the first row, and some of every other.
fn check(evidence: &Evidence, table: &str, column: &str, of_every_row: usize) {
    let database = evidence.database();
    let mut random = fastrand::Rng::with_seed(7_391);
    assert!(evidence.is_whole());
    let mut flips = 0;
    for (nth, position) in positions(&database, table).into_iter().enumerate() {
        let len = content(&database, table, column, position).len();
        if len == 0 {
            continue;
        }
        let everywhere = nth == 0;
        let places: BTreeSet<usize> =
            if everywhere { (0..len).collect() } else { (0..of_every_row).map(|_| random.usize(0..len)).collect() };
        for at in places {
            let by = 1 << random.u8(0..8);
            let before = flip(&database, table, column, position, at, by);
            assert!(!evidence.is_whole(), "{table}.{column} of {position:x}, byte {at} of {len}, by {by:#x}");
            put(&database, table, column, position, &before);
            flips += 1;
        }
    }
    assert!(evidence.is_whole(), "everything was put back");
    println!("{flips} flips in {table}.{column}, each found");
}

#[tokio::test]
async fn a_byte_of_a_leaf_is_found() {
    check(&Evidence::gather().await, "entries", "leaf", 4);
}

#[tokio::test]
async fn a_byte_of_clear_content_is_found() {
    check(&Evidence::gather().await, "entries", "clear", 4);
}

#[tokio::test]
async fn a_byte_of_sealed_content_is_found() {
    check(&Evidence::gather().await, "entries", "sealed", 4);
}

#[tokio::test]
async fn a_byte_of_an_audience_is_found() {
    check(&Evidence::gather().await, "entries", "audience", 4);
}

/// What a repeated request would be answered with.
#[tokio::test]
async fn a_byte_of_a_recorded_answer_is_found() {
    check(&Evidence::gather().await, "entries", "answer", 4);
}

#[tokio::test]
async fn a_byte_of_a_checkpoint_is_found() {
    check(&Evidence::gather().await, "checkpoints", "note", 4);
}

#[tokio::test]
async fn a_byte_of_a_tile_is_found() {
    check(&Evidence::of(&["us-ny-doccs"]).await, "tiles", "hashes", 20);
}

#[tokio::test]
async fn a_byte_of_a_receipt_is_found() {
    let evidence = Evidence::of(&["us-ny-doccs"]).await;
    let mut random = fastrand::Rng::with_seed(7_391);
    let path = evidence.path().join("receipts/us-ice.jsonl");
    let good = std::fs::read(&path).unwrap();
    let lines = good.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
    // The longest, which has the longest proof, every byte twice; it stands alone, so that the rest is not read again.
    let line = *lines.iter().max_by_key(|line| line.len()).unwrap();
    std::fs::remove_file(evidence.path().join("receipts/custodians.jsonl")).unwrap();
    let mut flips = 0;
    for at in 0..line.len() {
        for by in [1, 2 << random.u8(0..7)] {
            let mut changed = line.to_vec();
            changed[at] ^= by;
            std::fs::write(&path, changed).unwrap();
            assert!(!evidence.is_whole(), "byte {at} of {} by {by:#x}", line.len());
            flips += 1;
        }
    }
    std::fs::write(&path, line).unwrap();
    assert!(evidence.is_whole(), "everything was put back");
    println!("{flips} flips in a receipt, each found");
}

#[tokio::test]
async fn a_receipt_in_another_spelling_is_not_the_one_that_was_given() {
    let evidence = Evidence::of(&["us-ny-doccs"]).await;
    let path = evidence.path().join("receipts/us-ice.jsonl");
    let good = std::fs::read_to_string(&path).unwrap();
    let spellings: [fn(&str) -> String; 5] = [
        |line| line.replacen(':', ": ", 1),
        |line| line.replacen("us-ny", "us\\u002dny", 1),
        |line| line.replacen('{', r#"{"note":"mine","#, 1),
        |line| line.trim_end().to_owned(),
        |line| format!("\n{line}"),
    ];
    for spelling in spellings {
        let changed = spelling(&good);
        assert_ne!(changed, good);
        std::fs::write(&path, changed).unwrap();
        assert!(!evidence.is_whole());
    }
}
