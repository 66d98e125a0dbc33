use super::*;

#[test]
fn every_case_of_the_embedded_set_holds_and_every_condition_is_tried_on_both_sides() {
    let report = run(&PolicySet::embedded().unwrap());
    let failures: Vec<String> = report.failures.iter().map(Failure::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let gaps: Vec<String> = report.gaps.iter().map(Gap::to_string).collect();
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    assert_eq!(report.packs.len(), 9);
    assert!(report.packs.iter().all(|pack| pack.cases >= 15));
}
