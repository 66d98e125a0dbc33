/**
 * Reads an agency's inbox once and says how far its logs have grown; exit code 3 where one has forked.
 *
 *     node dist/src/watch.js DIRECTORY ADDRESS AGENCY JURISDICTION KEPT
 */

import { join } from "node:path";

import { Client, eventOf, Inbox } from "./client.js";
import { Forked, NotProven } from "./evidence.js";

const [directory = "", address = "", agency = "", jurisdiction = "", kept = ""] = process.argv.slice(2);
const token = join(directory, "tokens", `${agency}.jwt`);
const client = new Client(address, join(directory, "certs"), agency, token, join(directory, "keys", "log.vkey"), kept);
try {
  let count = 0;
  for await (const delivery of new Inbox(client, `jurisdictions/${jurisdiction}`).waiting()) {
    if (delivery.entry && eventOf(delivery.entry)) count += 1;
  }
  console.log(`${count} entries, and the logs only grew`);
} catch (error) {
  if (error instanceof Forked) {
    console.log(`forked: ${error.message}`);
    process.exitCode = 3;
  } else if (error instanceof NotProven) {
    console.log(`not proven: ${error.message}`);
    process.exitCode = 4;
  } else {
    throw error;
  }
} finally {
  client.close();
}
