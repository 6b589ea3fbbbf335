/**
 * `npm run dev`: the network of examples/four-planets on fixed ports of the loopback, up until Ctrl-C. The proxy listens on
 * 8400, the four planets' nodes on 8401 to 8404, their binary caches on 8410 to 8413.
 */
import { main } from "../examples/four-planets/story.ts";

await main([], { basePort: 8400 });
