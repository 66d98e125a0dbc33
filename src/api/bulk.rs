//! Bulk streams: many writes of one kind over one stream. Each item is parsed, submitted and answered as a call of its own
//! would be, by the same functions; what the stream adds is that the caller need not wait for one answer to send the next
//! item. Answers come in the order of the items.
//!
//! An agency that sends faster than its share is not refused: its stream is read later.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::{Either, ready};
use futures_util::stream::FuturesOrdered;
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, Response, Status, Streaming};
use tracing::{Instrument as _, field};

use crate::api::context::Api;
use crate::api::denied;
use crate::api::status;
use crate::api::stream::{MessageSender, ResponseStream};
use crate::api::write::WriteCall;
use crate::domain::agency::Caller;
use crate::recorder::WhenFull;
use crate::wire::bulk::BulkItem;

/// An open stream.
struct Bulk<I> {
    api: Arc<Api>,
    caller: Caller,
    method: &'static str,
    items: Streaming<I>,
}

/// An item that was read and waits for its turn.
struct Read {
    request_id: String,
    call: Result<WriteCall, Status>,
}

impl Api {
    /// Answers a bulk stream. `method` as policies name it.
    pub(super) fn bulk<I: BulkItem + 'static>(
        self: &Arc<Self>,
        method: &'static str,
        request: Request<Streaming<I>>,
    ) -> Result<Response<ResponseStream<I::Outcome>>, Status> {
        let caller = Self::caller(&request)?;
        let opener = Self::opener(&request, method)?;
        let (outgoing, answers) = self.outgoing();
        let bulk = Bulk { api: Arc::clone(self), caller, method, items: request.into_inner() };
        let api = Arc::clone(self);
        let served = async move {
            // It ends by itself when the gateway drains, after what is recorded was answered.
            let serve = async |sender| bulk.serve(&sender).await;
            api.serve_stream_until(std::future::pending(), opener, outgoing, serve).await;
        };
        tokio::spawn(served.in_current_span());
        Ok(Response::new(answers))
    }
}

impl<I: BulkItem> Bulk<I> {
    async fn serve(mut self, sender: &MessageSender<I::Outcome>) -> Result<(), Status> {
        let (api, caller, method) = (Arc::clone(&self.api), self.caller.clone(), self.method);
        let mut answers = FuturesOrdered::new();
        let mut next: Option<Read> = None;
        let mut end: Option<Result<(), Status>> = None;
        loop {
            if let (None, true, Some(end)) = (&next, answers.is_empty(), &end) {
                return end.clone();
            }
            tokio::select! {
                Some(outcome) = answers.next() => sender.send(outcome).await?,
                turn = api.bulk.turn(&caller.agency.id), if next.is_some() => {
                    let turn = turn?;
                    answers.extend(next.take().map(|read| answer::<I>(&api, &caller, method, read, turn)));
                }
                item = self.items.message(), if next.is_none() && end.is_none() => match item {
                    Ok(Some(item)) => next = Some(read(&caller, item)),
                    Ok(None) => end = Some(Ok(())),
                    Err(broken) => end = Some(Err(broken)),
                },
                () = api.drain.cancelled(), if end.is_none() => end = Some(Err(status::unavailable())),
            }
        }
    }
}

/// An item parsed. Its message is let go here.
fn read<I: BulkItem>(caller: &Caller, item: I) -> Read {
    let Some((request_id, request)) = item.into_request() else {
        return Read { request_id: String::new(), call: Err(status::missing("request")) };
    };
    Read { request_id, call: Api::parsed_write(caller.clone(), request) }
}

/// What becomes of an item. It is in the writer's queue once this was polled.
fn answer<I: BulkItem>(
    api: &Arc<Api>,
    caller: &Caller,
    method: &'static str,
    Read { request_id, call }: Read,
    turn: OwnedSemaphorePermit,
) -> impl Future<Output = I::Outcome> {
    let (api, agency) = (Arc::clone(api), caller.agency.id.clone());
    let answered = async move {
        let _turn = turn;
        let answered = match call {
            Ok(call) => Either::Left(api.submit_write::<I::Answer>(call, WhenFull::Wait)),
            Err(fault) => Either::Right(ready(Err(fault))),
        };
        let answered = answered.await;
        if let Err(status) = &answered {
            denied::audit(agency.as_str(), &format!("/comity.v1.{method}"), status, "", &api.metrics);
        }
        I::outcome(request_id, answered)
    };
    // Whoever has used up the budget of its task is put behind the items after it, which would be recorded before it.
    let answered = tokio::task::unconstrained(answered);
    // Within that of its stream: the rest of its fields is the call's.
    answered.instrument(tracing::error_span!("item", request = field::Empty))
}
