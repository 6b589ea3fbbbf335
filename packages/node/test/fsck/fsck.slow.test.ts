/** Every record, where `fsck.test.ts` takes one of each kind. */
import { test } from "vitest";
import { expectDamageFound, smallCopy, smallLog } from "./damage-records.ts";

const AS_LONG_AS_IT_TAKES = { timeout: 1_200_000 };

test("every record of a log is checked: damage to any one, or its loss, is found", AS_LONG_AS_IT_TAKES, async () => {
  await expectDamageFound(await smallLog(), "all");
});

test("every record of the copy of a followed log is checked", AS_LONG_AS_IT_TAKES, async () => {
  await expectDamageFound(await smallCopy(), "all");
});
