/** Where the hook lies. It is a program of its own and starts no Node; nothing here runs it. */
import { join } from "node:path";

/** Absolute path of the executable that `post-build-hook` in nix.conf names. */
export const HOOK_SCRIPT = join(import.meta.dirname, "post-build-hook.sh");
