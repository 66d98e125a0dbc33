//! `PolicyService` over the wire: what is in force, what it says and why, and what another set would have said.

use std::collections::BTreeSet;
use std::process::Command;

use comity::domain::determination::{FieldClass, FieldClasses};
use comity::wire::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::law::AS_READ;
use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, TX, evaluation_in, made_up_facts, match_of, reasoned_answer_to, replay_with,
};
use crate::harness::{Party, Refused, World};

use v1::LawAction::{Disclose, Hold, Notify};
use v1::Ruling::{Must, MustNot, Review};

/// The policies of New York that decide most of what follows.
const LAW: &str = "law/us-ny.cedar";
const HOLD: &str = "us-ny.hold-without-judicial-warrant";

/// The fields that a refusal names.
fn faults(refused: &Refused) -> Vec<String> {
    let faults = refused.status.get_details_bad_request().unwrap().field_violations;
    faults.into_iter().map(|fault| fault.field).collect()
}

/// What is concluded of an act, or of a class of fields.
fn conclusion(conclusions: &[v1::Conclusion], act: v1::LawAction, class: i32) -> v1::Determination {
    let of_it = |conclusion: &&v1::Conclusion| {
        conclusion.determination.as_ref().is_some_and(|said| said.action() == act)
            && conclusion.disclosed_class == class
    };
    conclusions.iter().find(of_it).unwrap().determination.clone().unwrap()
}

async fn evaluated(party: &Party, parent: &str, facts: v1::Facts) -> v1::EvaluateResponse {
    party.evaluate(evaluation_in(parent, facts)).await.accepted()
}

#[tokio::test]
async fn anybody_who_takes_part_reads_what_the_law_is() {
    let world = World::start();
    let in_force = world.law();
    for agency in ["us-ice", "us-ny-doccs", "us-ny-oversight"] {
        let answer = world.without_token(agency).get_policy_set(v1::GetPolicySetRequest {}).await.accepted();
        let set = answer.policy_set.unwrap();
        assert_eq!(set.digest, in_force.digest());
        assert!(set.activate_time.is_some());
        let packs: Vec<&str> = set.packs.iter().map(|pack| pack.jurisdiction.as_str()).collect();
        assert_eq!(packs.len(), 1 + in_force.jurisdictions().count());
        assert_eq!((packs[0], packs.contains(&NY)), ("", true));
        let york = set.packs.iter().find(|pack| pack.jurisdiction == NY).unwrap();
        assert_eq!(york.effective_times.len(), 1);
        let hold = york.policies.iter().find(|policy| policy.id == HOLD).unwrap();
        assert_eq!((hold.effect(), hold.actions.as_slice()), (v1::PolicyEffect::Forbid, [Hold.into()].as_slice()));
        assert!(hold.citation.contains("People ex rel. Wells v. DeMarco") && hold.standing);
        assert!(set.switches.iter().any(|switch| switch.name == "us-ny.demarco-statewide" && switch.on));
    }
}

#[tokio::test]
async fn a_case_that_is_made_up_is_answered_and_explained_and_touches_nothing() {
    let world = World::start();
    let rows = world.kept().rows();
    let york = evaluated(&world.ice(), NY, made_up_facts()).await;
    assert_eq!(york.policy_digest, world.law().digest());
    let hold = conclusion(&york.conclusions, Hold, 0);
    assert_eq!((hold.ruling(), hold.policies.as_slice()), (MustNot, [HOLD.to_owned()].as_slice()));
    let read = york.conclusions[0].facts_read.join(" ");
    assert_eq!(read, "asserted.judicial_warrant judicial_warrant");
    let identity = conclusion(&york.conclusions, Disclose, v1::FieldClass::Identity.into());
    assert_eq!(identity.ruling(), Review);
    let opens = york.changes.iter().find(|change| change.fact == "warrant").unwrap();
    assert!(opens.values.iter().any(|value| value == "judicial, signed_by federal-judge"), "{:?}", opens.values);
    assert_ne!(conclusion(&opens.conclusions, Hold, 0).ruling(), MustNot);

    // What it says would change the answer does, when it is asked.
    let signed = v1::Facts {
        warrant: v1::WarrantKind::None.into(),
        issuing_authority: v1::IssuingAuthority::FederalJudge.into(),
        judicial_warrant: true,
        ..made_up_facts()
    };
    let asked = evaluated(&world.ice(), NY, signed).await;
    assert_eq!(conclusion(&asked.conclusions, Hold, 0), conclusion(&opens.conclusions, Hold, 0));
    let texas = evaluated(&world.ice(), TX, made_up_facts()).await;
    assert_eq!(conclusion(&texas.conclusions, Notify, 0).ruling(), Must);
    // A law that nobody wrote leaves everything to a person.
    let nowhere = evaluated(&world.ice(), "jurisdictions/us-zz", made_up_facts()).await;
    assert_eq!(conclusion(&nowhere.conclusions, Hold, 0).ruling(), Review);
    assert_eq!(world.kept().rows(), rows);
}

#[tokio::test]
async fn facts_that_cannot_be_are_refused_by_name() {
    let world = World::start();
    let check = async |facts: v1::Facts, field: &str| {
        let refused = world.ice().evaluate(evaluation_in(NY, facts)).await;
        let refused = refused.refused(Code::InvalidArgument, "INVALID_FIELD");
        let faults = faults(&refused);
        assert!(faults.iter().any(|fault| fault == field), "{faults:?}");
    };
    let ordinary = made_up_facts;
    let detainer = world.lodged("us-ny-doccs").await;
    check(v1::Facts { detainer, ..ordinary() }, "facts.detainer").await;
    check(v1::Facts { asks_for_hold: false, ..ordinary() }, "facts.asks_for_hold").await;
    check(v1::Facts { judicial_warrant: true, ..ordinary() }, "facts.judicial_warrant").await;
    check(v1::Facts { criminal_warrant: true, ..ordinary() }, "facts.criminal_warrant").await;
    check(v1::Facts { sealed: true, ..ordinary() }, "facts.sealed").await;
    check(v1::Facts { stage: 99, ..ordinary() }, "facts.stage").await;
    check(v1::Facts { warrant: v1::WarrantKind::Judicial.into(), ..ordinary() }, "facts.warrant").await;
    let offences = vec![ordinary().offences[0].clone(); 17];
    check(v1::Facts { offences, ..ordinary() }, "facts.offences").await;
    let aged = v1::Offence { age: v1::ConvictionAge::Older.into(), ..ordinary().offences[0].clone() };
    check(v1::Facts { offences: vec![aged], ..ordinary() }, "facts.offences[0].age").await;
    let listing = |listed: &str, reading: v1::Reading| {
        let (listed, reading) = (vec![listed.to_owned()], reading.into());
        vec![v1::Offence { listed, reading, ..ordinary().offences[0].clone() }]
    };
    let offences = listing("1(a)", v1::Reading::Unlisted);
    check(v1::Facts { offences, ..ordinary() }, "facts.offences[0].listed").await;
    let offences = listing("1\"a", v1::Reading::Listed);
    check(v1::Facts { offences, ..ordinary() }, "facts.offences[0].listed[0]").await;
}

/// Detainers that were answered, in a prison and in a jail.
async fn story(world: &World) -> Vec<String> {
    let mut detainers = Vec::new();
    for agency in ["us-ny-doccs", "us-ny-erie-jail"] {
        let detainer = world.lodged(agency).await;
        let custody = world.held(agency).await;
        world.system(agency).acknowledge(match_of(&detainer, &custody)).await.accepted();
        let declined = reasoned_answer_to(&detainer, v1::AnswerKind::Decline);
        world.officer(agency).answer(declined).await.accepted();
        detainers.push(detainer);
    }
    detainers
}

/// Names of entries that a party may read with their determinations.
async fn determined(party: &Party) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for log in [NY_EXCHANGE, NY_CUSTODY] {
        for entry in party.entries(log).await.accepted() {
            let class = i32::from(v1::FieldClass::Determination);
            if entry.openings.iter().any(|opening| opening.field_class == class && !opening.content.is_empty()) {
                names.insert(entry.name);
            }
        }
    }
    names
}

#[tokio::test]
async fn a_replay_tells_each_reader_of_what_it_may_read_and_accounts_for_it() {
    let world = World::start();
    let detainers = story(&world).await;
    // As if New York forbade no hold: silence leaves it to a person.
    let candidate = || replay_with(LAW, "Action::\"hold\"", "Action::\"transfer\"");
    let mut seen = Vec::new();
    for agency in ["us-ny-doccs", "us-ny-erie-jail", "us-ny-oversight"] {
        let party = world.officer(agency);
        let before = world.kept().disclosures().len();
        let replayed = party.replay(candidate()).await.accepted();
        let totals = replayed.totals.clone().unwrap();
        let readable = determined(&party).await;
        let entries: BTreeSet<String> = replayed.changes.iter().map(|change| change.entry.clone()).collect();
        assert!(!entries.is_empty() && entries.is_subset(&readable), "{agency}: {entries:?} of {readable:?}");
        assert_eq!((totals.factless_count, totals.uncompared_count, totals.unreproduced_count), (0, 0, 0));
        let changed = totals.ruling_change_count + totals.terms_change_count;
        assert_eq!(changed, i64::try_from(replayed.changes.len()).unwrap());
        assert!(totals.determination_count > changed && totals.judgment_count >= totals.changed_judgment_count);
        let told: BTreeSet<&str> = replayed.changes.iter().map(|change| change.detainer.as_str()).collect();
        let own: BTreeSet<&str> = match agency {
            "us-ny-doccs" => [detainers[0].as_str()].into(),
            "us-ny-erie-jail" => [detainers[1].as_str()].into(),
            _ => detainers.iter().map(String::as_str).collect(),
        };
        assert_eq!(told, own, "{agency}");
        let hold = replayed
            .changes
            .iter()
            .flat_map(|change| &change.shifts)
            .find(|shift| shift.recorded.as_ref().is_some_and(|said| said.action() == Hold));
        let (was, is) = hold.map(|shift| (shift.recorded.clone().unwrap(), shift.candidate.clone().unwrap())).unwrap();
        assert_eq!((was.ruling(), is.ruling()), (MustNot, Review));
        assert_eq!((was.policies.as_slice(), is.policies.len()), ([HOLD.to_owned()].as_slice(), 0));

        let disclosures = world.kept().disclosures().split_off(before);
        let replays: Vec<_> = disclosures.into_iter().filter(|(method, ..)| method == "PolicyService/Replay").collect();
        let named: BTreeSet<String> =
            replays.iter().flat_map(|(_, names, _)| names.lines().map(str::to_owned)).collect();
        assert_eq!(named, entries, "{agency}");
        let classes: FieldClasses = [FieldClass::Determination].into_iter().collect();
        assert!(replays.iter().all(|(_, _, shown)| *shown == classes));
        seen.push(totals.determination_count);
    }
    assert_eq!(seen[0] + seen[1], seen[2], "oversight reads both, and each custodian its own");
}

#[tokio::test]
async fn a_replay_under_the_set_in_force_or_of_another_time_changes_nothing() {
    let world = World::start();
    story(&world).await;
    let officer = world.officer("us-ny-oversight");
    let same = v1::ReplayRequest { parent: NY.to_owned(), ..Default::default() };
    let totals = officer.replay(same.clone()).await.accepted().totals.unwrap();
    assert!(totals.determination_count > 0);
    let changed = [totals.ruling_change_count, totals.terms_change_count, totals.ground_change_count];
    assert_eq!((changed, totals.unreproduced_count), ([0; 3], 0));
    assert_eq!(totals.candidate_digest, world.law().digest());
    let beyond = prost_time(4_000_000_000);
    let none = v1::ReplayRequest { start_time: Some(beyond), ..same.clone() };
    assert_eq!(officer.replay(none).await.accepted().totals.unwrap().determination_count, 0);
    let all = v1::ReplayRequest { end_time: Some(beyond), ..same.clone() };
    let all = officer.replay(all).await.accepted().totals.unwrap();
    assert_eq!(all.determination_count, totals.determination_count);
    let none = v1::ReplayRequest { end_time: Some(prost_time(1)), ..same };
    assert_eq!(officer.replay(none).await.accepted().totals.unwrap().determination_count, 0);
}

fn prost_time(seconds: i64) -> comity::wire::Timestamp {
    comity::wire::Timestamp { seconds, nanos: 0 }
}

#[tokio::test]
async fn a_replay_is_refused_whoever_may_not_read_and_whatever_is_no_law() {
    let world = World::start();
    story(&world).await;
    let candidate = || replay_with(LAW, "Executive Order 170", "another order");
    for party in [world.officer("us-ice"), world.doccs(), world.oversight()] {
        party.replay(candidate()).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    }
    let bare = world.without_token("us-ny-doccs");
    bare.replay(candidate()).await.refused(Code::Unauthenticated, "TOKEN_REFUSED");
    let officer = world.officer("us-ny-doccs");
    let elsewhere = v1::ReplayRequest { parent: TX.to_owned(), ..candidate() };
    officer.replay(elsewhere).await.not_found();
    let check = async |request: v1::ReplayRequest, field: &str| {
        let refused = officer.replay(request).await.refused(Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(faults(&refused), [field]);
    };
    check(replay_with(LAW, "context.judicial_warrant", "context.judical_warrant"), "files[0].text").await;
    check(replay_with(LAW, "@cite(", "@sight("), "files[0].text").await;
    for name in ["access.cedar", "law/_safeguards.cedar", "comity.cedarschema", "law/../access.cedar", ""] {
        let mut request = candidate();
        name.clone_into(&mut request.files[0].name);
        check(request, "files[0].name").await;
    }
    let mut many = candidate();
    many.files = vec![many.files[0].clone(); 17];
    check(
        v1::ReplayRequest {
            files: many.files.into_iter().map(|file| v1::PolicyFile { text: String::new(), ..file }).collect(),
            ..candidate()
        },
        "files",
    )
    .await;
}

fn command(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_comity")).arg("policy").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[tokio::test]
async fn counsel_replays_a_store_offline_and_finds_what_oversight_finds() {
    let world = World::start();
    story(&world).await;
    let same = v1::ReplayRequest { parent: NY.to_owned(), ..Default::default() };
    let online = world.officer("us-ny-oversight").replay(same).await.accepted().totals.unwrap();
    let store = world.directory().to_str().unwrap().to_owned();
    let under = world.directory().join(AS_READ).to_str().unwrap().to_owned();
    let replay =
        |more: &[&str]| command(&[&["replay", "--store", store.as_str(), "--under", under.as_str()], more].concat());

    let (done, said) = replay(&["--swap", "us-ny=us-tx"]);
    assert!(done, "{said}");
    let totals = format!("{} determinations of {} judgments", online.determination_count, online.judgment_count);
    assert!(said.contains(&totals), "{said}");
    for expected in ["us-tx.hold", "must not", "tell-the-subject", "to another ruling"] {
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    assert!(!said.contains("could not be"), "{said}");
    let (_, each) = replay(&["--swap", "us-ny=us-tx", "--each"]);
    assert!(
        each.contains(NY_EXCHANGE) && each.contains("hold: must not -> must, tell-the-subject [us-tx.hold]"),
        "{each}"
    );
    // Texas's own cases are judged as before, and so is New York by its own law.
    for same in [["--swap", "us-tx=us-tx"], ["--swap", "us-ny=us-ny"]] {
        assert!(replay(&same).1.contains("\n0 determinations of 0 judgments change"), "{}", replay(&same).1);
    }
    let (_, none) = replay(&["--swap", "us-ny=us-tx", "--to", "2001-01-01"]);
    assert!(none.contains("0 determinations of 0 judgments in 0 entries"), "{none}");
    for refused in
        [["--swap", "us-ny=us-zz"], ["--swap", "us-ny"], ["--from", "yesterday"], ["--jurisdiction", "us-ny"]]
    {
        assert!(!replay(&refused).0, "{refused:?}");
    }
}

#[test]
fn counsel_is_told_why_and_what_would_change_it() {
    let (done, said) =
        command(&["explain", "--jurisdiction", "us-ny", "--given", "custodian = \"county-jail\", on = \"2026-05-01\""]);
    assert!(done, "{said}");
    for expected in [
        "us-ny at 2026-05-01 00:00 EDT",
        "hold: must not\n    policy      us-ny.hold-without-judicial-warrant\n    citing      People ex rel. Wells",
        "turns on    asserted.judicial_warrant, judicial_warrant",
        "disclose count, request, answer, contact: may",
        "    warrant: judicial, signed_by federal-judge",
        "        hold: may (us-ny.hold-with-judicial-warrant)",
        "    asserted: signed_by federal",
    ] {
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
    let named = ["explain", "--jurisdiction", "us-tx", "--named", "a county jail, an administrative warrant"];
    assert!(command(&named).1.contains("hold: must\n"), "{}", command(&named).1);
    for wrong in [["--given", "custodian = \"castle\""], ["--given", "keeper = \"county-jail\""], ["--named", "nobody"]]
    {
        assert!(!command(&[["explain", "--jurisdiction", "us-tx"].as_slice(), &wrong].concat()).0, "{wrong:?}");
    }
}
