//! Plays the year step by step. In a step the requester works, then the custodians. The next step begins when everybody
//! has received their entries.
//!
//! Calls within a step run in parallel and in any order. No call is open between steps. So the figures depend only on
//! the mix and the seed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::TryJoinAll;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;

use crate::demo::agencies::{CUSTODIANS, FEDERAL, JURISDICTIONS};
use crate::demo::agency_client::{AgencyClient, GatewayAccess};
use crate::demo::calendar::{self, STEPS, STEPS_A_DAY, Step};
use crate::demo::custodian::Custodian;
use crate::demo::federal::Federal;
use crate::demo::inbox::Inbox;
use crate::demo::roster::Roster;
use crate::domain::ids::{LogKind, LogName};
use crate::recorder::Clock;

/// Every agency that writes.
#[derive(Debug)]
pub(super) struct Participants {
    pub(super) federal: Arc<Federal>,
    pub(super) custodians: Vec<Arc<Custodian>>,
    /// The exchange logs, in the order of the jurisdictions.
    exchanges: [LogName; JURISDICTIONS.len()],
}

impl Participants {
    /// Connects everybody and opens every inbox.
    pub(super) async fn assemble(access: &GatewayAccess<'_>, roster: &Arc<Roster>) -> Result<Self> {
        let federal = AgencyClient::connect(access, FEDERAL).await?;
        let federal = Arc::new(Federal::open(federal, Arc::clone(roster)).await?);
        let mut custodians = Vec::new();
        for agency in CUSTODIANS {
            let client = AgencyClient::connect(access, agency.id).await?;
            custodians.push(Custodian::open(agency, client, Arc::clone(roster)).await?);
        }
        let [new_york, texas] = JURISDICTIONS;
        let exchange = |jurisdiction: &str| -> Result<LogName> {
            Ok(LogName { jurisdiction: jurisdiction.parse()?, kind: LogKind::Exchange })
        };
        Ok(Self { federal, custodians, exchanges: [exchange(new_york)?, exchange(texas)?] })
    }

    /// Plays the year. Returns how long it took.
    pub(super) async fn play(&self, clock: &Clock) -> Result<Duration> {
        let bar = progress("playing the year", u64::from(STEPS / STEPS_A_DAY), "days");
        let begun = Instant::now();
        for step in 1..=STEPS {
            clock.set(calendar::time(step));
            Box::pin(self.step(step)).await?;
            if calendar::ends_a_day(step) {
                self.confirm().await?;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(begun.elapsed())
    }

    async fn step(&self, step: Step) -> Result<()> {
        Box::pin(self.federal.work(step)).await?;
        // What it lodged and lifted is in the exchange logs, as far as its receipts prove.
        let heads = self.exchanges.each_ref().map(|log| self.federal.client.proven(log));
        side_by_side(self.custodians.iter().map(|custodian| {
            let (custodian, head) = (Arc::clone(custodian), head_of(&heads, custodian.agency.jurisdiction()));
            async move {
                custodian.inbox.until(head).await?;
                Box::pin(custodian.work(step)).await
            }
        }))
        .await?;
        // What custodians record about a custody may add exchange entries that none of their receipts covers.
        let heads = self.exchanges.iter().map(|log| self.federal.client.head(log));
        let heads = heads.collect::<TryJoinAll<_>>().await?;
        for (inbox, head) in self.federal.inboxes.iter().zip(heads) {
            inbox.until(head).await?;
        }
        self.federal.read(step);
        Ok(())
    }

    /// Every agency confirms what it received, once a day.
    async fn confirm(&self) -> Result<()> {
        side_by_side(self.custodians.iter().map(|custodian| {
            let custodian = Arc::clone(custodian);
            async move { custodian.inbox.confirm().await }
        }))
        .await?;
        self.federal.inboxes.iter().map(Inbox::confirm).collect::<TryJoinAll<_>>().await?;
        Ok(())
    }

    /// Every agency that holds receipts.
    pub(super) fn clients(&self) -> impl Iterator<Item = &Arc<AgencyClient>> {
        std::iter::once(&self.federal.client).chain(self.custodians.iter().map(|custodian| &custodian.client))
    }
}

fn head_of(heads: &[u64], jurisdiction: &str) -> u64 {
    JURISDICTIONS.iter().zip(heads).find(|(own, _)| **own == jurisdiction).map_or(0, |(_, head)| *head)
}

async fn side_by_side<F>(tasks: impl Iterator<Item = F>) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut running: JoinSet<Result<()>> = tasks.collect();
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}

/// A progress bar on standard error, if that is a terminal.
pub(super) fn progress(what: &'static str, len: u64, unit: &str) -> ProgressBar {
    let bar = ProgressBar::new(len);
    let template = format!("{{msg:24}} {{bar:40}} {{pos}}/{{len}} {unit} [{{elapsed_precise}}]");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}
