//! Delivery asks the law again: what was committed to be shown may have become less, and never becomes more.

use std::path::Path;

use comity::config::read_key;
use comity::domain::case::StoredCase;
use comity::domain::charge::ChargeStatus;
use comity::domain::determination::{FieldClass, FieldClasses};
use comity::domain::ids::CaseName;
use comity::store::sqlite::SqliteStore;
use comity::store::{Append, Store as _, Wanted};
use comity::wire::v1;
use jiff::SignedDuration;

use crate::harness::law::AS_READ;
use crate::harness::requests::{
    NY, NY_EXCHANGE, answer_to, detainer_for, match_of, reasoned_answer_to, schedule_of, withdrawal_of,
};
use crate::harness::{Party, World};

use v1::DetainerState::{Declined, Lodged, Matched, NotifyOnly, Withdrawn};
use v1::FieldClass::{Answer, Count, Custody, ReleaseDate, ReleasePlace};

/// Classes of an entry that its reader is shown, by every way of reading one; the same by each.
async fn shown(party: &Party, index: usize) -> Vec<v1::FieldClass> {
    let name = format!("{NY_EXCHANGE}/entries/{index}");
    let got = party.get_entry(v1::GetEntryRequest { name: name.clone() }).await.accepted().entry.unwrap();
    let listed = party.entries_from(NY_EXCHANGE, i64::try_from(index).unwrap()).await.accepted().remove(0);
    let inbox = party.receive(NY, "").await.accepted().deliveries.into_iter().filter_map(|delivery| delivery.entry);
    let received = inbox.into_iter().find(|entry| entry.name == name).unwrap();
    assert_eq!((&listed, &received), (&got, &got), "one answer by every way");
    let shown: Vec<_> = got.openings.iter().map(v1::Opening::field_class).collect();
    let leaf = comity::wire::entry::read_leaf(&got.leaf).unwrap();
    assert_eq!(shown.len() + got.withheld.len(), leaf.commitments.len(), "what is not shown is named");
    shown
}

/// What an issuer is shown of its detainer, by every way of reading one; the same by each.
async fn seen(party: &Party, name: &str) -> v1::Detainer {
    let got = party.detainer(name).await.accepted();
    let listed = party.detainers(NY).await.accepted().into_iter().find(|detainer| detainer.name == name);
    assert_eq!(listed.as_ref(), Some(&got));
    got
}

/// What became of charges in the custodian's own system, which the gateway has no command for.
fn seal(directory: &Path, custody: &str) {
    let key = read_key(&directory.join("keys/wrapping.key")).unwrap();
    let mut store = SqliteStore::open(&directory.join("comity.db"), &key).unwrap();
    let name: CaseName = custody.parse().unwrap();
    let mut loaded = store.load(&Wanted { cases: [name.clone()].into(), ..Wanted::default() }).unwrap();
    let Some(StoredCase::Custody(mut custody)) = loaded.cases.remove(&name) else { panic!("no custody") };
    custody.intake.charges[0].status = ChargeStatus::Sealed;
    store.commit(&Append { cases: vec![StoredCase::Custody(custody)], ..Append::default() }).unwrap();
}

/// A detainer at a state prison: lodged, found, answered, and told of a date.
async fn told_of_a_date(world: &World) -> crate::harness::story::Matched {
    let matched = world.matched("us-ny-doccs").await;
    let officer = world.officer("us-ny-doccs");
    officer.answer(reasoned_answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
    world.doccs().schedule(schedule_of(&matched.custody)).await.accepted();
    matched
}

#[tokio::test]
async fn of_a_charge_that_was_sealed_since_nothing_more_is_shown() {
    let mut world = World::start();
    let matched = told_of_a_date(&world).await;
    let ice = world.ice();
    let lodged = shown(&ice, 0).await;
    assert_eq!(shown(&ice, 1).await, [Count, Custody]);
    assert_eq!(shown(&ice, 2).await, [Count, Answer]);
    assert_eq!(shown(&ice, 3).await, [Count, ReleaseDate, ReleasePlace]);
    let before = seen(&ice, &matched.detainer).await;
    assert_eq!(before.state(), NotifyOnly);
    assert!(before.acknowledgement.is_some());

    world.restart_after(|directory| seal(directory, &matched.custody)).await;
    let ice = world.ice();
    assert_eq!(shown(&ice, 0).await, lodged, "what it wrote itself it reads as before");
    assert_eq!(shown(&ice, 1).await, [], "the leaf is there, and nothing of it");
    // Counted with the custodian's charges, which may not be shown any more.
    assert_eq!(shown(&ice, 2).await, [Answer]);
    assert_eq!(shown(&ice, 3).await, []);
    let after = seen(&ice, &matched.detainer).await;
    assert_eq!((after.state(), after.acknowledgement.clone()), (NotifyOnly, None));
    assert_eq!((&after.answer, &after.etag), (&before.answer, &before.etag));

    // The account of disclosures says what was shown and not what might have been.
    let entry = |index: u32| format!("{NY_EXCHANGE}/entries/{index}");
    let accounted = |index: u32| {
        let rows = world.kept().disclosures().into_iter();
        let mut of_it = rows.filter(|(method, names, _)| method == "LedgerService/GetEntry" && *names == entry(index));
        of_it.next_back().unwrap().2
    };
    assert_eq!(accounted(1), FieldClasses::NONE);
    assert!(accounted(2).contains(FieldClass::Answer));
    assert!(!accounted(2).contains(FieldClass::Custody) && !accounted(2).contains(FieldClass::Count));

    // Neither custodian nor oversight is asked to forget.
    for party in [world.doccs(), world.oversight()] {
        let entries = party.entries(NY_EXCHANGE).await.accepted();
        assert!(entries.iter().all(|entry| entry.withheld.is_empty()));
        assert!(party.detainer(&matched.detainer).await.accepted().acknowledgement.is_some());
    }
    // Nor does an answer to a write tell more than a read.
    let withdrawn = ice.withdraw(withdrawal_of(&matched.detainer)).await.accepted().detainer.unwrap();
    assert_eq!((withdrawn.state(), withdrawn.acknowledgement), (Withdrawn, None));
}

#[tokio::test]
async fn the_answer_of_whoever_holds_the_person_goes_with_the_custody() {
    let mut world = World::start();
    let mut lodging = detainer_for("us-ny-doccs");
    lodging.detainer.as_mut().unwrap().custodian.clear();
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    let custody = world.held("us-ny-doccs").await;
    world.doccs().acknowledge(match_of(&detainer, &custody)).await.accepted();
    world.doccs().answer(answer_to(&detainer, v1::AnswerKind::Decline)).await.accepted();
    let ice = world.ice();
    assert_eq!(shown(&ice, 2).await, [Count, Answer]);
    assert_eq!(seen(&ice, &detainer).await.state(), Declined);
    world.restart_after(|directory| seal(directory, &custody)).await;
    let ice = world.ice();
    assert_eq!(shown(&ice, 2).await, []);
    let after = seen(&ice, &detainer).await;
    assert_eq!((after.state(), after.answer, after.custodian.as_str()), (Lodged, None, ""));
}

#[tokio::test]
async fn whoever_was_matched_by_mistake_keeps_their_safeguards() {
    let mut world = World::start();
    let matched = told_of_a_date(&world).await;
    let request = match_of(&matched.detainer, &matched.custody);
    let acknowledgement = v1::Acknowledgement {
        finding: v1::Finding::IdentityMismatch.into(),
        match_method: v1::MatchMethod::Officer.into(),
        ..Default::default()
    };
    let correction = Some(v1::Correction { reason: "somebody else".to_owned() });
    let parting = v1::AcknowledgeDetainerRequest { acknowledgement: Some(acknowledgement), correction, ..request };
    world.officer("us-ny-doccs").acknowledge(parting).await.accepted();
    assert_eq!(shown(&world.ice(), 1).await, [Count, Custody]);
    assert_eq!(shown(&world.ice(), 4).await, [Count, Custody]);
    world.restart_after(|directory| seal(directory, &matched.custody)).await;
    assert_eq!(shown(&world.ice(), 1).await, [], "the detainer stands on that custody no more; the person does");
    assert_eq!(shown(&world.ice(), 4).await, [Count, Custody], "that it was somebody else is not of that custody");
}

/// What is asked at delivery alone, as a pack may.
const SINCE: &str = r#"
@id("us-ny.answers-are-kept")
@cite("an act that took effect since")
forbid (principal, action == Action::"disclose", resource == FieldClass::"answer")
when { context.stage == Stage::"deliver" };
"#;

#[tokio::test]
async fn a_pack_that_was_changed_since_narrows_what_was_committed_before() {
    let mut world = World::start();
    let matched = told_of_a_date(&world).await;
    assert_eq!(shown(&world.ice(), 2).await, [Count, Answer]);
    world
        .restart_after(|directory| {
            let pack = directory.join(AS_READ).join("law/us-ny.cedar");
            let law = std::fs::read_to_string(&pack).unwrap();
            std::fs::write(&pack, law + SINCE).unwrap();
        })
        .await;
    let ice = world.ice();
    assert_eq!(shown(&ice, 1).await, [Count, Custody]);
    assert_eq!(shown(&ice, 2).await, []);
    assert_eq!(shown(&ice, 3).await, [Count, ReleaseDate, ReleasePlace]);
    let after = seen(&ice, &matched.detainer).await;
    assert_eq!((after.state(), after.answer), (Matched, None));
    let withdrawn = ice.withdraw(withdrawal_of(&matched.detainer)).await.accepted().detainer.unwrap();
    assert_eq!((withdrawn.answer, withdrawn.acknowledgement.is_some()), (None, true));
}

#[tokio::test]
async fn what_an_officer_decided_stays_decided_until_the_question_is_another() {
    let world = World::start();
    let matched = world.matched("us-ny-erie-jail").await;
    let officer = world.officer("us-ny-erie-jail");
    officer.answer(reasoned_answer_to(&matched.detainer, v1::AnswerKind::NotifyOnly)).await.accepted();
    world.erie().schedule(schedule_of(&matched.custody)).await.accepted();
    let entries = world.ice().entries(NY_EXCHANGE).await.accepted();
    let [_lodged, _answered, _noticed] = entries.as_slice() else { panic!("{} entries", entries.len()) };
    assert_eq!(shown(&world.ice(), 2).await, [Count, ReleaseDate], "the law alone would leave it to a person");
    // Midnight in New York, when the executive order gives way to statutes, whose exceptions nobody has read yet.
    let until: jiff::Timestamp = "2026-05-27T04:00:00Z".parse().unwrap();
    world.clock.set(until - SignedDuration::from_secs(1));
    assert_eq!(shown(&world.ice(), 2).await, [Count, ReleaseDate]);
    world.clock.set(until);
    assert_eq!(shown(&world.ice(), 2).await, []);
    assert_eq!(shown(&world.ice(), 1).await, [Count, Answer], "what may be shown by either is");
}
