//! `comity export`, and `comity verify` of what it wrote: the same bytes by either way, nothing that the audience may not
//! see, and whatever is changed is found.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use comity::domain::determination::FieldClass;
use comity::export::{Export, ExportedEntry};
use comity::ledger::VerifierKey;
use tempfile::TempDir;

use crate::harness::process::{comity, said};
use crate::harness::requests::{
    NY_EXCHANGE, detainer_for, intake_at, match_of, reasoned_answer_to, release_of, schedule_of,
};
use crate::harness::{World, copy};
use comity::wire::v1;

/// A change of the lines of a file.
type Edit = Box<dyn Fn(&mut Vec<String>)>;

/// Names and numbers of the person in every case of these tests.
const PERSONAL: [&str; 2] = ["Zebulon", "Quackenbush"];

/// An exchange with some cases, and a directory for what is made of it.
struct Archive {
    world: World,
    out: TempDir,
}

impl Archive {
    async fn gather() -> Self {
        let archive = Self { world: World::start(), out: tempfile::tempdir().unwrap() };
        for agency in ["us-ny-doccs", "us-ny-erie-jail", "us-tx-harris-jail"] {
            archive.case(agency).await;
        }
        archive
    }

    async fn case(&self, agency: &'static str) {
        let world = &self.world;
        let (ice, custodian, officer) = (world.ice(), world.system(agency), world.officer(agency));
        let custody = custodian.open(intake_at(agency)).await.accepted().custody.unwrap().name;
        let detainer = ice.lodge(detainer_for(agency)).await.accepted().detainer.unwrap().name;
        custodian.acknowledge(match_of(&detainer, &custody)).await.accepted();
        officer.answer(reasoned_answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
        custodian.schedule(schedule_of(&custody)).await.accepted();
        custodian.release(release_of(&custody)).await.accepted();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.out.path().join(name)
    }

    fn key_file(&self) -> PathBuf {
        self.world.directory().join("keys/log.vkey")
    }

    fn keys(&self) -> Vec<VerifierKey> {
        vec![VerifierKey::parse(fs::read_to_string(self.key_file()).unwrap().trim_end()).unwrap()]
    }

    /// From the store, as the operator.
    #[track_caller]
    fn stored(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let out = self.path(name);
        let mut command = comity("export");
        command.arg(&out).arg("--data").arg(self.world.directory()).args(arguments);
        command.args(["--as-of", &self.world.clock.now().to_string()]);
        said(command.args(["--config"]).arg(self.world.directory().join("comity.toml")), 0);
        out
    }

    /// Over the wire, as an agency.
    #[track_caller]
    fn called(&self, name: &str, agency: &str, arguments: &[&str]) -> PathBuf {
        let out = self.path(name);
        let mut command = comity("export");
        command.arg(&out).args(["--as", agency, "--address", &self.world.gateway().grpc().to_string()]);
        command.args(["--jurisdiction", "us-ny", "--jurisdiction", "us-tx"]);
        said(command.arg("--dir").arg(self.world.directory()).args(arguments), 0);
        out
    }

    #[track_caller]
    fn verified(&self, export: &Path, arguments: &[&str], code: i32) -> String {
        said(comity("verify").arg(export).arg("--key").arg(self.key_file()).args(arguments), code)
    }

    fn is_whole(&self, export: &Path) -> bool {
        Export::open(export).and_then(|export| export.check(&self.keys(), &[], |_| ())).is_ok()
    }

    fn entries(&self, export: &Path) -> Vec<ExportedEntry> {
        let mut entries = Vec::new();
        Export::open(export).unwrap().check(&self.keys(), &[], |entry| entries.push(entry.clone())).unwrap();
        entries
    }
}

/// Every file below a directory, by its name.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fn gather(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let mut files_found = BTreeMap::new();
    gather(directory, directory, &mut files_found);
    files_found
}

/// What an export has of a person, in any opening.
fn tells(entries: &[ExportedEntry], word: &str) -> bool {
    let has = |content: &[u8]| content.windows(word.len()).any(|part| part == word.as_bytes());
    entries.iter().flat_map(|entry| &entry.openings).any(|opening| has(&opening.content))
}

#[tokio::test]
async fn an_agency_gets_the_same_bytes_from_the_store_as_over_the_wire() {
    let archive = Archive::gather().await;
    for payloads in ["all", "counts", "none"] {
        for agency in ["us-ice", "us-ny-doccs", "us-ny-oversight"] {
            let (audience, name) = (format!("agencies/{agency}"), format!("{agency}-{payloads}"));
            let wire = archive.called(&format!("wire-{name}"), agency, &["--payloads", payloads]);
            let stored = archive.stored(&format!("stored-{name}"), &["--payloads", payloads, "--audience", &audience]);
            assert_eq!(files(&wire), files(&stored), "{name}");
            assert!(archive.verified(&wire, &[], 0).contains(&format!("an export for {audience}")));
        }
    }
    // The custody log stays with the jurisdiction and its oversight.
    let of = |name: &str| files(&archive.path(name)).into_keys().collect::<Vec<_>>().join(" ");
    assert!(!of("wire-us-ice-all").contains("custody"), "{}", of("wire-us-ice-all"));
    assert!(of("wire-us-ny-doccs-all").contains("us-ny/custody/entries.jsonl"));
    assert!(!of("wire-us-ny-doccs-all").contains("us-tx"));
    // Its own request is in what the requester gets with payloads, and nothing personal in what it gets without.
    let with = archive.entries(&archive.path("wire-us-ice-all"));
    let without = archive.entries(&archive.path("wire-us-ice-counts"));
    assert_eq!(with.len(), without.len());
    for word in PERSONAL {
        assert!(tells(&with, word), "{word}");
        assert!(!tells(&without, word), "{word}");
    }
    assert!(without.iter().any(|entry| entry.content(FieldClass::Count).is_some()));
    assert!(archive.entries(&archive.path("wire-us-ice-none")).iter().all(|entry| entry.openings.is_empty()));
}

#[tokio::test]
async fn an_export_of_everything_has_every_entry_and_each_receipt_as_it_was_given() {
    let mut archive = Archive::gather().await;
    let lodged = archive.world.ice().lodge(detainer_for("us-ny-doccs")).await.accepted();
    let receipt = lodged.receipt.unwrap();
    let (one, other) = (archive.stored("one", &["--payloads", "all"]), archive.stored("other", &["--payloads", "all"]));
    assert_eq!(files(&one), files(&other));
    assert!(archive.verified(&one, &[], 0).contains("4 logs (4 with every entry)"));
    let entries = archive.entries(&one);
    let found = entries.iter().find(|entry| entry.leaf == receipt.leaf).unwrap();
    assert_eq!((found.log.to_string(), i64::try_from(found.index).unwrap()), (receipt.log.clone(), receipt.index));
    assert_eq!(found.header.agency, "agencies/us-ice");
    // By the line and the checkpoint that it names.
    let checkpoints = String::from_utf8(files(&one)["us-ny/exchange/checkpoints.jsonl"].clone()).unwrap();
    let lines = checkpoints.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut notes = lines.filter(|line| line["size"].as_u64() == Some(found.proof.size));
    let note = notes.next().unwrap()["note"].as_str().unwrap().to_owned();
    let hashes: Vec<String> = found.proof.hashes.iter().map(|hash| hash.to_base64() + "\n").collect();
    let hashes = hashes.concat();
    assert_eq!(receipt.proof, format!("c2sp.org/tlog-proof@v1\nindex {}\n{hashes}\n{note}", found.index));
    // Nothing sealed is asked for: the wrapping key may be elsewhere.
    archive.world.stop().await;
    fs::rename(archive.world.directory().join("keys/wrapping.key"), archive.path("elsewhere")).unwrap();
    let counts = archive.path("counts");
    said(comity("export").arg(&counts).arg("--data").arg(archive.world.directory()), 0);
    for word in PERSONAL {
        assert!(tells(&entries, word) && !tells(&archive.entries(&counts), word), "{word}");
    }
    let all = archive.path("all");
    let refused =
        comity("export").arg(&all).arg("--data").arg(archive.world.directory()).args(["--payloads", "all"]).output();
    assert!(String::from_utf8(refused.unwrap().stderr).unwrap().contains("what is sealed is asked for"));
}

#[tokio::test]
async fn a_jurisdiction_gets_what_its_custodians_may_know_and_nothing_of_another() {
    let archive = Archive::gather().await;
    let ny = archive.stored("ny", &["--payloads", "all", "--audience", "jurisdictions/us-ny"]);
    let entries = archive.entries(&ny);
    assert!(entries.iter().all(|entry| entry.log.jurisdiction.as_str() == "us-ny"));
    for agency in ["us-ny-doccs", "us-ny-erie-jail"] {
        let own = archive.stored(agency, &["--payloads", "all", "--audience", &format!("agencies/{agency}")]);
        for entry in archive.entries(&own) {
            let found = entries.iter().find(|of| (&of.log, of.index) == (&entry.log, entry.index)).unwrap();
            assert!(entry.openings.iter().all(|opening| found.openings.contains(opening)));
        }
    }
    let unknown = archive.path("unknown");
    let config = archive.world.directory().join("comity.toml");
    let mut command = comity("export");
    command.arg(&unknown).arg("--data").arg(archive.world.directory()).arg("--config").arg(config);
    let refused = said(command.args(["--audience", "agencies/us-nobody"]), 1);
    assert!(refused.contains("the registry has nobody who is agencies/us-nobody"), "{refused}");
}

#[tokio::test]
async fn whatever_is_changed_of_an_export_is_found() {
    let archive = Archive::gather().await;
    // A jail sees a part of the log; the operator every entry.
    let part = archive.called("own", "us-ny-erie-jail", &["--payloads", "all"]);
    for (export, whole) in [(part, false), (archive.stored("whole", &["--payloads", "all"]), true)] {
        assert!(archive.is_whole(&export));
        let original = files(&export);
        let changed = archive.path("changed");
        for (name, bytes) in &original {
            // Some two hundred places of each file, and its last byte.
            let places = (0..bytes.len()).step_by(bytes.len() / 200 + 1).chain([bytes.len() - 1]);
            // For whom it was made is the word of whoever made it: nothing else in it says so.
            let audience = b"\"audience\":\"agencies/us-ny-erie-jail\"";
            let word = bytes.windows(audience.len()).position(|part| part == audience);
            let word = word.map_or(0..0, |at| at..at + audience.len());
            for place in places.filter(|place| !word.contains(place)) {
                reset(&export, &changed);
                let mut other = bytes.clone();
                other[place] ^= 1;
                fs::write(changed.join(name), other).unwrap();
                assert!(!archive.is_whole(&changed), "{name}, byte {place}");
            }
        }
        // With a manifest that fits: what is left to find it are the leaves, the proofs and the signatures.
        let entries = original.keys().find(|name| name.ends_with("exchange/entries.jsonl")).unwrap();
        let lines: Vec<String> =
            String::from_utf8(original[entries].clone()).unwrap().lines().map(str::to_owned).collect();
        let edits: [(&str, Edit); 4] = [
            ("two entries change places", Box::new(|lines| lines.swap(0, 1))),
            ("an entry stands twice", Box::new(|lines| lines.insert(1, lines[0].clone()))),
            (
                "a content is another's",
                Box::new(|lines| {
                    let of =
                        |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["openings"].to_string();
                    let (one, next) = (of(&lines[0]), of(&lines[1]));
                    lines[0] = lines[0].replace(&one, &next);
                }),
            ),
            (
                "an entry bears another index",
                Box::new(|lines| {
                    let index = serde_json::from_str::<serde_json::Value>(&lines[0]).unwrap()["index"].to_string();
                    lines[0] = lines[0].replacen(&format!("\"index\":{index}"), "\"index\":1000", 1);
                    lines.truncate(1);
                }),
            ),
        ];
        for (what, edit) in edits {
            reset(&export, &changed);
            let mut lines = lines.clone();
            edit(&mut lines);
            rewrite(&changed, entries, &lines);
            assert!(!archive.is_whole(&changed), "{what}");
        }
        reset(&export, &changed);
        let mut fewer = lines.clone();
        fewer.remove(0);
        rewrite(&changed, entries, &fewer);
        // Of what one audience sees a gap is nothing that could be found, and the page says so.
        assert_eq!(archive.is_whole(&changed), !whole);
        reset(&export, &changed);
        fs::write(changed.join("us-ny/extra"), "").unwrap();
        assert!(!archive.is_whole(&changed));
        reset(&export, &changed);
        fs::remove_file(changed.join("manifest.json")).unwrap();
        assert!(Export::open(&changed).is_err());
    }
}

fn reset(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    copy(from, to);
}

/// Writes other lines, and a manifest that says so.
fn rewrite(export: &Path, name: &str, lines: &[String]) {
    let text = lines.join("\n") + "\n";
    let manifest = fs::read_to_string(export.join("manifest.json")).unwrap();
    let was = fs::read(export.join(name)).unwrap();
    let file = |bytes: &[u8]| {
        let (lines, digest) = (bytes.split_inclusive(|byte| *byte == b'\n').count(), sha256(bytes));
        format!("\"path\":\"{name}\",\"lines\":{lines},\"bytes\":{},\"sha256\":\"{digest}\"", bytes.len())
    };
    assert!(manifest.contains(&file(&was)), "{manifest}");
    fs::write(export.join("manifest.json"), manifest.replace(&file(&was), &file(text.as_bytes()))).unwrap();
    fs::write(export.join(name), text).unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

#[tokio::test]
async fn an_export_is_held_against_a_checkpoint_that_was_kept() {
    let archive = Archive::gather().await;
    let note = archive.world.ice().checkpoint(NY_EXCHANGE).await.accepted();
    let (kept, early) = (archive.path("kept"), archive.stored("early", &[]));
    fs::write(&kept, note).unwrap();
    let kept_name = kept.to_str().unwrap();
    archive.case("us-ny-doccs").await;
    let late = archive.path("late");
    fs::write(&late, archive.world.ice().checkpoint(NY_EXCHANGE).await.accepted()).unwrap();
    let late_name = late.to_str().unwrap();

    let whole = archive.stored("whole", &[]);
    assert!(archive.verified(&whole, &["--against", kept_name, "--against", late_name], 0).contains("grown from 2"));
    let own = archive.called("own", "us-ny-erie-jail", &[]);
    assert!(archive.verified(&own, &["--against", kept_name], 4).contains("make it with --grown-from"));
    archive.verified(&own, &["--against", late_name], 0);
    let grown = archive.called("grown", "us-ny-erie-jail", &["--grown-from", kept_name]);
    archive.verified(&grown, &["--against", kept_name], 0);
    let stored = archive.stored("grown-stored", &["--grown-from", kept_name, "--audience", "agencies/us-ny-erie-jail"]);
    assert_eq!(files(&grown), files(&stored));
    // An older export is no fault; neither is a checkpoint of somebody else's.
    assert!(archive.verified(&early, &["--against", late_name], 4).contains("it is older than what was kept"));
    fs::write(&kept, "no checkpoint\n").unwrap();
    archive.verified(&whole, &["--against", kept_name], 4);
    let json = archive.verified(&whole, &["--json"], 0);
    assert!(json.starts_with("{\"audience\":\"everything\"") || json.contains("\"whole\":true"), "{json}");
    // Another key signs nothing here.
    let (other, _) = comity::ledger::Signer::generate("comity.example").unwrap();
    let other_key = archive.path("other.vkey");
    fs::write(&other_key, other.verifier().to_string()).unwrap();
    said(comity("verify").arg(&whole).arg("--key").arg(&other_key), 1);
    said(comity("verify").arg(&whole), 3);
}

#[tokio::test]
async fn an_export_is_its_owners_alone_and_overwrites_nothing() {
    let archive = Archive::gather().await;
    let export = archive.stored("export", &[]);
    assert_eq!(fs::metadata(&export).unwrap().mode() & 0o777, 0o700);
    for name in files(&export).keys() {
        assert_eq!(fs::metadata(export.join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    let before = files(&export);
    said(comity("export").arg(&export).arg("--data").arg(archive.world.directory()), 3);
    assert_eq!(files(&export), before);
    // What was cut off before its manifest is no export.
    let cut = archive.path("cut");
    fs::create_dir(&cut).unwrap();
    OpenOptions::new().create(true).append(true).open(cut.join("x")).unwrap().write_all(b"x").unwrap();
    assert!(!Export::is_at(&cut));
}
