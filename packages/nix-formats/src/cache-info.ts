/** The `nix-cache-info` file of a binary cache. Lines without a colon and unknown keys are ignored, as Nix does. */
import { NixFormatError, shown } from "./error.ts";
import { STORE_DIR } from "./store-path.ts";

export interface CacheInfo {
  readonly storeDir: string;
  /** Whether clients may ask it for many paths at once. */
  readonly wantMassQuery: boolean;
  /** Lower is asked first; `undefined`: not stated (Nix takes 50). */
  readonly priority: number | undefined;
}

const MAX_BYTES = 1 << 16;

/** Throws `NixFormatError` naming the line; a cache of another store folder is read, not judged. */
export function parseCacheInfo(bytes: Uint8Array): CacheInfo {
  if (bytes.length > MAX_BYTES) {
    throw new NixFormatError("nix-cache-info", "", `${bytes.length} bytes came, at most ${MAX_BYTES} wanted`);
  }
  let storeDir: string = STORE_DIR;
  let wantMassQuery = false;
  let priority: number | undefined;
  let number = 0;
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    number++;
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const value = line.slice(colon + 1).trim();
    const bad = (wanted: string) =>
      new NixFormatError("nix-cache-info", `line ${number} (${key})`, `${shown(value)} came, ${wanted} wanted`);
    const key = line.slice(0, colon);
    if (key === "StoreDir") {
      if (!/^\/[!-~]{1,255}$/.test(value)) throw bad("an absolute path");
      storeDir = value;
    } else if (key === "WantMassQuery") {
      wantMassQuery = value === "1";
    } else if (key === "Priority") {
      if (!/^-?[0-9]{1,9}$/.test(value)) throw bad("a whole number");
      priority = Number(value);
    }
  }
  return { storeDir, wantMassQuery, priority };
}

export function printCacheInfo(info: CacheInfo): string {
  const priority = info.priority === undefined ? "" : `Priority: ${info.priority}\n`;
  return `StoreDir: ${info.storeDir}\n${info.wantMassQuery ? "WantMassQuery: 1\n" : ""}${priority}`;
}
