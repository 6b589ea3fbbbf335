/**
 * A scripted life of a publisher, for crash tests: submits alone and together, repeats, second values, flushes beside
 * submits. What was acknowledged is noted outside the state, as a driver does that outlives the crash.
 */
import type { LogHead } from "@trustix/protocol";
import type { LogReader, Publisher, SubmitItem } from "../../src/model.ts";
import { item } from "./test-log.ts";

export interface Notes {
  /** Key to the value that was acknowledged. */
  readonly acknowledged: Map<string, string>;
  /** `key=value` of second values that were named as refused. */
  readonly refused: Set<string>;
  /** Heads that were handed out. */
  readonly heads: LogHead[];
}

export function newNotes(): Notes {
  return { acknowledged: new Map(), refused: new Set(), heads: [] };
}

/** Submits, and notes what came of it. */
export async function submitNoting(publisher: Publisher, call: readonly SubmitItem[], notes: Notes): Promise<void> {
  const { refused } = await publisher.submit(call);
  const named = new Set(refused.map((key) => Buffer.from(key).toString()));
  for (const { key, value } of call) {
    const [name, text] = [Buffer.from(key).toString(), Buffer.from(value).toString()];
    const stands = notes.acknowledged.get(name);
    if (!named.has(name)) notes.acknowledged.set(name, stands ?? text);
    else if (stands !== undefined && stands !== text) notes.refused.add(`${name}=${text}`);
  }
}

/** Runs until the store breaks, and throws what it threw. */
export async function runWorkload(publisher: Publisher, reader: LogReader, notes: Notes): Promise<void> {
  const submit = (...pairs: [string, string][]): Promise<void> =>
    submitNoting(
      publisher,
      pairs.map(([key, value]) => item(key, value)),
      notes,
    );
  const flush = async (): Promise<void> => {
    notes.heads.push(await publisher.flush());
    notes.heads.push(await reader.head());
  };
  await submit(["a", "1"], ["b", "1"], ["c", "1"]);
  await submit(["a", "1"], ["d", "1"]);
  await submit(["b", "2"], ["e", "1"]);
  await flush();
  await submit(["a", "1"], ["c", "2"], ["f", "1"]);
  await all([submit(["g", "1"], ["h", "1"]), submit(["i", "1"]), flush(), submit(["j", "1"])]);
  await flush();
  await flush();
  await submit(["d", "2"]);
  for (let i = 0; i < 3; i++) {
    const many = Array.from({ length: 120 }, (_, n): [string, string] => [`many-${i}-${n}`, `${n}`]);
    await all([submit(...many), flush()]);
    await flush();
  }
  await submit(["z", "1"]);
}

/** Like `Promise.all`, but waits for all of them: the process dies once, not in the middle of a line. */
async function all(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}
