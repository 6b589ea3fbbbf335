/**
 * Public binary caches that `trustix init --caches` can make voters: addresses and keys as their own documentation gives
 * them. A mirror is no voter: it hands on what the cache's key signed, and is another place to ask for that.
 *
 * To add one, take both from a page of whoever runs it, and note the page and the day. Never from memory, and never from
 * somebody else's configuration.
 */

export interface KnownCache {
  readonly name: string;
  readonly url: string;
  /** `name:base64`, as nix.conf has it. */
  readonly publicKey: string;
  readonly source: Source;
  readonly mirrors: readonly KnownMirror[];
}

export interface KnownMirror {
  readonly name: string;
  readonly url: string;
  readonly source: Source;
}

/** The page of whoever runs it, and when it was looked at. */
interface Source {
  readonly page: string;
  readonly on: string;
}

const from = (page: string): Source => ({ page, on: "2026-11-25" });

export const KNOWN_CACHES: readonly KnownCache[] = [
  {
    name: "nixos",
    url: "https://cache.nixos.org",
    publicKey: "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
    // Defaults of `substituters` and `trusted-public-keys`; the page is made from src/libstore/globals.hh of NixOS/nix.
    source: from("https://nix.dev/manual/nix/stable/command-ref/conf-file.html"),
    mirrors: [
      {
        name: "tuna",
        url: "https://mirrors.tuna.tsinghua.edu.cn/nix-channels/store",
        source: from("https://mirrors.tuna.tsinghua.edu.cn/help/nix-channels/"),
      },
      {
        name: "ustc",
        url: "https://mirrors.ustc.edu.cn/nix-channels/store",
        source: from("https://mirrors.ustc.edu.cn/help/nix-channels.html"),
      },
      {
        name: "sjtug",
        url: "https://mirror.sjtu.edu.cn/nix-channels/store",
        source: from("https://mirror.sjtu.edu.cn/docs/nix-channels/store"),
      },
    ],
  },
  {
    name: "nix-community",
    url: "https://nix-community.cachix.org",
    publicKey: "nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs=",
    source: from("https://nix-community.org/cache/"),
    mirrors: [],
  },
  {
    name: "garnix",
    url: "https://cache.garnix.io",
    publicKey: "cache.garnix.io:CTFPyKSLcx5RMJKfLo5EEPUObbA78b0YQ2DTCJXqr9g=",
    source: from("https://garnix.io/docs/caching"),
    mirrors: [],
  },
  {
    name: "iog",
    url: "https://cache.iog.io",
    publicKey: "hydra.iohk.io:f/Ea+s+dFdN+3Y/G+FDgSq+a5NEWhJGzdjvKNGv0/EQ=",
    source: from("https://input-output-hk.github.io/haskell.nix/tutorials/getting-started"),
    mirrors: [],
  },
];
