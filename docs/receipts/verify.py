"""Verifies receipts by docs/receipts.md alone. It shares no code with Comity or its clients: the standard library, and
`cryptography` for Ed25519.

    python verify.py receipt RECEIPT.json LOG.vkey     one receipt, as `comity call` prints it
    python verify.py vectors docs/receipts/vectors/receipts.json
"""

import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Fault(Exception):
    pass


def demand(holds, why):
    if not holds:
        raise Fault(why)


def unbase64(text):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Fault("not base64") from None
    demand(base64.b64encode(data).decode() == text, "base64 in another spelling")
    return data


def decimal(text):
    demand(text.isascii() and text.isdigit() and (text == "0" or text[0] != "0"), "not a decimal number")
    return int(text)


# --- Protobuf, as much as a leaf needs (protobuf.dev/programming-guides/encoding) ---


def varint(data, at):
    value = shift = 0
    while True:
        demand(at < len(data) and shift < 64, "a number is cut off")
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 128:
            return value, at


def fields(data):
    """Each field as (number, value): an integer, or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            demand(key & 7 == 2, "a field of a kind that a leaf has not")
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
            demand(len(value) == length, "a field is cut off")
        yield key >> 3, value


NAMES = {1: "version", 2: "index", 3: "recorded_at", 4: "agency", 5: "officer", 6: "method", 7: "resource"}


def read_leaf(data):
    leaf = {"index": 0, "commitments": {}}
    for number, value in fields(data):
        if number == 10:
            one = dict(fields(value))
            leaf["commitments"][one[1]] = one[2]
        elif number in NAMES:
            leaf[NAMES[number]] = value
    demand(leaf.get("version") == 1, "a leaf of another version")
    return leaf


# --- The tree (RFC 9162, section 2.1) ---


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_from_inclusion(leaf, index, size, path):
    """The root that an inclusion proof leads to, from the top down, as section 2.1.3.1 defines the path."""
    demand(0 <= index < size, "an index beyond the tree")
    if size == 1:
        demand(not path, "the proof is too long")
        return leaf
    demand(path, "the proof is too short")
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        return sha256(b"\1", root_from_inclusion(leaf, index, split, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_from_inclusion(leaf, index - split, size - split, path[:-1]))


def roots_from_consistency(old_size, new_size, path, old_root, is_whole=True):
    """Old and new root that a consistency proof leads to, from the top down, as section 2.1.4.1 defines it."""
    if old_size == new_size:
        if is_whole:
            demand(not path, "the proof is too long")
            return old_root, old_root
        demand(len(path) == 1, "the proof is of another length")
        return path[0], path[0]
    demand(path, "the proof is too short")
    split = 1 << (new_size - 1).bit_length() - 1
    if old_size <= split:
        old, new = roots_from_consistency(old_size, split, path[:-1], old_root, is_whole)
        return old, sha256(b"\1", new, path[-1])
    old, new = roots_from_consistency(old_size - split, new_size - split, path[:-1], old_root, False)
    return sha256(b"\1", path[-1], old), sha256(b"\1", path[-1], new)


# --- Checkpoints (C2SP signed-note, tlog-checkpoint) and receipts (C2SP tlog-proof) ---


def read_key(vkey):
    name, key_id, data = vkey.strip().split("+", 2)
    data = base64.b64decode(data, validate=True)
    demand(len(data) == 33 and data[0] == 1, "not an Ed25519 key")
    demand(sha256(name.encode(), b"\n", data)[:4].hex() == key_id, "the key's hash is another")
    return name, bytes.fromhex(key_id), Ed25519PublicKey.from_public_bytes(data[1:])


def open_note(note, log, key):
    name, key_id, public = key
    demand("\r" not in note and note.endswith("\n"), "not a note")
    text, blank, signatures = note.rpartition("\n\n")
    demand(blank, "not a note")
    lines = text.split("\n")
    demand(len(lines) == 3 and lines[0].endswith("/" + log), "not a checkpoint of this log")
    found = False
    for line in signatures.rstrip("\n").split("\n"):
        parts = line.split(" ")
        demand(len(parts) == 3 and parts[0] == "\u2014", "not a signature line")
        signature = unbase64(parts[2])
        if parts[1] == name and signature[:4] == key_id:
            try:
                public.verify(signature[4:], (text + "\n").encode())
            except InvalidSignature:
                raise Fault("the signature does not verify") from None
            found = True
    demand(found, "not signed by the log's key")
    root = unbase64(lines[2])
    demand(len(root) == 32, "the root is not a hash")
    return decimal(lines[1]), root


def check_receipt(receipt, key):
    head, blank, note = receipt["proof"].partition("\n\n")
    lines = head.split("\n")
    demand(blank and lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("index "), "not a tlog-proof@v1")
    index, path = decimal(lines[1][6:]), [unbase64(line) for line in lines[2:]]
    data = unbase64(receipt["leaf"])
    leaf = read_leaf(data)
    demand(index == int(receipt.get("index", 0)) == leaf["index"], "of another index")
    size, root = open_note(note, receipt["log"], key)
    demand(root_from_inclusion(sha256(b"\0", data), index, size, path) == root, "the proof leads to another root")
    for one in receipt.get("openings", []):
        salt = unbase64(one["salt"])
        demand(len(salt) == 32, "a salt is not 32 bytes")
        demand(leaf["commitments"].get(one["class"]) == sha256(salt, unbase64(one["content"])), "another content")
    return leaf, size


def check_growth(case, key):
    old_size, old_root = open_note(case["old"], case["log"], key)
    new_size, new_root = open_note(case["new"], case["log"], key)
    demand(0 < old_size <= new_size, "the log shrank")
    path = [unbase64(line) for line in case["hashes"]]
    roots = roots_from_consistency(old_size, new_size, path, old_root)
    demand(roots == (old_root, new_root), "the proof leads to another root")


def holds(check, case, key):
    try:
        check(case, key)
    except Fault:
        return False
    return True


def vectors(path):
    with open(path, encoding="utf-8") as file:
        told = json.load(file)
    key, wrong = read_key(told["key"]), 0
    for kind, check in (("receipts", check_receipt), ("growth", check_growth)):
        for case in told[kind]:
            if holds(check, case, key) != case["holds"]:
                wrong += 1
                print(f"{kind}: {case['name']}: expected {case['holds']}")
    print(f"{len(told['receipts'])} receipts and {len(told['growth'])} growths, {wrong} wrong")
    return min(wrong, 1)


def one(path, key_path):
    with open(path, encoding="utf-8") as file, open(key_path, encoding="utf-8") as key:
        receipt, key = json.load(file), read_key(key.read())
    try:
        leaf, size = check_receipt(receipt.get("receipt", receipt), key)
    except Fault as fault:
        print(f"does not hold: {fault}")
        return 1
    print(f"holds: {leaf['method'].decode()} on {leaf['resource'].decode()}, entry {leaf['index']} of {size}")
    return 0


if __name__ == "__main__":
    sys.exit({"vectors": vectors, "receipt": one}[sys.argv[1]](*sys.argv[2:]))
