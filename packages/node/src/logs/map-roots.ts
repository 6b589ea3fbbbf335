/** From a map root to what proves under it: the heads that are retained. The newest are kept at hand. */
import { equalBytes, toHex } from "@trustix/crypto";
import type { MapVersion } from "@trustix/merkle";
import type { Hash } from "@trustix/protocol";
import type { Reads } from "@trustix/storage";
import { RecordReader } from "./byte-records.ts";
import { decodeHead, mapHeadIndexOf } from "./head-record.ts";
import type { PublishedLog } from "./published-log.ts";

/** Followers ask under the few newest roots; a miss costs two reads. */
const CACHED_ROOTS = 1024;

export class MapRoots {
  readonly #reads: Reads;
  readonly #published: PublishedLog;
  /** By hex, oldest use first. */
  readonly #cached = new Map<string, MapVersion>();

  constructor(reads: Reads, published: PublishedLog) {
    this.#reads = reads;
    this.#published = published;
  }

  /** `undefined` for a root that is not retained, or not published. */
  async find(root: Hash): Promise<MapVersion | undefined> {
    const { current } = this.#published;
    if (equalBytes(root, current.map.root)) return current.map;
    const name = toHex(root);
    const cached = this.#cached.get(name);
    const found = cached ?? (await this.#read(root));
    if (!found || found.version > mapHeadIndexOf(current.head) || found.version < current.oldest) return undefined;
    return this.#remember(name, found);
  }

  async #read(root: Hash): Promise<MapVersion | undefined> {
    const { keys } = this.#published;
    const rootKey = keys.mapRoot(root);
    const [record] = await this.#reads.getMany([rootKey]);
    if (!record) return undefined;
    const headKey = keys.head(new RecordReader(record, "map root record", rootKey).u48());
    const [head] = await this.#reads.getMany([headKey]);
    return head && decodeHead(head, headKey).map;
  }

  #remember(name: string, at: MapVersion): MapVersion {
    this.#cached.delete(name);
    this.#cached.set(name, at);
    if (this.#cached.size > CACHED_ROOTS) this.#cached.delete(this.#cached.keys().next().value!);
    return at;
  }
}
