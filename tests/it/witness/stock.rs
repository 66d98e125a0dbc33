//! With implementations that are not ours: a log made of `signed_note` and `tlog_tiles` (of Cloudflare's azul) is cosigned by our
//! witness, and `aics-witness` (Python, shares no code with either) cosigns ours.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ED25519, ML_DSA_44, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity::ledger::CosignerKey;
use comity::witness::LogConfig;
use signed_note::{Note, StandardSigner};
use tlog_tiles::{Checkpoint, Error, Hash, HashReader, prove_tree, stored_hash_index, stored_hashes, tree_hash};

use crate::harness::requests::{NY_EXCHANGE, detainer_for};
use crate::witness::{ORIGIN, Site, Witness, add, cosigned_at};

/// As logs elsewhere are named. The key's name is the origin, as C2SP would have it.
const STOCK: &str = "example.com/behind-the-sofa";

/// A log that is not ours.
struct StockLog {
    signer: StandardSigner,
    vkey: String,
    hashes: Hashes,
    size: u64,
}

/// Its hashes, where its own library puts them.
#[derive(Clone, Default)]
struct Hashes(Vec<Hash>);

impl HashReader for Hashes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

impl StockLog {
    fn new() -> Self {
        // Its key is made by our library and read by its own, which takes a seed.
        let (ours, der) = comity::ledger::Signer::generate(STOCK).unwrap();
        let vkey = ours.verifier().to_string();
        let hash = vkey.split('+').nth(1).unwrap();
        let seed = STANDARD.encode([&[1], &der[der.len() - 32..]].concat());
        let signer = StandardSigner::new(&format!("PRIVATE+KEY+{STOCK}+{hash}+{seed}")).unwrap();
        Self { signer, vkey, hashes: Hashes::default(), size: 0 }
    }

    fn grow(&mut self, letter: u8, size: u64) {
        while self.size < size {
            let record = [&[letter], &self.size.to_be_bytes()[..]].concat();
            let new = stored_hashes(self.size, &record, &self.hashes).unwrap();
            assert_eq!(stored_hash_index(0, self.size), u64::try_from(self.hashes.0.len()).unwrap());
            self.hashes.0.extend(new);
            self.size += 1;
        }
    }

    /// The note of its head, and the text that was signed.
    fn note(&self, extension: &str) -> (String, String) {
        let root = tree_hash(self.size, &self.hashes).unwrap();
        let text = Checkpoint::new(STOCK, self.size, root, extension).unwrap().to_bytes();
        let mut note = Note::new(&text, &[]).unwrap();
        note.add_sigs(&[&self.signer]).unwrap();
        (String::from_utf8(note.to_bytes()).unwrap(), String::from_utf8(text).unwrap())
    }

    fn request(&self, old: u64, extension: &str) -> String {
        let proof =
            if old == 0 || old >= self.size { Vec::new() } else { prove_tree(self.size, old, &self.hashes).unwrap() };
        let lines: String = proof.iter().map(|hash| STANDARD.encode(hash.0) + "\n").collect();
        format!("old {old}\n{lines}\n{}", self.note(extension).0)
    }

    /// The witness's lines hold, by the words of the specification and by nothing of ours.
    fn assert_cosigned(&self, lines: &str, keys: &[CosignerKey], text: &str) {
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, key) in lines.iter().zip(keys) {
            let vkey = key.to_string();
            let [name, id, public] = vkey.splitn(3, '+').collect::<Vec<_>>()[..] else { panic!("{vkey}") };
            let public = STANDARD.decode(public).unwrap();
            let signature = line.strip_prefix(&format!("\u{2014} {name} ")).unwrap();
            let signature = STANDARD.decode(signature).unwrap();
            assert_eq!(hex::encode(&signature[..4]), id);
            let time = u64::from_be_bytes(signature[4..12].try_into().unwrap());
            let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
            assert!(time <= now && time + 600 > now, "{time}, {now}");
            match public[0] {
                4 => {
                    let message = format!("cosignature/v1\ntime {time}\n{text}");
                    let known = UnparsedPublicKey::new(&ED25519, &public[1..]);
                    known.verify(message.as_bytes(), &signature[12..]).unwrap();
                }
                6 => {
                    let root = tree_hash(self.size, &self.hashes).unwrap();
                    let len = |name: &str| vec![u8::try_from(name.len()).unwrap()];
                    let parts: [&[u8]; 9] = [
                        b"subtree/v1\n\0",
                        &len(name),
                        name.as_bytes(),
                        &time.to_be_bytes(),
                        &len(STOCK),
                        STOCK.as_bytes(),
                        &[0; 8],
                        &self.size.to_be_bytes(),
                        &root.0,
                    ];
                    let known = UnparsedPublicKey::new(&ML_DSA_44, &public[1..]);
                    known.verify(&parts.concat(), &signature[12..]).unwrap();
                }
                kind => panic!("a key of type {kind}"),
            }
        }
    }
}

#[tokio::test]
async fn our_witness_cosigns_a_stock_log() {
    let mut log = StockLog::new();
    let watched = LogConfig { origin: STOCK.to_owned(), keys: vec![log.vkey.clone()], follow: None };
    let witness = Witness::establish("witness.us-ny.example/1", vec![watched]);
    let mut serving = witness.serve();
    let mut old = 0;
    for (size, extension) in [(1, ""), (2, ""), (7, "some extension\nand another\n"), (300, ""), (300, "")] {
        log.grow(b'a', size);
        let answer = add(&serving, &log.request(old, extension)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        log.assert_cosigned(&answer.body, &witness.keys, &log.note(extension).1);
        old = size;
        // Whatever was answered is on disk: a power cut is no more than this to a file that was synced.
        serving.kill();
        serving = witness.serve();
        let told = add(&serving, &log.request(0, extension)).await;
        assert_eq!(
            (told.status, told.body, told.content_type.as_deref()),
            (409, format!("{size}\n"), Some("text/x.tlog.size"))
        );
    }
    let status = async |body: &str| add(&serving, body).await.status;
    log.grow(b'a', 310);
    let good = log.request(300, "");
    assert_eq!(status("").await, 400);
    assert_eq!(status(&good.replace("old 300", "old 311")).await, 400);
    assert_eq!(status(&good.replace("old 300", "old 0300")).await, 400);
    assert_eq!(status(&good.replace("\n310\n", "\n311\n")).await, 403);
    assert_eq!(status(&good.replace(STOCK, "example.com/elsewhere")).await, 404);
    assert_eq!(status(&good.replace("old 300", "old 299")).await, 409);
    assert_eq!(
        status(&log.request(300, "").replacen(
            "old 300\n",
            "old 300\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            1
        ))
        .await,
        422
    );
    let mut fork = StockLog { hashes: Hashes::default(), size: 0, ..log };
    fork.grow(b'b', 300);
    assert_eq!(status(&fork.request(300, "")).await, 422);
    serving.says("a log is forked: it has signed two heads of one size").await;
    assert_eq!(status(&good).await, 200);
    serving.stop();
}

/// Needs `aics-witness`, which `tests/run` installs where there is a Python that it runs on, and names in `COMITY_STOCK_WITNESS`.
#[tokio::test]
async fn a_stock_witness_cosigns_our_log() {
    let Some(program) = std::env::var_os("COMITY_STOCK_WITNESS") else {
        writeln!(std::io::stderr(), "LEFT OUT: a stock witness (run tests/run)").unwrap();
        return;
    };
    let site = Site::establish();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("witness.json");
    let run = |args: &[&str]| {
        let output = Command::new(&program).args(args).arg("--config").arg(&config).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let vkey = run(&["init", "--name", "witness.example.org/w1", "--listen", &free.to_string()]);
    run(&["add-log", "--origin", ORIGIN, "--vkey", &site.vkey()]);
    let key = CosignerKey::parse(vkey.trim_end()).unwrap();
    let mut serving = Command::new(&program)
        .args(["serve", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(directory.path().join("errors")).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while std::net::TcpStream::connect(free).is_err() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let policy = site.policy(&[(&key, format!("http://{free}"))]);
    let gateway = site.serve(|_| ());
    let ice = site.party(&gateway, "us-ice");
    for size in 1..=5 {
        ice.lodge(detainer_for("us-ny-doccs")).await.accepted();
        let witnessed = cosigned_at(&ice, NY_EXCHANGE, size).await;
        let (head, found) = policy.open(&witnessed.checkpoint, ORIGIN).unwrap();
        assert_eq!((head.size(), found.len()), (u64::try_from(size).unwrap(), 1));
    }
    serving.kill().unwrap();
    serving.wait().unwrap();
    gateway.stop();
}
