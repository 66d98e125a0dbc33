"""What an agency's system needs around the generated stubs: a channel, retries, refusals, evidence, an inbox.

Nothing here is of Comity alone but the file names of `comity dev`: mutual TLS, a bound token, google.rpc error details.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

from comity.v1 import (
    custody_service_pb2_grpc,
    detainer_service_pb2_grpc,
    event_pb2,
    inbox_service_pb2_grpc,
    ledger_pb2,
    ledger_service_pb2,
    ledger_service_pb2_grpc,
    report_service_pb2_grpc,
    transfer_service_pb2_grpc,
)
from comity.v1 import inbox_service_pb2 as inbox
from evidence import Evidence, LogKey, check_openings

Answer = TypeVar("Answer", bound=Message)

ATTEMPTS_MAX = 8
# Another gateway of the same store may learn of a checkpoint a moment later.
LAG_TRIES, LAG_PAUSE_S = 8, 0.25
DEADLINE_S = 10.0
# Once more, with the same request id, settles these. Every other reason is an answer.
WORTH_ANOTHER_TRY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


class Refused(Exception):
    """Why a call failed. Act on `reason`, which is stable (proto/comity/v1/error.proto); the message is for people."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code: grpc.StatusCode = error.code()
        self.reason = ""
        # What the law said, where it was asked: action, ruling, policies, citations.
        self.grounds: dict[str, str] = {}
        self.fields: list[str] = []
        self.retry_after_s: float | None = None
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            self._take(detail)
        super().__init__(f"{self.code.name} {self.reason}: {error.details()}")

    def _take(self, detail: Any) -> None:
        info, fields, retry = ErrorInfo(), BadRequest(), RetryInfo()
        if detail.Unpack(info):
            self.reason, self.grounds = info.reason, dict(info.metadata)
        elif detail.Unpack(fields):
            self.fields = [violation.field for violation in fields.field_violations]
        elif detail.Unpack(retry):
            self.retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()

    def pause_s(self, attempt: int) -> float | None:
        """How long to wait before the same call is sent again. None: it would fail again."""
        if self.code not in WORTH_ANOTHER_TRY or self.reason == "MESSAGE_TOO_LARGE" or attempt >= ATTEMPTS_MAX:
            return None
        # The gateway knows best. Where it said nothing, as when it was not reached: ever longer, and not all at once.
        backoff = min(5.0, 0.1 * 2**attempt) * random.uniform(0.5, 1.0)
        return backoff if self.retry_after_s is None else self.retry_after_s


class Client:
    """An agency's connection. `token` names a file, read again for each call, so that a renewed one is taken up.

    `log_key` names the file with the pinned public key of the logs: every receipt is verified by it, and that a log only
    grew. `kept` names a file for what was seen of the logs, so that a restart forgets nothing."""

    def __init__(
        self, address: str, certificates: Path, agency: str, token: Path, log_key: Path, kept: Path | None = None
    ) -> None:
        def read(name: str) -> bytes:
            return (certificates / name).read_bytes()

        def bearer(_: grpc.AuthMetadataContext, send: grpc.AuthMetadataPluginCallback) -> None:
            send((("authorization", f"Bearer {token.read_text().strip()}"),), None)

        tls = grpc.ssl_channel_credentials(read("gateway-ca.pem"), read(f"{agency}.key"), read(f"{agency}.pem"))
        credentials = grpc.composite_channel_credentials(tls, grpc.metadata_call_credentials(bearer))
        # We retry ourselves, since we know which request ids are the same.
        channel = grpc.secure_channel(address, credentials, options=[("grpc.enable_retries", 0)])
        self.detainers = detainer_service_pb2_grpc.DetainerServiceStub(channel)
        self.custodies = custody_service_pb2_grpc.CustodyServiceStub(channel)
        self.transfers = transfer_service_pb2_grpc.TransferServiceStub(channel)
        self.inboxes = inbox_service_pb2_grpc.InboxServiceStub(channel)
        self.ledger = ledger_service_pb2_grpc.LedgerServiceStub(channel)
        self.reports = report_service_pb2_grpc.ReportServiceStub(channel)
        self.evidence = Evidence(LogKey(log_key.read_text()), self._prove_growth, kept)

    def call(self, method: Callable[..., Answer], request: Message) -> Answer:
        """Calls until there is an answer or a refusal. A write without a request id is given one, once: whatever became
        of the first attempt, the gateway records it once and gives every attempt the same receipt."""
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = str(uuid.uuid4())
        self.evidence.check_standing()
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = method(request, timeout=DEADLINE_S)
                # A write is not believed to be recorded before its receipt proves it.
                if "receipt" in answer.DESCRIPTOR.fields_by_name:
                    self.evidence.receipt(answer.receipt)
                return answer
            except grpc.RpcError as error:
                refused = Refused(error)
                pause_s = refused.pause_s(attempt)
                if pause_s is None:
                    raise refused from error
                time.sleep(pause_s)

    def _prove_growth(self, log: str, old_size: int, new_size: int) -> Sequence[bytes] | None:
        request = ledger_service_pb2.ProveConsistencyRequest(log=log, old_size=old_size, new_size=new_size)
        for _ in range(LAG_TRIES):
            try:
                return self.call(self.ledger.ProveConsistency, request).hashes
            except Refused as refused:
                if refused.reason != "BEYOND_HEAD":
                    raise
                time.sleep(LAG_PAUSE_S)
        return None


class Inbox:
    """What others did that concerns the agency, in one jurisdiction.

    Keep `cursor` with what you made of the deliveries, in one transaction: after a crash you go on exactly there.
    """

    def __init__(self, client: Client, parent: str, cursor: str = "") -> None:
        self.client, self.parent, self.cursor = client, parent, cursor

    def waiting(self) -> Iterator[inbox.Delivery]:
        """Yields deliveries up to the first heartbeat, which says that there are no more for now. Set `cursor` to a
        delivery's own when it is dealt with. A service that is to follow would go on reading after the heartbeat."""
        attempt = 0
        while True:
            request = inbox.ReceiveRequest(parent=self.parent, cursor=self.cursor)
            stream = self.client.inboxes.Receive(request, timeout=60)
            try:
                for item in stream:
                    attempt = 0
                    if item.WhichOneof("item") == "heartbeat":
                        self._check_growth(item.heartbeat)
                        self.cursor = item.heartbeat.cursor
                        return
                    yield item.delivery
            except grpc.RpcError as error:
                attempt += 1
                refused = Refused(error)
                pause_s = refused.pause_s(attempt)
                if pause_s is None:
                    raise refused from error
                time.sleep(pause_s)
            finally:
                stream.cancel()

    def _check_growth(self, heartbeat: inbox.Heartbeat) -> None:
        self.client.evidence.heartbeat(f"{self.parent}/logs/exchange", heartbeat.checkpoint)
        # Only those who may read the custody log are told of it.
        if heartbeat.custody_checkpoint:
            self.client.evidence.heartbeat(f"{self.parent}/logs/custody", heartbeat.custody_checkpoint)

    def confirm(self) -> inbox.AcknowledgeResponse:
        """Says that everything before the cursor arrived. It is recorded: the other side's proof of delivery."""
        request = inbox.AcknowledgeRequest(parent=self.parent, cursor=self.cursor)
        return self.client.call(self.client.inboxes.Acknowledge, request)


def event_of(entry: ledger_pb2.Entry) -> event_pb2.Event:
    """The event, as far as it is shown, with each part held against what the log commits to."""
    check_openings(entry.leaf, entry.openings)
    event = event_pb2.Event()
    for opening in entry.openings:
        event.MergeFromString(opening.content)
    return event
