//! The account of disclosures, as the custodian that owes it reads it over the wire (5 USC 552a(c)).

use comity::wire::v1;
use comity::wire::v1::FieldClass;

use crate::harness::requests::{NY, answer_to, detainer_for, intake_at, match_of};
use crate::harness::{Party, World};

const PRISON: &str = "us-ny-doccs";

async fn account(party: &Party, name: &str, page_size: i32) -> Vec<v1::Disclosure> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::GetAccountingRequest { name: name.to_owned(), page_size, page_token };
        let answer = party.get_accounting(request).await.accepted();
        assert!(page_size == 0 || answer.disclosures.len() <= usize::try_from(page_size).unwrap());
        all.extend(answer.disclosures);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn whatever_was_shown_of_a_person_is_in_the_account_of_that_person_and_of_nobody_else() {
    let world = World::start();
    let (ice, doccs, oversight) = (world.ice(), world.doccs(), world.oversight());
    let detainer = ice.lodge(detainer_for(PRISON)).await.accepted().detainer.unwrap().name;
    let custody = doccs.open(intake_at(PRISON)).await.accepted().custody.unwrap().name;
    let other = doccs.open(intake_at(PRISON)).await.accepted().custody.unwrap().name;
    // Before they are known to be of one person.
    ice.detainer(&detainer).await.accepted();
    doccs.acknowledge(match_of(&detainer, &custody)).await.accepted();
    doccs.answer(answer_to(&detainer, v1::AnswerKind::NotifyOnly)).await.0.ok();
    ice.detainer(&detainer).await.accepted();
    oversight.custody(&custody).await.accepted();
    doccs.custody(&other).await.accepted();
    let received = ice.receive(NY, "").await.accepted();
    assert!(!received.deliveries.is_empty());
    let entry = ice.get_entry(v1::GetEntryRequest { name: format!("{NY}/logs/exchange/entries/0") }).await.accepted();
    assert!(entry.entry.is_some());

    let all = account(&doccs, &custody, 0).await;
    let said: Vec<_> =
        all.iter().map(|one| (one.recipient.as_str(), one.purpose.as_str(), one.resources.clone())).collect();
    let of_entries = |one: &v1::Disclosure| one.resources.iter().all(|name| name.contains("/logs/exchange/entries/"));
    let expected = [
        ("agencies/us-ice", "DetainerService/GetDetainer", vec![detainer.clone()]),
        ("agencies/us-ice", "DetainerService/GetDetainer", vec![detainer.clone()]),
        ("agencies/us-ny-oversight", "CustodyService/GetCustody", vec![custody.clone()]),
    ];
    assert_eq!(said[..3], expected);
    let rest: Vec<_> =
        all[3..].iter().map(|one| (one.recipient.as_str(), one.purpose.as_str(), of_entries(one))).collect();
    let by_ice = |purpose| ("agencies/us-ice", purpose, true);
    assert_eq!(rest, [by_ice("InboxService/Receive"), by_ice("LedgerService/GetEntry")]);
    for one in &all {
        assert!(one.disclose_time.is_some() && !one.officer.is_empty(), "{one:?}");
        assert!(one.classes.contains(&FieldClass::Identity.into()) || of_entries(one), "{one:?}");
    }
    assert_eq!(account(&doccs, &custody, 1).await, all, "page by page it is the same");
    assert_eq!(account(&oversight, &custody, 2).await, all);
    let of_the_other: Vec<_> =
        account(&doccs, &other, 0).await.into_iter().map(|one| (one.recipient, one.resources)).collect();
    assert_eq!(of_the_other, [("agencies/us-ny-doccs".to_owned(), vec![other])]);
}
