/**
 * Tries evidence.ts on docs/receipts/vectors: what holds must hold, and nothing else.
 *
 *     node dist/src/vectors.js VECTORS
 */

import { readFileSync } from "node:fs";

import { fieldClassFromJSON } from "../gen/comity/v1/field_class.js";
import { checkGrowth, checkOpenings, checkReceipt, LogKey, NotProven, openCheckpoint } from "./evidence.js";

interface Opened {
  class: number;
  salt: string;
  content: string;
}

interface ReceiptCase {
  name: string;
  holds: boolean;
  log: string;
  index: number;
  leaf: string;
  proof: string;
  openings: Opened[];
}

interface GrowthCase {
  name: string;
  holds: boolean;
  log: string;
  old: string;
  new: string;
  hashes: string[];
}

const bytes = (text: string): Buffer => Buffer.from(text, "base64");
const vectors: { key: string; receipts: ReceiptCase[]; growth: GrowthCase[] } = JSON.parse(
  readFileSync(process.argv[2] ?? "", "utf8"),
);
const key = new LogKey(vectors.key);

function receipt({ log, index, leaf, proof, openings }: ReceiptCase): void {
  checkReceipt({ log, index, leaf: bytes(leaf), proof }, key);
  const opened = openings.map((one) => ({
    fieldClass: fieldClassFromJSON(one.class),
    salt: bytes(one.salt),
    content: bytes(one.content),
  }));
  checkOpenings(bytes(leaf), opened);
}

function growth({ log, old, new: later, hashes }: GrowthCase): void {
  checkGrowth(openCheckpoint(old, log, key), openCheckpoint(later, log, key), hashes.map(bytes));
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof NotProven) return false;
    throw error;
  }
}

let wrong = 0;
const tried = [
  ...vectors.receipts.map((one) => ({ ...one, found: holds(() => receipt(one)) })),
  ...vectors.growth.map((one) => ({ ...one, found: holds(() => growth(one)) })),
];
for (const { name, holds: expected, found } of tried) {
  if (found !== expected) {
    wrong += 1;
    console.log(`${name}: ${expected ? "does not hold" : "holds, and should not"}`);
  }
}
console.log(`${vectors.receipts.length} receipts and ${vectors.growth.length} growths, ${wrong} wrong`);
process.exitCode = wrong > 0 ? 1 : 0;
