//! `comity roster`: a file is held against what is on record, and what is exact is acknowledged once, at the custodian's word.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::World;
use crate::roster::{DOCCS, held, lodged};

const HEADER: &str = "family_name,given_name,birth_date,a_number,booking_number,booked_at\n";

/// What the command printed as JSON, what it told on standard error, and how it ended.
fn roster(world: &World, text: &str, more: &[&str]) -> (Value, String, Option<i32>) {
    let file = world.directory().join("roster.csv");
    fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_comity"))
        .args(["roster", "--json", "--jurisdiction", "us-ny", "--as", DOCCS])
        .args(["--address", &world.gateway().grpc().to_string()])
        .args(["--directory".as_ref(), world.directory().as_os_str()])
        .args(more)
        .arg(&file)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    (printed, told, output.status.code())
}

#[tokio::test]
async fn nothing_is_matched_without_the_custodians_word_and_nothing_twice() {
    let world = World::start();
    let doccs = world.doccs();
    let here = held(&doccs, DOCCS, "Zebulon|Quackenbush, 1987-06-05, a:079314159 b:77-031").await;
    let left = held(&doccs, DOCCS, "Ottokar|Nemec, 1961-01-02").await;
    let on_record = lodged(&world, DOCCS, "Zebulon|Quackenbush, 1987-06-05, a:079314159").await;
    let new = lodged(&world, DOCCS, "Wilhelmina|Sorensen, 1970-05-05, a:079314222").await;
    let alike = lodged(&world, DOCCS, "Ludmila|Petrova, 1990-02-03").await;
    let text = format!(
        "{HEADER}Quackenbush,Zebulon,1987-06-05,A079-314-159,77031,\n\
         Sorensen,Wilhelmina,1970-05-05,79314222,77-040,2026-01-21T12:53:20Z\n\
         Petrowa,Ludmila,1990-02-03,,,\n"
    );
    let rows = world.kept().rows();
    let (printed, told, code) = roster(&world, &text, &[]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let proposed = |row: usize| printed["proposed"][row]["candidates"][0]["detainer"].as_str().unwrap().to_owned();
    assert_eq!([proposed(0), proposed(1), proposed(2)], [on_record.clone(), new.clone(), alike]);
    assert_eq!(printed["proposed"][0]["custodies"][0], here.as_str());
    assert_eq!((&printed["new"], &printed["departed"][0]), (&serde_json::json!([2, 3]), &left.into()));
    assert_eq!(world.kept().rows()["entries"], rows["entries"], "nothing is matched");

    // Said so, but not where the one who is new is held.
    let (printed, _, code) = roster(&world, &text, &["--acknowledge-exact"]);
    assert_eq!(code, Some(0));
    let done = printed["acknowledged"].as_array().unwrap().clone();
    assert_eq!((done.len(), &done[0]["detainer"], &done[0]["custody"]), (2, &on_record.clone().into(), &here.into()));
    assert!(done[0]["index"].is_u64() && done[1]["left"].as_str().unwrap().contains("no custody"), "{done:?}");
    let state = |name: String| {
        let doccs = world.doccs();
        async move { doccs.detainer(&name).await.accepted().state().as_str_name() }
    };
    assert_eq!(state(on_record).await, "DETAINER_STATE_MATCHED");
    assert_eq!(state(new.clone()).await, "DETAINER_STATE_LODGED");

    let (printed, told, code) = roster(&world, &text, &["--acknowledge-exact", "--facility", "NY029"]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let opened = printed["acknowledged"][0]["custody"].as_str().unwrap().to_owned();
    assert_eq!(
        (&printed["acknowledged"][0]["detainer"], state(new.clone()).await),
        (&new.into(), "DETAINER_STATE_MATCHED")
    );
    assert_eq!(doccs.custody(&opened).await.accepted().facility, "NY029");
    // The same word again is nothing new.
    let rows = world.kept().rows();
    let (printed, ..) = roster(&world, &text, &["--acknowledge-exact", "--facility", "NY029"]);
    assert_eq!(printed["acknowledged"], serde_json::json!([]));
    assert_eq!(world.kept().rows()["entries"], rows["entries"]);
}

#[tokio::test]
async fn a_row_that_cannot_be_used_is_named_and_keeps_no_other() {
    let world = World::start();
    let text = format!("{HEADER}Quackenbush,Zebulon,1987-13-05,12,,\nNemec,Ottokar,1961-01-02,,,\n");
    let (printed, told, code) = roster(&world, &text, &[]);
    assert_eq!((code, &printed["rows"], &printed["rejected"]), (Some(1), &1.into(), &1.into()));
    assert!(told.contains("1 rows could not be used") && !told.contains("Quackenbush"), "{told}");
    let rejects = fs::read_to_string(world.directory().join("roster.rejects.csv")).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!(lines[0], "row,column,reason");
    assert!(lines[1].starts_with("1,a_number,") && lines[2].starts_with("1,birth_date,"), "{rejects}");
    assert!(!rejects.contains("1987-13-05"));
}
