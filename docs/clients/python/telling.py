"""An agency whose doings are told, a line each, in words that are the same in every language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from comity.v1 import custody_pb2 as custody
from comity.v1 import custody_service_pb2 as custodies
from comity.v1 import detainer_pb2 as detainer
from comity.v1 import detainer_service_pb2 as detainers
from comity.v1 import field_class_pb2 as field_class
from comity.v1 import interview_pb2 as interview
from comity.v1 import ledger_pb2 as ledger
from comity_client import Client, Inbox, Refused, event_of

GATEWAY = "agencies/comity"


class Party:
    """An agency whose doings are told, a line each."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.detainers, self.custodies, self.transfers = client.detainers, client.custodies, client.transfers

    def tell(self, what: str, outcome: str) -> None:
        print(f"{self.name} {what}: {outcome}", flush=True)

    def does(self, what: str, method: Callable[..., Any], request: Message) -> Any:
        """Something that is accepted, and proven by a receipt."""
        answer = self.client.call(method, request)
        self.tell(what, f"{state_of(answer)}, {told_of(answer.receipt)}")
        return answer

    def may_not(self, what: str, method: Callable[..., Any], request: Message) -> None:
        """Something that is refused."""
        try:
            self.client.call(method, request)
        except Refused as refused:
            ground = [refused.grounds[key] for key in ("action", "ruling") if key in refused.grounds]
            self.tell(what, " ".join(["refused,", refused.code.name, refused.reason, *ground, *refused.fields]))
        else:
            raise AssertionError(f"{what}: was not refused")

    def reads(self, name: str) -> detainer.Detainer:
        answer = self.client.call(self.detainers.GetDetainer, detainers.GetDetainerRequest(name=name))
        self.tell("reads the detainer", seen(answer.detainer))
        return answer.detainer

    def looks(self, name: str) -> None:
        """What the caller is shown of a custody."""
        answer = self.client.call(self.custodies.GetCustody, custodies.GetCustodyRequest(name=name))
        self.tell("looks at the custody", held(answer.custody))

    def inbox(self, parent: str) -> Inbox:
        """An inbox with nothing of earlier days in it."""
        inbox = Inbox(self.client, parent)
        for delivery in inbox.waiting():
            inbox.cursor = delivery.cursor
        inbox.confirm()
        return inbox

    def opens(self, inbox: Inbox) -> None:
        """Tells what came, in two sittings: the second goes on where the first stopped."""
        for delivery in inbox.waiting():
            self._tell_of(delivery.entry)
            inbox.cursor = delivery.cursor
            break
        for delivery in inbox.waiting():
            self._tell_of(delivery.entry)
            inbox.cursor = delivery.cursor
        self.tell("confirms its inbox", told_of(inbox.confirm().receipt))

    def _tell_of(self, entry: ledger.Entry) -> None:
        event = event_of(entry)
        # When a clock of the gateway's fires is for the clock to say: it is read, and is no part of the story.
        if ledger.Leaf.FromString(entry.leaf).agency == GATEWAY:
            return
        # Of what was told before, nothing may be left to show.
        kind = event.WhichOneof("event") or "nothing"
        corrects = ", corrects" if getattr(getattr(event, kind, None), "corrects", False) else ""
        shown = classes([opening.field_class for opening in entry.openings])
        self.tell("is told", f"{kind}{corrects}, shown {shown}, withheld {classes(entry.withheld)}")


def word(message: Message, field: str) -> str:
    """The value of an enum field in a word: LODGED for DETAINER_STATE_LODGED."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    names = enum.values_by_number
    return names[getattr(message, field)].name.removeprefix(names[0].name.removesuffix("UNSPECIFIED"))


def state_of(answer: Any) -> str:
    resources = ("detainer", "custody", "transfer", "move_offer")
    resource = next(field for field in resources if field in answer.DESCRIPTOR.fields_by_name)
    return word(getattr(answer, resource), "state")


def told_of(receipt: ledger.Receipt) -> str:
    whole = receipt.leaf and receipt.proof.startswith("c2sp.org/tlog-proof@v1\n")
    return f"receipt of the {receipt.log.rsplit('/', 1)[-1]} log" if whole else "no receipt"


def held(it: custody.Custody) -> str:
    parts = [word(it, "state"), f"of {it.custodian}"]
    if it.HasField("move_offer"):
        offer = it.move_offer
        comes = f"{offer.detainers_len} detainers, {offer.notices_len} notices promised"
        parts.append(f"offer {word(offer, 'state')}, {comes}")
    return ", ".join(parts)


def seen(it: detainer.Detainer) -> str:
    parts = [word(it, "state"), f"version {it.version}"]
    if it.HasField("acknowledgement"):
        parts.append(f"found {word(it.acknowledgement, 'finding')}")
    if it.HasField("answer"):
        ground = f" on {word(it.answer, 'ground')}" if it.answer.ground else ""
        parts.append(f"answered {word(it.answer, 'kind')}{ground}")
    if it.HasField("interview"):
        parts.append(f"interview {said(it.interview)}")
    for pick_up in it.transfers:
        cause = f" by {word(pick_up, 'failure_cause')}" if pick_up.failure_cause else ""
        parts.append(f"transfer {word(pick_up, 'state')}{cause}")
    return ", ".join(parts)


def said(to: interview.Interview) -> str:
    if to.withdrawn:
        return "WITHDRAWN"
    if not to.HasField("answer"):
        return "ASKED"
    return "DECLINED" if to.answer.declined else word(to.answer, "outcome")


def classes(values: Any) -> str:
    names = [field_class.FieldClass.Name(value).removeprefix("FIELD_CLASS_") for value in values]
    return " ".join(names) or "nothing"


class Parties:
    """Everybody on an exchange that `comity dev` has made, each connected once."""

    def __init__(self, directory: str, address: str) -> None:
        self.directory, self.address, self.known = Path(directory), address, dict[str, Party]()

    def __call__(self, agency: str, officer: bool = False) -> Party:
        """An agency's unattended system, or its officer."""
        name = f"{agency}-officer" if officer else agency
        if name not in self.known:
            token, key = self.directory / "tokens" / f"{name}.jwt", self.directory / "keys" / "log.vkey"
            self.known[name] = Party(Client(self.address, self.directory / "certs", agency, token, key), name)
        return self.known[name]
