//! A match must agree with what it says that it was made by; else an officer vouches for it, and says why.

use comity::wire::v1;
use tonic::Code;

use crate::harness::changes::{amendment_of, birth_date_in, window_under};
use crate::harness::requests::{
    NY_EXCHANGE, REASON, answer_to, detainer_for, intake_at, match_of, reasoned_answer_to, release_of, schedule_of,
};
use crate::harness::{Outcome, Party, Refused, World};

const JAIL: &str = "us-tx-harris-jail";

use v1::MatchMethod::{Biometric, Identifier, NameAndBirthDate, Officer, Unspecified};

fn person(given: &str, family: &str, born: &str, alien_number: &str) -> v1::Subject {
    v1::Subject {
        name: Some(v1::PersonName { given: given.to_owned(), family: family.to_owned() }),
        birth_date: born.to_owned(),
        identifiers: Some(v1::Identifiers { alien_number: alien_number.to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

/// A detainer for one person and a custody of another, or the same.
async fn asked_and_held(world: &World, asked: &v1::Subject, held: &v1::Subject) -> (String, String) {
    let mut lodging = detainer_for(JAIL);
    let detainer = lodging.detainer.as_mut().unwrap();
    (detainer.subject, detainer.flags) = (Some(asked.clone()), None);
    let mut intake = intake_at(JAIL);
    let custody = intake.custody.as_mut().unwrap();
    (custody.subject, custody.flags) = (Some(held.clone()), None);
    let detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
    (detainer, world.system(JAIL).open(intake).await.accepted().custody.unwrap().name)
}

fn matched(detainer: &str, custody: &str, method: v1::MatchMethod, reason: &str) -> v1::AcknowledgeDetainerRequest {
    let mut request = match_of(detainer, custody);
    let found = request.acknowledgement.as_mut().unwrap();
    (found.match_method, found.confidence_percent, found.reason) = (method.into(), 100, reason.to_owned());
    request
}

#[track_caller]
fn disputed<T>(outcome: Outcome<T>, disagree: &str) -> Refused {
    let refused = outcome.refused(Code::PermissionDenied, "MATCH_DISPUTED");
    assert_eq!(refused.metadata.get("disagree").map(String::as_str), Some(disagree));
    refused
}

#[tokio::test]
async fn records_that_do_not_agree_are_one_persons_by_an_officers_word_alone() {
    let world = World::start();
    let (system, officer) = (world.system(JAIL), world.officer(JAIL));
    let ada = person("Ada", "Synthetic", "1980-02-03", "079314159");
    let other = person("Eve", "Other", "1991", "079314159");
    let unlike = person("Eve", "Other", "1991", "179314159");
    let unnumbered = person("Eve", "Other", "1991", "");
    for (held, method, disagree) in [
        (&other, NameAndBirthDate, "name, birth-date"),
        (&person("Ada", "Synthetic", "1980-02-04", ""), NameAndBirthDate, "birth-date"),
        (&person("Ada", "Synthetic", "", ""), NameAndBirthDate, "birth-date"),
        (&person("Ada", "Sintetica", "1980", ""), NameAndBirthDate, "name"),
        (&unlike, NameAndBirthDate, "identifier"),
        (&unlike, Identifier, "identifier"),
        (&unnumbered, Identifier, "identifier"),
        (&unlike, Biometric, "identifier"),
        (&unnumbered, Unspecified, "name, birth-date"),
        (&unlike, Unspecified, "identifier"),
        (&ada, Officer, "by-officer"),
    ] {
        let (detainer, custody) = asked_and_held(&world, &ada, held).await;
        let say = |party: &Party, reason: &str| {
            let (party, request) = (party.clone(), matched(&detainer, &custody, method, reason));
            async move { party.acknowledge(request).await }
        };
        disputed(say(&system, "").await, disagree);
        disputed(say(&system, REASON).await, disagree);
        disputed(say(&officer, "").await, disagree);
        let stands = world.ice().detainer(&detainer).await.accepted();
        assert_eq!(stands.state(), v1::DetainerState::Lodged, "nothing was told");
        let vouched = say(&officer, REASON).await.accepted().detainer.unwrap();
        assert_eq!(vouched.acknowledgement.unwrap().reason, REASON, "its custodian reads it back");
        // The promise that follows needs no officer again.
        system.answer(answer_to(&detainer, v1::AnswerKind::HonorHold)).await.accepted();
    }
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn records_that_agree_need_nobody() {
    let world = World::start();
    let ada = person("José", "Núñez", "1980-02-03", "079314159");
    for (held, method) in [
        (person("NUNEZ", "JOSE", "1980-02", ""), NameAndBirthDate),
        (person("Eve", "Other", "1991", "79314159"), Identifier),
        (person("Eve", "Other", "1991", ""), Biometric),
        (person("Jose", "Nunez", "1980", ""), Unspecified),
        (person("Eve", "Other", "1991", "079314159"), Unspecified),
    ] {
        let (detainer, custody) = asked_and_held(&world, &ada, &held).await;
        world.system(JAIL).acknowledge(matched(&detainer, &custody, method, "")).await.accepted();
    }
}

/// Neither why an officer vouched for it, nor that one did.
#[tokio::test]
async fn the_issuer_learns_nothing_of_a_dispute() {
    let world = World::start();
    let (ada, eve) = (person("Ada", "Synthetic", "1980-02-03", ""), person("Eve", "Other", "1991", ""));
    let mut seen = Vec::new();
    for (held, party, reason) in [(&ada, world.system(JAIL), ""), (&eve, world.officer(JAIL), REASON)] {
        let (detainer, custody) = asked_and_held(&world, &ada, held).await;
        // Nobody it is shown to learns of what was refused either.
        let _refused = world.system(JAIL).acknowledge(matched(&detainer, &custody, Identifier, "")).await;
        let request = matched(&detainer, &custody, NameAndBirthDate, reason);
        party.acknowledge(request).await.accepted();
        let mut told = world.ice().detainer(&detainer).await.accepted();
        assert_eq!(told.acknowledgement.as_ref().map(|found| found.reason.as_str()), Some(""), "it is restricted");
        let found = told.acknowledgement.as_mut().unwrap();
        (told.name, found.custody, told.etag) = (String::new(), String::new(), String::new());
        seen.push(told);
    }
    assert_eq!(seen[0], seen[1]);
    let entries = world.ice().entries(&NY_EXCHANGE.replace("us-ny", "us-tx")).await.accepted();
    assert!(!format!("{entries:?}").contains(REASON));
}

/// The issuer asks for somebody else in its place.
async fn asks_for(world: &World, detainer: &str, somebody: &v1::Subject) {
    let mut amended = detainer_for(JAIL);
    let asked = amended.detainer.as_mut().unwrap();
    (asked.subject, asked.flags) = (Some(somebody.clone()), None);
    world.ice().amend(amendment_of(detainer, amended)).await.accepted();
}

/// The person is handed to whoever asks for them.
fn handed_over(custody: &str) -> v1::RecordReleaseRequest {
    let mut released = release_of(custody);
    released.release.as_mut().unwrap().recipient = v1::ReleaseRecipient::RequestingAgency.into();
    released
}

/// The custodian corrects of whom its record is.
async fn holds(world: &World, custody: &str, somebody: &v1::Subject) {
    let corrected = v1::CorrectIdentityRequest {
        subject: Some(somebody.clone()),
        flags: Some(v1::Flags::default()),
        ..birth_date_in(custody)
    };
    world.system(JAIL).correct_identity(corrected).await.accepted();
}

/// Texas makes notice a duty. Either side may describe the person anew after the match: then nothing follows from it, by a
/// machine or by law, until an officer says that both records are of one person.
#[tokio::test]
async fn nothing_follows_from_a_match_that_the_records_no_longer_bear_out() {
    let (ada, eve) = (person("Ada", "Synthetic", "1980-02-03", ""), person("Eve", "Other", "1991", ""));
    for (by_issuer, vouched) in [(true, false), (false, false), (true, true), (false, true)] {
        let world = World::start();
        let (system, officer) = (world.system(JAIL), world.officer(JAIL));
        let before = if vouched { person("Zoe", "Third", "1970", "") } else { ada.clone() };
        let (detainer, custody) = asked_and_held(&world, &ada, &before).await;
        let (finder, reason) = if vouched { (&officer, REASON) } else { (&system, "") };
        finder.acknowledge(matched(&detainer, &custody, NameAndBirthDate, reason)).await.accepted();
        if !by_issuer {
            system.answer(answer_to(&detainer, v1::AnswerKind::HonorHold)).await.accepted();
        }
        if by_issuer {
            asks_for(&world, &detainer, &eve).await;
        } else {
            holds(&world, &custody, &eve).await;
        }
        let stands = system.detainer(&detainer).await.accepted().state();
        let waits = if by_issuer { v1::DetainerState::Matched } else { v1::DetainerState::UnderReview };
        assert_eq!(stands, waits, "a promise of before is no promise any more");

        for kind in [v1::AnswerKind::HonorHold, v1::AnswerKind::NotifyOnly] {
            system.answer(reasoned_answer_to(&detainer, kind)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
            officer.answer(answer_to(&detainer, kind)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        }
        let window = system.offer(window_under(&detainer)).await;
        window.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        let entries = world.ice().entries(&NY_EXCHANGE.replace("us-ny", "us-tx")).await.accepted().len();
        system.schedule(schedule_of(&custody)).await.accepted();
        let after = world.ice().entries(&NY_EXCHANGE.replace("us-ny", "us-tx")).await.accepted().len();
        assert_eq!(after, entries, "ICE is told nothing of when somebody else is released");
        let told = world.ice().detainer(&detainer).await.accepted();
        assert_eq!(told.acknowledgement, None, "nor any longer that anybody was found");
        let handed = system.release(handed_over(&custody)).await;
        handed.refused(Code::PermissionDenied, "REVIEW_REQUIRED");

        // Both records are before the officer who answers with a reason.
        officer.answer(reasoned_answer_to(&detainer, v1::AnswerKind::HonorHold)).await.accepted();
        let told = world.ice().detainer(&detainer).await.accepted();
        assert_eq!(told.answer.map(|answer| answer.kind()), Some(v1::AnswerKind::HonorHold));
        // For another person than these, nobody has spoken.
        holds(&world, &custody, &person("Kim", "Fourth", "1960", "")).await;
        let stands = system.detainer(&detainer).await.accepted().state();
        assert_eq!(stands, v1::DetainerState::UnderReview);
        system.release(handed_over(&custody)).await.refused(Code::PermissionDenied, "REVIEW_REQUIRED");
        // And where the records agree again, there is nothing to dispute.
        holds(&world, &custody, if by_issuer { &eve } else { &ada }).await;
        system.answer(answer_to(&detainer, v1::AnswerKind::HonorHold)).await.accepted();
        world.journal.assert_nothing_personal();
    }
}

/// What stands where a number is not known is nobody's number.
#[tokio::test]
async fn a_number_that_is_everybodys_matches_nobody() {
    let world = World::start();
    let number = |fill: &dyn Fn(&mut v1::Identifiers)| {
        let mut identifiers = v1::Identifiers::default();
        fill(&mut identifiers);
        identifiers
    };
    let numbers = [
        number(&|of| "000000000".clone_into(&mut of.alien_number)),
        number(&|of| "0".clone_into(&mut of.fbi_number)),
        number(&|of| "TX0".clone_into(&mut of.state_id)),
        number(&|of| "00-A-0000".clone_into(&mut of.din)),
        number(&|of| "---".clone_into(&mut of.booking_number)),
    ];
    for identifiers in numbers {
        let with = |given: &str, born: &str| v1::Subject {
            identifiers: Some(identifiers.clone()),
            ..person(given, "Synthetic", born, "")
        };
        let (asked, held) = (with("Ada", "1990-05-05"), with("Zed", "1971-01-01"));
        let mut lodging = detainer_for(JAIL);
        lodging.detainer.as_mut().unwrap().subject = Some(asked);
        let mut intake = intake_at(JAIL);
        intake.custody.as_mut().unwrap().subject = Some(held);
        // Refused at the door, or no match by it: either will do.
        let (Ok(lodged), Ok(opened)) = (world.ice().lodge(lodging).await.0, world.system(JAIL).open(intake).await.0)
        else {
            continue;
        };
        let (detainer, custody) = (lodged.detainer.unwrap().name, opened.custody.unwrap().name);
        let found = matched(&detainer, &custody, Identifier, "");
        disputed(world.system(JAIL).acknowledge(found).await, "identifier");
    }
}
