/** Every record, where `fsck.test.ts` takes one of each kind. */
import { test } from "vitest";
import { expectDamageFound } from "./damage-records.ts";

test("every record of a log is checked: damage to any one, or its loss, is found", () => expectDamageFound("all"));
