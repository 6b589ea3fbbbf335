/** The types of packages.mjs, which has to run before anything that understands types is installed. */
interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}
type LockedPackages = Readonly<Record<string, LockedPackage>>;

export function firstMissing(
  locked: LockedPackages,
  installed: LockedPackages,
  exists: (path: string) => boolean,
): string | undefined;
export function ensurePackages(root: string, fail: (message: string, hint?: string) => never): boolean;
