/** Drives an operation of the pure trees with a store: what it needs is read, one request at a time, until it is done. */
import type { Needs, ReadAnswer, ReadRequest } from "@trustix/merkle";
import type { Reads } from "@trustix/storage";

/** The result of `needs`, its requests answered by `reads`. What the operation or the store throws is thrown on. */
export async function resolveNeeds<T>(needs: Needs<T>, reads: Reads): Promise<T> {
  let step = needs.next();
  while (!step.done) step = needs.next(await answerFrom(reads, step.value));
  return step.value;
}

async function answerFrom(reads: Reads, request: ReadRequest): Promise<ReadAnswer> {
  if (request.kind === "get") return reads.getMany(request.keys);
  const answer: Uint8Array[] = [];
  for await (const [key, value] of reads.range(request.from, request.to)) answer.push(key, value);
  return answer;
}
