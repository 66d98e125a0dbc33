//! An agency's inbox that goes on where it was: every delivery is handled at least once, in order.
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
use crate::client::retry::from_now;
use crate::wire::v1;
use crate::wire::v1::ErrorReason;
use crate::wire::v1::receive_response::Item;

/// How an inbox is read.
#[derive(Debug, Clone, Copy)]
pub struct InboxConfig {
    /// A stream on which nothing comes for so long is opened anew. The default is three heartbeats of a gateway that
    /// keeps to its own defaults.
    pub silence_max: Duration,
    /// Deliveries handled before they are confirmed. A confirmation is an entry in the log, so it is not made for each.
    pub confirm_every: u32,
    /// How long a delivery that was handled may wait to be confirmed.
    pub confirm_within: Duration,
    /// Names of entries remembered, so that none of them is handled twice.
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

/// One jurisdiction's inbox.
#[derive(Debug)]
pub struct Inbox {
    client: Client,
    parent: String,
    consumer: String,
    config: InboxConfig,
    /// After the last that was handled. Empty: where the agency last confirmed.
    cursor: String,
    /// Handled and not confirmed, and when they must be.
    unconfirmed: u32,
    confirm_at: Option<Instant>,
    handled: RecentNames,
}

impl Inbox {
    /// Of `jurisdictions/{jurisdiction}`, from where it was last confirmed.
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

    /// As one of several systems of the agency, each of which gets everything and has a position of its own.
    #[must_use]
    pub fn of_consumer(mut self, consumer: impl Into<String>) -> Self {
        self.consumer = consumer.into();
        self
    }

    /// From a cursor that its owner kept.
    #[must_use]
    pub fn from_cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = cursor.into();
        self
    }

    /// Read otherwise.
    #[must_use]
    pub fn with(mut self, config: InboxConfig) -> Self {
        self.config = config;
        self
    }

    /// After the last delivery that was handled. Empty: none was.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Handles what comes, for ever. Ends with an error that time does not mend, or with the handler's own; run again,
    /// it goes on with the first delivery that was not handled. May be dropped at any time.
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
            // Not kept over calls: what was delivered and not handled when this was dropped is delivered again.
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

    /// Until the stream ends, which is an error, or until there is nothing more and nothing more is wanted.
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
                    self.cursor = heartbeat.cursor;
                    if then == WhenCaughtUp::Return {
                        return self.confirm().await;
                    }
                }
                // What a newer gateway says beside these is not for us.
                None => {}
            }
        }
    }

    /// Hands a delivery out, unless it was before.
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
        if !self.handled.contains(&name) {
            if let Err(error) = handle(delivery).await {
                // So that this one is the first that is not confirmed: the gateway parks what nobody can take.
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

    /// Confirms what was handled, if anything was since the last time.
    async fn confirm(&mut self) -> Result<(), Error> {
        if self.unconfirmed == 0 {
            return Ok(());
        }
        let request = v1::AcknowledgeRequest {
            parent: self.parent.clone(),
            cursor: self.cursor.clone(),
            consumer: self.consumer.clone(),
            request_id: Uuid::new_v4().to_string(),
        };
        match self.client.inbox().acknowledge(request).await.map_err(Error::from) {
            // Another process of the same consumer was further already.
            Err(error) if error.reason() == Some(ErrorReason::StaleCursor) => {}
            confirmed => drop(confirmed?),
        }
        (self.unconfirmed, self.confirm_at) = (0, None);
        Ok(())
    }

    /// The pause after which the stream may be opened anew. `None`: that would not help.
    fn mend(&mut self, error: &Error, failures: u32) -> Option<Duration> {
        let pause = self.client.calls.retry.pause_after(failures, error);
        let pause = match error.reason() {
            // The token that opened the stream ended; the one it is opened with next is another.
            Some(ErrorReason::TokenRefused) if failures == 1 => Some(Duration::ZERO),
            // Not a cursor of this gateway's any more. It knows what was confirmed, and we what was handled.
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

/// What to do when there is nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenCaughtUp {
    Return,
    Follow,
}

/// The last names, and no more than so many.
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
