//! `comity verify`: whatever is changed, dropped, swapped or cut of a store or of a kept receipt is found.

mod cuts;
mod flips;

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity::config::read_key;
use comity::ledger::{Signer, VerifierKey};
use comity::store::StoreLocation;
use comity::verify::{Claim, KeptReceipt, verify};
use comity::wire::v1;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::requests::{
    detainer_for, intake_at, match_of, reasoned_answer_to, receipt_of, release_of, schedule_of, withdrawal_of,
};
use crate::harness::{World, copy};

/// A store at rest, with the receipts that its clients kept.
struct Evidence {
    directory: TempDir,
}

impl Evidence {
    /// Some fifty entries in four logs.
    async fn gather() -> Self {
        let agencies = ["us-ny-doccs", "us-ny-erie-jail", "us-tx-harris-jail", "us-ny-doccs", "us-ny-erie-jail"];
        Self::of(&agencies).await
    }

    /// One case at each of these agencies.
    async fn of(agencies: &[&'static str]) -> Self {
        let mut world = World::start();
        let mut kept: Vec<(&str, v1::Receipt)> = Vec::new();
        for agency in agencies {
            kept.extend(Box::pin(case(&world, agency)).await);
        }
        world.stop().await;
        let directory = tempfile::tempdir().unwrap();
        copy(world.directory(), directory.path());
        let evidence = Self { directory };
        std::fs::create_dir(evidence.path().join("receipts")).unwrap();
        for agency in ["us-ice", "custodians"] {
            let own = kept.iter().filter(|(of, _)| (*of == "us-ice") == (agency == "us-ice"));
            let lines: String = own.map(|(_, receipt)| line_of(receipt)).collect();
            std::fs::write(evidence.path().join(format!("receipts/{agency}.jsonl")), lines).unwrap();
        }
        evidence
    }

    /// The same in another directory, to be tampered with.
    fn copied(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(self.path(), directory.path());
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes without a journal: thousands of changes are made, and none must last.
    fn database(&self) -> Connection {
        let connection = Connection::open(self.path().join("comity.db")).unwrap();
        connection.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;").unwrap();
        connection
    }

    fn claim(&self) -> Claim {
        let key = std::fs::read_to_string(self.path().join("keys/log.vkey")).unwrap();
        Claim {
            store: StoreLocation::File(self.path().join("comity.db")),
            directory: self.path().to_owned(),
            keys: vec![VerifierKey::parse(key.trim_end()).unwrap()],
            wrapping_key: Some(*read_key(&self.path().join("keys/wrapping.key")).unwrap()),
            origin: "comity.example".to_owned(),
            against: Vec::new(),
        }
    }

    fn is_whole(&self) -> bool {
        verify(&self.claim()).is_ok()
    }

    fn forget_receipts(&self) {
        std::fs::remove_dir_all(self.path().join("receipts")).unwrap();
    }

    /// `comity verify` as a user runs it.
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_comity")).arg("verify").arg(self.path()).args(arguments).output().unwrap()
    }
}

fn line_of(receipt: &v1::Receipt) -> String {
    let kept = KeptReceipt {
        log: receipt.log.clone(),
        index: u64::try_from(receipt.index).unwrap(),
        leaf: STANDARD.encode(&receipt.leaf),
        proof: receipt.proof.clone(),
    };
    format!("{}\n", serde_json::to_string(&kept).unwrap())
}

/// One whole case, and the receipts of it.
async fn case(world: &World, agency: &'static str) -> Vec<(&'static str, v1::Receipt)> {
    let (ice, custodian, officer) = (world.ice(), world.system(agency), world.officer(agency));
    let opened = custodian.open(intake_at(agency)).await.accepted();
    let lodged = ice.lodge(detainer_for(agency)).await.accepted();
    let (custody, detainer) = (opened.custody.unwrap().name, lodged.detainer.unwrap().name);
    let found = custodian.acknowledge(match_of(&detainer, &custody)).await.accepted();
    let answer = reasoned_answer_to(&detainer, v1::AnswerKind::NotifyOnly);
    let answered = officer.answer(answer).await.accepted();
    let scheduled = custodian.schedule(schedule_of(&custody)).await.accepted();
    let parent = detainer.split_once("/detainers").unwrap().0;
    let cursor = ice.receive(parent, "").await.accepted().heartbeat.cursor;
    let received = ice.confirm(receipt_of(parent, &cursor)).await.accepted();
    let released = custodian.release(release_of(&custody)).await.accepted();
    let withdrawn = ice.withdraw(withdrawal_of(&detainer)).await.accepted();
    let receipts = [
        (agency, opened.receipt),
        ("us-ice", lodged.receipt),
        (agency, found.receipt),
        (agency, answered.receipt),
        (agency, scheduled.receipt),
        ("us-ice", received.receipt),
        (agency, released.receipt),
        ("us-ice", withdrawn.receipt),
    ];
    receipts.into_iter().map(|(of, receipt)| (of, receipt.unwrap())).collect()
}

#[tokio::test]
async fn what_the_gateway_kept_and_what_its_clients_kept_is_whole() {
    let evidence = Evidence::gather().await;
    let found = verify(&evidence.claim()).unwrap();
    assert_eq!(found.logs, 4);
    assert!((40..=70).contains(&found.entries), "{found:?}");
    assert!(found.commitments > found.entries, "{found:?}");
    assert_eq!(found.receipts, 40, "{found:?}");
    // Without the wrapping key what is sealed stays sealed, and the rest still holds.
    let sealed = verify(&Claim { wrapping_key: None, ..evidence.claim() }).unwrap();
    assert_eq!((sealed.entries, sealed.receipts), (found.entries, found.receipts));
    assert!(sealed.commitments < found.commitments);
    // The binary says the same.
    let output = evidence.run(&[]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with(&format!("whole: 4 logs, {} entries", found.entries)), "{said}");
}

#[tokio::test]
async fn another_key_than_the_pinned_one_proves_nothing() {
    let evidence = Evidence::gather().await;
    let pinned = evidence.claim().keys.remove(0);
    // Even of the same name.
    let (other, _) = Signer::generate(pinned.name()).unwrap();
    let claim = Claim { keys: vec![other.verifier().clone()], ..evidence.claim() };
    assert!(verify(&claim).is_err());
    let claim = Claim { origin: "else.example".to_owned(), ..evidence.claim() };
    assert!(verify(&claim).is_err(), "nor does another origin");
    let claim = Claim { wrapping_key: Some([7; 32]), ..evidence.claim() };
    assert!(verify(&claim).is_err(), "nor another wrapping key");
    std::fs::write(evidence.path().join("other.vkey"), format!("{}\n", other.verifier())).unwrap();
    let other = evidence.path().join("other.vkey");
    assert_eq!(evidence.run(&["--key", other.to_str().unwrap()]).status.code(), Some(1));
}

#[tokio::test]
async fn the_binary_says_where_it_is_first_broken() {
    let evidence = Evidence::gather().await;
    for index in [0, 3, 9] {
        let broken = evidence.copied();
        flips::flip(
            &broken.database(),
            "entries",
            "leaf",
            flips::position_of("jurisdictions/us-ny/logs/exchange", index, &broken),
            40,
            1,
        );
        let output = broken.run(&[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let place = format!("broken in jurisdictions/us-ny/logs/exchange at index {index}:");
        assert!(said.contains(&place), "{said}");
    }
}

/// What was kept may come from anywhere: by mail, from an editor, from a witness.
#[tokio::test]
async fn what_was_kept_is_a_checkpoint_or_is_said_to_be_none() {
    let evidence = Evidence::of(&["us-ny-doccs"]).await;
    let database = evidence.database();
    let newest = "SELECT note FROM checkpoints ORDER BY position DESC LIMIT 1";
    let note: String = database.query_row(newest, [], |row| row.get(0)).unwrap();
    drop(database);
    let kept = evidence.path().join("kept");
    let code = |text: &[u8]| {
        std::fs::write(&kept, text).unwrap();
        let output = evidence.run(&["--against", kept.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // As it was signed; and with the lines of witnesses, of both lengths, of however many.
    let cosigned_by = |count: u8, len: usize| {
        let line = |at: u8| {
            let signature = STANDARD.encode([&[at; 4][..], &vec![7; len]].concat());
            format!("\u{2014} witness.example/{at} {signature}\n")
        };
        (0..count).map(line).collect::<String>()
    };
    for lines in ["", &cosigned_by(1, 72), &cosigned_by(1, 2_428), &cosigned_by(15, 2_428)] {
        assert_eq!(code(format!("{note}{lines}").as_bytes()).0, Some(0), "{} bytes of witnesses", lines.len());
    }
    let crlf = note.replace('\n', "\r\n");
    let cut = note.trim_end();
    let with_bom = format!("\u{feff}{note}");
    let signed_by_nobody = note.split_once('\u{2014}').unwrap().0.to_owned() + &cosigned_by(1, 72);
    let spoilt = note.replace("/logs/", "/Logs/");
    let texts: [&[u8]; 9] = [
        b"",
        b"\n",
        crlf.as_bytes(),
        cut.as_bytes(),
        with_bom.as_bytes(),
        signed_by_nobody.as_bytes(),
        spoilt.as_bytes(),
        b"\xff\xfe",
        &vec![b'a'; 70_000],
    ];
    for text in texts {
        let (code, said) = code(text);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(code, Some(4), "{}: {said}", shown.chars().take(80).collect::<String>());
        assert!(!said.contains("broken"), "{said}");
    }
}
