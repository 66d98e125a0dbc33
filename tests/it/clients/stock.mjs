// Lodges detainers over the generated stub alone. Sending again is left to the library, told how by the service config.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { credentials, Metadata, status } from "@grpc/grpc-js";

import { DetainerServiceClient, LodgeDetainerRequest } from "./dist/gen/comity/v1/detainer_service.js";

const AT_ONCE = 16;

const [directory, address, template, config, count] = process.argv.slice(2);
const read = (name) => readFileSync(join(directory, "certs", name));
const token = readFileSync(join(directory, "tokens/us-ice.jwt"), "utf8").trim();
const tls = credentials.createSsl(read("gateway-ca.pem"), read("us-ice.key"), read("us-ice.pem"));
const client = new DetainerServiceClient(address, tls, { "grpc.service_config": readFileSync(config, "utf8") });
const lodging = readFileSync(template);

const lodge = () =>
  new Promise((resolve) => {
    const request = { ...LodgeDetainerRequest.decode(lodging), requestId: randomUUID() };
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    client.lodgeDetainer(request, metadata, { deadline: Date.now() + 60_000 }, (error, answer) => {
      const [name, code] = error ? ["", status[error.code]] : [answer.detainer.name, ""];
      console.log(JSON.stringify({ request_id: request.requestId, name, code }));
      resolve();
    });
  });

let left = Number(count);
const worker = async () => {
  while (left-- > 0) {
    await lodge();
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
client.close();
