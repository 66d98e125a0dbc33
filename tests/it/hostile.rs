//! Who must not get in does not, learns nothing, leaves nothing behind, and is named in one audit line.

mod connections;
mod messages;
mod revoked;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

use comity::client::tls::{client_tls, connect};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::harness::requests::{detainer_for, intake_at};
use crate::harness::{Outcome, World, copy};

/// A world, and what it had recorded and audited before it was attacked.
struct Besieged {
    world: World,
    rows: BTreeMap<&'static str, u64>,
    audited: usize,
}

impl Besieged {
    async fn new(world: World) -> Self {
        world.matched("us-ny-doccs").await;
        let rows = world.kept().rows();
        Self { world, rows, audited: 0 }
    }

    /// Nothing was recorded, and there is exactly one new audit line, with these fields.
    async fn denied(&mut self, name: &str, fields: &[(&str, &str)]) {
        let lines = self.world.journal.audited_after(self.audited).await;
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
        for (field, value) in fields {
            assert_eq!(lines[0].field(field), *value, "{name}: {field}");
        }
        self.audited += 1;
        self.unharmed(name);
    }

    /// Nothing was recorded, remembered or disclosed, and nothing more was audited.
    fn unharmed(&self, name: &str) {
        assert_eq!(self.world.kept().rows(), self.rows, "{name}");
        assert_eq!(self.world.journal.audited().len(), self.audited, "{name}");
        self.world.journal.assert_nothing_personal();
    }

    /// ICE's certificate, and whatever headers a call brings.
    async fn channel(&self) -> Channel {
        let credentials = self.world.sandbox.credentials("us-ice").unwrap();
        let tls = client_tls(&credentials.authorities_pem, &credentials.certificate_pem, &credentials.key_pem).unwrap();
        connect(&self.world.gateway().grpc().to_string(), "localhost", Arc::new(tls)).await.unwrap()
    }

    /// A detainer, lodged with these authorization headers.
    async fn lodge_with(&self, authorizations: &[String]) -> Outcome<()> {
        let mut request = Request::new(detainer_for("us-ny-doccs"));
        put(request.metadata_mut(), authorizations);
        let channel = self.channel().await;
        let mut client = comity::wire::v1::detainer_service_client::DetainerServiceClient::new(channel);
        Outcome(client.lodge_detainer(request).await.map(drop))
    }
}

fn put(metadata: &mut MetadataMap, authorizations: &[String]) {
    for authorization in authorizations {
        metadata.append("authorization", authorization.parse().unwrap());
    }
}

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
    let mut besieged = Besieged::new(World::start()).await;
    let (ice, erie) = (besieged.world.ice(), besieged.world.erie());
    let detainers = besieged.world.doccs().detainers(crate::harness::requests::NY).await.accepted();
    besieged.rows = besieged.world.kept().rows();
    erie.detainer(&detainers[0].name).await.not_found();
    let line = [("event", "call_denied"), ("agency", "us-ny-erie-jail"), ("reason", "NOT_FOUND"), ("code", "5")];
    besieged.denied("another custodian's detainer", &line).await;
    ice.open(intake_at("us-ny-doccs")).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    let line = [("agency", "us-ice"), ("method", "/comity.v1.CustodyService/OpenCustody"), ("reason", "METHOD_DENIED")];
    besieged.denied("a custody of a federal agency", &line).await;
}
