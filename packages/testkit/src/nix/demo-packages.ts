/** A handful of packages that need nothing but the sandbox's shell, one for each thing a builder can meet. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Attributes of the expression, by what they show. */
export const DEMO_PACKAGES = {
  /** A program that depends on two outputs of `engine`. */
  app: "rocket",
  /** Three outputs; only `out` and `dev` are used by `rocket`. */
  library: "engine",
  /** Its hash is fixed beforehand. */
  fixed: "fuel",
  /** Honest, and different on every build. */
  unreproducible: "telemetry",
  /** Made for one machine: `preferLocalBuild`. */
  local: "mission-plan",
  /** Made for one machine: `allowSubstitutes = false`. */
  unsubstitutable: "crew-list",
} as const;

/** Attributes of twelve small packages: enough of them that a builder which differs on all of these is excluded for it. */
export const PAYLOAD = [
  "antenna",
  "battery",
  "camera",
  "drill",
  "gyroscope",
  "heater",
  "ladder",
  "magnet",
  "nozzle",
  "panel",
  "radio",
  "winch",
] as const;

const EXPRESSION = `
let
  package = name: more: script: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-ec" script ];
  } // more);
in rec {
  blueprint = builtins.path { path = ./blueprint; name = "blueprint"; };
  engine = package "engine-2.1" { outputs = [ "out" "dev" "doc" ]; inherit blueprint; } ''
    mkdir -p $out/lib $dev/include $doc
    cp $blueprint/plan.txt $out/lib/engine.txt
    head -c 40000 /dev/zero > $out/lib/engine.bin
    echo "#define ENGINE \\"$out\\"" > $dev/include/engine.h
    echo "turn it on" > $doc/manual
    ln -s ../lib/engine.txt $out/lib/latest
  '';
  rocket = package "rocket-1.0" { engine = engine.out; headers = engine.dev; inherit fuel; } ''
    mkdir -p $out/bin
    grep ENGINE $headers/include/engine.h > $out/engine.h
    printf '#!/bin/sh\\necho lift-off with %s on %s\\n' $engine $fuel > $out/bin/rocket
    chmod +x $out/bin/rocket
    echo "built into $out" > $out/self
  '';
  fuel = package "fuel-98" {
    outputHashMode = "flat";
    outputHashAlgo = "sha256";
    outputHash = builtins.hashString "sha256" "ninety-eight\\n";
  } ''echo ninety-eight > $out'';
  telemetry = package "telemetry-0.3" { } ''
    mkdir $out
    date +%s.%N > $out/built-at
    head -c 16 /dev/urandom > $out/seed
    echo same everywhere > $out/constant
  '';
  mission-plan = package "mission-plan" { preferLocalBuild = true; } ''echo secret target > $out'';
  crew-list = package "crew-list" { allowSubstitutes = false; } ''echo secret names > $out'';
${PAYLOAD.map((name) => `  ${name} = package "${name}-1.0" { } ''mkdir $out; echo ${name} > $out/part'';`).join("\n")}
}
`;

/** Writes the expression and its source into `folder`; the expression's path. The same bytes give the same store paths. */
export async function writeDemoPackages(folder: string): Promise<string> {
  await mkdir(join(folder, "blueprint"), { recursive: true });
  await writeFile(join(folder, "blueprint", "plan.txt"), "one engine, pointing down\n", { mode: 0o644 });
  const expression = join(folder, "packages.nix");
  await writeFile(expression, EXPRESSION);
  return expression;
}
