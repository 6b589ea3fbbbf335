import { mapLeafHash } from "@trustix/merkle";
import { mapEntryBytes, mapPath, mapValueHash } from "@trustix/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { mapLeavesOf } from "../../src/logs/map-leaves.ts";
import { prepareItems } from "../../src/logs/prepare-items.ts";
import { crypto } from "../publisher/test-log.ts";

test("leaf hashes are those of the canonical map entries, whatever the digests and indices", () => {
  const item = fc.record({
    key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    value: fc.uint8Array({ minLength: 1 }),
  });
  const index = fc.oneof(fc.nat(20), fc.constantFrom(8, 98, 9_999_998, 2 ** 32 - 1, 2 ** 48 - 2, 2 ** 53 - 20));
  fc.assert(
    fc.property(fc.array(item, { maxLength: 12 }), index, (items, first) => {
      const prepared = prepareItems(crypto, items);
      expect(mapLeavesOf(crypto, prepared, first)).toEqual(
        items.map(({ key, value }, i) => {
          const path = mapPath(crypto, key);
          const valueHash = mapValueHash(crypto, mapEntryBytes(crypto.sha256(value), first + i));
          return { path, leafHash: mapLeafHash(crypto, path, valueHash), index: first + i };
        }),
      );
    }),
  );
});
