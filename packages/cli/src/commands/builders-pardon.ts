/** `trustix builders pardon`. */
import { BuilderOverride_Kinds } from "@trustix/proto";
import { overrideBuilder } from "../override-builder.ts";

export const run = overrideBuilder(BuilderOverride_Kinds.PARDON);
