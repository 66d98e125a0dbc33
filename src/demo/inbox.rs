//! An agency's inbox as one long-lived stream. Every entry is checked as it arrives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Streaming;

use crate::demo::agency_client::{AgencyClient, request_id};
use crate::demo::evidence::{Entry, View};
use crate::demo::tally::Tally;
use crate::domain::ids::{JurisdictionId, LogKind, LogName};
use crate::wire::v1;
use crate::wire::v1::receive_response::Item;

/// How long a stream may take to catch up before the demo fails.
const CATCH_UP_MAX: Duration = Duration::from_mins(1);

/// The inbox of one agency in one jurisdiction.
#[derive(Debug)]
pub(super) struct Inbox {
    client: Arc<AgencyClient>,
    jurisdiction: JurisdictionId,
    told: Arc<Mutex<Received>>,
    reached: watch::Receiver<StreamProgress>,
    stream: JoinHandle<()>,
}

/// What has arrived, and its tally.
#[derive(Debug, Default)]
struct Received {
    view: View,
    tally: Tally,
    /// Entries that the agency's own system has not taken yet.
    fresh: Vec<Entry>,
}

/// The progress of the stream.
#[derive(Debug, Clone)]
enum StreamProgress {
    /// Everything in the exchange log below this size has arrived. It is confirmed with this cursor.
    Size(u64, String),
    /// The stream ended, for this reason.
    Ended(String),
}

impl Inbox {
    /// Opens the stream.
    pub(super) async fn open(client: &Arc<AgencyClient>, jurisdiction: &str) -> Result<Self> {
        let parent = format!("jurisdictions/{jurisdiction}");
        let request = v1::ReceiveRequest { parent, ..Default::default() };
        let opened = client.streams.inbox().receive(request).await;
        let messages = opened.map_err(|status| client.refused("Receive", &status))?.into_inner();
        let told = Arc::new(Mutex::new(Received::default()));
        let (reach, reached) = watch::channel(StreamProgress::Size(0, String::new()));
        let jurisdiction: JurisdictionId = jurisdiction.parse()?;
        let log = LogName { jurisdiction: jurisdiction.clone(), kind: LogKind::Exchange };
        let reading = InboxReader { client: Arc::clone(client), log, told: Arc::clone(&told), reach };
        let stream = tokio::spawn(reading.run(messages));
        Ok(Self { client: Arc::clone(client), jurisdiction, told, reached, stream })
    }

    /// Waits until everything in the exchange log below a size has arrived.
    pub(super) async fn until(&self, size: u64) -> Result<()> {
        let mut reached = self.reached.clone();
        let there = reached.wait_for(|reached| match reached {
            StreamProgress::Size(to, _) => *to >= size,
            StreamProgress::Ended(_) => true,
        });
        let there = tokio::time::timeout(CATCH_UP_MAX, there).await;
        let there = there.with_context(|| format!("{}: its inbox did not catch up", self.client.id))?;
        match &*there.context("an inbox ended")? {
            StreamProgress::Size(..) => Ok(()),
            StreamProgress::Ended(why) => bail!("{}: its inbox ended: {why}", self.client.id),
        }
    }

    /// What has arrived since the last call.
    pub(super) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.lock().fresh)
    }

    /// Confirms everything received, which proves delivery.
    pub(super) async fn confirm(&self) -> Result<()> {
        let cursor = match &*self.reached.borrow() {
            StreamProgress::Size(_, cursor) => cursor.clone(),
            StreamProgress::Ended(why) => bail!("{}: its inbox ended: {why}", self.client.id),
        };
        let parent = format!("jurisdictions/{}", self.jurisdiction);
        let request_id = request_id();
        let request = v1::AcknowledgeRequest { parent, cursor, request_id, ..Default::default() };
        self.client.write("InboxService/Acknowledge", self.client.system.inbox().acknowledge(request)).await?;
        Ok(())
    }

    /// Waits until the expected number of entries has arrived, or until the time limit.
    pub(super) async fn count_reaches(&self, entries: usize) {
        const POLL: Duration = Duration::from_millis(20);
        let enough = async {
            while self.lock().view.values().map(std::collections::BTreeMap::len).sum::<usize>() < entries {
                tokio::time::sleep(POLL).await;
            }
        };
        // The comparison that follows names what is missing.
        let _in_time = tokio::time::timeout(CATCH_UP_MAX, enough).await;
    }

    /// Closes the stream and returns what it delivered.
    pub(super) fn close(&self) -> (View, Tally) {
        self.stream.abort();
        let mut told = self.lock();
        (std::mem::take(&mut told.view), std::mem::take(&mut told.tally))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Received> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that reads the stream.
struct InboxReader {
    client: Arc<AgencyClient>,
    log: LogName,
    told: Arc<Mutex<Received>>,
    reach: watch::Sender<StreamProgress>,
}

impl InboxReader {
    async fn run(self, mut messages: Streaming<v1::ReceiveResponse>) {
        let why = loop {
            match messages.message().await {
                Ok(Some(message)) => {
                    if let Err(error) = self.take(message) {
                        break format!("{error:#}");
                    }
                }
                Ok(None) => break "the gateway closed it".to_owned(),
                Err(status) => break format!("{:#}", self.client.refused("Receive", &status)),
            }
        };
        self.reach.send_replace(StreamProgress::Ended(why));
    }

    fn take(&self, message: v1::ReceiveResponse) -> Result<()> {
        match message.item {
            Some(Item::Delivery(delivery)) => {
                let entry = Entry::open(&delivery.entry.context("a delivery of nothing")?)?;
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                let before = told.view.entry(entry.log.clone()).or_default().insert(entry.index, entry.seen);
                anyhow::ensure!(before.is_none(), "{} at {} was delivered twice", entry.log, entry.index);
                told.tally.take(&entry);
                told.fresh.push(entry);
            }
            Some(Item::Heartbeat(heartbeat)) => {
                let size = self.client.pinned.size(&self.log, &heartbeat.checkpoint)?;
                self.reach.send_replace(StreamProgress::Size(size, heartbeat.cursor));
            }
            None => {}
        }
        Ok(())
    }
}
