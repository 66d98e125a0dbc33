//! What docs/receipts.md says, as vectors: receipts, openings and growths that hold, and others that must not. Made from
//! fixed seeds and kept in docs/receipts/vectors; tried by our client, by the examples in Python and TypeScript, and by a
//! script that shares nothing with any of them.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity::client::{verify_growth, verify_openings, verify_receipt};
use comity::ledger::{self, Checkpoint, Hash, Receipt, Signer, Tree, VerifierKey, commit, leaf_hash};
use comity::wire::{entry, v1};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clients::{installed, limited};
use crate::harness::requests::detainer_for;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VECTORS: &str = "docs/receipts/vectors/receipts.json";
const LOG: &str = "jurisdictions/us-ny/logs/exchange";
const ORIGIN: &str = "comity.example/jurisdictions/us-ny/logs/exchange";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Vectors {
    comment: String,
    key: String,
    receipts: Vec<ReceiptCase>,
    growth: Vec<GrowthCase>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReceiptCase {
    name: String,
    holds: bool,
    log: String,
    index: i64,
    leaf: String,
    proof: String,
    openings: Vec<Opened>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Opened {
    class: i32,
    salt: String,
    content: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct GrowthCase {
    name: String,
    holds: bool,
    log: String,
    old: String,
    new: String,
    hashes: Vec<String>,
}

/// A signer from a seed: PKCS#8 of an Ed25519 key is a fixed prefix and the seed (RFC 8410).
fn signer(name: &str, seed: u8) -> Signer {
    let prefix = hex::decode("302e020100300506032b657004220420").unwrap();
    Signer::from_pkcs8(name, &[prefix, vec![seed; 32]].concat()).unwrap()
}

fn sha256(text: &str) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().try_into().unwrap()
}

/// A log of some entries, each with its openings.
struct Log {
    leaves: Vec<Vec<u8>>,
    openings: Vec<Vec<Opened>>,
    tree: Tree,
}

impl Log {
    /// With this many entries. `seed` salts them.
    fn of(size: u64, seed: &str) -> Self {
        let mut log = Self { leaves: Vec::new(), openings: Vec::new(), tree: Tree::empty() };
        for index in 0..size {
            log.append(index, seed);
        }
        log
    }

    fn append(&mut self, index: u64, seed: &str) {
        let name = format!("jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-{index:012}");
        let event = if index.is_multiple_of(2) {
            let detainer = v1::Detainer { name: name.clone(), ..detainer_for("us-ny-doccs").detainer.unwrap() };
            v1::event::Event::DetainerLodged(v1::DetainerLodged { detainer: Some(detainer), ..Default::default() })
        } else {
            let exchange_position = i64::try_from(index).unwrap();
            let agency = "agencies/us-ny-doccs".to_owned();
            v1::event::Event::InboxAcknowledged(v1::InboxAcknowledged {
                agency,
                exchange_position,
                ..Default::default()
            })
        };
        let contents = entry::contents(&v1::Event { event: Some(event), ..Default::default() }).unwrap();
        let openings: Vec<entry::Opening> = contents
            .into_iter()
            .map(|(class, content)| entry::Opening {
                class,
                salt: sha256(&format!("{seed} {index} {}", class.word())),
                content,
            })
            .collect();
        let commitments = openings.iter().map(|one| (one.class, *commit(&one.salt, &one.content).as_bytes()));
        let header = entry::Header {
            index,
            recorded_at: Timestamp::new(1_780_000_000 + i64::try_from(index).unwrap(), 250_000_000).unwrap(),
            agency: &"us-ice".parse().unwrap(),
            officer: &"0123456789abcdef0123456789abcdef".parse().unwrap(),
            method: "DetainerService/LodgeDetainer",
            resource: &name,
            policy_digest: Some(sha256("policy")),
            blinding: sha256(&format!("{seed} {index} blinding")),
        };
        let leaf = entry::leaf(&header, commitments);
        self.tree.append(leaf_hash(&leaf));
        self.leaves.push(leaf);
        let number = |class: comity::domain::determination::FieldClass| comity::wire::enums::to_wire(class);
        let opened = |one: &entry::Opening| Opened {
            class: number(one.class),
            salt: STANDARD.encode(one.salt),
            content: STANDARD.encode(&one.content),
        };
        self.openings.push(openings.iter().map(opened).collect());
    }

    #[expect(clippy::unnecessary_wraps, reason = "as whoever reads tiles is asked for them")]
    fn tile(&self, id: ledger::TileId) -> Result<Vec<Hash>, std::convert::Infallible> {
        Ok(self.tree.tile(id).unwrap_or_default().to_vec())
    }

    fn root_at(&self, size: u64) -> Hash {
        ledger::root_at(size, |tile| self.tile(tile)).unwrap()
    }

    fn checkpoint(&self, size: u64, signer: &Signer) -> String {
        Checkpoint::new(ORIGIN, size, self.root_at(size)).unwrap().sign(signer).unwrap()
    }

    fn receipt(&self, name: &str, index: u64, size: u64, signer: &Signer) -> ReceiptCase {
        let proof = ledger::prove_inclusion(index, size, |tile| self.tile(tile)).unwrap();
        let at = usize::try_from(index).unwrap();
        ReceiptCase {
            name: name.to_owned(),
            holds: true,
            log: LOG.to_owned(),
            index: i64::try_from(index).unwrap(),
            leaf: STANDARD.encode(&self.leaves[at]),
            proof: Receipt { index, proof, checkpoint: self.checkpoint(size, signer) }.to_string(),
            openings: self.openings[at].clone(),
        }
    }

    fn growth(&self, name: &str, old: u64, new: u64, signer: &Signer) -> GrowthCase {
        let proof = ledger::prove_consistency(old, new, |tile| self.tile(tile)).unwrap();
        GrowthCase {
            name: name.to_owned(),
            holds: true,
            log: LOG.to_owned(),
            old: self.checkpoint(old, signer),
            new: self.checkpoint(new, signer),
            hashes: proof.iter().map(Hash::to_base64).collect(),
        }
    }
}

/// A case that must not hold.
fn broken(name: &str, case: &ReceiptCase, change: impl FnOnce(&mut ReceiptCase)) -> ReceiptCase {
    let mut changed = ReceiptCase { name: name.to_owned(), holds: false, ..case.clone() };
    change(&mut changed);
    assert_ne!(*case, ReceiptCase { name: case.name.clone(), holds: true, ..changed.clone() }, "{name}");
    changed
}

fn other_bit(base64: &str) -> String {
    let mut bytes = STANDARD.decode(base64).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    STANDARD.encode(bytes)
}

/// The lines of a text, with one of them changed.
fn with_line(text: &str, at: usize, change: impl FnOnce(&str) -> String) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    lines[at] = change(&lines[at]);
    lines.join("\n")
}

#[expect(clippy::too_many_lines, reason = "one vector after the other: the list is the function")]
fn made() -> Vectors {
    let (ours, other, witness) =
        (signer("comity.example", 1), signer("comity.example", 2), signer("witness.example", 3));
    let log = Log::of(13, "comity");
    let fork = Log::of(13, "another history");
    let good = log.receipt("the eighth of thirteen", 8, 13, &ours);
    let mut receipts = vec![
        log.receipt("the first entry, alone", 0, 1, &ours),
        log.receipt("the last of a batch of one", 4, 5, &ours),
        log.receipt("the last of seven", 6, 7, &ours),
        log.receipt("the first of eight", 0, 8, &ours),
        log.receipt("the last of thirteen", 12, 13, &ours),
        good.clone(),
        ReceiptCase { name: "with nothing opened".to_owned(), openings: Vec::new(), ..good.clone() },
    ];
    let cosignature = log.checkpoint(13, &witness);
    let cosignature = cosignature.rsplit_once("\n\n").unwrap().1;
    receipts.push(ReceiptCase {
        name: "cosigned by somebody who is not known here".to_owned(),
        proof: format!("{}{cosignature}", good.proof),
        ..good.clone()
    });
    let lines = good.proof.split('\n').count();
    receipts.extend([
        broken("another leaf", &good, |case| case.leaf = other_bit(&case.leaf)),
        broken("the leaf of another entry", &good, |case| case.leaf = STANDARD.encode(&log.leaves[9])),
        broken("another index in the receipt", &good, |case| case.index = 9),
        broken("another index in the proof", &good, |case| case.proof = case.proof.replacen("index 8", "index 9", 1)),
        broken("an index with a leading zero", &good, |case| {
            case.proof = case.proof.replacen("index 8", "index 08", 1);
        }),
        broken("another first hash", &good, |case| case.proof = with_line(&case.proof, 2, other_bit)),
        broken("a hash too few", &good, |case| {
            let mut lines: Vec<&str> = case.proof.split('\n').collect();
            lines.remove(2);
            case.proof = lines.join("\n");
        }),
        broken("a hash too many", &good, |case| {
            case.proof = with_line(&case.proof, 2, |line| format!("{line}\n{line}"));
        }),
        broken("another layout", &good, |case| case.proof = case.proof.replacen("@v1", "@v2", 1)),
        broken("another size", &good, |case| case.proof = case.proof.replacen("\n13\n", "\n14\n", 1)),
        broken("another signature", &good, |case| {
            case.proof = with_line(&case.proof, lines - 2, |line| {
                let (name, signature) = line.rsplit_once(' ').unwrap();
                format!("{name} {}", other_bit(signature))
            });
        }),
        broken("no signature of the key", &good, |case| {
            let (text, _) = case.proof.rsplit_once("\n\n").unwrap();
            case.proof = format!("{text}\n\n{cosignature}");
        }),
        broken("signed by another key of that name", &good, |case| {
            case.proof = log.receipt("", 8, 13, &other).proof;
        }),
        broken("of another log", &good, |case| case.log = "jurisdictions/us-ny/logs/custody".to_owned()),
        broken("with CRLF", &good, |case| case.proof = case.proof.replace('\n', "\r\n")),
        broken("a content of another class", &good, |case| {
            let [one, next] = [0, 1].map(|at| case.openings[at].class);
            (case.openings[0].class, case.openings[1].class) = (next, one);
        }),
        broken("another content", &good, |case| {
            let whole = case.openings.iter_mut().find(|one| !one.content.is_empty()).unwrap();
            whole.content = other_bit(&whole.content);
        }),
        broken("another salt", &good, |case| case.openings[0].salt = other_bit(&case.openings[0].salt)),
    ]);
    let grown = log.growth("from six to thirteen", 6, 13, &ours);
    let changed = |name: &str, change: &dyn Fn(&mut GrowthCase)| {
        let mut case = GrowthCase { name: name.to_owned(), holds: false, ..grown.clone() };
        change(&mut case);
        case
    };
    let growth = vec![
        log.growth("from one to thirteen", 1, 13, &ours),
        log.growth("from a whole tree of eight", 8, 13, &ours),
        log.growth("from twelve to thirteen", 12, 13, &ours),
        log.growth("to the same", 13, 13, &ours),
        grown.clone(),
        changed("to another history", &|case| case.new = fork.checkpoint(13, &ours)),
        changed("from another history", &|case| case.old = fork.checkpoint(6, &ours)),
        changed("two roots of one size", &|case| {
            (case.old, case.new) = (log.checkpoint(13, &ours), fork.checkpoint(13, &ours));
            case.hashes.clear();
        }),
        changed("a log that shrank", &|case| std::mem::swap(&mut case.old, &mut case.new)),
        changed("without a proof", &|case| case.hashes.clear()),
        changed("another hash", &|case| case.hashes[1] = other_bit(&case.hashes[1])),
        changed("a hash too few", &|case| {
            case.hashes.pop();
        }),
        changed("a hash too many", &|case| case.hashes.push(case.hashes[0].clone())),
        changed("signed by another key", &|case| case.new = log.checkpoint(13, &other)),
    ];
    let comment =
        "Made by tests/it/receipts.rs from fixed seeds: nobody in it is real. docs/receipts.md says what is what.";
    Vectors { comment: comment.to_owned(), key: ours.verifier().to_string(), receipts, growth }
}

fn kept() -> Vectors {
    serde_json::from_str(&std::fs::read_to_string(Path::new(ROOT).join(VECTORS)).unwrap()).unwrap()
}

#[test]
fn the_vectors_are_what_the_documents_say_they_are_made_of() {
    let text = format!("{}\n", serde_json::to_string_pretty(&made()).unwrap());
    let path = Path::new(ROOT).join(VECTORS);
    if std::env::var_os("COMITY_GOLDEN").is_some_and(|how| how == "record") {
        std::fs::write(&path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == text, "COMITY_GOLDEN=record writes them anew, and says why");
}

#[test]
fn our_client_holds_the_vectors_for_what_they_are() {
    let vectors = kept();
    let keys = [VerifierKey::parse(&vectors.key).unwrap()];
    let bytes = |text: &str| STANDARD.decode(text).unwrap();
    for case in &vectors.receipts {
        let leaf = bytes(&case.leaf);
        let receipt =
            v1::Receipt { log: case.log.clone(), index: case.index, leaf: leaf.clone(), proof: case.proof.clone() };
        let opening =
            |one: &Opened| v1::Opening { field_class: one.class, salt: bytes(&one.salt), content: bytes(&one.content) };
        let openings = case.openings.iter().map(opening).collect();
        let entry = v1::Entry { leaf, openings, ..Default::default() };
        let found = verify_receipt(&receipt, &keys).and_then(|()| verify_openings(&entry));
        assert_eq!(found.is_ok(), case.holds, "{}: {found:?}", case.name);
    }
    for case in &vectors.growth {
        let hashes: Vec<Vec<u8>> = case.hashes.iter().map(|hash| bytes(hash)).collect();
        let found = verify_growth(&case.log, [&case.old, &case.new], &hashes, &keys);
        assert_eq!(found.is_ok(), case.holds, "{}: {found:?}", case.name);
    }
}

/// What a program says of the vectors.
#[track_caller]
fn tried(command: &mut Command) {
    let run = command.arg(Path::new(ROOT).join(VECTORS)).stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let vectors = kept();
    let expected = format!("{} receipts and {} growths, 0 wrong", vectors.receipts.len(), vectors.growth.len());
    assert!(run.status.success() && said.trim_end().ends_with(&expected), "{command:?}:\n{said}");
}

#[test]
fn a_script_that_shares_nothing_with_us_holds_the_vectors_for_what_they_are() {
    let Some(python) = installed("COMITY_PYTHON", "the vectors of receipts by an independent script") else { return };
    tried(limited(python).arg(Path::new(ROOT).join("docs/receipts/verify.py")).arg("vectors"));
}

#[test]
fn the_client_in_python_holds_the_vectors_for_what_they_are() {
    let Some(python) = installed("COMITY_PYTHON", "the vectors of receipts in Python") else { return };
    let stubs = crate::clients::python_stubs(&python, "python-vectors");
    let mut vectors = limited(&python);
    vectors.arg(Path::new(ROOT).join("docs/clients/python/vectors.py"));
    tried(vectors.env("PYTHONPATH", stubs).env("PYTHONDONTWRITEBYTECODE", "1"));
}

#[test]
fn the_client_in_typescript_holds_the_vectors_for_what_they_are() {
    let Some(modules) = installed("COMITY_NODE_MODULES", "the vectors of receipts in TypeScript") else { return };
    let package = crate::clients::typescript_package(&modules, "typescript-vectors");
    tried(limited("node").arg(package.join("dist/src/vectors.js")));
}

/// What the script says of a real receipt.
#[tokio::test]
async fn the_independent_script_holds_a_real_receipt() {
    let Some(python) = installed("COMITY_PYTHON", "a real receipt by an independent script") else { return };
    let world = crate::harness::World::start();
    let lodged = world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let v1::Receipt { log, index, leaf, proof } = lodged.receipt.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let check = |leaf: &[u8]| {
        let receipt = json!({ "log": log, "index": index, "leaf": STANDARD.encode(leaf), "proof": proof });
        std::fs::write(file.path(), receipt.to_string()).unwrap();
        let mut script = limited(&python);
        script.arg(Path::new(ROOT).join("docs/receipts/verify.py")).arg("receipt").arg(file.path());
        script.arg(world.directory().join("keys/log.vkey")).output().unwrap()
    };
    let run = check(&leaf);
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success() && said.contains("DetainerService/LodgeDetainer"), "{said}");
    let mut other = leaf.clone();
    other[20] ^= 1;
    assert_eq!(check(&other).status.code(), Some(1));
}

/// Every receipt of a resource, or of a request id, as the party is told.
async fn listed(party: &crate::harness::Party, of: v1::list_receipts_request::Of) -> Vec<(v1::ReceiptStage, String)> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListReceiptsRequest { of: Some(of.clone()), page_size: 2, page_token };
        let answer = party.list_receipts(request).await.accepted();
        for staged in answer.receipts {
            let receipt = staged.receipt.clone().unwrap();
            verify_receipt(&receipt, &[]).unwrap();
            found.push((staged.stage(), entry::read_leaf(&receipt.leaf).unwrap().method));
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return found;
        }
    }
}

#[tokio::test]
async fn the_three_receipts_of_a_past_write_are_to_be_had_by_resource_and_by_request_id() {
    use crate::harness::requests::{NY, intake_at, match_of, reasoned_answer_to, receipt_of};
    use v1::ReceiptStage::{Accepted, ActedUpon, Delivered};
    use v1::list_receipts_request::Of;

    let world = crate::harness::World::start();
    let (ice, doccs, officer) = (world.ice(), world.doccs(), world.officer("us-ny-doccs"));
    for _ in 0..3 {
        world.lodged("us-ny-erie-jail").await;
    }
    let request = detainer_for("us-ny-doccs");
    let id = request.request_id.clone();
    let detainer = ice.lodge(request).await.accepted().detainer.unwrap().name;
    let resource = || Of::Resource(detainer.clone());
    let lodged = (Accepted, "DetainerService/LodgeDetainer".to_owned());
    assert_eq!(listed(&ice, resource()).await, std::slice::from_ref(&lodged));

    world.pass(jiff::SignedDuration::from_mins(7));
    let cursor = doccs.receive(NY, "").await.accepted().heartbeat.cursor;
    doccs.confirm(receipt_of(NY, &cursor)).await.accepted();
    let delivered = (Delivered, "InboxService/Acknowledge".to_owned());
    assert_eq!(listed(&ice, resource()).await, [lodged.clone(), delivered.clone()]);

    world.pass(jiff::SignedDuration::from_mins(7));
    let custody = doccs.open(intake_at("us-ny-doccs")).await.accepted().custody.unwrap().name;
    doccs.acknowledge(match_of(&detainer, &custody)).await.accepted();
    officer.answer(reasoned_answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
    let by_resource = listed(&ice, resource()).await;
    assert_eq!(by_resource[..2], [lodged.clone(), delivered.clone()]);
    assert!(by_resource.contains(&(ActedUpon, "DetainerService/AnswerDetainer".to_owned())), "{by_resource:?}");
    assert_eq!(listed(&ice, Of::Write(id.clone())).await, by_resource);

    // What is not the caller's does not exist for it: neither the entries nor the request id.
    assert_eq!(listed(&world.erie(), resource()).await, []);
    assert_eq!(listed(&world.harris(), Of::Resource(detainer.replace("us-ny/", "us-tx/"))).await, []);
    let other = v1::ListReceiptsRequest { of: Some(Of::Write(id)), ..Default::default() };
    doccs.list_receipts(other).await.not_found();
    world
        .harris()
        .list_receipts(v1::ListReceiptsRequest { of: Some(resource()), ..Default::default() })
        .await
        .not_found();
    // The custodian is told the same of it, and what stays within the jurisdiction besides.
    let custodians = listed(&doccs, resource()).await;
    assert!(by_resource.iter().all(|one| custodians.contains(one)), "{custodians:?}");
    let of_custody = listed(&doccs, Of::Resource(custody.clone())).await;
    assert_eq!(of_custody.first(), Some(&(Accepted, "CustodyService/OpenCustody".to_owned())), "{of_custody:?}");
    assert_eq!(listed(&ice, Of::Resource(custody)).await, []);

    // In plain words, and offline.
    let comity = |arguments: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_comity")).args(arguments).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert!(run.status.success(), "{arguments:?}: {said}");
        said
    };
    let (address, directory) = (world.gateway().grpc().to_string(), world.directory().to_str().unwrap().to_owned());
    let seat = ["--as", "us-ice", "--address", &address, "--dir", &directory];
    let said = comity(&[&["receipt", "show", &detainer], &seat[..]].concat());
    for words in
        ["Accepted: what us-ice sent was recorded", "Delivered: us-ny-doccs confirmed", "Acted upon: us-ny-doccs"]
    {
        assert!(said.contains(words), "{said}");
    }
    let kept = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(kept.path(), comity(&[&["receipt", "show", &detainer, "--json"], &seat[..]].concat())).unwrap();
    let key = world.directory().join("keys/log.vkey");
    let (kept, key) = (kept.path().to_str().unwrap(), key.to_str().unwrap());
    for command in [&["receipt", "verify"][..], &["verify-receipt"]] {
        let said = comity(&[command, &[kept, "--key", key]].concat());
        assert_eq!(
            said.matches("holds: jurisdictions/us-ny/logs/exchange/entries/").count(),
            by_resource.len(),
            "{said}"
        );
    }
}
