/** The `trustix-nix` program. Its hook has a launcher of its own that starts no Node. */
import { main } from "./main.ts";
import { TRUSTIX_NIX } from "./trustix-nix-commands.ts";

await main(TRUSTIX_NIX);
