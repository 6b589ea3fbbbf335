/** What the machine charges for the two things that everything here is made of: a hash, and a disk sync. */
import { hash } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "./figure.ts";

export interface BasicCosts {
  /** SHA-256 of 65 bytes from JavaScript, read back as bytes, in nanoseconds; median of 7 rounds of 50 000. */
  readonly hashNs: number;
  /** 4 KiB appended and fdatasync, in milliseconds; median of 60. */
  readonly syncMs: number;
}

/** Takes about a quarter of a second. */
export function measureBasicCosts(): BasicCosts {
  return { hashNs: hashCost(), syncMs: syncCost() };
}

function hashCost(): number {
  const node = new Uint8Array(65).fill(1);
  const out = Buffer.alloc(32);
  const round = (count: number) => {
    const started = process.hrtime.bigint();
    for (let i = 0; i < count; i++) {
      node[i & 31] = i;
      out.write(hash("sha256", node, "binary"), "latin1");
    }
    return Number(process.hrtime.bigint() - started) / count;
  };
  round(20_000); // until it is compiled
  return median(Array.from({ length: 7 }, () => round(50_000)));
}

function syncCost(): number {
  const folder = mkdtempSync(join(process.env["TRUSTIX_BENCH_DIR"] ?? tmpdir(), "trustix-sync-"));
  const file = openSync(join(folder, "file"), "w");
  const block = new Uint8Array(4096).fill(7);
  try {
    return median(
      Array.from({ length: 60 }, () => {
        const started = performance.now();
        writeSync(file, block);
        fdatasyncSync(file);
        return performance.now() - started;
      }),
    );
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}
