/**
 * The lock that goes into the installed package: package-lock.json reduced to what the package depends on, so that a user
 * gets the bytes that were tested, and no registry is asked which version is the newest.
 */
import { posix } from "node:path";

interface Locked {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}
export type Lock = Readonly<Record<string, Locked>>;

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** npm-shrinkwrap.json as data. Throws when the lock misses a dependency. */
export function shrinkwrap(manifest: Manifest, lock: Lock): object {
  const needed = new Map<string, Locked>();
  const add = (from: string, { dependencies = {}, optionalDependencies = {} }: Locked): void => {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = findFrom(from, name, lock);
      if (path === undefined)
        throw new Error(`${name}, needed by ${from || manifest.name}, is not in package-lock.json`);
      if (needed.has(path)) continue;
      const { dev: _dev, peer: _peer, ...entry } = lock[path] as Locked;
      needed.set(path, entry);
      add(path, entry);
    }
  };
  add("", manifest);
  const packages = Object.fromEntries([...needed].toSorted(([a], [b]) => a.localeCompare(b, "en")));
  const { name, version } = manifest;
  return { name, version, lockfileVersion: 3, requires: true, packages: { "": manifest, ...packages } };
}

/** Where Node would find `name` from the package at `from`: below it, then upwards. */
function findFrom(from: string, name: string, lock: Lock): string | undefined {
  const path = posix.join(from, "node_modules", name);
  if (lock[path] !== undefined) return path;
  const up = from.lastIndexOf("node_modules/");
  return up === -1 ? undefined : findFrom(from.slice(0, Math.max(0, up - 1)), name, lock);
}
