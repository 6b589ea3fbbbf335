/** `packages/proto/src/gen`, from the .proto files, by buf and protobuf-es. Offline: both come from node_modules. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { execute, ROOT } from "../check/execute.ts";
import type { Generator } from "./generators.ts";

const PACKAGE = "packages/proto";
const GENERATED = "src/gen";

export const protoCode: Generator = {
  name: "protobuf code",
  folders: [`${PACKAGE}/${GENERATED}`],
  files: async () => {
    const output = mkdtempSync(join(tmpdir(), "trustix-proto-"));
    try {
      const buf = await execute("buf", ["generate", "--output", output], { cwd: join(ROOT, PACKAGE) });
      if (buf.code !== 0) throw new Error(`buf generate: ${buf.output}`);
      const folder = join(output, GENERATED);
      return new Map(
        filesBelow(folder).map((path) => [`${PACKAGE}/${GENERATED}/${path}`, readFileSync(join(folder, path), "utf8")]),
      );
    } finally {
      rmSync(output, { recursive: true });
    }
  },
};

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
