/** All attacks, by name. */
import { ENTRY_LIES } from "./entry-lies.ts";
import { ERROR_LIES, MESSAGE_LIES } from "./error-lies.ts";
import { GROWTH_LIES } from "./growth-lies.ts";
import { MAP_LIES } from "./map-lies.ts";
import { SIGNED_LIES } from "./signed-lies.ts";
import { WIRE_LIES } from "./wire-lies.ts";

export const ATTACKS = {
  ...SIGNED_LIES,
  ...GROWTH_LIES,
  ...MAP_LIES,
  ...ENTRY_LIES,
  ...ERROR_LIES,
  ...MESSAGE_LIES,
  ...WIRE_LIES,
};

export type AttackName = keyof typeof ATTACKS;
