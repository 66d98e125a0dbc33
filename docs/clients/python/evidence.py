"""Holds a gateway to what it said: every receipt proves its entry, and a log only grows (docs/receipts.md).

Nothing but the standard library, `cryptography`, and the messages of comity.v1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import DecodeError

from comity.v1 import ledger_pb2

# How long receipts may come before the growth of their log is checked.
GROWTH_EVERY_S = 5.0
NOTE_LEN_MAX = 64 * 1024


class NotProven(Exception):
    """What was given as evidence does not hold."""


class Forked(Exception):
    """The log is not the one that was seen before. Nothing more is to be sent to this gateway."""


@dataclass(frozen=True)
class Head:
    """A log's size and root, as a checkpoint signs them."""

    size: int
    root: bytes
    note: str


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 2.1.3.2."""
    if not 0 <= index < size:
        raise NotProven(f"entry {index} is not in a log of {size}")
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise NotProven("the inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise NotProven("the inclusion proof is too short")
    if node != root:
        raise NotProven("the inclusion proof leads to another root")


def check_growth(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 2.1.4.2."""
    if not 0 < old_size < new_size:
        if (old_size, old_root) == (new_size, new_root) and not proof:
            return
        raise NotProven("the log did not grow")
    first, *rest = [old_root, *proof] if old_size & (old_size - 1) == 0 else proof or [b""]
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_node = new_node = first
    for sibling in rest:
        if last == 0:
            raise NotProven("the consistency proof is too long")
        if position & 1 or position == last:
            old_node, new_node = node_hash(sibling, old_node), node_hash(sibling, new_node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_node = node_hash(new_node, sibling)
        position, last = position >> 1, last >> 1
    if last or (old_node, new_node) != (old_root, new_root):
        raise NotProven("the consistency proof leads to another root")


def _base64(text: str) -> bytes:
    """Standard base64 in its only spelling."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotProven("something is not base64") from error
    if base64.b64encode(decoded).decode() != text:
        raise NotProven("base64 in another spelling")
    return decoded


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or str(int(text)) != text:
        raise NotProven("a number in another spelling")
    return int(text)


def _leaf(leaf: bytes) -> ledger_pb2.Leaf:
    try:
        return ledger_pb2.Leaf.FromString(leaf)
    except DecodeError as error:
        raise NotProven("the leaf is not of a known layout") from error


class LogKey:
    """A pinned public key: `name+hash+base64` (C2SP signed-note)."""

    def __init__(self, vkey: str) -> None:
        self.name, key_id, key = vkey.strip().split("+", 2)
        decoded = base64.b64decode(key, validate=True)
        self.id = hashlib.sha256(self.name.encode() + b"\n" + decoded).digest()[:4]
        if decoded[:1] != b"\x01" or len(decoded) != 33 or self.id.hex() != key_id:
            raise ValueError("not the key of a log")
        self._key = Ed25519PublicKey.from_public_bytes(decoded[1:])

    def check(self, text: bytes, signature: bytes) -> None:
        try:
            self._key.verify(signature, text)
        except InvalidSignature as error:
            raise NotProven(f"the signature of {self.name} does not verify") from error


def open_checkpoint(note: str, log: str, key: LogKey) -> Head:
    """Reads a checkpoint of a log. Lines of other signers are passed over; that of the key must be there and hold."""
    if len(note) > NOTE_LEN_MAX or "\r" in note:
        raise NotProven("it is no checkpoint")
    text, separator, signatures = note.rpartition("\n\n")
    lines = text.split("\n")
    if not separator or not signatures.endswith("\n") or len(lines) != 3:
        raise NotProven("it is no checkpoint")
    origin, size, root = lines
    if not origin.endswith(f"/{log}"):
        raise NotProven("a checkpoint of another log")
    signed = 0
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, signature = rest.partition(" ")
        if dash != "\u2014" or not name or not signature:
            raise NotProven("a line that is no signature")
        decoded = _base64(signature)
        if name == key.name and decoded[:4] == key.id:
            key.check(f"{text}\n".encode(), decoded[4:])
            signed += 1
    if signed != 1:
        raise NotProven(f"it is not signed by {key.name}")
    head = Head(_number(size), _base64(root), note)
    if len(head.root) != 32:
        raise NotProven("its root is no hash")
    return head


def check_receipt(receipt: ledger_pb2.Receipt, key: LogKey) -> Head:
    """Checks that the entry is in the log, by the bytes of its leaf. Returns the head that proves it."""
    header, separator, note = receipt.proof.partition("\n\n")
    lines = header.split("\n")
    if not separator or lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) < 2 or not lines[1].startswith("index "):
        raise NotProven("it is no tlog-proof@v1")
    index, proof = _number(lines[1][len("index ") :]), [_base64(line) for line in lines[2:]]
    if index != receipt.index or _leaf(receipt.leaf).index != index:
        raise NotProven("it is of another index")
    head = open_checkpoint(note, receipt.log, key)
    check_inclusion(leaf_hash(receipt.leaf), index, head.size, proof, head.root)
    return head


def check_openings(leaf: bytes, openings: Sequence[ledger_pb2.Opening]) -> None:
    """Each content is what the leaf commits to: SHA-256(salt, content), for its class."""
    committed = {one.field_class: one.hash for one in _leaf(leaf).commitments}
    for opening in openings:
        digest = hashlib.sha256(opening.salt + opening.content).digest()
        if len(opening.salt) != 32 or committed.get(opening.field_class) != digest:
            raise NotProven("what is shown is not what was recorded")


# Asks for a consistency proof of a log, from one size to another. None: the log has not so many entries.
Prover = Callable[[str, int, int], "Sequence[bytes] | None"]


class Evidence:
    """What was seen of each log. `kept` names a file that outlives the process: what a log was is not forgotten."""

    def __init__(self, key: LogKey, prove: Prover, kept: Path | None = None) -> None:
        self.key, self._prove, self._kept = key, prove, kept
        self._proven: dict[str, Head] = {}
        self._newest: dict[str, Head] = {}
        self._checked_at: dict[str, float] = {}
        self._forked: Forked | None = None
        if kept is not None and kept.exists():
            for log, note in json.loads(kept.read_text()).items():
                self._proven[log] = open_checkpoint(note, log, key)

    def check_standing(self) -> None:
        """Nothing is sent to a gateway whose log has forked."""
        if self._forked is not None:
            raise self._forked

    def receipt(self, receipt: ledger_pb2.Receipt) -> None:
        """Checks a receipt, and now and then that its log only grew."""
        self._note(receipt.log, check_receipt(receipt, self.key))
        if time.monotonic() - self._checked_at.get(receipt.log, -GROWTH_EVERY_S) >= GROWTH_EVERY_S:
            self._grow(receipt.log)

    def heartbeat(self, log: str, note: str) -> None:
        """Checks the checkpoint of a heartbeat, and that its log grew to it. Empty: a log without entries."""
        if note:
            self._note(log, open_checkpoint(note, log, self.key))
            self._grow(log)
        elif log in self._proven:
            self._fork(log, "it has no entry any more")

    def _note(self, log: str, head: Head) -> None:
        for known in (self._proven.get(log), self._newest.get(log)):
            if known is not None and known.size == head.size and known.root != head.root:
                self._fork(log, f"two roots were signed over {head.size} entries")
        self._newest[log] = head

    def _grow(self, log: str) -> None:
        self._checked_at[log] = time.monotonic()
        newest, proven = self._newest.pop(log, None), self._proven.get(log)
        if newest is None:
            return
        if proven is not None and proven.size != newest.size:
            older, newer = sorted((proven, newest), key=lambda head: head.size)
            proof = self._prove(log, older.size, newer.size)
            if proof is None:
                self._fork(log, f"{newer.size} entries were signed, and it has not so many")
            try:
                check_growth(older.size, older.root, newer.size, newer.root, proof or ())
            except NotProven as error:
                self._fork(log, f"its {newer.size} entries do not begin with the {older.size} that were signed: {error}")
            newest = newer
        self._proven[log] = newest
        if self._kept is not None:
            fresh = self._kept.with_suffix(".new")
            fresh.write_text(json.dumps({log: head.note for log, head in sorted(self._proven.items())}))
            os.replace(fresh, self._kept)

    def _fork(self, log: str, why: str) -> None:
        self._forked = Forked(f"{log} has forked: {why}. Keep what you have of it, and tell the other parties")
        raise self._forked
