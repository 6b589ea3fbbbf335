/** Spool items for tests, as the hook writes them. */
export const DRV = "/nix/store/4f2sffz0ckhlzs45625nc5g9wvaxh87s-hello-2.12.drv";
export const OUT = "/nix/store/714bq8higwlhmm4kdy6c203sin812p7s-hello-2.12";
export const HASH_HEX = "ab".repeat(32);

export interface ItemParts {
  readonly drv?: string;
  readonly outputs?: readonly string[];
  readonly facts?: string;
  readonly derivation?: string;
}

/** A derivation with one output `out` and these further attributes. */
export function derivationText(out: string, attributes: Readonly<Record<string, string>> = {}): string {
  const env = Object.entries({ ...attributes, out }).sort(([a], [b]) => (a < b ? -1 : 1));
  const quoted = env.map(([name, value]) => `(${JSON.stringify(name)},${JSON.stringify(value)})`).join(",");
  return `Derive([("out","${out}","","")],[],[],"x86_64-linux","/bin/sh",["-c","true"],[${quoted}])`;
}

export function factsText(path: string, hex = HASH_HEX): string {
  return `${path}\n${hex}\n696\n${DRV}\n0\n`;
}

export function itemText(parts: ItemParts = {}): string {
  const { drv = DRV, outputs = [OUT], facts = factsText(OUT), derivation = derivationText(OUT) } = parts;
  const outs = outputs.map((path) => `out ${path}\n`).join("");
  return `trustix-spool 1\ndrv ${drv}\n${outs}facts\n${facts}derivation\n${derivation}\nend\n`;
}

/** A store path of the `n`-th package, and its derivation's. */
export function nthPath(n: number, name = `package-${n}`): { out: string; drv: string } {
  const hash = String(n).padStart(32, "0");
  return { out: `/nix/store/${hash}-${name}`, drv: `/nix/store/${hash}-${name}.drv` };
}

/** The `n`-th package as an item. */
export function nthItem(n: number, attributes: Readonly<Record<string, string>> = {}, name?: string): string {
  const { out, drv } = nthPath(n, name);
  const derivation = derivationText(out, attributes);
  return itemText({ drv, outputs: [out], facts: factsText(out), derivation });
}
