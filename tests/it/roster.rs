//! Rosters over the wire: what a custodian is told of its own cases, that nobody else is told anything, and how a stream that
//! broke is taken up again.

mod command;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use comity::domain::roster::Holdings;
use comity::wire::{Message, v1};
use fastrand::Rng;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::harness::raw::{self, Call};
use crate::harness::requests::{NY, NY_CUSTODY, NY_EXCHANGE, TX, detainer_for, intake_at, match_of};
use crate::harness::rosters::{end, person, roster_of, seen, start, subject_of};
use crate::harness::{Outcome, Party, World, status_of};

use comity::domain::agency::ActorKind;
use v1::reconcile_roster_request::Part;
use v1::reconcile_roster_response::Part as Said;

const DOCCS: &str = "us-ny-doccs";
const PATH: &str = "/comity.v1.RosterService/ReconcileRoster";

/// What was said, up to the end or to what the stream ended with.
async fn said(party: &Party, sent: Vec<Part>) -> (Vec<Said>, Result<(), Status>) {
    let messages = sent.into_iter().map(|part| v1::ReconcileRosterRequest { part: Some(part) });
    let opened = party.client().await.rosters().reconcile_roster(stream::iter(messages)).await;
    let mut answers = match opened {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (Vec::new(), Err(status)),
    };
    let mut all = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(answer)) => all.push(answer.part.unwrap()),
            Ok(None) => return (all, Ok(())),
            Err(status) => return (all, Err(status)),
        }
    }
}

async fn told(party: &Party, sent: Vec<Part>) -> Vec<Said> {
    let (said, ended) = said(party, sent).await;
    ended.unwrap();
    said
}

fn finding(said: &Said) -> &v1::RosterFinding {
    let Said::Finding(finding) = said else { panic!("no finding: {said:?}") };
    finding
}

/// Custodies whose people were not in the roster, and the summary.
fn ending(said: &[Said]) -> (Vec<String>, &v1::RosterSummary) {
    let departed =
        said.iter().filter_map(|said| if let Said::Departed(departed) = said { Some(departed) } else { None });
    let departed = departed.flat_map(|departed| departed.custodies.clone()).collect();
    let Some(Said::Summary(summary)) = said.last() else { panic!("the last is no summary: {said:?}") };
    (departed, summary)
}

/// A custody of somebody else than the requests of the harness are about.
async fn held(party: &Party, agency: &str, who: &str) -> String {
    let mut request = intake_at(agency);
    request.custody.as_mut().unwrap().subject = Some(subject_of(who));
    party.open(request).await.accepted().custody.unwrap().name
}

async fn lodged(world: &World, agency: &str, who: &str) -> String {
    let mut request = detainer_for(agency);
    request.detainer.as_mut().unwrap().subject = Some(subject_of(who));
    world.ice().lodge(request).await.accepted().detainer.unwrap().name
}

#[tokio::test]
async fn a_custodian_is_told_who_is_asked_for_who_is_new_and_who_has_left() {
    let world = World::start();
    let (doccs, ice) = (world.doccs(), world.ice());
    let exact = lodged(&world, DOCCS, "Zebulon|Quackenbush, 1987-06-05, a:079314159").await;
    let alike = lodged(&world, DOCCS, "Ludmila|Petrova, 1990-02-03").await;
    let mut open = detainer_for(DOCCS);
    open.detainer.as_mut().unwrap().custodian = String::new();
    open.detainer.as_mut().unwrap().subject = Some(subject_of("Ludmila|Petrova, 1990-02-03"));
    let to_the_jurisdiction = ice.lodge(open).await.accepted().detainer.unwrap().name;
    // Somebody else's, and one that was matched before.
    lodged(&world, "us-ny-erie-jail", "Ludmila|Petrova, 1990-02-03").await;
    let here = held(&doccs, DOCCS, "Zebulon|Quackenbush, 1987-06-05, a:079314159 b:77-031").await;
    let left = held(&doccs, DOCCS, "Ottokar|Nemec, 1961-01-02").await;
    let matched = lodged(&world, DOCCS, "Ottokar|Nemec, 1961-01-02").await;
    doccs.acknowledge(match_of(&matched, &left)).await.accepted();
    held(&world.erie(), "us-ny-erie-jail", "Wilhelmina|Sorensen, 1970-05-05").await;
    let before = world.kept();
    let (rows, disclosures) = (before.rows(), before.disclosures().len());

    let mut parts = vec![start(NY, 0)];
    parts.push(person(7, "Zeb|Quackenbush, 1987-06-05, a:A79-314-159 b:77031"));
    parts.push(person(8, "Ludmilla|Petrova, 1990-03-02"));
    parts.push(person(9, "Nobody|Atall, 1999-09-09"));
    parts.push(person(10, "Nobody|Atall, 1999-13-09"));
    parts.push(end(4));
    let said = told(&doccs, parts).await;

    let first = finding(&said[0]);
    assert_eq!((first.row, &*first.custodies), (7, std::slice::from_ref(&here)));
    let [candidate] = first.candidates.as_slice() else { panic!("{first:?}") };
    assert_eq!((&candidate.detainer, candidate.exact), (&exact, true));
    assert_eq!(candidate.issuer, "agencies/us-ice");
    assert_eq!(candidate.in_common, [i32::from(v1::IdentifierKind::AlienNumber)]);
    assert_eq!((candidate.birth_dates(), candidate.contradicting.len()), (v1::BirthDateAgreement::Same, 0));

    let second = finding(&said[1]);
    assert_eq!((second.row, second.custodies.len()), (8, 0), "new");
    let proposed: BTreeSet<&String> = second.candidates.iter().map(|candidate| &candidate.detainer).collect();
    assert_eq!(proposed, BTreeSet::from([&alike, &to_the_jurisdiction]), "its own, and those of its jurisdiction");
    for candidate in &second.candidates {
        assert!(!candidate.exact && candidate.score > 0.88 && candidate.name_score < 1.0, "{candidate:?}");
        assert_eq!(candidate.birth_dates(), v1::BirthDateAgreement::Transposed);
    }
    assert_eq!(*finding(&said[2]), v1::RosterFinding { row: 9, ..Default::default() });
    let Said::Fault(fault) = &said[3] else { panic!("{said:?}") };
    let status: Outcome<()> = Outcome(Err(status_of(fault.error.clone().unwrap())));
    assert_eq!(fault.row, 10);
    status.refused(Code::InvalidArgument, "INVALID_FIELD");
    let (departed, summary) = ending(&said);
    assert_eq!(departed, [left]);
    assert_eq!((summary.rows, summary.on_record, summary.new_people), (4, 1, 2));
    assert_eq!((summary.faults, summary.departed, said.len()), (1, 1, 6));

    // Nothing was recorded but that cases were read.
    let (after, accounted) = (world.kept().rows(), world.kept().disclosures());
    let but_disclosures = |mut rows: crate::harness::Rows| {
        rows.remove("disclosures");
        rows
    };
    assert_eq!(but_disclosures(after), but_disclosures(rows));
    let accounted: Vec<_> = accounted.into_iter().skip(disclosures).collect();
    assert!(!accounted.is_empty());
    assert!(accounted.iter().all(|(method, ..)| method == "RosterService/ReconcileRoster"), "{accounted:?}");
    let named: String = accounted.iter().map(|(_, resources, _)| resources.as_str()).collect();
    for name in [&exact, &alike, &to_the_jurisdiction, &here, &departed[0]] {
        assert!(named.contains(name.rsplit('/').next().unwrap()), "{name} is in no row of the account");
    }
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn a_stream_that_broke_goes_on_after_the_last_row_that_was_answered() {
    let world = World::start();
    let doccs = world.doccs();
    lodged(&world, DOCCS, "Ludmila|Petrova, 1990-02-03").await;
    let (one, two) = (
        held(&doccs, DOCCS, "Zebulon|Quackenbush, 1987-06-05, b:77-031").await,
        held(&doccs, DOCCS, "Ludmila|Petrova, 1990-02-03, b:77-032").await,
    );
    let left = held(&doccs, DOCCS, "Ottokar|Nemec, 1961-01-02, b:77-033").await;
    let people = [
        person(1, "Zebulon|Quackenbush, 1987-06-05, b:77-031"),
        person(2, "Nobody|Atall, 1999-09-09"),
        person(3, "Ludmila|Petrova, 1990-02-03, b:77-032"),
    ];
    let whole = [vec![start(NY, 0)], people.to_vec(), vec![end(3)]].concat();
    let at_once = told(&doccs, whole.clone()).await;
    // Sent again, it is answered as before: but for the key that the client chose.
    assert_eq!(told(&doccs, whole).await[..4], at_once[..4]);

    let (sender, messages) = mpsc::channel(8);
    let opened = doccs.client().await.rosters().reconcile_roster(ReceiverStream::new(messages)).await;
    let mut answers = opened.unwrap().into_inner();
    for part in [start(NY, 0), people[0].clone(), people[1].clone()] {
        sender.send(v1::ReconcileRosterRequest { part: Some(part) }).await.unwrap();
    }
    let mut before = Vec::new();
    for _ in 0..2 {
        before.push(answers.message().await.unwrap().unwrap().part.unwrap());
    }
    drop((answers, sender));

    // The gateway lets go of the broken one in its own time.
    let rest = [start(NY, 2), seen(&[&one]), people[2].clone(), end(3)];
    let mut after = said(&doccs, rest.to_vec()).await;
    while after.1.as_ref().is_err_and(|status| status.code() == Code::ResourceExhausted) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        after = said(&doccs, rest.to_vec()).await;
    }
    after.1.unwrap();
    assert_eq!([before, after.0[..1].to_vec()].concat(), at_once[..3]);
    assert_eq!(finding(&after.0[0]).custodies, [two]);
    let (departed, summary) = ending(&after.0);
    assert_eq!((departed, summary.rows, summary.departed), (vec![left], 1, 1));
    assert_eq!(ending(&at_once).0, ending(&after.0).0);
}

#[tokio::test]
async fn whoever_holds_nobody_there_learns_nothing() {
    let world = World::start();
    lodged(&world, DOCCS, "Ludmila|Petrova, 1990-02-03").await;
    held(&world.doccs(), DOCCS, "Ludmila|Petrova, 1990-02-03, b:77-032").await;
    let roster = || roster_of(NY, &["Ludmila|Petrova, 1990-02-03, b:77-032"]);
    for agency in ["us-ice", "us-ny-oversight", "comity-operator"] {
        let refused = said(&world.system(agency), roster()).await;
        assert_eq!(refused.0, []);
        Outcome(refused.1).refused(Code::PermissionDenied, "METHOD_DENIED");
    }
    let elsewhere = said(&world.system("us-tx-prison"), roster()).await;
    Outcome(elsewhere.1).refused(Code::NotFound, "NOT_FOUND");
    let refused = said(&world.without_token(DOCCS), roster()).await;
    Outcome(refused.1).refused(Code::Unauthenticated, "TOKEN_REFUSED");
    // A custodian of the same jurisdiction, with the very person: neither the other's detainer nor its custody.
    let erie = told(&world.erie(), roster()).await;
    assert_eq!(*finding(&erie[0]), v1::RosterFinding { row: 1, ..Default::default() });
    assert_eq!(ending(&erie).0, Vec::<String>::new());
    let other = said(&world.doccs(), roster_of(TX, &["Ludmila|Petrova, 1990-02-03"])).await;
    Outcome(other.1).refused(Code::NotFound, "NOT_FOUND");
}

#[tokio::test]
async fn what_is_too_much_or_makes_no_roster_is_refused() {
    let world = World::with(|_, config| (config.roster.rows_max, config.roster.row_len_max) = (3, 256));
    let doccs = world.doccs();
    let who = "Nobody|Atall, 1999-09-09";
    let check = async |parts: Vec<Part>, answered: usize, code: Code, reason: &str| {
        let (said, ended) = said(&doccs, parts).await;
        assert_eq!(said.len(), answered, "{reason}");
        Outcome(ended).refused(code, reason);
    };
    check(roster_of(NY, &[who; 4]), 3, Code::FailedPrecondition, "ROSTER_TOO_LARGE").await;
    // The rows of earlier streams count.
    let more = vec![start(NY, 2), person(3, who), person(4, who), end(4)];
    check(more, 1, Code::FailedPrecondition, "ROSTER_TOO_LARGE").await;
    let custodies: Vec<String> =
        (1..5).map(|at| format!("{NY}/custodies/01900000-0000-7000-8000-00000000000{at}")).collect();
    let custodies: Vec<&String> = custodies.iter().collect();
    check(vec![start(NY, 0), seen(&custodies)], 0, Code::FailedPrecondition, "ROSTER_TOO_LARGE").await;
    let invalid = async |parts, answered| check(parts, answered, Code::InvalidArgument, "INVALID_FIELD").await;
    invalid(vec![], 0).await;
    invalid(vec![person(1, who)], 0).await;
    invalid(vec![start("us-ny", 0)], 0).await;
    invalid(vec![start(NY, -1)], 0).await;
    invalid(vec![start(NY, 0), start(NY, 0)], 0).await;
    invalid(vec![start(NY, 0), person(1, who)], 1).await;
    invalid(vec![start(NY, 0), person(1, who), end(2)], 1).await;
    let elsewhere = format!("{TX}/custodies/01900000-0000-7000-8000-000000000001");
    invalid(vec![start(NY, 0), seen(&[&elsewhere])], 0).await;
    // A row that is too long, and one without a number, leave the others as they are.
    let long = format!("{}|Atall, 1999-09-09", "Nobody ".repeat(40));
    let said = told(&doccs, vec![start(NY, 0), person(1, &long), person(0, who), person(3, who), end(3)]).await;
    assert!(
        matches!(said.as_slice(), [Said::Fault(_), Said::Fault(_), Said::Finding(_), Said::Summary(_)]),
        "{said:?}"
    );

    // So many people are on record that none could be in a roster.
    for at in 1..5 {
        held(&doccs, DOCCS, &format!("Ottokar|Nemec, 1961-01-02, b:77-03{at}")).await;
    }
    check(vec![start(NY, 0), end(0)], 0, Code::FailedPrecondition, "ROSTER_TOO_LARGE").await;
}

#[tokio::test]
async fn an_agency_sends_one_roster_at_a_time_and_a_message_of_the_contract() {
    let world = World::start();
    let doccs = world.doccs();
    let (sender, messages) = mpsc::channel(8);
    let mut open =
        doccs.client().await.rosters().reconcile_roster(ReceiverStream::new(messages)).await.unwrap().into_inner();
    let (_, second) = said(&doccs, roster_of(NY, &["Nobody|Atall, 1999-09-09"])).await;
    assert_eq!(Outcome(second).refused(Code::ResourceExhausted, "OVERLOADED").metadata["limit"], "agency");
    told(&world.erie(), roster_of(NY, &["Nobody|Atall, 1999-09-09"])).await;
    for part in [start(NY, 0), person(1, "Nobody|Atall, 1999-09-09"), end(1)] {
        sender.send(v1::ReconcileRosterRequest { part: Some(part) }).await.unwrap();
    }
    while open.message().await.unwrap().is_some() {}

    // A field that the contract does not know, within a person.
    let mut line = raw::open(world.gateway().grpc(), &world.sandbox.credentials(DOCCS).unwrap()).await;
    let token = world.sandbox.token(DOCCS, ActorKind::System).unwrap();
    let unknown = [[0x12, 5].as_slice(), &[0x08, 1, 0xf8, 0x07, 1]].concat();
    assert!(v1::ReconcileRosterRequest::decode(unknown.as_slice()).is_ok(), "an ordinary decoder takes it");
    let reply = raw::send(&mut line, Call::new(PATH, &token, &raw::frame(&unknown)), |_| false).await.unwrap();
    assert_eq!(reply.code(), Some(Code::InvalidArgument));
    assert_eq!(reply.reason(), Err(Some(v1::ErrorReason::MalformedMessage)));
}

/// Everything that the issuer of detainers can see, as bytes.
async fn seen_by_issuer(world: &World, detainers: &[String]) -> Vec<Vec<u8>> {
    let ice = world.ice();
    let mut seen = Vec::new();
    let received = ice.receive(NY, "").await.accepted();
    seen.extend(received.deliveries.iter().map(Message::encode_to_vec));
    seen.push(received.heartbeat.encode_to_vec());
    for name in detainers {
        seen.push(ice.detainer(name).await.accepted().encode_to_vec());
    }
    seen.extend(ice.detainers(NY).await.accepted().iter().map(Message::encode_to_vec));
    let backlog = v1::GetBacklogRequest { parent: NY.to_owned(), ..Default::default() };
    seen.push(ice.get_backlog(backlog).await.accepted().encode_to_vec());
    seen.extend(ice.entries(NY_EXCHANGE).await.accepted().iter().map(Message::encode_to_vec));
    seen.push(ice.checkpoint(NY_EXCHANGE).await.accepted().into_bytes());
    let report = v1::GetReportRequest { parent: NY.to_owned(), ..Default::default() };
    seen.push(ice.get_report(report).await.accepted().encode_to_vec());
    seen
}

/// Random rosters: people that are asked for, nearly, and not at all; whole, broken off and wrong.
#[tokio::test]
async fn of_no_roster_does_an_issuer_learn_anything() {
    let world = World::start();
    let doccs = world.doccs();
    let mut rng = Rng::with_seed(20);
    let people: Vec<String> = (0..30_u8)
        .map(|at| {
            format!(
                "Person{}|Family{at}, 19{:02}-0{}-1{}, a:0791{at:02}31{}",
                at % 7,
                50 + at,
                1 + at % 9,
                at % 10,
                at % 10
            )
        })
        .collect();
    let mut detainers = Vec::new();
    for who in people.iter().take(12) {
        detainers.push(lodged(&world, DOCCS, who).await);
    }
    for who in people.iter().skip(6).take(12) {
        held(&doccs, DOCCS, who).await;
    }
    seen_by_issuer(&world, &detainers).await;
    let (before, kept) = (seen_by_issuer(&world, &detainers).await, world.kept());
    let logs = [NY_EXCHANGE, NY_CUSTODY].map(|log| kept.entries(&log.parse().unwrap()).len());
    let rows = kept.rows();
    for round in 0..24 {
        let chosen: Vec<String> = people.iter().filter(|_| rng.bool()).cloned().collect();
        let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
        let mut parts = roster_of(NY, &chosen);
        match round % 4 {
            0 => drop(parts.pop()),
            1 => parts.insert(1, start(NY, 0)),
            _ => {}
        }
        let _ended = said(&doccs, parts).await;
    }
    assert_eq!(seen_by_issuer(&world, &detainers).await, before);
    assert_eq!([NY_EXCHANGE, NY_CUSTODY].map(|log| world.kept().entries(&log.parse().unwrap()).len()), logs);
    let after = world.kept().rows();
    assert_eq!(
        (after["checkpoints"], after["cases"], after["requests"]),
        (rows["checkpoints"], rows["cases"], rows["requests"])
    );
    assert!(after["disclosures"] > rows["disclosures"], "nothing was found, so nothing is shown");
}

/// Of a roster and detainers whose truth is known: what is exact is all proposed, and of the rest nearly all, and little else.
/// `COMITY_ROSTER` says how many people (`tests/run large`: 100,000, and a fifth as many detainers).
#[test]
fn a_roster_finds_whom_the_detainers_are_about() {
    let people = std::env::var_os("COMITY_ROSTER").map_or(5_000, |count| count.to_str().unwrap().parse().unwrap());
    let truth = truth::drawn(7, people);
    let memory = resident_kib();
    let begun = Instant::now();
    let mut holdings = Holdings::default();
    truth.detainers.iter().for_each(|detainer| holdings.add_detainer(detainer));
    let indexed = begun.elapsed();
    let of_index = resident_kib().saturating_sub(memory);
    let about: BTreeMap<_, _> =
        truth.detainers.iter().zip(&truth.about).map(|(of, about)| (of.name.id, *about)).collect();
    let (mut exact, mut right, mut wrong) = (BTreeSet::new(), BTreeSet::new(), 0_u32);
    for (row, person) in truth.people.iter().enumerate() {
        for candidate in holdings.find(person).candidates {
            let is_true = about[&candidate.detainer].is_some_and(|(whom, _)| whom == row);
            match (candidate.likeness.is_exact(), is_true) {
                (true, true) => drop(exact.insert(candidate.detainer)),
                (false, true) => drop(right.insert(candidate.detainer)),
                (true, false) => panic!("a number is in common with somebody else"),
                (false, false) => wrong += 1,
            }
        }
    }
    let took = begun.elapsed();
    let with_number = truth.about.iter().filter(|about| matches!(about, Some((_, true)))).count();
    let without = truth.about.iter().filter(|about| matches!(about, Some((_, false)))).count();
    let share =
        |part: usize, whole: usize| f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap());
    let recall = share(right.len(), without);
    let precision = share(right.len(), right.len() + usize::try_from(wrong).unwrap());
    println!(
        "{people} people, {} detainers ({}% about others), {:?}:\n{} of {with_number} exact; of {without} others recall \
         {recall:.4}, precision {precision:.4}; indexed in {indexed:.1?}, all in {took:.1?}; the index has {of_index} KiB",
        truth.detainers.len(),
        truth::ABOUT_OTHERS,
        truth::NOISE,
        exact.len(),
    );
    assert_eq!(exact.len(), with_number, "every exact one is proposed");
    assert!(recall >= 0.95, "{recall}");
    assert!(precision >= 0.9, "{precision}");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
