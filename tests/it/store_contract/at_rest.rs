//! What the SQLite file itself gives away: nothing without the key.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use comity::domain::determination::FieldClass;
use comity::domain::ids::LogKind;
use comity::store::sqlite::{SqliteStore, open_read_only};
use comity::store::{Reader, Store, StoreError, Wanted};

use crate::sample;
use crate::store_contract::KEY;
use crate::store_contract::batch::{Drafts, custody, detainer, everything, log};

#[test]
fn nothing_personal_is_readable_in_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shard.sqlite");
    let mut store = SqliteStore::open(&path, &KEY).unwrap();
    let mut drafts = Drafts::recover(&mut store);
    let (case, held) = (detainer(1, Some("doccs")), custody(2, "doccs"));
    let written = [(LogKind::Exchange, Some(&case)), (LogKind::Custody, Some(&held)), (LogKind::Exchange, None)];
    store.commit(&drafts.batch(&written)).unwrap();
    let check = |files: &[&str]| {
        for file in files {
            let mode = std::fs::metadata(directory.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{file} can be read by others than its owner");
            let bytes = std::fs::read(directory.path().join(file)).unwrap();
            assert!(holds(&bytes, "us-ny"), "{file} is not where the names went");
            for canary in sample::CANARIES {
                assert!(!holds(&bytes, canary), "{canary} is readable in {file}");
            }
        }
    };
    // What was just written is in the log; when the writer has closed, all of it is in the file, though readers go on.
    let reader = store.reader();
    assert_eq!(everything(&*reader), drafts.expected);
    check(&["shard.sqlite-wal"]);
    drop(store);
    check(&["shard.sqlite"]);
    assert_eq!(std::fs::metadata(directory.path().join("shard.sqlite-wal")).unwrap().len(), 0);
    // And it was there to be found.
    let reader = open_read_only(&path, Some(&KEY)).unwrap();
    assert_eq!(everything(&reader), drafts.expected);
    let plain = serde_json::to_vec(&reader.case(case.name()).unwrap()).unwrap();
    assert!(sample::CANARIES.iter().all(|canary| holds(&plain, canary)));
}

#[test]
fn a_wrong_key_opens_nothing_and_no_key_opens_the_counts_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shard.sqlite");
    let case = detainer(1, Some("doccs"));
    let exchange = log(LogKind::Exchange);
    {
        let mut store = SqliteStore::open(&path, &KEY).unwrap();
        let append = Drafts::recover(&mut store).batch(&[(LogKind::Exchange, Some(&case)), (LogKind::Exchange, None)]);
        store.commit(&append).unwrap();
    }
    let mut wrong = SqliteStore::open(&path, &[43; 32]).unwrap();
    let wanted = Wanted { cases: [case.name().clone()].into(), ..Wanted::default() };
    assert!(matches!(wrong.load(&wanted), Err(StoreError::Vault(_))));
    let reader = wrong.reader();
    assert!(matches!(reader.case(case.name()), Err(StoreError::Vault(_))));
    assert!(matches!(reader.answer(&exchange, 0), Err(StoreError::Vault(_))));
    for index in 0..2 {
        assert!(matches!(reader.entries(&exchange, index, 1), Err(StoreError::Vault(_))), "{index}");
    }
    let reader = open_read_only(&path, None).unwrap();
    assert!(matches!(reader.case(case.name()), Err(StoreError::Vault(_))));
    for entry in reader.entries(&exchange, 0, 10).unwrap() {
        assert!(entry.openings.iter().all(|opening| opening.class == FieldClass::Count));
    }
    assert_eq!(reader.checkpoint(&exchange).unwrap().map(|(size, _)| size), Some(2));
    assert!(open_read_only(Path::new("/nowhere/at/all"), None).is_err());
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
