/**
 * The days of three offices, as a table tells them: docs/clients/offices.json. What is printed is the same in every
 * language: docs/clients/offices.txt. What happens in them: docs/offices.md.
 *
 *     node dist/src/offices.js comity-dev localhost:8443 offices.json
 */

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import * as custodies from "../gen/comity/v1/custody_service.js";
import * as detainers from "../gen/comity/v1/detainer_service.js";
import { GetReportRequest } from "../gen/comity/v1/report_service.js";
import * as transfers from "../gen/comity/v1/transfer_service.js";
import type { Inbox, Method } from "./client.js";
import { type At, everybody, type Party, the, type Written } from "./telling.js";

/** A value of the table, or what it stands for. */
type Value = string | number | boolean | Value[] | Values;
interface Values {
  [name: string]: Value;
}

interface Step {
  who: string;
  /** What is told of a call that is accepted. */
  does?: string;
  /** What is told of a call that is refused. */
  refused?: string;
  call: string;
  with: Values;
  /** What of the answer is known from then on, and under which name. */
  keep?: Record<string, string>;
  reads?: string;
  opens?: string;
  wait_s?: number;
}

interface Story {
  day: string;
  title: string;
  in: string;
  inboxes: string[];
  /** Times that are spoken of more than once. */
  moments?: Values;
  steps: Step[];
  /** Whose report is told, and which tables of it. */
  counts: [string, string[]][];
}

/** How many, by the table of a report and the words of a row. */
type Figures = Map<string, number>;

/** Sorts below every letter of a word. */
const BETWEEN = "\u0001";

/** The messages of a service, and the stub that calls it. */
const SERVICES: Record<string, [object, "detainers" | "custodies" | "transfers"]> = {
  DetainerService: [detainers, "detainers"],
  CustodyService: [custodies, "custodies"],
  TransferService: [transfers, "transfers"],
};

class Telling {
  private readonly known: Values;

  constructor(
    private readonly at: At,
    shapes: Values,
    private readonly story: Story,
  ) {
    this.known = { ...shapes, in: story.in };
    for (const [name, moment] of Object.entries(story.moments ?? {})) this.known[name] = this.meant(moment);
  }

  async play(): Promise<void> {
    const inboxes = new Map<string, Inbox>();
    for (const name of this.story.inboxes) inboxes.set(name, await this.party(name).inbox(this.story.in));
    const before = new Map<string, Figures>();
    for (const [name] of this.story.counts) before.set(name, await this.figures(name));
    for (const step of this.story.steps) {
      if (step.wait_s !== undefined) await sleep(step.wait_s * 1_000);
      else if (step.reads !== undefined) await this.party(step.who).reads(this.meant(step.reads) as string);
      else if (step.opens !== undefined) await this.party(step.who).opens(the(inboxes.get(step.who)));
      else await this.call(this.party(step.who), step);
    }
    for (const [name, tables] of this.story.counts) await this.count(name, tables, the(before.get(name)));
  }

  private party(name: string): Party {
    const agency = name.replace(/-officer$/, "");
    return agency === name ? this.at(agency) : this.at(agency, "officer");
  }

  private async call(who: Party, step: Step): Promise<void> {
    const [service = "", method = ""] = step.call.split("/");
    const [messages, stub] = the(SERVICES[service]);
    const { fromJSON } = Reflect.get(messages, `${method}Request`) as { fromJSON(body: unknown): object };
    const request = fromJSON(this.meant(step.with));
    const name = method.charAt(0).toLowerCase() + method.slice(1);
    const calls = Reflect.get(who.client[stub], name) as Method<object, Written>;
    if (step.refused !== undefined) {
      await who.mayNot(step.refused, calls, request);
      return;
    }
    const answer = await who.does(the(step.does), calls, request);
    for (const [name, path] of Object.entries(step.keep ?? {})) {
      let kept: unknown = answer;
      for (const field of path.split(".")) kept = (kept as Record<string, unknown>)[field];
      this.known[name] = kept as string;
    }
  }

  /**
   * The table's value with what it refers to put in its place: $now+60 is in a minute, $name what is known by it, and
   * {"$": "name", ...} the same with some fields replaced.
   */
  private meant(value: Value): Value {
    if (typeof value === "string" && value.startsWith("$now")) {
      return new Date(Date.now() + Number(value.slice(4)) * 1_000).toISOString();
    }
    if (typeof value === "string" && value.startsWith("$")) return this.meant(the(this.known[value.slice(1)]));
    if (Array.isArray(value)) return value.map((element) => this.meant(element));
    if (typeof value === "object") {
      const { $: base, ...parts } = value;
      const meant = Object.entries(parts).map(([key, part]) => [key, this.meant(part)]);
      const known = base === undefined ? {} : (this.meant(`$${base}`) as Values);
      return { ...known, ...Object.fromEntries(meant) };
    }
    return value;
  }

  private async figures(name: string): Promise<Figures> {
    const { client } = this.party(name);
    const { report } = await client.call(client.reports.getReport, GetReportRequest.fromPartial({ parent: this.story.in }));
    const figures: Figures = new Map();
    for (const table of the(report).tables) {
      for (const { key, count } of table.rows) figures.set([table.name, ...key].join(BETWEEN), count ?? 0);
    }
    return figures;
  }

  /** Tells what of an agency's report is another count than at the beginning. */
  private async count(name: string, tables: string[], before: Figures): Promise<void> {
    const after = await this.figures(name);
    for (const table of tables) {
      const rows = [...new Set([...before.keys(), ...after.keys()])].filter((row) => row.startsWith(table + BETWEEN));
      for (const row of rows.sort()) {
        const more = (after.get(row) ?? 0) - (before.get(row) ?? 0);
        const words = row.split(BETWEEN).slice(1).join(" ");
        if (more !== 0) this.party(name).tell(`counts in ${table}`, `${words} ${more > 0 ? "+" : ""}${more}`);
      }
    }
  }
}

const [directory = "comity-dev", address = "localhost:8443", file = "offices.json"] = process.argv.slice(2);
const { at, close } = everybody(directory, address);
const { shapes, stories } = JSON.parse(readFileSync(file, "utf8")) as { shapes: Values; stories: Story[] };
for (const story of stories) {
  console.log(`== ${story.day}: ${story.title}`);
  await new Telling(at, shapes, story).play();
}
close();
