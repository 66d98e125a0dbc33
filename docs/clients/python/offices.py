"""The days of three offices, as a table tells them: docs/clients/offices.json. What is printed is the same in every language:
docs/clients/offices.txt. What happens in them: docs/offices.md.

    PYTHONPATH=target/clients/python python docs/clients/python/offices.py comity-dev localhost:8443 docs/clients/offices.json
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import reduce
from pathlib import Path
from typing import Any

from google.protobuf import json_format, message_factory

from comity.v1 import custody_service_pb2, detainer_service_pb2, transfer_service_pb2
from comity.v1 import report_service_pb2 as reports
from telling import Parties, Party

# Where the messages of a service are described, and which stub of a client calls it.
SERVICES = {
    "DetainerService": (detainer_service_pb2.DESCRIPTOR, "detainers"),
    "CustodyService": (custody_service_pb2.DESCRIPTOR, "custodies"),
    "TransferService": (transfer_service_pb2.DESCRIPTOR, "transfers"),
}

# A table of a report, the words of a row, and how many.
Figures = Counter[tuple[str, tuple[str, ...]]]


class Story:
    """One story of the table: who takes part, and what is known by now."""

    def __init__(self, at: Parties, shapes: dict[str, Any], story: dict[str, Any]) -> None:
        self.at, self.story, self.known = at, story, {**shapes, "in": story["in"]}
        self.known |= {name: self.meant(moment) for name, moment in story.get("moments", {}).items()}

    def play(self) -> None:
        inboxes = {name: self.party(name).inbox(self.story["in"]) for name in self.story["inboxes"]}
        before = {name: self.figures(name) for name, _ in self.story["counts"]}
        for step in self.story["steps"]:
            if "wait_s" in step:
                time.sleep(step["wait_s"])
                continue
            who = self.party(step["who"])
            if "reads" in step:
                who.reads(self.meant(step["reads"]))
            elif "opens" in step:
                who.opens(inboxes[step["who"]])
            else:
                self.call(who, step)
        for name, tables in self.story["counts"]:
            self.count(name, tables, before[name])

    def party(self, name: str) -> Party:
        agency = name.removesuffix("-officer")
        return self.at(agency, officer=agency != name)

    def call(self, who: Party, step: dict[str, Any]) -> None:
        service, method = step["call"].split("/")
        file, stub = SERVICES[service]
        described = file.services_by_name[service].methods_by_name[method]
        request = message_factory.GetMessageClass(described.input_type)()
        json_format.ParseDict(self.meant(step["with"]), request)
        calls = getattr(getattr(who.client, stub), method)
        if "refused" in step:
            who.may_not(step["refused"], calls, request)
            return
        answer = who.does(step["does"], calls, request)
        for name, path in step.get("keep", {}).items():
            self.known[name] = reduce(getattr, path.split("."), answer)

    def meant(self, value: Any) -> Any:
        """The table's value with what it refers to put in its place: $now+60 is in a minute, $name what is known by it, and
        {"$": "name", ...} the same with some fields replaced."""
        if isinstance(value, str) and value.startswith("$now"):
            at = datetime.now(timezone.utc) + timedelta(seconds=int(value.removeprefix("$now") or 0))
            return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(value, str) and value.startswith("$"):
            return self.meant(self.known[value[1:]])
        if isinstance(value, list):
            return [self.meant(element) for element in value]
        if isinstance(value, dict):
            base = self.meant(self.known[value["$"]]) if "$" in value else {}
            return base | {key: self.meant(part) for key, part in value.items() if key != "$"}
        return value

    def figures(self, name: str) -> Figures:
        client = self.party(name).client
        report = client.call(client.reports.GetReport, reports.GetReportRequest(parent=self.story["in"])).report
        return Counter({(table.name, tuple(row.key)): row.count for table in report.tables for row in table.rows})

    def count(self, name: str, tables: Iterable[str], before: Figures) -> None:
        """Tells what of an agency's report is another count than at the beginning."""
        after = self.figures(name)
        for table in tables:
            for row in sorted(row for row in {*before, *after} if row[0] == table):
                if more := after[row] - before[row]:
                    self.party(name).tell(f"counts in {table}", f"{' '.join(row[1])} {more:+}")


def main(directory: str, address: str, table: str) -> None:
    at = Parties(directory, address)
    days = json.loads(Path(table).read_text())
    for story in days["stories"]:
        print(f"== {story['day']}: {story['title']}", flush=True)
        Story(at, days["shapes"], story).play()


if __name__ == "__main__":
    main(*sys.argv[1:])
