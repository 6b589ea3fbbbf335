/** The version in package.json, which a bundle inlines. */
import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;
