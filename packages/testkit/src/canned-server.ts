/**
 * A server that answers with the captured answers of the existing program, byte for byte, and with nothing else: what
 * was not captured is 501 and remembered. Follows the story the captures tell: `moment` is the number of the last
 * exchange that has happened, and a request is answered as it last was by then. Fields that the existing program does not
 * know (from number 100 on) are ignored, as it ignores them.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { fromHex, toHex } from "@trustix/crypto";

/** One exchange as it went over the wire; headers in their order and case. */
export interface Capture {
  readonly name: string;
  readonly request: {
    readonly line: string;
    readonly headers: readonly string[];
    readonly bodyHex: string;
    /** With its chunks' framing, where it had such. */
    readonly rawBodyHex?: string;
  };
  readonly response: {
    readonly line: string;
    /** `null` for the one answer that is no HTTP/1.1; its bytes are `rawHex`. */
    readonly headers: readonly string[] | null;
    readonly bodyHex?: string;
    /** Without its gzip, where it had one. */
    readonly bodyDecodedHex?: string;
    readonly rawHex?: string;
  };
}

export interface CannedServer extends AsyncDisposable {
  readonly url: string;
  readonly captures: readonly Capture[];
  /** Number of the last exchange that has happened. */
  moment: number;
  /** Names of the exchanges answered, and of what was asked beside them. */
  readonly answered: string[];
  readonly unanswered: string[];
}

/** Exchanges of the existing program's own client; the others are malformed on purpose in their headers. */
const OWN_CLIENT = "User-Agent: connect-go";

/** The 96 exchanges of a Go client with a Go server. */
export function loadCaptures(): readonly Capture[] {
  const text = readFileSync(new URL("../vectors/h-http.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { captures: Capture[] }).captures;
}

/** Number of the exchange with this name. */
export function captureNumber(captures: readonly Capture[], name: string): number {
  const found = captures.findIndex((capture) => capture.name === name);
  if (found < 0) throw new Error(`no captured exchange is named ${name}`);
  return found;
}

export async function startCannedServer(captures: readonly Capture[] = loadCaptures()): Promise<CannedServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const line = `${request.method} ${request.url} HTTP/1.1`;
      const body = toHex(knownFields(Buffer.concat(chunks)));
      const found = captures.findLast(
        (capture, i) =>
          i <= canned.moment &&
          capture.request.line === line &&
          capture.request.bodyHex === body &&
          capture.request.headers.some((header) => header.startsWith(OWN_CLIENT)),
      );
      if (found === undefined) {
        canned.unanswered.push(`${line} ${body}`);
        response.writeHead(501).end("this request was not captured");
        return;
      }
      canned.answered.push(found.name);
      response.sendDate = false;
      const [, status, ...reason] = found.response.line.split(" ");
      response.writeHead(Number(status), reason.join(" "), (found.response.headers ?? []).flatMap(nameAndValue));
      response.end(fromHex(found.response.bodyHex ?? ""));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const canned: CannedServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    captures,
    moment: captures.length - 1,
    answered: [],
    unanswered: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return canned;
}

const FIRST_OWN_FIELD = 100;

/** A message without the fields of ours. Clients write them last and without groups. */
function knownFields(message: Uint8Array): Uint8Array {
  const reader = new BinaryReader(message);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value = reader.skip(type, number);
    if (number < FIRST_OWN_FIELD) writer.tag(number, type).raw(value);
  }
  return writer.finish();
}

function nameAndValue(header: string): [string, string] {
  const colon = header.indexOf(": ");
  return [header.slice(0, colon), header.slice(colon + 2)];
}
