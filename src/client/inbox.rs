//! An agency's inbox that resumes where it was. Every delivery is handled at least once, in order.
//!
//! ```no_run
//! # async fn example(client: comity::client::Client) -> Result<(), comity::client::Error> {
//! use comity::client::Inbox;
//!
//! let mut inbox = Inbox::new(&client, "jurisdictions/us-ny");
//! inbox
//!     .run(|delivery| async move {
//!         let entry = delivery.entry.unwrap_or_default();
//!         // Keep it somewhere durable: once this returns Ok, it may be confirmed and is then not sent again.
//!         println!("{}", entry.name);
//!         Ok::<_, std::io::Error>(())
//!     })
//!     .await?;
//! # Ok(()) }
//! ```

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::Streaming;
use tower::BoxError;
use uuid::Uuid;

use crate::client::Client;
use crate::client::calls::unreachable;
use crate::client::error::Error;
use crate::client::evidence::verify_openings;
use crate::client::retry::from_now;
use crate::wire::v1;
use crate::wire::v1::ErrorReason;
use crate::wire::v1::receive_response::Item;

/// How an inbox is read.
#[derive(Debug, Clone, Copy)]
pub struct InboxConfig {
    /// A stream that is silent for this long is opened again. The default is three heartbeats of a gateway with default
    /// settings.
    pub silence_max: Duration,
    /// How many deliveries are handled before they are confirmed. A confirmation is an entry in the log, so there is
    /// not one for each delivery.
    pub confirm_every: u32,
    /// How long a handled delivery may wait for its confirmation.
    pub confirm_within: Duration,
    /// How many entry names are remembered, so that no entry is handled twice.
    pub remembered_max: usize,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self {
            silence_max: Duration::from_secs(45),
            confirm_every: 256,
            confirm_within: Duration::from_secs(2),
            remembered_max: 4_096,
        }
    }
}

/// The inbox of one jurisdiction.
#[derive(Debug)]
pub struct Inbox {
    client: Client,
    parent: String,
    consumer: String,
    config: InboxConfig,
    /// The cursor after the last handled delivery. Empty: the last confirmed position.
    cursor: String,
    /// How many deliveries are handled and not confirmed, and when they must be confirmed.
    unconfirmed: u32,
    confirm_at: Option<Instant>,
    handled: RecentNames,
}

impl Inbox {
    /// The inbox of `jurisdictions/{jurisdiction}`, from the last confirmed position on.
    pub fn new(client: &Client, parent: impl Into<String>) -> Self {
        let (config, cursor) = (InboxConfig::default(), String::new());
        Self {
            client: client.clone(),
            parent: parent.into(),
            consumer: String::new(),
            config,
            cursor,
            unconfirmed: 0,
            confirm_at: None,
            handled: RecentNames::default(),
        }
    }

    /// Reads as one of several systems of the agency. Each gets every entry and has its own position.
    #[must_use]
    pub fn of_consumer(mut self, consumer: impl Into<String>) -> Self {
        self.consumer = consumer.into();
        self
    }

    /// Starts at a cursor that the owner kept.
    #[must_use]
    pub fn from_cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = cursor.into();
        self
    }

    /// Sets how the inbox is read.
    #[must_use]
    pub fn with(mut self, config: InboxConfig) -> Self {
        self.config = config;
        self
    }

    /// The cursor after the last handled delivery. Empty if there was none.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Handles deliveries for ever. It ends with a permanent error, or with the handler's own error. Run again, it
    /// resumes with the first unhandled delivery. It may be dropped at any time.
    pub async fn run<F, E>(&mut self, handle: impl FnMut(v1::Delivery) -> F) -> Result<Infallible, Error>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let mut handle = handle;
        loop {
            self.catch_up_or_follow(WhenCaughtUp::Follow, &mut handle).await?;
        }
    }

    /// Handles what there is, confirms it, and returns.
    pub async fn catch_up<F, E>(&mut self, mut handle: impl FnMut(v1::Delivery) -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        self.catch_up_or_follow(WhenCaughtUp::Return, &mut handle).await
    }

    async fn catch_up_or_follow<F, E>(
        &mut self,
        then: WhenCaughtUp,
        handle: &mut impl FnMut(v1::Delivery) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let mut failures = 0_u32;
        loop {
            // Each call opens a new stream: deliveries that were not handled are delivered again.
            let ended = match self.open().await {
                Ok(mut stream) => self.read(&mut stream, then, handle, &mut failures).await,
                Err(error) => Err(error),
            };
            let Err(error) = ended else { return Ok(()) };
            if matches!(&error, Error::Refused(refused) if refused.code == tonic::Code::Unavailable) {
                self.client.calls.switch_gateway();
            }
            failures = failures.saturating_add(1);
            let pause = self.mend(&error, failures).ok_or(error)?;
            sleep(pause).await;
        }
    }

    async fn open(&self) -> Result<Streaming<v1::ReceiveResponse>, Error> {
        let request = v1::ReceiveRequest {
            parent: self.parent.clone(),
            cursor: self.cursor.clone(),
            consumer: self.consumer.clone(),
        };
        Ok(self.client.inbox().receive(request).await?.into_inner())
    }

    /// Reads until the stream ends, which is an error, or until the inbox has caught up, if that is enough.
    async fn read<F, E>(
        &mut self,
        stream: &mut Streaming<v1::ReceiveResponse>,
        then: WhenCaughtUp,
        handle: &mut impl FnMut(v1::Delivery) -> F,
        failures: &mut u32,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let mut silent_at = from_now(self.config.silence_max);
        loop {
            let is_late = self.confirm_at.is_some_and(|at| Instant::now() >= at);
            if is_late || self.unconfirmed >= self.config.confirm_every {
                self.confirm().await?;
            }
            let wake_at = self.confirm_at.map_or(silent_at, |at| at.min(silent_at));
            let Ok(message) = timeout_at(wake_at, stream.message()).await else {
                if Instant::now() < silent_at {
                    continue;
                }
                self.client.calls.reconnect();
                return Err(Error::OutOfTime);
            };
            let message = message?.ok_or_else(|| unreachable("the gateway closed the stream"))?;
            silent_at = from_now(self.config.silence_max);
            *failures = 0;
            match message.item {
                Some(Item::Delivery(delivery)) => self.take(delivery, handle).await?,
                Some(Item::Heartbeat(heartbeat)) => {
                    self.check_growth(&heartbeat).await?;
                    self.cursor = heartbeat.cursor;
                    if then == WhenCaughtUp::Return {
                        return self.confirm().await;
                    }
                }
                // A newer gateway may send other items, which we ignore.
                None => {}
            }
        }
    }

    /// The logs grew to what a heartbeat says.
    async fn check_growth(&self, heartbeat: &v1::Heartbeat) -> Result<(), Error> {
        let calls = &self.client.calls;
        let log = |kind: &str| format!("{}/logs/{kind}", self.parent);
        calls.check_heartbeat(&log("exchange"), &heartbeat.checkpoint).await?;
        if heartbeat.custody_checkpoint.is_empty() {
            // Of those who may not read the custody log. Whoever may is given each growth of it once it has an entry.
            return Ok(());
        }
        calls.check_heartbeat(&log("custody"), &heartbeat.custody_checkpoint).await
    }

    /// Hands out a delivery, unless it was handed out before.
    async fn take<F, E>(
        &mut self,
        delivery: v1::Delivery,
        handle: &mut impl FnMut(v1::Delivery) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let name = delivery.entry.as_ref().map(|entry| entry.name.clone()).unwrap_or_default();
        let cursor = delivery.cursor.clone();
        if let Some(entry) = &delivery.entry {
            verify_openings(entry)?;
        }
        if !self.handled.contains(&name) {
            if let Err(error) = handle(delivery).await {
                // Confirm first, so that this delivery is the first unconfirmed one. The gateway parks an entry that
                // nobody can handle.
                let _later = self.confirm().await;
                return Err(Error::Handler(error.into().into()));
            }
            self.handled.insert(name, self.config.remembered_max);
            self.unconfirmed = self.unconfirmed.saturating_add(1);
            self.confirm_at.get_or_insert_with(|| from_now(self.config.confirm_within));
        }
        self.cursor = cursor;
        Ok(())
    }

    /// Confirms what was handled since the last confirmation.
    async fn confirm(&mut self) -> Result<(), Error> {
        if self.unconfirmed == 0 {
            return Ok(());
        }
        let request = v1::AcknowledgeRequest {
            parent: self.parent.clone(),
            cursor: self.cursor.clone(),
            consumer: self.consumer.clone(),
            request_id: Uuid::now_v7().to_string(),
        };
        match self.client.inbox().acknowledge(request).await.map_err(Error::from) {
            // Another process of the same consumer was already further.
            Err(error) if error.reason() == Some(ErrorReason::StaleCursor) => {}
            confirmed => drop(confirmed?),
        }
        (self.unconfirmed, self.confirm_at) = (0, None);
        Ok(())
    }

    /// The pause before the stream is opened again. `None` if that would not help.
    fn mend(&mut self, error: &Error, failures: u32) -> Option<Duration> {
        let pause = self.client.calls.retry.pause_after(failures, error);
        let pause = match error.reason() {
            // The token that opened the stream has expired; the next stream uses another.
            Some(ErrorReason::TokenRefused) if failures == 1 => Some(Duration::ZERO),
            // The gateway no longer accepts the cursor. It knows what was confirmed, and we know what was handled.
            Some(ErrorReason::InvalidCursor) if !self.cursor.is_empty() => {
                self.cursor.clear();
                Some(self.client.calls.retry.pause)
            }
            Some(_) | None => pause,
        };
        if pause.is_some() {
            tracing::info!(parent = self.parent, %error, failures, "opening the inbox anew");
        }
        pause
    }
}

/// What to do when the inbox has caught up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenCaughtUp {
    Return,
    Follow,
}

/// The most recent names, up to a limit.
#[derive(Debug, Default)]
struct RecentNames {
    names: HashSet<String>,
    order: VecDeque<String>,
}

impl RecentNames {
    fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn insert(&mut self, name: String, max: usize) {
        self.order.push_back(name.clone());
        self.names.insert(name);
        while self.order.len() > max {
            if let Some(oldest) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_names_are_remembered_and_no_more() {
        let mut remembered = RecentNames::default();
        for number in 0..10 {
            remembered.insert(number.to_string(), 3);
        }
        let known: Vec<String> =
            (0..10).map(|number| number.to_string()).filter(|name| remembered.contains(name)).collect();
        assert_eq!(known, ["7", "8", "9"]);
        assert_eq!(remembered.names.len(), 3);
    }
}
