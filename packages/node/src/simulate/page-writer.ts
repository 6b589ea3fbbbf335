/** What one page tells: how often each pattern came, with its first path as the example; each path too, if it is wanted. */
import type { Hash } from "@trustix/protocol";
import type { SimulatedGroup, SimulatedPage, SimulatedPath } from "../model.ts";
import type { Judged } from "./judge-paths.ts";

/** What a path takes in an answer beside key and reasons. */
const PATH_BYTES = 200;

export class PageWriter {
  count = 0;
  uncompared = 0;
  /** Of the answer, about. */
  bytes = 0;
  readonly #each: boolean;
  readonly #groups = new Map<string, { count: number; readonly example: SimulatedPath }>();
  readonly #paths: SimulatedPath[] = [];

  constructor(each: boolean) {
    this.#each = each;
  }

  /** Whether it is the first path of its pattern. */
  isNew(pattern: string): boolean {
    return !this.#groups.has(pattern);
  }

  /** One more of a pattern that is there. */
  again(pattern: string): void {
    this.count++;
    this.#groups.get(pattern)!.count++;
  }

  add({ pattern, change, now, tried }: Judged, path: Hash, key: Uint8Array | undefined): void {
    const told: SimulatedPath = { key, path, change, now, tried };
    if (this.#each) {
      this.#paths.push(told);
      this.bytes += sizeOf(told);
    }
    if (this.isNew(pattern)) {
      this.#groups.set(pattern, { count: 0, example: told });
      this.bytes += sizeOf(told) + pattern.length;
    }
    this.again(pattern);
  }

  page(): Pick<SimulatedPage, "count" | "groups" | "paths" | "uncompared"> {
    const groups = [...this.#groups].map(([pattern, group]): SimulatedGroup => ({ pattern, ...group }));
    return { count: this.count, groups, paths: this.#paths, uncompared: this.uncompared };
  }
}

function sizeOf({ key, now, tried }: SimulatedPath): number {
  return PATH_BYTES + (key?.length ?? 0) + now.reason.length + tried.reason.length;
}
