//! `InboxService`: delivers to each agency what it is in the audience of, and records that it was delivered.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::api::{Api, status};
use crate::domain::agency::Caller;
use crate::domain::command::Action;
use crate::domain::ids::{JurisdictionId, LogKind, LogName};
use crate::feed::{Cursor, Feed, Page};
use crate::identity::authenticate::CallerExpiry;
use crate::wire::v1::inbox_service_server::InboxService;
use crate::wire::{Message as _, parse, v1};

/// Limits of a subscription.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InboxConfig {
    /// Longest silence on an open stream, in milliseconds.
    pub heartbeat_ms: u64,
    /// Messages held for a reader that does not read.
    pub buffer_len: usize,
    /// How long a reader may not read before its stream ends, in milliseconds.
    pub stall_ms: u64,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self { heartbeat_ms: 15_000, buffer_len: 8, stall_ms: 60_000 }
    }
}

/// The service.
#[derive(Debug, Clone)]
pub struct Inbox(pub Arc<Api>);

#[tonic::async_trait]
impl InboxService for Inbox {
    type ReceiveStream = Pin<Box<dyn Stream<Item = Result<v1::ReceiveResponse, Status>> + Send>>;

    async fn receive(&self, request: Request<v1::ReceiveRequest>) -> Result<Response<Self::ReceiveStream>, Status> {
        let caller = Api::caller(&request)?;
        let expiry = Api::expiry(&request)?;
        let request = request.into_inner();
        let jurisdiction =
            parse::jurisdiction("parent", &request.parent).map_err(|faults| status::violations(&faults))?;
        if !caller.takes_part_in(&jurisdiction) {
            return Err(status::not_found());
        }
        let api = Arc::clone(&self.0);
        let cursor = api.cursor(&caller, &jurisdiction, &request.cursor).await?;
        let heads = api.heads.iter().filter(|(log, _)| log.jurisdiction == jurisdiction);
        let heads: Vec<_> = heads.map(|(log, head)| (log.clone(), head.clone())).collect();
        let feed = Feed::new(Arc::clone(&api.reader), caller.clone(), heads, cursor);
        if feed.is_empty() {
            return Err(status::not_found());
        }
        let (sender, receiver) = api.channel();
        let subscription = Subscription { api, caller, jurisdiction, expiry, sender };
        tokio::spawn(subscription.run(feed));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let caller = Api::caller(&request)?;
        let request = request.into_inner();
        let jurisdiction =
            parse::jurisdiction("parent", &request.parent).map_err(|faults| status::violations(&faults))?;
        let request_id = parse::request_id(&request.request_id).map_err(|faults| status::violations(&faults))?;
        let cursor = self.0.keys.cursors.open(&caller.agency.id, &jurisdiction, &request.cursor);
        let cursor = cursor.ok_or_else(status::invalid_cursor)?;
        let action = Action::AcknowledgeInbox {
            exchange_position: cursor.exchange,
            exchange_seen: cursor.exchange_seen,
            custody_position: cursor.custody,
        };
        let command = self.0.command(request_id, None, action, &request.encode_to_vec());
        let mut answer: v1::AcknowledgeResponse = self.0.submit(caller, jurisdiction, command).await?;
        answer.cursor = request.cursor;
        Ok(Response::new(answer))
    }
}

impl Api {
    /// The cursor given, or where the agency last acknowledged.
    async fn cursor(&self, caller: &Caller, jurisdiction: &JurisdictionId, text: &str) -> Result<Cursor, Status> {
        let agency = caller.agency.id.clone();
        if !text.is_empty() {
            return self.keys.cursors.open(&agency, jurisdiction, text).ok_or_else(status::invalid_cursor);
        }
        let log = |kind| LogName { jurisdiction: jurisdiction.clone(), kind };
        let (exchange, custody) = (log(LogKind::Exchange), log(LogKind::Custody));
        self.read(move |reader| {
            let exchange = reader.delivered(&agency, &exchange)?;
            Ok(Cursor { exchange, exchange_seen: exchange, custody: reader.delivered(&agency, &custody)? })
        })
        .await
    }
}

/// A stream being served. Ends with its reader, its proof, the writer, or when nobody reads.
struct Subscription {
    api: Arc<Api>,
    caller: Caller,
    jurisdiction: JurisdictionId,
    expiry: CallerExpiry,
    sender: mpsc::Sender<Result<v1::ReceiveResponse, Status>>,
}

impl Subscription {
    async fn run(self, feed: Feed) {
        self.api.serve_stream(self.expiry, &self.sender, self.serve(feed)).await;
    }

    async fn serve(&self, mut feed: Feed) -> Result<(), Status> {
        let heartbeat = Duration::from_millis(self.api.inbox.heartbeat_ms);
        loop {
            let (returned, page) = self.page(feed).await?;
            feed = returned;
            let caught_up = page.caught_up;
            self.deliver(page).await?;
            if caught_up {
                self.beat(feed.cursor()).await?;
                if !feed.wait(heartbeat).await {
                    return Err(status::unavailable());
                }
            }
        }
    }

    /// Reads on, off the network threads.
    async fn page(&self, mut feed: Feed) -> Result<(Feed, Page), Status> {
        let read = tokio::task::spawn_blocking(move || {
            let page = feed.page();
            (feed, page)
        });
        let (feed, page) = read.await.map_err(|_| status::internal("a read was given up"))?;
        Ok((feed, page.map_err(|error| status::store(&error))?))
    }

    async fn deliver(&self, page: Page) -> Result<(), Status> {
        let names: Vec<&str> = page.entries.iter().map(|(entry, _)| entry.name.as_str()).collect();
        self.api.disclose(&self.caller, "InboxService/Receive", &names, page.classes).await?;
        for (entry, cursor) in page.entries {
            let delivery = v1::Delivery { entry: Some(entry), cursor: self.seal(cursor) };
            self.send(v1::receive_response::Item::Delivery(delivery)).await?;
        }
        Ok(())
    }

    async fn beat(&self, cursor: Cursor) -> Result<(), Status> {
        let log = LogName { jurisdiction: self.jurisdiction.clone(), kind: LogKind::Exchange };
        // Of the position reached and not the newest: below it everything was delivered, so a reader can tell by it how
        // far it is. A feed that has caught up stands at the end of a batch, where a checkpoint was signed.
        let checkpoint = self.api.read(move |reader| reader.checkpoint_at(&log, cursor.exchange)).await?;
        let checkpoint = checkpoint.unwrap_or_default();
        self.send(v1::receive_response::Item::Heartbeat(v1::Heartbeat { cursor: self.seal(cursor), checkpoint })).await
    }

    async fn send(&self, item: v1::receive_response::Item) -> Result<(), Status> {
        self.api.send(&self.sender, v1::ReceiveResponse { item: Some(item) }).await
    }

    fn seal(&self, cursor: Cursor) -> String {
        self.api.keys.cursors.seal(&self.caller.agency.id, &self.jurisdiction, cursor)
    }
}
