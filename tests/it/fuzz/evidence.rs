//! Checkpoints, receipts and keys, as somebody else hands them over: only the very bytes that were signed are good.

use comity::ledger::{Checkpoint, Hash, Receipt, Signer, Tree, VerifierKey, leaf_hash};

use crate::fuzz::Target;
use crate::mutate::Kind;

const ORIGIN: &str = "comity.example/jurisdictions/us-ny/logs/exchange";
const ENTRIES: u64 = 9;

const WORDS: [&[u8]; 8] = [
    b"c2sp.org/tlog-proof@v1",
    b"index 0",
    b"extra AAAA",
    ORIGIN.as_bytes(),
    b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "\u{2014} comity.example/gateway AAAA".as_bytes(),
    b"\r\n",
    b"\n\n",
];

/// The same in every run, so that a kept input stays what it is. Signs nothing that anybody relies on.
fn signer() -> Signer {
    // RFC 8410 7, with a seed of sevens.
    let head = hex::decode("302e020100300506032b657004220420").unwrap();
    Signer::from_pkcs8("comity.example/gateway", &[head, vec![7; 32]].concat()).unwrap()
}

fn entry(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

/// A tree, and the checkpoint over it.
fn tree() -> (Tree, String) {
    let mut tree = Tree::empty();
    for index in 0..ENTRIES {
        tree.append(entry(index));
    }
    let checkpoint = Checkpoint::new(ORIGIN, tree.size(), tree.root()).unwrap().sign(&signer()).unwrap();
    (tree, checkpoint)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn target(name: &str, seeds: Vec<Vec<u8>>) -> Target<'_> {
    Target { name, kind: Kind::Text, seeds, words: &WORDS, runs: 6_000, grows: false }
}

#[test]
fn only_the_checkpoint_that_was_signed_is_one() {
    let (_, good) = tree();
    let keys = [signer().verifier().clone()];
    target("checkpoint", vec![good.clone().into_bytes()]).fuzz(|bytes| {
        let Some(note) = text(bytes) else { return "not a text".to_owned() };
        match Checkpoint::open(note, ORIGIN, &keys) {
            Ok(_) => {
                assert_eq!(note, good);
                "accepted".to_owned()
            }
            Err(error) => shortened(&error),
        }
    });
}

#[test]
fn only_the_receipt_that_was_given_proves_its_entry() {
    let (tree, checkpoint) = tree();
    let keys = [signer().verifier().clone()];
    let receipt = |index| {
        let proof = tree.prove_inclusion(index).unwrap();
        Receipt { index, proof, checkpoint: checkpoint.clone() }.to_string()
    };
    let good: Vec<String> = (0..ENTRIES).map(receipt).collect();
    let seeds = good.iter().map(|text| text.clone().into_bytes()).collect();
    target("receipt", seeds).fuzz(|bytes| {
        let Some(given) = text(bytes) else { return "not a text".to_owned() };
        let receipt = match Receipt::parse(given) {
            Ok(receipt) => receipt,
            Err(error) => return shortened(&error),
        };
        assert_eq!(receipt.to_string(), given, "what reads prints the same");
        // Whichever entry it is shown with.
        for (index, text) in (0..).zip(&good) {
            if receipt.verify(entry(index), ORIGIN, &keys).is_ok() {
                // Others may have signed the checkpoint, too.
                let is_ours = |line: &&str| !line.starts_with("\u{2014} ") || text.lines().any(|own| own == *line);
                let mut ours: Vec<&str> = given.lines().filter(is_ours).collect();
                // A signature that stands twice is the same signature.
                ours.dedup();
                assert_eq!(ours, text.lines().collect::<Vec<_>>(), "{given}");
                return "accepted".to_owned();
            }
        }
        shortened(&receipt.verify(entry(receipt.index), ORIGIN, &keys).unwrap_err())
    });
}

#[test]
fn a_key_has_one_spelling() {
    target("verifier-key", vec![signer().verifier().to_string().into_bytes()]).fuzz(|bytes| {
        let Some(given) = text(bytes) else { return "not a text".to_owned() };
        match VerifierKey::parse(given) {
            Ok(key) => {
                assert_eq!(key.to_string(), given);
                "accepted".to_owned()
            }
            Err(error) => shortened(&error),
        }
    });
}

/// A reason without what it says of this one input.
fn shortened(error: &impl ToString) -> String {
    let reason = error.to_string();
    assert!(!reason.is_empty() && reason.len() < 40_000);
    reason
        .split_inclusive(' ')
        .take(6)
        .filter(|word| !word.contains(|c: char| c.is_ascii_digit() || c == '+' || c == '/'))
        .collect()
}
