//! Tokens that the gateway takes, and those that it must refuse.

use std::path::Path;

use crate::client::{Client, TokenSource};
use crate::domain::agency::{ActorKind, AgencyKind};
use crate::identity::certificate::Thumbprint;
use crate::partner::files;
use crate::partner::self_test::rows::{Rows, chain, told};
use crate::partner::settings::Settings;
use crate::wire::v1;

/// The agency's own token is taken; none, one for others and one of another certificate are not.
pub(super) async fn refused(rows: &mut Rows, client: &Client, settings: &Settings, directory: &Path) {
    let (
        parent,
        AgencyKind::Federal | AgencyKind::State | AgencyKind::County | AgencyKind::City | AgencyKind::Oversight,
    ) = (settings.jurisdictions.first(), settings.kind)
    else {
        rows.not_applicable("token.accepted", "an operator reads nothing that needs a token");
        return;
    };
    let parent = parent.map(|id| format!("jurisdictions/{id}")).unwrap_or_default();
    let list = async |client: &Client| {
        let request = v1::ListDetainersRequest { parent: parent.clone(), page_size: 1, ..Default::default() };
        client.detainers().list_detainers(request).await
    };
    let listed = Box::pin(list(client)).await;
    rows.judge("token.accepted", listed.map(|_| "the detainers were listed".to_owned()).map_err(told));
    let wanted = v1::ErrorReason::TokenRefused;
    let none = client.with_token(TokenSource::Absent);
    rows.refused("token.absent", Box::pin(list(&none)).await, wanted);
    let wrong = [
        ("token.audience", format!("not-{}", settings.audience), None),
        // The SHA-256 of no certificate.
        ("token.certificate", settings.audience.clone(), Thumbprint::from_base64url(&"A".repeat(43))),
    ];
    for (name, audience, bound_to) in wrong {
        let own = || -> anyhow::Result<Thumbprint> {
            Ok(Thumbprint::of_pem(&std::fs::read_to_string(directory.join(files::CERTIFICATE))?)?)
        };
        let minted = bound_to.map_or_else(own, Ok);
        let minted = minted.and_then(|bound_to| settings.mint(directory, ActorKind::System, &audience, &bound_to));
        match minted {
            Ok(token) => {
                let other = client.with_token(TokenSource::Fixed(token));
                rows.refused(name, Box::pin(list(&other)).await, wanted);
            }
            Err(error) => rows.failed(name, chain(error)),
        }
    }
}
