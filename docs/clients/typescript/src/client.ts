/**
 * What an agency's system needs around the generated stubs: a channel, retries, refusals, evidence, an inbox.
 *
 * Nothing here is of Comity alone but the file names of `comity dev`: mutual TLS, a bound token, google.rpc error
 * details.
 */

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import {
  type CallOptions,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status as Code,
} from "@grpc/grpc-js";

import { CustodyServiceClient } from "../gen/comity/v1/custody_service.js";
import { DetainerServiceClient } from "../gen/comity/v1/detainer_service.js";
import { Event } from "../gen/comity/v1/event.js";
import {
  type AcknowledgeResponse,
  type Delivery,
  type Heartbeat,
  InboxServiceClient,
} from "../gen/comity/v1/inbox_service.js";
import type { Entry, Receipt } from "../gen/comity/v1/ledger.js";
import { LedgerServiceClient } from "../gen/comity/v1/ledger_service.js";
import { ReportServiceClient } from "../gen/comity/v1/report_service.js";
import { TransferServiceClient } from "../gen/comity/v1/transfer_service.js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { checkOpenings, Evidence, LogKey } from "./evidence.js";

const ATTEMPTS_MAX = 8;
const DEADLINE_MS = 10_000;
const STREAM_DEADLINE_MS = 60_000;
/** Another gateway of the same store may learn of a checkpoint a moment later. */
const LAG_TRIES = 8;
const LAG_PAUSE_MS = 250;
/** Once more, with the same request id, settles these. Every other reason is an answer. */
const WORTH_ANOTHER_TRY: ReadonlySet<Code> = new Set([
  Code.UNAVAILABLE,
  Code.DEADLINE_EXCEEDED,
  Code.RESOURCE_EXHAUSTED,
]);

/** A unary method of a generated stub. */
export type Method<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, answer: A) => void,
) => ClientUnaryCall;

/** Why a call failed. Act on `reason`, which is stable (proto/comity/v1/error.proto); the message is for people. */
export class Refused extends Error {
  readonly code: Code;
  reason = "";
  /** What the law said, where it was asked: action, ruling, policies, citations. */
  grounds: Record<string, string> = {};
  fields: string[] = [];
  retryAfterMs: number | undefined;

  constructor(error: ServiceError) {
    super(error.message, { cause: error });
    this.code = error.code;
    const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
    for (const { typeUrl, value } of bytes instanceof Uint8Array ? Status.decode(bytes).details : []) {
      if (typeUrl.endsWith("/google.rpc.ErrorInfo")) {
        const info = ErrorInfo.decode(value);
        this.reason = info.reason;
        this.grounds = info.metadata;
      } else if (typeUrl.endsWith("/google.rpc.BadRequest")) {
        this.fields = BadRequest.decode(value).fieldViolations.map((violation) => violation.field);
      } else if (typeUrl.endsWith("/google.rpc.RetryInfo")) {
        const { seconds = 0, nanos = 0 } = RetryInfo.decode(value).retryDelay ?? {};
        this.retryAfterMs = seconds * 1_000 + nanos / 1_000_000;
      }
    }
  }

  /** How long to wait before the same call is sent again. Undefined: it would fail again. */
  pauseMs(attempt: number): number | undefined {
    if (!WORTH_ANOTHER_TRY.has(this.code) || this.reason === "MESSAGE_TOO_LARGE" || attempt >= ATTEMPTS_MAX) {
      return undefined;
    }
    // The gateway knows best. Where it said nothing, as when it was not reached: ever longer, and not all at once.
    return this.retryAfterMs ?? Math.min(5_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2);
  }
}

/**
 * An agency's connection. `token` names a file, read again for each call, so that a renewed one is taken up. `logKey`
 * names the file with the pinned public key of the logs: every receipt is verified by it, and that a log only grew.
 * `kept` names a file for what was seen of the logs, so that a restart forgets nothing.
 */
export class Client {
  readonly detainers: DetainerServiceClient;
  readonly custodies: CustodyServiceClient;
  readonly transfers: TransferServiceClient;
  readonly inboxes: InboxServiceClient;
  readonly ledger: LedgerServiceClient;
  readonly reports: ReportServiceClient;
  readonly evidence: Evidence;

  constructor(address: string, certificates: string, agency: string, token: string, logKey: string, kept?: string) {
    const read = (name: string) => readFileSync(join(certificates, name));
    const tls = credentials.createSsl(read("gateway-ca.pem"), read(`${agency}.key`), read(`${agency}.pem`));
    const bearer = credentials.createFromMetadataGenerator((_, send) => {
      const metadata = new Metadata();
      metadata.set("authorization", `Bearer ${readFileSync(token, "utf8").trim()}`);
      send(null, metadata);
    });
    const both = credentials.combineChannelCredentials(tls, bearer);
    // We retry ourselves, since we know which request ids are the same.
    const options = { "grpc.enable_retries": 0 };
    this.detainers = bound(new DetainerServiceClient(address, both, options));
    this.custodies = bound(new CustodyServiceClient(address, both, options));
    this.transfers = bound(new TransferServiceClient(address, both, options));
    this.inboxes = bound(new InboxServiceClient(address, both, options));
    this.ledger = bound(new LedgerServiceClient(address, both, options));
    this.reports = bound(new ReportServiceClient(address, both, options));
    const prove = (log: string, oldSize: number, newSize: number) => this.proveGrowth(log, oldSize, newSize);
    this.evidence = new Evidence(new LogKey(readFileSync(logKey, "utf8")), prove, kept);
  }

  /**
   * Calls until there is an answer or a refusal. A write without a request id is given one, once: whatever became of
   * the first attempt, the gateway records it once and gives every attempt the same receipt.
   */
  async call<Q extends object, A>(method: Method<Q, A>, request: Q): Promise<A> {
    this.evidence.checkStanding();
    const unnamed = "requestId" in request && request.requestId === "";
    const named = unnamed ? { ...request, requestId: randomUUID() } : request;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await new Promise<A>((resolve, reject) => {
          const settle = (error: ServiceError | null, answer: A) => (error ? reject(error) : resolve(answer));
          method(named, new Metadata(), { deadline: Date.now() + DEADLINE_MS }, settle);
        });
        // A write is not believed to be recorded before its receipt proves it.
        const { receipt } = answer as { receipt?: Receipt };
        if (receipt) await this.evidence.receipt(receipt);
        return answer;
      } catch (error) {
        await pauseOrThrow(error, attempt);
      }
    }
  }

  private async proveGrowth(log: string, oldSize: number, newSize: number): Promise<Uint8Array[] | undefined> {
    for (let attempt = 1; attempt <= LAG_TRIES; attempt += 1) {
      try {
        return (await this.call(this.ledger.proveConsistency, { log, oldSize, newSize })).hashes;
      } catch (error) {
        if (!(error instanceof Refused && error.reason === "BEYOND_HEAD")) throw error;
        await sleep(LAG_PAUSE_MS);
      }
    }
    return undefined;
  }

  close(): void {
    const stubs = [this.detainers, this.custodies, this.transfers, this.inboxes, this.ledger, this.reports];
    for (const stub of stubs) stub.close();
  }
}

/**
 * What others did that concerns the agency, in one jurisdiction.
 *
 * Keep `cursor` with what you made of the deliveries, in one transaction: after a crash you go on exactly there.
 */
export class Inbox {
  constructor(
    private readonly client: Client,
    private readonly parent: string,
    public cursor = "",
  ) {}

  /**
   * Yields deliveries up to the first heartbeat, which says that there are no more for now. Set `cursor` to a
   * delivery's own when it is dealt with. A service that is to follow would go on reading after the heartbeat.
   */
  async *waiting(): AsyncGenerator<Delivery> {
    for (let attempt = 1; ; attempt += 1) {
      const deadline = Date.now() + STREAM_DEADLINE_MS;
      const stream = this.client.inboxes.receive({ parent: this.parent, cursor: this.cursor, consumer: "" }, { deadline });
      // Whoever stops reading cancels the call; that it then ends in an error is no news.
      stream.on("error", () => {});
      try {
        for await (const { item } of stream) {
          attempt = 1;
          if (item?.$case === "heartbeat") {
            await this.checkGrowth(item.value);
            this.cursor = item.value.cursor;
            return;
          }
          if (item?.$case === "delivery") yield item.value;
        }
      } catch (error) {
        await pauseOrThrow(error, attempt);
      } finally {
        stream.cancel();
      }
    }
  }

  private async checkGrowth({ checkpoint, custodyCheckpoint }: Heartbeat): Promise<void> {
    await this.client.evidence.heartbeat(`${this.parent}/logs/exchange`, checkpoint);
    // Only those who may read the custody log are told of it.
    if (custodyCheckpoint !== "") await this.client.evidence.heartbeat(`${this.parent}/logs/custody`, custodyCheckpoint);
  }

  /** Says that everything before the cursor arrived. It is recorded: the other side's proof of delivery. */
  confirm(): Promise<AcknowledgeResponse> {
    const request = { parent: this.parent, cursor: this.cursor, consumer: "", requestId: "" };
    return this.client.call(this.client.inboxes.acknowledge, request);
  }
}

/** The event, as far as it is shown, with each part held against what the log commits to. */
export function eventOf(entry: Entry): Event {
  checkOpenings(entry.leaf, entry.openings);
  let event: unknown = {};
  for (const { content } of entry.openings) {
    // ts-proto does not merge a message that comes in several parts; its JSON holds what is set and nothing else.
    event = merged(event, Event.toJSON(Event.decode(content)));
  }
  return Event.fromJSON(event);
}

function merged(one: unknown, other: unknown): unknown {
  const isMessage = (it: unknown): it is Record<string, unknown> =>
    typeof it === "object" && it !== null && !Array.isArray(it);
  if (!isMessage(one) || !isMessage(other)) return other;
  const both = { ...one };
  for (const [name, value] of Object.entries(other)) both[name] = name in one ? merged(one[name], value) : value;
  return both;
}

async function pauseOrThrow(error: unknown, attempt: number): Promise<void> {
  if (!(error instanceof Error && "code" in error && "metadata" in error)) throw error;
  const refused = new Refused(error as ServiceError);
  const pauseMs = refused.pauseMs(attempt);
  if (pauseMs === undefined) throw refused;
  await sleep(pauseMs);
}

/** A stub whose methods can be handed around. */
function bound<S extends object>(stub: S): S {
  const get = (target: S, name: string | symbol) => {
    const it: unknown = Reflect.get(target, name);
    return typeof it === "function" ? it.bind(target) : it;
  };
  return new Proxy(stub, { get });
}
