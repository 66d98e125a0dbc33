/** An agency whose doings are told, a line each, in words that are the same in every language. */

import { join } from "node:path";

import { status as Code } from "@grpc/grpc-js";

import { type Custody, CustodyState, type MoveOffer, MoveOfferState } from "../gen/comity/v1/custody.js";
import { AnswerKind, DeclineGround, type Detainer, DetainerState, Finding } from "../gen/comity/v1/detainer.js";
import type { FieldClass } from "../gen/comity/v1/field_class.js";
import { type Interview, InterviewOutcome } from "../gen/comity/v1/interview.js";
import { type Entry, Leaf, type Receipt } from "../gen/comity/v1/ledger.js";
import { type Transfer, TransferFailureCause, TransferState } from "../gen/comity/v1/transfer.js";
import { Client, eventOf, Inbox, type Method, Refused } from "./client.js";

const GATEWAY = "agencies/comity";

/** Any answer to a write. */
export interface Written {
  detainer?: Detainer | undefined;
  custody?: Custody | undefined;
  transfer?: Transfer | undefined;
  moveOffer?: MoveOffer | undefined;
  receipt: Receipt | undefined;
}

/** An agency whose doings are told, a line each. */
export class Party {
  readonly detainers;
  readonly custodies;
  readonly transfers;

  constructor(
    readonly client: Client,
    private readonly name: string,
  ) {
    this.detainers = client.detainers;
    this.custodies = client.custodies;
    this.transfers = client.transfers;
  }

  tell(what: string, outcome: string): void {
    console.log(`${this.name} ${what}: ${outcome}`);
  }

  /** Something that is accepted, and proven by a receipt. */
  async does<Q extends object, A extends Written>(what: string, method: Method<Q, A>, request: Q): Promise<A> {
    const answer = await this.client.call(method, request);
    this.tell(what, `${stateOf(answer)}, ${toldOf(answer.receipt)}`);
    return answer;
  }

  /** Something that is refused. */
  async mayNot<Q extends object, A>(what: string, method: Method<Q, A>, request: Q): Promise<void> {
    const refused = await this.client.call(method, request).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(refused instanceof Refused)) throw refused ?? new Error(`${what}: was not refused`);
    const { action, ruling } = refused.grounds;
    const words = ["refused,", Code[refused.code], refused.reason, action, ruling, ...refused.fields];
    this.tell(what, words.filter((word) => word !== undefined).join(" "));
  }

  async reads(name: string): Promise<Detainer> {
    const { detainer } = await this.client.call(this.detainers.getDetainer, { name });
    this.tell("reads the detainer", seen(the(detainer)));
    return the(detainer);
  }

  /** What the caller is shown of a custody. */
  async looks(name: string): Promise<void> {
    const { custody } = await this.client.call(this.custodies.getCustody, { name });
    this.tell("looks at the custody", held(the(custody)));
  }

  /** An inbox with nothing of earlier days in it. */
  async inbox(parent: string): Promise<Inbox> {
    const inbox = new Inbox(this.client, parent);
    for await (const delivery of inbox.waiting()) inbox.cursor = delivery.cursor;
    await inbox.confirm();
    return inbox;
  }

  /** Tells what came, in two sittings: the second goes on where the first stopped. */
  async opens(inbox: Inbox): Promise<void> {
    for await (const delivery of inbox.waiting()) {
      this.tellOf(the(delivery.entry));
      inbox.cursor = delivery.cursor;
      break;
    }
    for await (const delivery of inbox.waiting()) {
      this.tellOf(the(delivery.entry));
      inbox.cursor = delivery.cursor;
    }
    this.tell("confirms its inbox", toldOf((await inbox.confirm()).receipt));
  }

  private tellOf(entry: Entry): void {
    // When a clock of the gateway's fires is for the clock to say: it is read, and is no part of the story.
    if (Leaf.decode(entry.leaf).agency === GATEWAY) {
      eventOf(entry);
      return;
    }
    // Of what was told before, nothing may be left to show.
    const event = eventOf(entry).event;
    const kind = (event?.$case ?? "nothing").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const corrects = event !== undefined && "corrects" in event.value && event.value.corrects ? ", corrects" : "";
    const shown = classes(entry.openings.map((opening) => opening.fieldClass));
    this.tell("is told", `${kind}${corrects}, shown ${shown}, withheld ${classes(entry.withheld)}`);
  }
}

/** What the contract says is always there. */
export function the<T>(it: T | undefined): T {
  if (it === undefined) throw new Error("a part of the answer is missing");
  return it;
}

/** The value of an enum in a word: LODGED for DETAINER_STATE_LODGED. */
function word<E extends Record<string, string>>(of: E, value: E[keyof E]): string {
  const [unspecified = ""] = Object.values(of);
  return value.replace(unspecified.replace("UNSPECIFIED", ""), "");
}

function stateOf({ detainer, custody, transfer, moveOffer }: Written): string {
  if (moveOffer) return word(MoveOfferState, moveOffer.state);
  if (detainer) return word(DetainerState, detainer.state);
  if (custody) return word(CustodyState, custody.state);
  return word(TransferState, the(transfer).state);
}

function toldOf(receipt: Receipt | undefined): string {
  const whole = receipt?.leaf.length && receipt.proof.startsWith("c2sp.org/tlog-proof@v1\n");
  return whole ? `receipt of the ${receipt.log.split("/").at(-1)} log` : "no receipt";
}

function held({ state, custodian, moveOffer: offer }: Custody): string {
  const parts = [word(CustodyState, state), `of ${custodian}`];
  if (offer) {
    const comes = `${offer.detainersLen} detainers, ${offer.noticesLen} notices promised`;
    parts.push(`offer ${word(MoveOfferState, offer.state)}, ${comes}`);
  }
  return parts.join(", ");
}

function seen(it: Detainer): string {
  const parts = [word(DetainerState, it.state), `version ${it.version}`];
  if (it.acknowledgement) parts.push(`found ${word(Finding, it.acknowledgement.finding)}`);
  if (it.answer) {
    const { kind, ground } = it.answer;
    const declined = kind === AnswerKind.ANSWER_KIND_DECLINE ? ` on ${word(DeclineGround, ground)}` : "";
    parts.push(`answered ${word(AnswerKind, kind)}${declined}`);
  }
  if (it.interview) parts.push(`interview ${said(it.interview)}`);
  for (const { state, failureCause } of it.transfers) {
    const failed = state === TransferState.TRANSFER_STATE_FAILED;
    const cause = failed ? ` by ${word(TransferFailureCause, failureCause)}` : "";
    parts.push(`transfer ${word(TransferState, state)}${cause}`);
  }
  return parts.join(", ");
}

function said({ withdrawn, answer }: Interview): string {
  if (withdrawn) return "WITHDRAWN";
  if (!answer) return "ASKED";
  return answer.declined ? "DECLINED" : word(InterviewOutcome, answer.outcome);
}

function classes(values: FieldClass[]): string {
  return values.map((value) => value.replace("FIELD_CLASS_", "")).join(" ") || "nothing";
}

export type At = (agency: string, officer?: "officer") => Party;

/** Everybody on an exchange that `comity dev` has made, each connected once: an agency's unattended system, or its officer. */
export function everybody(directory: string, address: string): { at: At; close: () => void } {
  const parties = new Map<string, Party>();
  const at: At = (agency, officer) => {
    const name = officer ? `${agency}-officer` : agency;
    const token = join(directory, "tokens", `${name}.jwt`);
    const key = join(directory, "keys", "log.vkey");
    const party = parties.get(name) ?? new Party(new Client(address, join(directory, "certs"), agency, token, key), name);
    parties.set(name, party);
    return party;
  };
  const close = () => {
    for (const party of parties.values()) party.client.close();
  };
  return { at, close };
}
