import { expect, test } from "vitest";
import { faultyStore } from "../src/faulty.ts";
import { type Change, openMemoryStore } from "../src/index.ts";

const put = (key: string): Change => [Buffer.from(key), Buffer.from("v")];

test.each([
  { kind: "fails", kept: [true, false, false, true] },
  { kind: "fails after persisting", kept: [true, true, false, true] },
] as const)(
  "a write that $kind is refused, and so are those after it until the store is reopened",
  async ({ kind, kept }) => {
    const disk = openMemoryStore();
    const store = faultyStore(disk, 2, kind);
    await store.write([put("a")]);
    await store.write([]);
    await expect(store.write([put("b")])).rejects.toMatchObject({ code: "io", message: `write 2 ${kind}` });
    expect(store.struck()).toBe(true);
    await expect(store.write([put("c")])).rejects.toMatchObject({ code: "io" });
    store.reopen();
    await store.write([put("d")]);
    expect(store.writes()).toBe(4);
    const found = await disk.getMany(["a", "b", "c", "d"].map((key) => Buffer.from(key)));
    expect(found.map((value) => value !== undefined)).toEqual(kept);
  },
);
