//! An appeal over thousands of people, lodged by bulk with three custodians, answered by law and by hand, and held against the
//! reports of everybody concerned.

use std::collections::BTreeMap;
use std::time::Instant;

use comity::reports::Report;
use comity::wire::v1::{self, AnswerKind, AppealAnswerKind, AppealStanding, Finding, ReviewDecision};
use futures_util::{StreamExt as _, stream};

use crate::appeals::{Counted, tally};
use crate::flood::told;
use crate::harness::World;
use crate::harness::appeals::{answered, answered_by_law, appeal_by};
use crate::harness::duties::decision_on;
use crate::harness::requests::{NY, answer_to, detainer_for, intake_at, match_of, release_of};
use crate::reports::{of, report, sum};

/// A state prison, which the law lets tell, and two jails, where an officer decides each time.
const CUSTODIANS: [&str; 3] = [PRISON, "us-ny-erie-jail", "us-ny-suffolk-jail"];
const PRISON: &str = "us-ny-doccs";
/// Of so many, one is promised notice, one is not there, one is released, and the rest is not looked at.
const EVERY: usize = 10;
const CALLS_AT_ONCE: usize = 32;

/// Sends requests over one stream, and returns what each was answered. None may be refused.
macro_rules! send_all {
    ($client:expr, $stream:ident, $item:ident, $answer:ident, $requests:expr) => {{
        let items: Vec<_> = $requests.into_iter().map(|request| v1::$item { request: Some(request) }).collect();
        let mut answers = $client.$stream(stream::iter(items)).await.unwrap().into_inner();
        let mut all = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            let Some(v1::$answer::Outcome::Response(response)) = answer.outcome else { panic!("{answer:?}") };
            all.push(response);
        }
        all
    }};
}

/// A custodian, and the detainers that were lodged with it.
struct Desk<'a> {
    world: &'a World,
    agency: &'static str,
    detainers: Vec<String>,
}

impl Desk<'_> {
    fn every(&self, nth: usize) -> Vec<&str> {
        self.detainers.iter().skip(nth).step_by(EVERY).map(String::as_str).collect()
    }

    fn promised(&self) -> Vec<&str> {
        self.every(0)
    }

    fn not_here(&self) -> Vec<&str> {
        self.every(1)
    }

    fn released(&self) -> Vec<&str> {
        self.every(2)
    }

    /// What is done before anybody appeals.
    async fn works(&self) {
        let (desk, officer) = (self.world.system(self.agency), self.world.officer(self.agency));
        let mut client = desk.client().await.detainers();
        let found = [self.promised(), self.released()].concat();
        let opened = stream::iter(&found).map(async |_| desk.open(intake_at(self.agency)).await.accepted());
        let stays: Vec<String> =
            opened.buffered(CALLS_AT_ONCE).map(|opened| opened.custody.unwrap().name).collect().await;
        let matches = found.iter().zip(&stays).map(|(detainer, custody)| match_of(detainer, custody));
        let nobody = self.not_here().into_iter().map(|detainer| {
            let mut found = match_of(detainer, "");
            let acknowledgement = v1::Acknowledgement { finding: Finding::NoSuchPerson.into(), ..Default::default() };
            found.acknowledgement = Some(acknowledgement);
            found
        });
        let findings = matches.chain(nobody);
        send_all!(client, acknowledge_detainers, AcknowledgeDetainersRequest, acknowledge_detainers_response, findings);

        // A prison may tell of whoever it lets go. In a jail an officer permits it, one by one.
        let told = if self.agency == PRISON { found } else { self.promised() };
        if self.agency != PRISON {
            let permits = stream::iter(&told).map(async |detainer| {
                officer.decide(decision_on(detainer, "notify", ReviewDecision::Permit)).await.accepted()
            });
            permits.buffer_unordered(CALLS_AT_ONCE).collect::<Vec<_>>().await;
        }
        let answers = told.into_iter().map(|detainer| answer_to(detainer, AnswerKind::NotifyOnly));
        send_all!(client, answer_detainers, AnswerDetainersRequest, answer_detainers_response, answers);
        let releases = stays[self.promised().len()..].iter().map(|custody| release_of(custody));
        let mut client = desk.client().await.custodies();
        send_all!(client, record_releases, RecordReleasesRequest, record_releases_response, releases);
    }

    /// By hand what it did, and by law the rest.
    async fn answers(&self, appeal: &str) {
        let desk = self.world.system(self.agency);
        let promised = self.promised().into_iter().map(|detainer| (detainer, AppealAnswerKind::WillNotify));
        let released = self.released().into_iter().map(|detainer| (detainer, AppealAnswerKind::AlreadyReleased));
        let by_hand = stream::iter(promised.chain(released))
            .map(async |(detainer, kind)| desk.answer_appeal(answered(appeal, detainer, kind)).await.accepted());
        by_hand.buffer_unordered(CALLS_AT_ONCE).collect::<Vec<_>>().await;
        desk.answer_appeal(answered_by_law(appeal)).await.accepted();
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

fn standing(tally: &Counted, standing: AppealStanding) -> u64 {
    u64::try_from(tally.get(&standing).copied().unwrap_or_default()).unwrap()
}

/// The people of the claim of December 2025, or as many as `COMITY_APPEAL` says. Prints what it takes, and the figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appeal_over_three_custodians_is_answered_by_law_and_by_hand_and_reconciled() {
    let people = usize::try_from(told("COMITY_APPEAL").unwrap_or(7_113)).unwrap();
    let world = World::with(|_, config| {
        config.rate.requests_per_s = 1_000_000.try_into().unwrap();
        config.rate.burst = 1_000_000.try_into().unwrap();
    });
    let ice = world.ice();
    let timed = |what: &str, begun: Instant| println!("{what}: {:.1?}", begun.elapsed());

    let begun = Instant::now();
    let requests = (0..people).map(|at| detainer_for(CUSTODIANS[at % CUSTODIANS.len()]));
    let mut client = ice.client().await.detainers();
    let lodged = send_all!(client, lodge_detainers, LodgeDetainersRequest, lodge_detainers_response, requests);
    let names: Vec<String> = lodged.into_iter().map(|lodged| lodged.detainer.unwrap().name).collect();
    timed(&format!("{people} lodged over one stream"), begun);
    let mut desks = CUSTODIANS.map(|agency| Desk { world: &world, agency, detainers: Vec::new() });
    for (at, name) in names.into_iter().enumerate() {
        desks[at % CUSTODIANS.len()].detainers.push(name);
    }
    let begun = Instant::now();
    for desk in &desks {
        desk.works().await;
    }
    timed("found, permitted, answered and released by three custodians", begun);

    let begun = Instant::now();
    let appeal = ice.issue_appeal(appeal_by(v1::AppealFilter::default())).await.accepted().appeal.unwrap();
    assert_eq!(usize::try_from(appeal.detainer_count).unwrap(), people);
    timed("issued", begun);
    let begun = Instant::now();
    for desk in &desks {
        desk.answers(&appeal.name).await;
    }
    timed("answered by hand and by law", begun);

    let begun = Instant::now();
    let tally_of_ice = tally(&ice, &appeal.name).await;
    let mut reports = BTreeMap::new();
    for agency in CUSTODIANS.into_iter().chain(["us-ice", "us-ny-oversight"]) {
        reports.insert(agency, report(&world.system(agency), of(NY)).await);
    }
    timed("tally and five reports", begun);
    println!("the requester's tally: {tally_of_ice:?}");
    for (agency, own) in &reports {
        let of = |table, key: &[&str]| sum(own, table, key);
        let (lodged, left) = (of("totals", &["detainers", "lodged"]), of("totals", &["detainers", "outstanding"]));
        let (released, told) = (of("totals", &["detainers", "released"]), of("answers", &["notify-only"]));
        println!("{agency}: {lodged} lodged, {left} outstanding, {released} released, {told} promised notice");
    }
    held_against_each_other(&desks, &tally_of_ice, &reports);
    for desk in &desks {
        let own = tally(&world.system(desk.agency), &appeal.name).await;
        println!("{}'s tally: {own:?}", desk.agency);
        assert_eq!(standing(&own, AppealStanding::WillNotify), count(desk.promised().len()));
        assert_eq!(standing(&own, AppealStanding::AlreadyReleased), count(desk.released().len()));
        assert_eq!(own.values().sum::<i32>(), i32::try_from(desk.detainers.len()).unwrap());
    }
    world.journal.assert_nothing_personal();
}

/// What the requester counts is what it was told, what each custodian counts is what it did, and the one follows from the other.
fn held_against_each_other(desks: &[Desk<'_>], tally: &Counted, reports: &BTreeMap<&str, Report>) {
    let sum_of = |of: fn(&Desk<'_>) -> usize| count(desks.iter().map(of).sum::<usize>());
    let all = sum_of(|desk| desk.detainers.len());
    let [prison, ..] = desks else { panic!("no prison") };
    let (gone, not_here) = (count(prison.released().len()), count(prison.not_here().len()));
    let promised = sum_of(|desk| desk.promised().len());
    // Of a jail the requester is told neither who is not there nor who was released.
    let open = all - promised - gone - not_here;
    let expected = [
        (AppealStanding::WillNotify, promised),
        (AppealStanding::AlreadyReleased, gone),
        (AppealStanding::NoSuchPerson, not_here),
        (AppealStanding::Barred, open),
    ];
    assert_eq!(expected.map(|(kind, _)| standing(tally, kind)), expected.map(|(_, count)| count), "{tally:?}");

    // Its report says the same of the detainers as the tally says of the appeal.
    let ice = &reports["us-ice"];
    assert_eq!(sum(ice, "totals", &["detainers", "lodged"]), all);
    assert_eq!(sum(ice, "outcomes", &["outstanding", "outstanding", "notice-promised"]), promised);
    assert_eq!(sum(ice, "totals", &["detainers", "released"]), gone);
    assert_eq!(sum(ice, "outcomes", &["lodged", "not-here", "no-such-person"]), not_here);
    assert_eq!(sum(ice, "outcomes", &["outstanding", "outstanding", "not-answered"]), open);

    // Each custodian's says what it did; together they are the oversight's.
    for desk in desks {
        let own = &reports[desk.agency];
        assert_eq!(sum(own, "totals", &["detainers", "lodged"]), count(desk.detainers.len()), "{}", desk.agency);
        assert_eq!(sum(own, "totals", &["detainers", "released"]), count(desk.released().len()), "{}", desk.agency);
        assert_eq!(sum(own, "outcomes", &["lodged", "not-here"]), count(desk.not_here().len()), "{}", desk.agency);
    }
    let oversight = &reports["us-ny-oversight"];
    for key in [["detainers", "lodged"], ["detainers", "outstanding"], ["detainers", "released"], ["people", "lodged"]]
    {
        let together: u64 = CUSTODIANS.iter().map(|agency| sum(&reports[agency], "totals", &key)).sum();
        assert_eq!(sum(oversight, "totals", &key), together, "{key:?}");
    }
    // What the jails did not tell is what the two sides differ in.
    let untold: usize = desks[1..].iter().map(|desk| desk.not_here().len() + desk.released().len()).sum();
    let outstanding = |own| sum(own, "totals", &["detainers", "outstanding"]);
    assert_eq!(outstanding(ice) - outstanding(oversight), count(untold));
}
