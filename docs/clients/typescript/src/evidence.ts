/**
 * Holds a gateway to what it said: every receipt proves its entry, and a log only grows (docs/receipts.md).
 *
 * Nothing but Node's own cryptography, and the messages of comity.v1.
 */

import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import { Leaf, type Opening, type Receipt } from "../gen/comity/v1/ledger.js";

/** How long receipts may come before the growth of their log is checked. */
const GROWTH_EVERY_MS = 5_000;
const NOTE_LEN_MAX = 64 * 1024;
/** What DER has before the 32 bytes of an Ed25519 public key (RFC 8410). */
const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex");

/** What was given as evidence does not hold. */
export class NotProven extends Error {}

/** The log is not the one that was seen before. Nothing more is to be sent to this gateway. */
export class Forked extends Error {}

/** A log's size and root, as a checkpoint signs them. */
export interface Head {
  readonly size: number;
  readonly root: Buffer;
  readonly note: string;
}

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export const leafHash = (leaf: Uint8Array): Buffer => sha256(Buffer.of(0), leaf);
const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.of(1), left, right);

/** Sizes go to 2^53, where `>>` would stop at 2^31. */
const half = (number: number): number => Math.floor(number / 2);
const isOdd = (number: number): boolean => number % 2 === 1;

/** RFC 9162 2.1.3.2. */
export function checkInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  if (index < 0 || index >= size) throw new NotProven(`entry ${index} is not in a log of ${size}`);
  let position = index;
  let last = size - 1;
  let node: Uint8Array = leaf;
  for (const sibling of proof) {
    if (last === 0) throw new NotProven("the inclusion proof is too long");
    if (isOdd(position) || position === last) {
      node = nodeHash(sibling, node);
      for (; !isOdd(position) && position !== 0; position = half(position)) last = half(last);
    } else {
      node = nodeHash(node, sibling);
    }
    position = half(position);
    last = half(last);
  }
  if (last !== 0) throw new NotProven("the inclusion proof is too short");
  if (!Buffer.from(node).equals(root)) throw new NotProven("the inclusion proof leads to another root");
}

/** RFC 9162 2.1.4.2. */
export function checkGrowth(
  older: { size: number; root: Buffer },
  newer: { size: number; root: Buffer },
  proof: readonly Uint8Array[],
): void {
  if (older.size === newer.size && older.root.equals(newer.root) && proof.length === 0) return;
  if (older.size <= 0 || older.size >= newer.size) throw new NotProven("the log did not grow");
  const isPowerOfTwo = Number.isInteger(Math.log2(older.size));
  const [first = Buffer.alloc(0), ...rest] = isPowerOfTwo ? [older.root, ...proof] : proof;
  let position = older.size - 1;
  let last = newer.size - 1;
  for (; isOdd(position); position = half(position)) last = half(last);
  let [oldNode, newNode]: [Uint8Array, Uint8Array] = [first, first];
  for (const sibling of rest) {
    if (last === 0) throw new NotProven("the consistency proof is too long");
    if (isOdd(position) || position === last) {
      oldNode = nodeHash(sibling, oldNode);
      newNode = nodeHash(sibling, newNode);
      for (; !isOdd(position) && position !== 0; position = half(position)) last = half(last);
    } else {
      newNode = nodeHash(newNode, sibling);
    }
    position = half(position);
    last = half(last);
  }
  if (last !== 0 || !older.root.equals(oldNode) || !newer.root.equals(newNode)) {
    throw new NotProven("the consistency proof leads to another root");
  }
}

/** Standard base64 in its only spelling. */
function fromBase64(text: string): Buffer {
  const decoded = Buffer.from(text, "base64");
  if (decoded.toString("base64") !== text) throw new NotProven("something is not base64 as it is written");
  return decoded;
}

function fromDecimal(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0 || String(number) !== text) {
    throw new NotProven("a number in another spelling, or too large");
  }
  return number;
}

/** A pinned public key: `name+hash+base64` (C2SP signed-note). */
export class LogKey {
  readonly name: string;
  readonly id: Buffer;
  private readonly key: KeyObject;

  constructor(vkey: string) {
    const [name = "", id = "", ...rest] = vkey.trim().split("+");
    const decoded = Buffer.from(rest.join("+"), "base64");
    this.name = name;
    this.id = sha256(Buffer.from(`${name}\n`), decoded).subarray(0, 4);
    if (decoded[0] !== 1 || decoded.length !== 33 || this.id.toString("hex") !== id) {
      throw new Error("not the key of a log");
    }
    const der = Buffer.concat([SPKI_ED25519, decoded.subarray(1)]);
    this.key = createPublicKey({ key: der, format: "der", type: "spki" });
  }

  check(text: string, signature: Buffer): void {
    if (!verify(null, Buffer.from(text), this.key, signature)) {
      throw new NotProven(`the signature of ${this.name} does not verify`);
    }
  }
}

/** Reads a checkpoint of a log. Lines of other signers are passed over; that of the key must be there and hold. */
export function openCheckpoint(note: string, log: string, key: LogKey): Head {
  const end = note.lastIndexOf("\n\n");
  if (note.length > NOTE_LEN_MAX || note.includes("\r") || end < 0 || !note.endsWith("\n")) {
    throw new NotProven("it is no checkpoint");
  }
  const [origin = "", size = "", root = "", ...more] = note.slice(0, end).split("\n");
  if (more.length > 0) throw new NotProven("it is no checkpoint");
  if (!origin.endsWith(`/${log}`)) throw new NotProven("a checkpoint of another log");
  let signed = 0;
  for (const line of note.slice(end + 2, -1).split("\n")) {
    const [dash, name, signature, ...rest] = line.split(" ");
    if (dash !== "\u2014" || !name || !signature || rest.length > 0) throw new NotProven("a line that is no signature");
    const decoded = fromBase64(signature);
    if (name === key.name && decoded.subarray(0, 4).equals(key.id)) {
      key.check(`${note.slice(0, end)}\n`, decoded.subarray(4));
      signed += 1;
    }
  }
  if (signed !== 1) throw new NotProven(`it is not signed by ${key.name}`);
  const head = { size: fromDecimal(size), root: fromBase64(root), note };
  if (head.root.length !== 32) throw new NotProven("its root is no hash");
  return head;
}

/** Checks that the entry is in the log, by the bytes of its leaf. Returns the head that proves it. */
export function checkReceipt(receipt: Receipt, key: LogKey): Head {
  const end = receipt.proof.indexOf("\n\n");
  const [header, second = "", ...hashes] = receipt.proof.slice(0, Math.max(end, 0)).split("\n");
  if (header !== "c2sp.org/tlog-proof@v1" || !second.startsWith("index ")) throw new NotProven("it is no tlog-proof@v1");
  const index = fromDecimal(second.slice("index ".length));
  const proof = hashes.map(fromBase64);
  if (index !== Number(receipt.index) || Number(leafOf(receipt.leaf).index) !== index) {
    throw new NotProven("it is of another index");
  }
  const head = openCheckpoint(receipt.proof.slice(end + 2), receipt.log, key);
  checkInclusion(leafHash(receipt.leaf), index, head.size, proof, head.root);
  return head;
}

/** Each content is what the leaf commits to: SHA-256(salt, content), for its class. */
export function checkOpenings(leaf: Uint8Array, openings: readonly Opening[]): void {
  const committed = new Map(leafOf(leaf).commitments.map((one) => [one.fieldClass, one.hash]));
  for (const { fieldClass, salt, content } of openings) {
    if (salt.length !== 32 || !sha256(salt, content).equals(committed.get(fieldClass) ?? new Uint8Array())) {
      throw new NotProven("what is shown is not what was recorded");
    }
  }
}

function leafOf(leaf: Uint8Array): Leaf {
  try {
    return Leaf.decode(leaf);
  } catch (error) {
    throw new NotProven("the leaf is not of a known layout", { cause: error });
  }
}

/** Asks for a consistency proof of a log, from one size to another. Undefined: the log has not so many entries. */
export type Prover = (log: string, oldSize: number, newSize: number) => Promise<readonly Uint8Array[] | undefined>;

/** What was seen of each log. `kept` names a file that outlives the process: what a log was is not forgotten. */
export class Evidence {
  private readonly proven = new Map<string, Head>();
  private readonly newest = new Map<string, Head>();
  private readonly checkedAt = new Map<string, number>();
  private forked: Forked | undefined;

  constructor(
    readonly key: LogKey,
    private readonly prove: Prover,
    private readonly kept?: string,
  ) {
    if (kept !== undefined && existsSync(kept)) {
      const notes: Record<string, string> = JSON.parse(readFileSync(kept, "utf8"));
      for (const [log, note] of Object.entries(notes)) this.proven.set(log, openCheckpoint(note, log, key));
    }
  }

  /** Nothing is sent to a gateway whose log has forked. */
  checkStanding(): void {
    if (this.forked) throw this.forked;
  }

  /** Checks a receipt, and now and then that its log only grew. */
  async receipt(receipt: Receipt): Promise<void> {
    this.note(receipt.log, checkReceipt(receipt, this.key));
    if (Date.now() - (this.checkedAt.get(receipt.log) ?? 0) >= GROWTH_EVERY_MS) await this.grow(receipt.log);
  }

  /** Checks the checkpoint of a heartbeat, and that its log grew to it. Empty: a log without entries. */
  async heartbeat(log: string, note: string): Promise<void> {
    if (note !== "") {
      this.note(log, openCheckpoint(note, log, this.key));
      await this.grow(log);
    } else if (this.proven.has(log)) {
      this.fork(log, "it has no entry any more");
    }
  }

  private note(log: string, head: Head): void {
    for (const known of [this.proven.get(log), this.newest.get(log)]) {
      if (known && known.size === head.size && !known.root.equals(head.root)) {
        this.fork(log, `two roots were signed over ${head.size} entries`);
      }
    }
    this.newest.set(log, head);
  }

  private async grow(log: string): Promise<void> {
    this.checkedAt.set(log, Date.now());
    let newest = this.newest.get(log);
    const proven = this.proven.get(log);
    this.newest.delete(log);
    if (!newest) return;
    if (proven && proven.size !== newest.size) {
      const [older, newer] = proven.size < newest.size ? [proven, newest] : [newest, proven];
      const proof = await this.prove(log, older.size, newer.size);
      if (!proof) this.fork(log, `${newer.size} entries were signed, and it has not so many`);
      try {
        checkGrowth(older, newer, proof);
      } catch (error) {
        if (!(error instanceof NotProven)) throw error;
        const sizes = `its ${newer.size} entries do not begin with the ${older.size} that were signed`;
        this.fork(log, `${sizes}: ${error.message}`);
      }
      newest = newer;
    }
    this.proven.set(log, newest);
    if (this.kept !== undefined) {
      const notes = [...this.proven].map(([name, head]) => [name, head.note]).sort();
      writeFileSync(`${this.kept}.new`, JSON.stringify(Object.fromEntries(notes)));
      renameSync(`${this.kept}.new`, this.kept);
    }
  }

  private fork(log: string, why: string): never {
    this.forked = new Forked(`${log} has forked: ${why}. Keep what you have of it, and tell the other parties`);
    throw this.forked;
  }
}
