/** The `trustix` program. */
import { main } from "./main.ts";
import { TRUSTIX } from "./trustix-commands.ts";

await main(TRUSTIX);
