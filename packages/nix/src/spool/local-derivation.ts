/** Whether a derivation was made for one machine: generated configuration, which nobody else should know of. */
import { envBytes, envText } from "@trustix/nix-formats";
import type { Derivation } from "@trustix/nix-formats";

/**
 * `preferLocalBuild`, or `allowSubstitutes = false`. Nix writes true as `1` and false as nothing, and reads only `1` as
 * true; with structured attributes both are booleans in `__json`. What cannot be read counts as local: then nothing is
 * published that should not be.
 */
export function isLocal(derivation: Derivation): boolean {
  const json = envBytes(derivation, "__json");
  if (json !== undefined) return isLocalStructured(envText(derivation, "__json"));
  const substitutable =
    envBytes(derivation, "allowSubstitutes") === undefined || isTrue(derivation, "allowSubstitutes");
  return isTrue(derivation, "preferLocalBuild") || !substitutable;
}

function isTrue(derivation: Derivation, name: string): boolean {
  return envText(derivation, name) === "1";
}

function isLocalStructured(json: string | undefined): boolean {
  try {
    const { preferLocalBuild = false, allowSubstitutes = true } = JSON.parse(json ?? "") as Record<string, unknown>;
    return preferLocalBuild !== false || allowSubstitutes !== true;
  } catch {
    return true;
  }
}
