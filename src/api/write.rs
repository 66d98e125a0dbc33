//! The path of every write: parse, submit, answer with a receipt.

use std::sync::Arc;

use aws_lc_rs::hmac;
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, Span, field};

use crate::api::context::Api;
use crate::api::status;
use crate::audit::call;
use crate::domain::agency::{ActorKind, Caller};
use crate::domain::command::{Action, Command};
use crate::domain::ids::{LogName, RequestId};
use crate::domain::permit::Admitted;
use crate::ledger::{self, Receipt};
use crate::recorder::{Recorded, SubmitError, WhenFull};
use crate::traces::STEP;
use crate::wire::parse::{Write, WriteRequest};
use crate::wire::{HasReceipt, Message, Named, Violation, show, v1};

/// A write as it was received. Its digest covers the request as the caller sent it, in its normalized spelling, and
/// nothing that was looked up for it.
pub(super) struct WriteCall {
    pub(super) caller: Caller,
    pub(super) write: Write,
    canonical: Vec<u8>,
}

impl Api {
    /// A write to a case.
    pub(super) async fn write<Q, A>(&self, request: Request<Q>) -> Result<Response<A>, Status>
    where
        Q: WriteRequest + Message + Named + Default,
        A: HasReceipt,
    {
        self.submit_write(Self::write_call(request)?, WhenFull::Refuse).await.map(Response::new)
    }

    /// Parses the write of a proven caller.
    pub(super) fn write_call<Q: WriteRequest + Message + Named + Default>(
        request: Request<Q>,
    ) -> Result<WriteCall, Status> {
        let caller = Self::caller(&request)?;
        Self::parsed_write(caller, request.into_inner())
    }

    /// Parses a write, of a call or of an item of a bulk stream.
    pub(super) fn parsed_write<Q: WriteRequest + Message + Named + Default>(
        caller: Caller,
        request: Q,
    ) -> Result<WriteCall, Status> {
        // Digest the decoded request, encoded again and in the spelling that is kept: another encoder could have laid
        // out the same request in other bytes.
        let encoded = request.encode_to_vec();
        let write = request.parse().map_err(|faults| status::violations(&faults))?;
        if write.from_paper && caller.actor.as_ref().is_none_or(|actor| actor.kind != ActorKind::Officer) {
            let fault = Violation {
                field: "entered_from_paper".to_owned(),
                description: "must be set by an officer alone".to_owned(),
            };
            return Err(status::violations(&vec![fault]));
        }
        let canonical = write.normalized.canonical::<Q>(encoded);
        let canonical = canonical.map_err(|_| status::internal("a field that was respelt is not in its request"))?;
        Ok(WriteCall { caller, write, canonical })
    }

    /// Binds the write to its request id and submits it.
    pub(super) async fn submit_write<A: HasReceipt>(&self, call: WriteCall, when_full: WhenFull) -> Result<A, Status> {
        let WriteCall { caller, write, canonical } = call;
        let action = Action::Case(Arc::new(write.command));
        let value = self.command(write.request_id, write.etag, action, &canonical);
        let value = Command { from_paper: write.from_paper, ..value };
        self.submit(Admitted { caller, jurisdiction: write.jurisdiction, value }, when_full).await
    }

    /// Binds an action to its request id. From here on the span of the call carries it, too.
    pub(super) fn command(
        &self,
        request_id: RequestId,
        etag: Option<String>,
        action: Action,
        canonical: &[u8],
    ) -> Command {
        Span::current().record("request", field::display(request_id));
        call::note_request(request_id);
        let mut context = hmac::Context::with_key(&self.keys.digests);
        context.update(action.method().rpc().as_bytes());
        context.update(&[0]);
        context.update(canonical);
        let mut request_digest = [0u8; 32];
        request_digest.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        Command { request_id, request_digest, etag, from_paper: false, action }
    }

    /// Submits and waits until the write is durable.
    pub(super) async fn submit<A: HasReceipt>(
        &self,
        write: Admitted<Command>,
        when_full: WhenFull,
    ) -> Result<A, Status> {
        if let Some(maintenance) = self.maintenance.borrow().as_deref() {
            return Err(status::under_maintenance(&maintenance.message));
        }
        let recorded = self.recorder.submit(write, when_full).await;
        self.answer(recorded).instrument(tracing::trace_span!(target: STEP, "deliver")).await
    }

    /// The answer to a write, with its receipt.
    async fn answer<A: HasReceipt>(&self, recorded: Result<Recorded, SubmitError>) -> Result<A, Status> {
        let (log, index, leaf, proof, answer) = match recorded.map_err(|error| status::submit(&error))? {
            Recorded::Now { log, index, leaf, receipt, answer } => (log, index, leaf, receipt.to_string(), answer),
            Recorded::Earlier { log, index } => self.earlier(log, index).await?,
        };
        call::note_entry(&log, index);
        let mut answer = A::decode(answer.as_slice()).map_err(|_| status::internal("an answer cannot be read back"))?;
        let receipt = v1::Receipt { log: log.to_string(), index: show::wire_position(index), leaf, proof };
        *answer.receipt_mut() = Some(receipt);
        Ok(answer)
    }

    /// The first answer again. Its receipt is rebuilt for the checkpoint of its own batch.
    async fn earlier(&self, log: LogName, index: u64) -> Result<(LogName, u64, Vec<u8>, String, Vec<u8>), Status> {
        let place = log.clone();
        let found = self
            .read(move |reader| {
                let Some(answer) = reader.answer(&place, index)? else { return Ok(None) };
                let Some(checkpoint) = reader.checkpoint_at(&place, answer.batch_size)? else { return Ok(None) };
                let proof = ledger::prove_inclusion(index, answer.batch_size, |tile| reader.tile(&place, tile))?;
                Ok(Some((answer, Receipt { index, proof, checkpoint })))
            })
            .await?;
        let (answer, receipt) = found.ok_or_else(|| status::internal("a recorded answer cannot be rebuilt"))?;
        // What was expunged is as if it had never been there.
        let said = answer.answer.ok_or_else(status::not_found)?;
        Ok((log, index, answer.leaf, receipt.to_string(), said))
    }
}
