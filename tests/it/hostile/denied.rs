//! Calls that no policy allows, on good certificates and tokens.

use tonic::Code;

use crate::harness::requests::{NY, detainer_for, intake_at};
use crate::harness::{World, copy};

#[tokio::test]
async fn a_method_that_no_policy_names_is_open_to_nobody() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let world = World::with(|directory, config| {
        let policies = directory.join("policies");
        std::fs::create_dir(&policies).unwrap();
        copy(&source, &policies);
        let access = std::fs::read_to_string(policies.join("access.cedar")).unwrap();
        let rule = access.split_once("@id(\"access.federal-lodges-amends-and-withdraws\")").unwrap();
        let (_, rest) = rule.1.split_once("when { context.token };").unwrap();
        std::fs::write(policies.join("access.cedar"), format!("{}{rest}", rule.0)).unwrap();
        config.policy.directory = Some("policies".into());
    });
    let rows = world.kept().rows();
    world.ice().lodge(detainer_for("us-ny-doccs")).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    assert_eq!(world.kept().rows(), rows);
    let audited = world.journal.audited_after(0).await;
    assert_eq!(audited.len(), 1);
    assert_eq!(audited[0].field("method"), "/comity.v1.DetainerService/LodgeDetainer");
    world.doccs().open(intake_at("us-ny-doccs")).await.accepted();
}

#[tokio::test]
async fn each_denied_call_is_one_audit_line_without_a_word_about_a_person() {
    let world = World::start();
    world.matched("us-ny-doccs").await;
    let detainer = world.doccs().detainers(NY).await.accepted().remove(0).name;
    let rows = world.kept().rows();
    world.erie().detainer(&detainer).await.not_found();
    world.ice().open(intake_at("us-ny-doccs")).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    let lines = world.journal.audited_after(1).await;
    let told: Vec<_> =
        lines.iter().map(|line| (line.field("agency"), line.field("reason"), line.field("code"))).collect();
    assert_eq!(told, [("us-ice", "METHOD_DENIED", "7")]);
    let first = &world.journal.audited()[0];
    assert_eq!((first.field("event"), first.field("agency")), ("call_denied", "us-ny-erie-jail"));
    assert_eq!((first.field("reason"), first.field("code")), ("NOT_FOUND", "5"));
    assert_eq!(world.journal.audited().len(), 2);
    assert_eq!(world.kept().rows(), rows);
    world.journal.assert_nothing_personal();
}
