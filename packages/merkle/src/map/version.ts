/** What names the state of a map at one head. */

/** Kept with the head it belongs to: enough to open the map there, and to prove under it while it is retained. */
export interface MapVersion {
  /** The map root, 32 bytes. */
  readonly root: Uint8Array;
  /** The leaves of this version are those whose log index is below it. */
  readonly size: number;
  /** Names the records written with it: the number of the head. Grows. */
  readonly version: number;
  /** 0: no pages, the whole map is rebuilt from buckets. Otherwise pages may reach to this depth. */
  readonly border: number;
}
