//! Many reloads while several agencies write and read: each call is judged by one set alone, and none fails for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use comity::server::Reloaded;
use comity::wire::{Message as _, v1};
use jiff::SignedDuration;
use tonic::{Code, Status};

use crate::harness::changes::amendment_of;
use crate::harness::requests::{NY, NY_EXCHANGE, answer_to, detainer_for, intake_at, match_of, release_of};
use crate::harness::{Party, World};
use crate::reload::sets::{Letter, activation, letters, point};
use crate::reload::world;

/// Reloads, unless `COMITY_RELOADS` says otherwise.
const RELOADS: usize = 120;

/// What the callers saw, by what and under which set.
#[derive(Debug, Default)]
struct Seen(BTreeMap<(&'static str, Letter), u64>);

impl Seen {
    fn note(&mut self, what: &'static str, letter: Letter) {
        *self.0.entry((what, letter)).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        for (key, count) in other.0 {
            *self.0.entry(key).or_default() += count;
        }
    }
}

/// Everything that a caller needs to tell the sets apart.
#[derive(Clone)]
struct Sets(Arc<BTreeMap<Vec<u8>, Letter>>);

impl Sets {
    /// The set that a receipt's leaf names.
    fn of(&self, receipt: Option<&v1::Receipt>) -> Letter {
        let leaf = v1::Leaf::decode(receipt.unwrap().leaf.as_slice()).unwrap();
        self.0[&leaf.policy_digest]
    }
}

/// That the method is not open to the caller, which set B alone says.
fn is_denied_by_b(status: &Status) -> bool {
    comity::wire::failure::reason_of(status) == Some(v1::ErrorReason::MethodDenied)
        && status.code() == Code::PermissionDenied
}

fn policies(determinations: &[v1::Determination]) -> impl Iterator<Item = &str> {
    determinations.iter().flat_map(|determination| &determination.policies).map(String::as_str)
}

/// One agency's people, detainers and answers, over and over.
async fn write(ice: Party, holder: Party, agency: &'static str, sets: Sets, over: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    while !over.load(Ordering::SeqCst) {
        let custody = holder.open(intake_at(agency)).await.accepted().custody.unwrap().name;
        let lodged = ice.lodge(detainer_for(agency)).await.accepted();
        seen.note("lodged", sets.of(lodged.receipt.as_ref()));
        let detainer = lodged.detainer.unwrap().name;
        let found = holder.acknowledge(match_of(&detainer, &custody)).await.accepted();
        let letter = sets.of(found.receipt.as_ref());
        assert_eq!(letters(policies(&found.determinations)), [letter].into(), "{found:?}");
        seen.note("acknowledged", letter);
        match ice.amend(amendment_of(&detainer, detainer_for(agency))).await.0 {
            Ok(amended) => {
                let letter = sets.of(amended.receipt.as_ref());
                assert_ne!(letter, Letter::B, "admitted by one set and judged by another");
                seen.note("amended", letter);
            }
            Err(status) => {
                assert!(is_denied_by_b(&status), "{status:?}");
                seen.note("not amended", Letter::B);
            }
        }
        let answered = holder.answer(answer_to(&detainer, v1::AnswerKind::HonorHold)).await;
        match answered.0 {
            Ok(answered) => {
                let letter = sets.of(answered.receipt.as_ref());
                assert_ne!(letter, Letter::B, "{answered:?}");
                assert_eq!(letters(policies(&answered.determinations)), [letter].into(), "{answered:?}");
                seen.note("held", letter);
            }
            Err(status) => {
                let refused =
                    crate::harness::Outcome::<()>(Err(status)).refused(Code::PermissionDenied, "FORBIDDEN_BY_LAW");
                assert_eq!(refused.metadata["policies"], "us-ny.b-no-hold");
                seen.note("not held", Letter::B);
            }
        }
    }
    seen
}

/// What an issuer is shown of a detainer: by which set.
fn shown(detainer: &v1::Detainer) -> Letter {
    let shows = (detainer.acknowledgement.is_some(), detainer.state() == v1::DetainerState::Released);
    let by = Letter::ALL.into_iter().find(|letter| letter.shows() == shows);
    by.unwrap_or_else(|| panic!("no set shows this: {shows:?} {detainer:?}"))
}

/// An issuer that reads one detainer, all detainers, and its log.
async fn read(ice: Party, witnesses: Vec<String>, over: Arc<AtomicBool>) -> Seen {
    let (mut seen, mut next) = (Seen::default(), 0);
    while !over.load(Ordering::SeqCst) {
        for witness in &witnesses {
            seen.note("got", shown(&ice.detainer(witness).await.accepted()));
        }
        match ice.detainers(NY).await.0 {
            Ok(page) => {
                // Those that were answered under a set that shows everything are at the head of the list.
                let mut by = page.iter().take(witnesses.len()).map(shown);
                let letter = by.next().unwrap();
                assert!(by.all(|other| other == letter), "a page of two sets");
                assert_ne!(letter, Letter::B, "admitted by one set and narrowed by another");
                seen.note("listed", letter);
            }
            Err(status) => {
                assert!(is_denied_by_b(&status), "{status:?}");
                seen.note("not listed", Letter::B);
            }
        }
        let read = ice.entries_from(NY_EXCHANGE, next).await.accepted();
        next = read.last().map_or(next, |entry| v1::Leaf::decode(entry.leaf.as_slice()).unwrap().index + 1);
    }
    seen
}

/// Goes through the logs: between two activations every entry that names a set names the first one's.
fn audit(world: &World, sets: &Sets) -> (usize, usize) {
    let (mut named, mut activations) = (0, 0);
    for log in world.kept().logs() {
        let mut current = Letter::A;
        for stored in world.kept().entries(&log) {
            let leaf = v1::Leaf::decode(stored.leaf.as_slice()).unwrap();
            if let Some(activated) = activation(&stored) {
                activations += 1;
                let before = sets.0[&activated.digest_before];
                // Elsewhere only what is of every jurisdiction is recorded: between a and c nothing is.
                let same = |letter: Letter| {
                    if log.jurisdiction.as_str() == "us-ny" {
                        Some(letter)
                    } else {
                        Some(letter).filter(|letter| *letter == Letter::B)
                    }
                };
                assert_eq!(same(before), same(current), "{log} {}", stored.index);
                current = sets.0[&activated.digest_after];
                assert_eq!(leaf.policy_digest, activated.digest_after);
            } else if !leaf.policy_digest.is_empty() {
                named += 1;
                let letter = sets.0[&leaf.policy_digest];
                let fits = letter == current
                    || (log.jurisdiction.as_str() != "us-ny" && letter != Letter::B && current != Letter::B);
                assert!(fits, "{log} {}: {letter:?} under {current:?}", stored.index);
            }
        }
    }
    (named, activations)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_mix_no_call_and_fail_none() {
    let world = Arc::new(world(0));
    let digests = Letter::ALL.map(|letter| (letter.digest(world.directory()), letter));
    let sets = Sets(Arc::new(digests.into()));
    // Three that everything is shown of under set a, so that what is not shown later is a set's doing.
    let mut witnesses = Vec::new();
    for _ in 0..3 {
        let matched = world.matched("us-ny-doccs").await;
        world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::HonorHold).await.accepted();
        world.doccs().release(release_of(&matched.custody)).await.accepted();
        witnesses.push(matched.detainer);
    }
    // Names are in the order of time: those of the witnesses are before all others.
    world.pass(SignedDuration::from_hours(1));
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for agency in ["us-ny-doccs", "us-ny-erie-jail"] {
        callers.push(tokio::spawn(write(world.ice(), world.system(agency), agency, sets.clone(), Arc::clone(&over))));
    }
    for _ in 0..2 {
        callers.push(tokio::spawn(read(world.ice(), witnesses.clone(), Arc::clone(&over))));
    }
    let began = Instant::now();
    let reloading = Arc::clone(&world);
    let reloads = std::env::var_os("COMITY_RELOADS").map_or(RELOADS, |text| text.to_str().unwrap().parse().unwrap());
    let entries = tokio::task::spawn_blocking(move || {
        let directories = Letter::ALL.map(|letter| reloading.directory().join(format!("set-{}", letter.word())));
        let mut entries = 0;
        for number in 1..=reloads {
            point(reloading.directory(), &directories[number % directories.len()]);
            match reloading.gateway().reload_policies().unwrap() {
                Reloaded::Activated { entries: more } => entries += more,
                Reloaded::Unchanged => panic!("another set is a change"),
            }
        }
        entries
    });
    let entries = entries.await.unwrap();
    let took = began.elapsed();
    over.store(true, Ordering::SeqCst);
    let mut seen = Seen::default();
    for caller in callers {
        seen.add(caller.await.unwrap());
    }
    let (named, activations) = audit(&world, &sets);
    assert_eq!(activations, entries);
    println!(
        "{reloads} reloads in {took:?}; {activations} activations recorded; {named} entries name a set; {:?}",
        seen.0
    );
    for what in ["lodged", "acknowledged", "got"] {
        for letter in Letter::ALL {
            assert!(seen.0.contains_key(&(what, letter)), "nothing was {what} under {letter:?}");
        }
    }
    for what in [
        ("amended", Letter::A),
        ("not amended", Letter::B),
        ("held", Letter::C),
        ("not held", Letter::B),
        ("listed", Letter::A),
    ] {
        assert!(seen.0.contains_key(&what), "never {what:?}");
    }
}
