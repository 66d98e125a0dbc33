//! Expungement: the record of a stay is nobody's any more, whoever was told learns that, what is for counting and every
//! proof stay; and once the wrapping key is rotated, no older copy of the store opens either.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use comity::config::{StoreConfig, read_key};
use comity::domain::case::StoredCase;
use comity::domain::ids::CaseName;
use comity::export::{Export, ExportedEntry};
use comity::sandbox::CONFIG_FILE;
use comity::store::postgres::Address;
use comity::store::{StoreError, StoreLocation};
use comity::wire::entry;
use comity::wire::v1::{self, event::Event};
use rusqlite::Connection;
use tempfile::TempDir;
use tonic::Code;

use crate::harness::changes::expungement_of;
use crate::harness::postgres::Database;
use crate::harness::process::{comity, said};
use crate::harness::requests::{
    NY, NY_EXCHANGE, TX, detainer_for, intake_at, match_of, reasoned_answer_to, receipt_of, release_of, schedule_of,
};
use crate::harness::story::Matched;
use crate::harness::{World, assert_nothing_personal};

const HARRIS: &str = "us-tx-harris-jail";
const TX_EXCHANGE: &str = "jurisdictions/us-tx/logs/exchange";
const TX_CUSTODY: &str = "jurisdictions/us-tx/logs/custody";

/// A stay that has ended, and of which the issuer was told all along. The person's name is a canary.
async fn ended(world: &World, agency: &str, canary: &str) -> Matched {
    let (mut intake, mut lodging) = (intake_at(agency), detainer_for(agency));
    let named = |subject: &mut Option<v1::Subject>| {
        canary.clone_into(&mut subject.as_mut().unwrap().name.as_mut().unwrap().family);
    };
    named(&mut intake.custody.as_mut().unwrap().subject);
    named(&mut lodging.detainer.as_mut().unwrap().subject);
    let (system, officer) = (world.system(agency), world.officer(agency));
    let custody = system.open(intake).await.accepted().custody.unwrap().name;
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    system.acknowledge(match_of(&detainer, &custody)).await.accepted();
    officer.answer(reasoned_answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
    system.schedule(schedule_of(&custody)).await.accepted();
    system.release(release_of(&custody)).await.accepted();
    Matched { detainer, custody }
}

/// The events of what is delivered, as far as it is shown.
fn events(entries: &[v1::Entry]) -> Vec<Event> {
    entries.iter().filter_map(|entry| entry::merge(entry).unwrap().event).collect()
}

#[tokio::test]
async fn an_expunged_record_is_nobodys_any_more_and_whoever_was_told_learns_that() {
    let world = World::under_plain_law();
    let (ice, harris, officer, oversight) =
        (world.ice(), world.harris(), world.officer(HARRIS), world.system("us-tx-oversight"));
    let stay = ended(&world, HARRIS, "Nettlethorpe").await;
    let other = ended(&world, HARRIS, "Other").await;
    let before = ice.entries(TX_EXCHANGE).await.accepted();
    assert!(before.iter().any(|entry| String::from_utf8_lossy(&opened(entry)).contains("Nettlethorpe")));
    let cursor = ice.receive(TX, "").await.accepted().deliveries.last().unwrap().cursor.clone();

    harris.expunge(expungement_of(&stay.custody)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
    let order = expungement_of(&stay.custody);
    let answer = officer.expunge(order.clone()).await.accepted();
    assert_eq!((&answer.name, &answer.detainers), (&stay.custody, &vec![stay.detainer.clone()]));

    // It is as if it had never been there, and the same command again is answered as before.
    for party in [&harris, &officer, &oversight] {
        party.custody(&stay.custody).await.not_found();
        party.detainer(&stay.detainer).await.not_found();
    }
    ice.detainer(&stay.detainer).await.not_found();
    officer.expunge(expungement_of(&stay.custody)).await.not_found();
    harris.schedule(schedule_of(&stay.custody)).await.not_found();
    assert_eq!(officer.expunge(order).await.accepted().receipt, answer.receipt);
    let names = |custodies: Vec<v1::Custody>| custodies.into_iter().map(|custody| custody.name).collect::<Vec<_>>();
    assert_eq!(names(harris.custodies(TX).await.accepted()), std::slice::from_ref(&other.custody));
    let listed: Vec<_> = ice.detainers(TX).await.accepted().into_iter().map(|detainer| detainer.name).collect();
    assert_eq!(listed, std::slice::from_ref(&other.detainer));
    // Another stay is as it was.
    assert_eq!(ice.detainer(&other.detainer).await.accepted().state(), v1::DetainerState::Released);

    // The issuer is told, without the content.
    let news = ice.receive(TX, &cursor).await.accepted().deliveries;
    let entries: Vec<v1::Entry> = news.into_iter().map(|delivery| delivery.entry.unwrap()).collect();
    let told = events(&entries);
    let [Event::DetainerExpunged(expunged)] = told.as_slice() else { panic!("{entries:?}") };
    assert_eq!(expunged.detainer, stay.detainer);
    assert_eq!(entry::read_leaf(&entries[0].leaf).unwrap().method, "Retraction");

    // Nobody is shown anything of the person, of what was recorded before.
    for (party, logs) in
        [(&ice, &[TX_EXCHANGE][..]), (&harris, &[TX_EXCHANGE, TX_CUSTODY]), (&oversight, &[TX_CUSTODY])]
    {
        for log in logs {
            for entry in party.entries(log).await.accepted() {
                let text = String::from_utf8_lossy(&opened(&entry)).into_owned();
                assert!(!text.contains("Nettlethorpe"), "{}", entry.name);
            }
        }
    }
    // By which order, the jurisdiction reads.
    let kept = events(&oversight.entries(TX_CUSTODY).await.accepted());
    let order =
        kept.iter().find_map(|event| if let Event::CustodyExpunged(found) = event { Some(found) } else { None });
    assert_eq!(order.unwrap().order, expungement_of("").order);
    assert_eq!(order.unwrap().detainers, [stay.detainer]);
    world.journal.assert_nothing_personal();
    let directory = world.directory().to_owned();
    let told = said(comity("verify").arg(&directory), 0);
    assert!(told.contains("whole: ") && told.contains("entries are of cases that were expunged"), "{told}");
    assert_nothing_personal(&told);
    // Nor does an export of everything have it, which is whole.
    let kept = tempfile::tempdir().unwrap();
    let out = kept.path().join("export");
    said(comity("export").arg(&out).arg("--data").arg(&directory).args(["--payloads", "all"]), 0);
    let export = Export::open(&out).unwrap();
    let logs = export.manifest().logs.iter();
    let entries: Vec<ExportedEntry> =
        logs.flat_map(|log| export.proved_entries(log).unwrap().map(Result::unwrap)).collect();
    let text: Vec<u8> = entries.iter().flat_map(|entry| &entry.openings).flat_map(|one| one.content.clone()).collect();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("Other") && !text.contains("Nettlethorpe"));
}

/// What is open of an entry.
fn opened(entry: &v1::Entry) -> Vec<u8> {
    entry.openings.iter().flat_map(|opening| opening.content.clone()).collect()
}

#[tokio::test]
async fn a_detainer_whose_issuer_was_never_told_stays_unless_the_order_covers_it() {
    let world = World::under_shipped_law();
    let (ice, officer) = (world.ice(), world.officer("us-ny-erie-jail"));
    let mut stays = Vec::new();
    for _ in 0..2 {
        let stay = world.matched("us-ny-erie-jail").await;
        world.erie().release(release_of(&stay.custody)).await.accepted();
        assert_eq!(ice.detainer(&stay.detainer).await.accepted().state(), v1::DetainerState::Lodged);
        stays.push(stay);
    }
    let before = ice.detainer(&stays[0].detainer).await.accepted();
    let size = ice.entries(NY_EXCHANGE).await.accepted().len();
    let answer = officer.expunge(expungement_of(&stays[0].custody)).await.accepted();
    assert!(answer.detainers.is_empty());
    // Nothing tells the issuer that there was a custody.
    assert_eq!(ice.detainer(&stays[0].detainer).await.accepted(), before);
    assert_eq!(ice.entries(NY_EXCHANGE).await.accepted().len(), size);
    let covering = v1::ExpungeCustodyRequest { covers_undisclosed: true, ..expungement_of(&stays[1].custody) };
    assert_eq!(officer.expunge(covering).await.accepted().detainers, [stays[1].detainer.clone()]);
    ice.detainer(&stays[1].detainer).await.not_found();
    assert_eq!(world.erie().custodies(NY).await.accepted().len(), 0);
}

#[tokio::test]
async fn a_write_that_was_expunged_is_not_answered_again() {
    let world = World::under_plain_law();
    let intake = intake_at(HARRIS);
    let custody = world.harris().open(intake.clone()).await.accepted().custody.unwrap().name;
    assert_eq!(world.harris().open(intake.clone()).await.accepted().custody.unwrap().name, custody);
    world.harris().release(release_of(&custody)).await.accepted();
    world.officer(HARRIS).expunge(expungement_of(&custody)).await.accepted();
    world.harris().open(intake).await.not_found();
    assert_eq!(world.harris().custodies(TX).await.accepted().len(), 0);
}

/// How many stays are expunged.
const SUBJECTS: usize = 100;

fn canary(number: usize) -> String {
    let letter = |of: usize| char::from(b'a' + u8::try_from(of % 26).unwrap());
    format!("Zz{}{}canary", letter(number), letter(number / 26))
}

/// The canaries that the contents of a store have under a key, and how many cases are open to it.
fn readable(place: &StoreLocation, key: &Path, stays: &[Matched]) -> (BTreeSet<usize>, usize) {
    let reader = place.read(Some(&read_key(key).unwrap())).unwrap();
    let mut contents = Vec::new();
    for log in reader.logs().unwrap() {
        for index in 0..reader.head(&log).unwrap().unwrap() {
            match reader.entries(&log, index, 1) {
                Ok(found) => contents.extend(found.into_iter().flat_map(|entry| entry.openings)),
                Err(StoreError::Vault(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    let text: Vec<u8> = contents.into_iter().flat_map(|opening| opening.content).collect();
    let text = String::from_utf8_lossy(&text).into_owned();
    let found = (0..SUBJECTS).filter(|number| text.contains(&canary(*number))).collect();
    let open = |name: &String| {
        let name: CaseName = name.parse().unwrap();
        reader.case(&name).is_ok_and(|case| !matches!(case.unwrap(), StoredCase::Expunged(_)))
    };
    let names = stays.iter().flat_map(|stay| [&stay.custody, &stay.detainer]);
    (found, names.filter(|name| open(name)).count())
}

/// A store with stays, a backup of it, and the keys of then.
struct Erasure {
    world: World,
    /// Where the store is. None: in a file of the data directory.
    url: Option<String>,
    stays: Vec<Matched>,
    kept: TempDir,
}

impl Erasure {
    async fn of(world: World, url: Option<String>) -> Self {
        let mut stays = Vec::new();
        for number in 0..SUBJECTS {
            stays.push(ended(&world, HARRIS, &canary(number)).await);
        }
        Self { world, url, stays, kept: tempfile::tempdir().unwrap() }
    }

    fn own_key(&self) -> PathBuf {
        self.world.directory().join("keys/wrapping.key")
    }

    fn old_key(&self) -> PathBuf {
        self.kept.path().join("old.key")
    }

    fn copied_file(&self) -> PathBuf {
        self.kept.path().join("backup/comity.db")
    }

    fn back_up(&self) {
        let mut command = comity("backup");
        command.arg(self.world.directory()).arg(self.kept.path().join("backup"));
        if let Some(url) = &self.url {
            command.env("COMITY_STORE", url);
        }
        said(&mut command, 0);
        fs::copy(self.own_key(), self.old_key()).unwrap();
    }

    /// What the store yields to a key.
    fn yields(&self, key: &Path) -> (BTreeSet<usize>, usize) {
        let place = match &self.url {
            Some(url) => StoreLocation::Server(Address::parse(url, Path::new("/")).unwrap()),
            None => StoreLocation::File(self.world.directory().join("comity.db")),
        };
        readable(&place, key, &self.stays)
    }

    /// What the backup yields to a key.
    fn copy_yields(&self, key: &Path) -> (BTreeSet<usize>, usize) {
        readable(&StoreLocation::File(self.copied_file()), key, &self.stays)
    }

    /// Everything is expunged; its issuer is told and confirms that.
    async fn expunge(&self) {
        let ice = self.world.ice();
        let cursor = ice.receive(TX, "").await.accepted().deliveries.last().unwrap().cursor.clone();
        for stay in &self.stays {
            self.world.officer(HARRIS).expunge(expungement_of(&stay.custody)).await.accepted();
        }
        let told = ice.receive(TX, &cursor).await.accepted().deliveries;
        let entries: Vec<v1::Entry> = told.iter().map(|delivery| delivery.entry.clone().unwrap()).collect();
        let expunged = events(&entries).into_iter().filter(|event| matches!(event, Event::DetainerExpunged(_)));
        assert_eq!(expunged.count(), SUBJECTS);
        ice.confirm(receipt_of(TX, &told.last().unwrap().cursor)).await.accepted();
    }

    /// The configuration, for a command.
    fn write_config(&self) -> PathBuf {
        let path = self.world.directory().join(CONFIG_FILE);
        let mut text = toml::to_string(self.world.config()).unwrap();
        if let Some(url) = &self.url {
            // An address is written without its password.
            let store = toml::to_string(&BTreeMap::from([("url", url)])).unwrap();
            let begins = text.find("[store]").unwrap();
            let ends = text[begins + 1..].find("\n[").map_or(text.len(), |at| begins + 1 + at);
            text.replace_range(begins..ends, &format!("[store]\n{store}"));
        }
        fs::write(&path, text).unwrap();
        path
    }

    /// Rotates, and once more as if that had been cut off before the new key was put in place.
    fn rotate(&self) {
        let path = self.write_config();
        let rotate = || said(comity("keys").args(["rotate", "--config"]).arg(&path), 0);
        let told = rotate();
        assert!(told.contains("the keys of 201 cases") && told.contains("whole: "), "{told}");
        let new = fs::read(self.own_key()).unwrap();
        assert_ne!(new, fs::read(self.old_key()).unwrap());
        fs::copy(self.own_key(), self.world.directory().join("keys/wrapping.key.next")).unwrap();
        fs::copy(self.old_key(), self.own_key()).unwrap();
        assert!(rotate().contains("the keys of 0 cases and 0 entries"));
        assert_eq!(fs::read(self.own_key()).unwrap(), new);
    }

    /// No wrapped key of the backup stands anywhere in a file.
    fn no_old_key_is_in_the_file(&self) {
        let connection = Connection::open(self.copied_file()).unwrap();
        let mut statement = connection.prepare("SELECT data_key FROM cases").unwrap();
        let wrapped: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(wrapped.len(), 2 * SUBJECTS);
        // The beginning of each is random.
        let beginnings: BTreeSet<&[u8]> = wrapped.iter().map(|key| &key[..12]).collect();
        for file in ["comity.db", "comity.db-wal"] {
            let bytes = fs::read(self.world.directory().join(file)).unwrap_or_default();
            assert!(!bytes.windows(12).any(|part| beginnings.contains(part)), "{file}");
        }
        let copied = fs::read(self.copied_file()).unwrap();
        assert!(copied.windows(12).any(|part| beginnings.contains(part)));
    }
}

/// Expunged in a store, and unreadable in an older copy of it once the wrapping key was rotated.
async fn nothing_is_left(mut erasure: Erasure) {
    let nothing = || (BTreeSet::new(), 0);
    erasure.back_up();
    let (own, old) = (erasure.own_key(), erasure.old_key());
    // So that this can fail: the copy yields every one of them.
    assert_eq!(erasure.copy_yields(&old), ((0..SUBJECTS).collect(), 2 * SUBJECTS));
    erasure.expunge().await;
    assert_eq!(erasure.yields(&own), nothing());
    // A stay that goes on, for what comes after.
    let intake = intake_at(HARRIS);
    let held = erasure.world.harris().open(intake.clone()).await.accepted();
    erasure.world.stop().await;
    erasure.rotate();
    assert_eq!((erasure.yields(&own), erasure.copy_yields(&own)), (nothing(), nothing()));
    if erasure.url.is_none() {
        erasure.no_old_key_is_in_the_file();
    }
    // It is served as before.
    erasure.world.open_again();
    assert_eq!(erasure.world.harris().open(intake).await.accepted(), held);
    assert_eq!(erasure.world.harris().custodies(TX).await.accepted().len(), 1);
    erasure.world.ice().lodge(detainer_for(HARRIS)).await.accepted();
    erasure.world.stop().await;
}

#[tokio::test]
async fn neither_a_file_nor_its_backup_yields_what_was_expunged() {
    Box::pin(nothing_is_left(Box::pin(Erasure::of(World::under_plain_law(), None)).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_database_nor_its_backup_yields_what_was_expunged() {
    let Some(database) = Database::whole() else { return };
    let url = database.url().to_owned();
    let world = World::under_plain_law_with(|config| config.store = StoreConfig::server(&url));
    Box::pin(nothing_is_left(Box::pin(Erasure::of(world, Some(url))).await)).await;
}
