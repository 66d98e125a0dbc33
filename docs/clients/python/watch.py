"""Reads an agency's inbox once and says how far its logs have grown; exit code 3 where one has forked.

    python watch.py DIRECTORY ADDRESS AGENCY JURISDICTION KEPT
"""

from __future__ import annotations

import sys
from pathlib import Path

from comity_client import Client, Inbox, event_of
from evidence import Forked, NotProven

FORKED = 3
NOT_PROVEN = 4


def main(directory: str, address: str, agency: str, jurisdiction: str, kept: str) -> int:
    base = Path(directory)
    client = Client(
        address, base / "certs", agency, base / "tokens" / f"{agency}.jwt", base / "keys" / "log.vkey", Path(kept)
    )
    try:
        count = sum(1 for delivery in Inbox(client, f"jurisdictions/{jurisdiction}").waiting() if event_of(delivery.entry))
    except Forked as forked:
        print(f"forked: {forked}")
        return FORKED
    except NotProven as error:
        print(f"not proven: {error}")
        return NOT_PROVEN
    print(f"{count} entries, and the logs only grew")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
