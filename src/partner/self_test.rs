//! What an agency shows before it takes part: that its keys, its clock, its client and its rights work against the gateway.
//! Nothing is written, but where a story is asked for: that one writes, about people who are made up.

mod connection;
mod reads;
mod rows;
mod story;
mod tokens;

use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;

use crate::client::Client;
use crate::domain::agency::ActorKind;
use crate::partner::report::SelfTestReport;
use crate::partner::self_test::rows::{Rows, chain};
use crate::partner::settings::Settings;

pub use story::Story;

/// Tests the agency of a directory against its gateway. An error is of the directory; what the gateway does is in the report.
pub async fn test(directory: &Path, story: Story) -> Result<SelfTestReport> {
    let settings = Settings::read(directory)?;
    let verifiers = settings.verifiers()?;
    let began_at = Timestamp::now();
    let mut rows = Rows::default();
    connection::keys(&mut rows, directory, began_at);
    Box::pin(connection::tls(&mut rows, directory, &settings)).await;
    match Client::connect(settings.client(directory, ActorKind::System)?).await {
        Err(error) => rows.failed("client.connected", chain(error)),
        Ok(client) => {
            Box::pin(connection::health(&mut rows, &client, &settings)).await;
            Box::pin(tokens::refused(&mut rows, &client, &settings, directory)).await;
            let before = Box::pin(reads::logs(&mut rows, &client, &settings, &verifiers)).await;
            Box::pin(reads::role(&mut rows, &client, &settings, &verifiers)).await;
            Box::pin(story::play(&mut rows, &client, &settings, &verifiers, story)).await;
            Box::pin(reads::growth(&mut rows, &client, &before, &verifiers)).await;
        }
    }
    let (who, times) = ((settings.agency.clone(), settings.kind), (began_at, Timestamp::now()));
    Ok(SelfTestReport::over(who, settings.address, times, rows.into_checks()))
}

impl SelfTestReport {
    /// The report as it is handed on: signed with the token key of the directory.
    pub fn sealed_in(&self, directory: &Path) -> Result<String> {
        self.signed(&Settings::read(directory)?.minting_key(directory)?)
    }
}
