/** `npm start [-- --once]`: the story of examples/four-planets, after the system parts are in place as far as they can be. */
import { main } from "../examples/four-planets/story.ts";
import { describeMissing, ensureSystemParts } from "./setup/system-parts.ts";

const args = process.argv.slice(2);
const missing = args.includes("--help") || args.includes("-h") ? [] : ensureSystemParts();
if (missing.length > 0) process.stdout.write(`${describeMissing(missing)}\n`);
await main(args);
