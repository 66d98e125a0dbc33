"""Tries evidence.py on docs/receipts/vectors: what holds must hold, and nothing else.

    python vectors.py VECTORS
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comity.v1 import ledger_pb2
from evidence import LogKey, NotProven, check_growth, check_openings, check_receipt, open_checkpoint


def receipt(case: dict[str, Any], key: LogKey) -> None:
    leaf = base64.b64decode(case["leaf"])
    check_receipt(ledger_pb2.Receipt(log=case["log"], index=case["index"], leaf=leaf, proof=case["proof"]), key)
    openings = [
        ledger_pb2.Opening(
            field_class=one["class"], salt=base64.b64decode(one["salt"]), content=base64.b64decode(one["content"])
        )
        for one in case["openings"]
    ]
    check_openings(leaf, openings)


def growth(case: dict[str, Any], key: LogKey) -> None:
    old, new = (open_checkpoint(case[name], case["log"], key) for name in ("old", "new"))
    check_growth(old.size, old.root, new.size, new.root, [base64.b64decode(one) for one in case["hashes"]])


def holds(check: Callable[[dict[str, Any], LogKey], None], case: dict[str, Any], key: LogKey) -> bool:
    try:
        check(case, key)
    except NotProven:
        return False
    return True


def main(path: str) -> int:
    vectors = json.loads(Path(path).read_text())
    key = LogKey(vectors["key"])
    wrong = 0
    for kind, check in (("receipts", receipt), ("growth", growth)):
        for case in vectors[kind]:
            if holds(check, case, key) != case["holds"]:
                wrong += 1
                print(f"{kind}: {case['name']}: {'does not hold' if case['holds'] else 'holds'}, and should not")
    print(f"{len(vectors['receipts'])} receipts and {len(vectors['growth'])} growths, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
