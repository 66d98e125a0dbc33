//! `InboxService`: delivers the entries that an agency is in the audience of, and records their delivery.

use std::sync::Arc;
use std::time::Duration;

use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::api::context::{Api, on_blocking_thread};
use crate::api::status;
use crate::api::stream::{MessageSender, OutgoingStream, ResponseStream, StreamOpener};
use crate::audit::call;
use crate::domain::agency::Caller;
use crate::domain::command::{Action, InboxCommand};
use crate::domain::determination::FieldClasses;
use crate::domain::ids::{AgencyId, JurisdictionId, LogKind, LogName};
use crate::domain::inbox::{EntryPosition, Inbox as Consumers, InboxConsumer, SendDecision};
use crate::domain::method::ReadMethod;
use crate::domain::permit::Admitted;
use crate::feed::{AttemptGuard, Cursor, Feed, Page, PendingDelivery};
use crate::metrics::table;
use crate::recorder::{Attempt, Delivering, WhenFull};
use crate::store::{DisclosedResource, NewDisclosure};
use crate::traces::STEP;
use crate::wire::v1::inbox_service_server::InboxService;
use crate::wire::{Message as _, parse, v1};

/// The service.
#[derive(Debug, Clone)]
pub struct Inbox(pub Arc<Api>);

#[tonic::async_trait]
impl InboxService for Inbox {
    type ReceiveStream = ResponseStream<v1::ReceiveResponse>;

    async fn receive(&self, request: Request<v1::ReceiveRequest>) -> Result<Response<Self::ReceiveStream>, Status> {
        let caller = Api::caller(&request)?;
        let opener = Api::opener(&request, ReadMethod::Receive.word())?;
        let request = request.into_inner();
        let whose = whose(&caller, &request.parent, &request.consumer)?;
        if !caller.takes_part_in(&whose.jurisdiction) {
            return Err(status::not_found());
        }
        let api = Arc::clone(&self.0);
        if let Some(parked) = api.parked_consumer(&whose) {
            return Err(parked);
        }
        let consumer = api.consumers(&whose.agency, &whose.jurisdiction).await?.consumer(&whose.consumer);
        let cursor = match request.cursor.as_str() {
            "" => Cursor::confirmed(&consumer),
            given => api.keys.cursors.open(&whose, given).ok_or_else(status::invalid_cursor)?,
        };
        let heads = api.heads.iter().filter(|(log, _)| log.jurisdiction == whose.jurisdiction);
        let heads: Vec<_> = heads.map(|(log, head)| (log.clone(), head.clone())).collect();
        let feed = Feed::new(Arc::clone(&api.reader), caller.clone(), heads, cursor, &consumer);
        if feed.is_empty() {
            return Err(status::not_found());
        }
        let (outgoing, answers) = api.outgoing();
        let starts_over = cursor.is_confirmed(&consumer);
        let subscription = Subscription { api, caller, whose, starts_over };
        tokio::spawn(call::carried(subscription.run(opener, outgoing, feed).in_current_span()));
        Ok(Response::new(answers))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let caller = Api::caller(&request)?;
        let mut request = request.into_inner();
        let whose = whose(&caller, &request.parent, &request.consumer)?;
        let request_id = parse::request_id(&request.request_id).map_err(|faults| status::violations(&faults))?;
        request.request_id = request_id.to_string();
        let cursor = self.0.keys.cursors.open(&whose, &request.cursor).ok_or_else(status::invalid_cursor)?;
        let action = Action::Inbox(InboxCommand::Acknowledge {
            consumer: whose.consumer,
            exchange_position: cursor.exchange,
            exchange_seen: cursor.exchange_seen,
            custody_position: cursor.custody,
        });
        let value = self.0.command(request_id, None, action, &request.encode_to_vec());
        let write = Admitted { caller, jurisdiction: whose.jurisdiction, value };
        let mut answer: v1::AcknowledgeResponse = self.0.submit(write, WhenFull::Refuse).await?;
        answer.cursor = request.cursor;
        Ok(Response::new(answer))
    }

    async fn acknowledge_parked(
        &self,
        request: Request<v1::AcknowledgeParkedRequest>,
    ) -> Result<Response<v1::AcknowledgeParkedResponse>, Status> {
        let caller = Api::caller(&request)?;
        let mut request = request.into_inner();
        let faults = |faults| status::violations(&faults);
        let (log, index) = parse::entry_name("entry", &request.entry).map_err(faults)?;
        let consumer = parse::consumer(&request.consumer).map_err(faults)?;
        let request_id = parse::request_id(&request.request_id).map_err(faults)?;
        request.request_id = request_id.to_string();
        let entry = EntryPosition { log: log.kind, index };
        let action = Action::Inbox(InboxCommand::AcknowledgeParked { consumer, entry });
        let value = self.0.command(request_id, None, action, &request.encode_to_vec());
        let write = Admitted { caller, jurisdiction: log.jurisdiction, value };
        self.0.submit(write, WhenFull::Refuse).await.map(Response::new)
    }

    async fn get_backlog(
        &self,
        request: Request<v1::GetBacklogRequest>,
    ) -> Result<Response<v1::GetBacklogResponse>, Status> {
        let caller = Api::caller(&request)?;
        self.0.backlog(&caller, &request.into_inner()).await.map(Response::new)
    }
}

/// The inbox that a call is about.
fn whose(caller: &Caller, parent: &str, consumer: &str) -> Result<InboxConsumer, Status> {
    let jurisdiction = parse::jurisdiction("parent", parent).map_err(|faults| status::violations(&faults))?;
    let consumer = parse::consumer(consumer).map_err(|faults| status::violations(&faults))?;
    Ok(InboxConsumer { agency: caller.agency.id.clone(), jurisdiction, consumer })
}

impl Api {
    /// The refusal of a consumer that an operator has parked.
    fn parked_consumer(&self, whose: &InboxConsumer) -> Option<Status> {
        let parked = self.parked.borrow();
        let parked = parked.get(&(whose.agency.clone(), whose.consumer.clone()))?;
        Some(status::consumer_parked(&parked.message))
    }

    /// How far each consumer of an agency has received in a jurisdiction.
    pub(super) async fn consumers(
        &self,
        agency: &AgencyId,
        jurisdiction: &JurisdictionId,
    ) -> Result<Consumers, Status> {
        let (agency, jurisdiction) = (agency.clone(), jurisdiction.clone());
        self.read(move |reader| reader.inbox(&agency, &jurisdiction)).await
    }
}

/// An open stream. It ends when its reader goes away or stops reading, when the caller's proof ends, when an operator parks the
/// consumer, or when the writer ends.
struct Subscription {
    api: Arc<Api>,
    caller: Caller,
    whose: InboxConsumer,
    /// The stream starts at the acknowledged position, so its first entry is tried again.
    starts_over: bool,
}

impl Subscription {
    async fn run(self, opener: StreamOpener, outgoing: OutgoingStream<v1::ReceiveResponse>, feed: Feed) {
        let _open = self.api.metrics.hold(&table::INBOX_STREAMS, &[(&self.whose.agency).into()]);
        let serve = async |sender| {
            tokio::select! {
                ended = self.serve(feed, &sender) => ended,
                parked = self.parked() => Err(parked),
            }
        };
        self.api.serve_stream(opener, outgoing, serve).await;
    }

    /// Returns once an operator has parked the consumer.
    async fn parked(&self) -> Status {
        let mut now = self.api.parked.clone();
        loop {
            now.mark_unchanged();
            if let Some(parked) = self.api.parked_consumer(&self.whose) {
                return parked;
            }
            if now.changed().await.is_err() {
                // Whoever could park it is gone: the gateway ends.
                return std::future::pending().await;
            }
        }
    }

    async fn serve(&self, mut feed: Feed, sender: &MessageSender<v1::ReceiveResponse>) -> Result<(), Status> {
        let heartbeat = Duration::from_millis(self.api.inbox.heartbeat_ms);
        let mut starts_over = self.starts_over;
        // Held as long as the stream lasts: until then, nobody knows that the attempt has failed.
        let mut _held = None;
        loop {
            let (returned, mut page) = self.page(feed).await?;
            feed = returned;
            let caught_up = page.caught_up;
            if starts_over {
                _held = self.try_first(&mut page).await?;
                starts_over = page.entries.is_empty();
            } else {
                self.account(&page).await?;
            }
            if !page.entries.is_empty() {
                let entries = i64::try_from(page.entries.len()).unwrap_or(i64::MAX);
                let deliver = tracing::trace_span!(target: STEP, "deliver", entries);
                self.deliver(page.entries, sender).instrument(deliver).await?;
            }
            if caught_up {
                let heartbeat = self.heartbeat(feed.cursor()).await?;
                sender.send(answer(v1::receive_response::Item::Heartbeat(heartbeat))).await?;
            }
            if caught_up && !feed.wait(heartbeat).await {
                return Err(status::unavailable());
            }
        }
    }

    /// Hands entries to the reader.
    async fn deliver(
        &self,
        entries: Vec<PendingDelivery>,
        sender: &MessageSender<v1::ReceiveResponse>,
    ) -> Result<(), Status> {
        for due in entries {
            let delivery = v1::Delivery { entry: Some(due.entry), cursor: self.seal(due.cursor) };
            sender.send(answer(v1::receive_response::Item::Delivery(delivery))).await?;
        }
        Ok(())
    }

    /// Reads the next page, off the network threads.
    async fn page(&self, mut feed: Feed) -> Result<(Feed, Page), Status> {
        let (gate, now) = (self.api.gate_for(&self.caller, ReadMethod::Receive.word())?, self.api.clock.now());
        let read = on_blocking_thread(move || {
            let page = feed.page(&gate, now);
            (feed, page)
        });
        let (feed, page) = read.await.map_err(|_| status::internal("a read was given up"))?;
        Ok((feed, page.map_err(|error| status::store(&error))?))
    }

    /// Tries the first entry again and accounts for the page with it. Entries that were tried too often are passed
    /// over.
    async fn try_first(&self, page: &mut Page) -> Result<Option<AttemptGuard>, Status> {
        while let Some(first) = page.entries.first() {
            let position = first.position;
            let Some(held) = self.api.attempts.begin(&self.whose, position) else {
                self.account(page).await?;
                return Ok(None);
            };
            let attempt = Some(Attempt { whose: self.whose.clone(), position });
            let delivering = Delivering { disclosure: self.disclosure(page), attempt };
            let tried = self.api.recorder.deliver(delivering).await.map_err(|error| status::submit(&error))?;
            match tried {
                SendDecision::Send => {
                    self.note(page);
                    return Ok(Some(held));
                }
                SendDecision::ParkedNow | SendDecision::PassOver => drop(page.entries.remove(0)),
            }
        }
        Ok(None)
    }

    async fn account(&self, page: &Page) -> Result<(), Status> {
        if page.entries.is_empty() {
            return Ok(());
        }
        self.note(page);
        let disclosure = self.disclosure(page);
        self.api.recorder.disclose(disclosure).await.map_err(|error| status::submit(&error))
    }

    /// Notes what is delivered, for the audit line of the stream.
    fn note(&self, page: &Page) {
        let first = page.entries.first().map(|due| DisclosedResource::Entry(due.position));
        let jurisdiction = &self.whose.jurisdiction;
        call::note_disclosed(page.entries.len(), || first.map(|entry| entry.name(jurisdiction.clone())));
    }

    fn disclosure(&self, page: &Page) -> NewDisclosure {
        let resources = page.entries.iter().map(|due| DisclosedResource::Entry(due.position)).collect();
        let classes = page.entries.iter().map(|due| due.classes).fold(FieldClasses::NONE, FieldClasses::union);
        self.api.disclosure(&self.caller, ReadMethod::Receive, &self.whose.jurisdiction, resources, classes)
    }

    /// The checkpoint of the position reached, not the newest one. Everything below that position was delivered, so it
    /// tells the reader how far it is. A feed that has caught up is at the end of a batch, where a checkpoint was
    /// signed.
    async fn heartbeat(&self, cursor: Cursor) -> Result<v1::Heartbeat, Status> {
        let log = |kind| LogName { jurisdiction: self.whose.jurisdiction.clone(), kind };
        let (exchange, custody) = (log(LogKind::Exchange), log(LogKind::Custody));
        // A caller who may not read the custody log stays at position 0, where no checkpoint was signed.
        let read = self.api.read(move |reader| {
            let checkpoint = reader.checkpoint_at(&exchange, cursor.exchange)?.unwrap_or_default();
            Ok((checkpoint, reader.checkpoint_at(&custody, cursor.custody)?.unwrap_or_default()))
        });
        let (checkpoint, custody_checkpoint) = read.await?;
        Ok(v1::Heartbeat { cursor: self.seal(cursor), checkpoint, custody_checkpoint })
    }

    fn seal(&self, cursor: Cursor) -> String {
        self.api.keys.cursors.seal(&self.whose, cursor)
    }
}

fn answer(item: v1::receive_response::Item) -> v1::ReceiveResponse {
    v1::ReceiveResponse { item: Some(item) }
}
