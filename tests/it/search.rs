//! Lists that are narrowed by a filter, over the wire: what each side finds, in which spelling, and what is refused.

use std::fs;
use std::path::Path;

use comity::config::StoreConfig;
use comity::wire::v1;
use tonic::Code;

use crate::harness::changes::{expungement_of, lawful_status_in};
use crate::harness::postgres::Database;
use crate::harness::requests::{NY, TX, answer_to, detainer_for, intake_at, release_of, schedule_of};
use crate::harness::{Party, World};

const DOCCS: &str = "us-ny-doccs";
const HARRIS: &str = "us-tx-harris-jail";

async fn page(party: &Party, parent: &str, filter: &str, page_size: i32, token: &str) -> v1::ListDetainersResponse {
    let request = v1::ListDetainersRequest {
        parent: parent.to_owned(),
        page_size,
        page_token: token.to_owned(),
        filter: filter.to_owned(),
    };
    party.list_detainers(request).await.accepted()
}

/// The names of the detainers that a party finds.
async fn found(party: &Party, parent: &str, filter: &str) -> Vec<String> {
    let page = page(party, parent, filter, 100, "").await;
    assert_eq!(page.next_page_token, "");
    let mut names: Vec<String> = page.detainers.into_iter().map(|detainer| detainer.name).collect();
    // By the clock of the tests everything was made at once, so the order of making is not that of the ids.
    names.sort_unstable();
    names
}

async fn custodies(party: &Party, filter: &str) -> Vec<String> {
    let request = v1::ListCustodiesRequest { parent: NY.to_owned(), filter: filter.to_owned(), ..Default::default() };
    party.list_custodies(request).await.accepted().custodies.into_iter().map(|custody| custody.name).collect()
}

fn lodging(agency: &str, alien_number: &str, din: &str) -> v1::LodgeDetainerRequest {
    let mut request = detainer_for(agency);
    let subject = request.detainer.as_mut().unwrap().subject.as_mut().unwrap();
    let identifiers = subject.identifiers.as_mut().unwrap();
    (identifiers.alien_number, identifiers.din) = (alien_number.to_owned(), din.to_owned());
    request
}

/// A person in Texas whose hold was honored, and whose release is expected.
async fn expected_in_texas(world: &World) -> (String, String) {
    let matched = world.matched(HARRIS).await;
    world.harris().answer(answer_to(&matched.detainer, v1::AnswerKind::HonorHold)).await.accepted();
    world.harris().schedule(schedule_of(&matched.custody)).await.accepted();
    (matched.detainer, matched.custody)
}

async fn each_side_finds(world: World) {
    let lodge = async |number: &str, din: &str| {
        world.ice().lodge(lodging(DOCCS, number, din)).await.accepted().detainer.unwrap().name
    };
    let one = lodge("A-012-345-678", "24b1234").await;
    let other = lodge("087654321", "24-B-7391").await;
    let mut both = [one.clone(), other.clone()];
    both.sort_unstable();
    let (ice, doccs, oversight) = (world.ice(), world.doccs(), world.oversight());
    for number in ["012345678", "A12345678", "A-012-345-678", "12345678"] {
        let filter = format!("subject.identifiers.alien_number = \"{number}\"");
        for party in [&ice, &doccs, &oversight] {
            assert_eq!(found(party, NY, &filter).await, std::slice::from_ref(&one), "{number}");
        }
    }
    for din in ["24-B-1234", "24b1234"] {
        assert_eq!(
            found(&doccs, NY, &format!("subject.identifiers.din = \"{din}\"")).await,
            std::slice::from_ref(&one),
            "{din}"
        );
    }
    let nobodys = "subject.identifiers.alien_number = \"099999999\"";
    assert!(found(&ice, NY, nobodys).await.is_empty());
    // Another agency's detainers are found by nobody else.
    assert!(found(&world.system("us-ny-erie-jail"), NY, "subject.identifiers.din = \"24-B-1234\"").await.is_empty());

    // The finding is not disclosed: each side finds by the state that it is shown.
    let custody = doccs.open(intake_at(DOCCS)).await.accepted().custody.unwrap().name;
    let custody_din = "subject.identifiers.din = \"24-B-7391\" AND state = \"CUSTODY_STATE_HELD\"";
    assert_eq!(custodies(&doccs, custody_din).await, std::slice::from_ref(&custody));
    assert_eq!(custodies(&oversight, custody_din).await, [custody]);
    assert!(custodies(&world.system("us-ny-erie-jail"), custody_din).await.is_empty());
    let lodged = "state = \"DETAINER_STATE_LODGED\"";
    let declined = "state = \"DETAINER_STATE_DECLINED\"";
    doccs.answer(answer_to(&other, v1::AnswerKind::Decline)).await.accepted();
    assert_eq!(found(&doccs, NY, declined).await, std::slice::from_ref(&other));
    assert_eq!(found(&doccs, NY, lodged).await, std::slice::from_ref(&one));
    // What is to be answered is the custodian's to know, and until when; the first is, the other was answered.
    for (moment, expected) in [("2020-01-01T00:00:00Z", &[][..]), ("2100-01-01T00:00:00Z", std::slice::from_ref(&one))]
    {
        let due_before = format!("answer_due_time < \"{moment}\"");
        for party in [&doccs, &oversight] {
            assert_eq!(found(party, NY, &due_before).await, expected, "{moment}");
        }
        assert!(found(&ice, NY, &due_before).await.is_empty(), "{moment}");
    }
    let shown = ice.detainer(&other).await.accepted().state();
    assert!(found(&ice, NY, &format!("state = \"{}\"", shown.as_str_name())).await.contains(&other));
    let by_custodian = format!("custodian = \"agencies/{DOCCS}\" AND issuer = \"agencies/us-ice\"");
    assert_eq!(found(&ice, NY, &by_custodian).await, both);

    // Page by page, and each token is of its filter.
    let first = page(&ice, NY, &by_custodian, 1, "").await;
    let token = first.next_page_token;
    let respelt = format!("custodian=\"agencies/{DOCCS}\"   AND issuer=\"agencies/us-ice\"");
    let second = page(&ice, NY, &respelt, 1, &token).await;
    assert_eq!([first.detainers[0].name.clone(), second.detainers[0].name.clone()], both);
    let refused = |filter: &str, token: &str| v1::ListDetainersRequest {
        parent: NY.to_owned(),
        page_token: token.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    let plain = page(&ice, NY, "", 1, "").await.next_page_token;
    for (filter, token) in [(lodged, &token), ("", &token), (lodged, &plain)] {
        ice.list_detainers(refused(filter, token)).await.refused(Code::InvalidArgument, "INVALID_CURSOR");
    }
    let wrong = "subject.identifiers.alien_number = \"Quackenbush\"";
    let faults = ice.list_detainers(refused(wrong, "")).await.refused(Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(faults.fields(), ["filter"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_side_finds_its_own_by_what_it_is_shown() {
    Box::pin(each_side_finds(World::start())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_side_finds_its_own_in_a_database() {
    let Some(database) = Database::whole() else { return };
    let world = World::with(|_, config| config.store = StoreConfig::server(database.url()));
    Box::pin(each_side_finds(world)).await;
}

#[tokio::test]
async fn a_requester_finds_by_an_expected_release_while_it_may_be_shown_it() {
    let world = World::under_plain_law();
    let (detainer, custody) = expected_in_texas(&world).await;
    world.matched(HARRIS).await;
    let ice = world.ice();
    let seen = ice.detainer(&detainer).await.accepted();
    let expected = seen.scheduled_release.clone().unwrap();
    assert_eq!(expected, world.harris().custody(&custody).await.accepted().scheduled_release.unwrap());
    let notice = seen.last_notice.unwrap();
    assert_eq!(notice.kind(), v1::ReleaseNoticeKind::Expected);
    let entry = ice.get_entry(v1::GetEntryRequest { name: notice.entry }).await.accepted().entry.unwrap();
    assert!(entry.openings.iter().any(|opening| opening.field_class() == v1::FieldClass::ReleaseDate));
    // Who is released before a moment, and who by then is not.
    let soon = "scheduled_release.expected_at < \"2027-01-01T00:00:00Z\"";
    let long_ago = "scheduled_release.expected_at < \"2020-01-01T00:00:00Z\"";
    assert_eq!(found(&ice, TX, soon).await, std::slice::from_ref(&detainer));
    assert!(found(&ice, TX, long_ago).await.is_empty());
    assert_eq!(
        found(&ice, TX, &format!("{soon} AND state = \"DETAINER_STATE_HOLD_HONORED\"")).await,
        std::slice::from_ref(&detainer)
    );

    // The law now leaves notice to a person.
    world.officer(HARRIS).correct_identity(lawful_status_in(&custody)).await.accepted();
    assert!(found(&ice, TX, soon).await.is_empty());
    let seen = ice.detainer(&detainer).await.accepted();
    assert_eq!((seen.scheduled_release, seen.last_notice), (None, None));
    let withheld: Vec<_> = seen.withheld.iter().map(v1::Withheld::field_class).collect();
    assert!(withheld.contains(&v1::FieldClass::ReleaseDate), "{withheld:?}");
    // The custodian reads what the issuer was told.
    let told = world.harris().detainer(&detainer).await.accepted();
    assert_eq!(told.scheduled_release, Some(expected));
    assert_eq!(found(&world.harris(), TX, soon).await, [detainer]);
}

#[tokio::test]
async fn a_requester_reads_the_release_that_it_was_told_of_field_by_field() {
    let world = World::under_plain_law();
    let (detainer, custody) = expected_in_texas(&world).await;
    let mut release = release_of(&custody);
    release.release.as_mut().unwrap().place = "the sally port".to_owned();
    world.harris().release(release).await.accepted();
    let recorded = world.harris().custody(&custody).await.accepted().actual_release.unwrap();
    let ice = world.ice();
    let seen = ice.detainer(&detainer).await.accepted();
    assert_eq!(seen.actual_release, Some(recorded.clone()));
    assert_eq!(seen.last_notice.unwrap().kind(), v1::ReleaseNoticeKind::Released);
    assert!(ice.detainers(TX).await.accepted().iter().any(|listed| listed.actual_release == Some(recorded.clone())));
    let since = "update_time >= \"2026-02-01T00:00:00Z\" AND actual_release.released_at > \"2026-01-01T00:00:00Z\"";
    assert_eq!(found(&ice, TX, since).await, std::slice::from_ref(&detainer));
    world.officer(HARRIS).correct_identity(lawful_status_in(&custody)).await.accepted();
    let seen = ice.detainer(&detainer).await.accepted();
    assert_eq!((seen.actual_release, seen.closing, seen.last_notice), (None, None, None));
    assert!(found(&ice, TX, since).await.is_empty());
}

/// Every byte of every file below.
fn bytes(directory: &Path) -> Vec<u8> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { bytes(&path) } else { fs::read(path).unwrap() }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_searched_for_stands_nowhere_in_the_clear_and_is_found_by_nobody_once_expunged() {
    let mut world = World::start();
    let custody = world.held(DOCCS).await;
    let name = "subject.identifiers.alien_number = \"079314159\"";
    assert_eq!(custodies(&world.doccs(), name).await, std::slice::from_ref(&custody));
    world.doccs().release(release_of(&custody)).await.accepted();
    world.officer(DOCCS).expunge(expungement_of(&custody)).await.accepted();
    assert!(custodies(&world.doccs(), name).await.is_empty());
    assert!(custodies(&world.oversight(), name).await.is_empty());
    world.lodged(DOCCS).await;
    assert_eq!(found(&world.ice(), NY, name).await.len(), 1);
    let stored = bytes(world.directory());
    world.stop().await;
    for number in ["079314159", "79314159", "24-B-7391"] {
        let is_there = |bytes: &[u8]| bytes.windows(number.len()).any(|window| window == number.as_bytes());
        assert!(!is_there(&stored) && !is_there(&bytes(world.directory())), "{number} stands in the clear");
    }
}
