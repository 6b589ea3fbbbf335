/**
 * `trustix evidence export`: the file of one proof, to hand on. Everybody may read it (0644): it holds what the accused
 * signed in public and nothing of this node.
 */
import type { Action } from "../command.ts";
import { withNode } from "../connect.ts";
import { convicting } from "../evidence-files.ts";
import { keptFile } from "../kept-evidence.ts";
import { writeNewFiles } from "../new-files.ts";

export const run: Action = (input) =>
  withNode(input, async (node) => {
    const [idText = "", path] = input.args;
    const { id, file } = await keptFile(node, idText);
    // Whoever hands it on vouches for it with their name.
    convicting(`evidence ${id}`, file);
    if (path === undefined) {
      input.io.outBytes(file);
      return;
    }
    await writeNewFiles(input.io.cwd, [{ path, content: Buffer.from(file).toString("utf8"), mode: 0o644 }]);
    input.io.out(`${path}: evidence ${id}`);
  });
