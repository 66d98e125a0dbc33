//! Entries dropped, swapped and cut off.

use comity::verify::{Claim, verify};
use rusqlite::{Connection, params};

use crate::verify::Evidence;

const LOG: &str = "jurisdictions/us-ny/logs/exchange";

type Tampering = fn(&Log);

/// A log within a database.
struct Log {
    database: Connection,
    number: i64,
    size: i64,
}

impl Log {
    fn of(evidence: &Evidence) -> Self {
        let database = evidence.database();
        let (number, size) = database
            .query_row(
                "SELECT names.id, heads.size FROM names JOIN heads ON heads.log = names.id WHERE name = ?1",
                [LOG],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        Self { database, number, size }
    }

    fn row(&self, index: i64) -> i64 {
        self.number << 40 | index
    }

    fn checkpoint(&self, size: i64) -> String {
        let query = "SELECT note FROM checkpoints WHERE position = ?1";
        self.database.query_row(query, [self.row(size)], |row| row.get(0)).unwrap()
    }

    fn drop_entry(&self, index: i64) {
        assert_eq!(self.database.execute("DELETE FROM entries WHERE position = ?1", [self.row(index)]), Ok(1));
    }

    /// Everything behind closes up, as if it had never been there.
    fn close_up(&self, index: i64) {
        for moved in index + 1..self.size {
            let update = "UPDATE entries SET position = ?2 WHERE position = ?1";
            assert_eq!(self.database.execute(update, [self.row(moved), self.row(moved - 1)]), Ok(1));
        }
    }

    fn swap(&self, one: i64, other: i64) {
        let aside = self.number << 40 | 0xff_ffff;
        for (from, to) in [(self.row(one), aside), (self.row(other), self.row(one)), (aside, self.row(other))] {
            assert_eq!(
                self.database.execute("UPDATE entries SET position = ?2 WHERE position = ?1", [from, to]),
                Ok(1)
            );
        }
    }

    /// As whoever owns the file would: entries, checkpoints, head and tile, so that nothing in it tells.
    fn cut(&self, size: i64) {
        let after = [self.row(size), self.row(0xff_ffff)];
        self.database.execute("DELETE FROM entries WHERE position >= ?1 AND position < ?2", after).unwrap();
        self.database.execute("DELETE FROM checkpoints WHERE position > ?1 AND position < ?2", after).unwrap();
        self.database.execute("UPDATE heads SET size = ?2 WHERE log = ?1", [self.number, size]).unwrap();
        let tile = self.number << 44;
        let update = "UPDATE tiles SET hashes = substr(hashes, 1, ?2) WHERE position = ?1";
        assert_eq!(self.database.execute(update, params![tile, size * 32]), Ok(1));
    }
}

#[tokio::test]
async fn an_entry_that_is_missing_or_displaced_is_found() {
    let evidence = Evidence::gather().await;
    let cases: [(&str, Tampering); 7] = [
        ("the first dropped", |log| log.drop_entry(0)),
        ("one dropped from the middle", |log| log.drop_entry(log.size / 2)),
        ("the last dropped", |log| log.drop_entry(log.size - 1)),
        ("one dropped and the rest closed up", |log| {
            log.drop_entry(log.size / 2);
            log.close_up(log.size / 2);
        }),
        ("two neighbours swapped", |log| log.swap(4, 5)),
        ("two swapped", |log| log.swap(1, log.size - 1)),
        ("the last dropped, and the head moved back", |log| {
            log.drop_entry(log.size - 1);
            log.database.execute("UPDATE heads SET size = size - 1 WHERE log = ?1", [log.number]).unwrap();
        }),
    ];
    for (name, tampering) in cases {
        // With and without the key that opens what is sealed, and without a receipt.
        let broken = evidence.copied();
        broken.forget_receipts();
        assert!(broken.is_whole());
        tampering(&Log::of(&broken));
        assert!(verify(&broken.claim()).is_err(), "{name}");
        assert!(verify(&Claim { wrapping_key: None, ..broken.claim() }).is_err(), "{name}, sealed");
    }
}

#[tokio::test]
async fn a_tail_cut_with_everything_that_speaks_of_it_is_found_by_whoever_kept_something() {
    let evidence = Evidence::gather().await;
    let whole = Log::of(&evidence);
    let kept = whole.checkpoint(whole.size);
    for size in [whole.size - 1, whole.size / 2, 1] {
        let cut = evidence.copied();
        let log = Log::of(&cut);
        let older = log.checkpoint(size);
        log.cut(size);
        let with_receipts = verify(&cut.claim());
        assert!(with_receipts.is_err(), "a receipt of the cut part was kept");
        cut.forget_receipts();
        assert!(verify(&cut.claim()).is_ok(), "in itself it is whole: {:?}", verify(&cut.claim()));
        let against = |kept: &str| verify(&Claim { against: vec![kept.to_owned()], ..cut.claim() });
        assert!(against(&kept).is_err(), "a newer checkpoint was kept");
        assert!(against(&older).is_ok(), "of what is left, one tells nothing");
        std::fs::write(cut.path().join("kept.note"), &kept).unwrap();
        let kept = cut.path().join("kept.note");
        assert_eq!(cut.run(&["--against", kept.to_str().unwrap()]).status.code(), Some(1));
    }
}
