/** Reading raw HTTP/1.1 answers and the frames inside them, without any of the programs under test. */
import { gunzipSync } from "node:zlib";

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** After chunks and compression are undone. */
  readonly body: Buffer;
}

/** Whether `all` holds a whole answer. */
export function isWhole(all: Buffer): boolean {
  try {
    parseAnswer(all);
    return true;
  } catch {
    return false;
  }
}

/** Throws unless `all` is one whole answer. */
export function parseAnswer(all: Buffer): RawAnswer {
  const end = all.indexOf("\r\n\r\n");
  if (end < 0) throw new Error("headers are not whole");
  const [line, ...lines] = all.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((text) => {
      const colon = text.indexOf(":");
      return [text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim()] as const;
    }),
  );
  const rest = all.subarray(end + 4);
  let body: Buffer;
  if (headers.get("transfer-encoding") === "chunked") body = unchunk(rest);
  else {
    const length = Number(headers.get("content-length") ?? 0);
    if (rest.length < length) throw new Error("body is not whole");
    body = rest.subarray(0, length);
  }
  if (headers.get("content-encoding") === "gzip") body = gunzipSync(body);
  return { status: Number(line!.split(" ")[1]), headers, body };
}

function unchunk(data: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const eol = data.indexOf("\r\n", at);
    if (eol < 0) throw new Error("chunk size is not whole");
    const size = Number.parseInt(data.toString("latin1", at, eol), 16);
    at = eol + 2;
    if (data.length < at + size + 2) throw new Error("chunk is not whole");
    if (size === 0) return Buffer.concat(parts);
    parts.push(data.subarray(at, at + size));
    at += size + 2;
  }
}

export interface GrpcWebAnswer {
  readonly messages: Buffer[];
  readonly trailers: Record<string, string>;
}

/** The frames of a gRPC-Web body, decompressed. */
export function grpcWebFrames(body: Buffer): GrpcWebAnswer {
  const messages: Buffer[] = [];
  const trailers: Record<string, string> = {};
  for (let at = 0; at < body.length;) {
    const flags = body[at]!;
    const length = body.readUInt32BE(at + 1);
    const raw = body.subarray(at + 5, at + 5 + length);
    const data = (flags & 1) === 1 ? gunzipSync(raw) : raw;
    if ((flags & 0x80) === 0) messages.push(data);
    else {
      for (const line of data.toString().split("\r\n").filter(Boolean)) {
        const colon = line.indexOf(":");
        trailers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
    }
    at += 5 + length;
  }
  return { messages, trailers };
}

/** Types of the HTTP/2 frames in `data`, in order. */
export function http2FrameTypes(data: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= data.length; at += 9 + data.readUIntBE(at, 3)) types.push(data[at + 3]!);
  return types;
}

export function http2Frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
