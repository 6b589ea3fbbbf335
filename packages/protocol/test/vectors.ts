/** The golden vectors, made by the existing programs, and those of signed calls. Shapes only; the tests say what each must give. */
import { readFileSync } from "node:fs";

function load(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), "utf8"));
}

export type LogIdCase =
  | {
      readonly protocol: string;
      readonly protocolID: string;
      readonly keyType: string;
      readonly mode: number;
      readonly pubKeyHex: string;
      readonly logID: string;
    }
  | { readonly protocol: string; readonly error: string };
export const logIds = load("a-logid") as { readonly cases: readonly LogIdCase[] };

export interface HeadVector {
  readonly logRoot: string;
  readonly treeSize: number;
  readonly mapRoot: string;
  readonly mhRoot: string;
  readonly mhTreeSize: number;
  readonly preimage: string;
  readonly signedDigest: string;
  readonly signature: string;
  readonly protobuf: string;
  readonly verify: boolean;
}
export const logHeads = load("d-loghead") as {
  readonly logs: readonly {
    readonly heads: readonly HeadVector[];
    readonly logID: string;
    readonly privKeyBase64: string;
    readonly protocol: string;
    readonly publicKey: string;
  }[];
};

export const mapEntries = load("e-mapentry") as {
  readonly encode: readonly { readonly digest: string; readonly index: string; readonly hex: string }[];
  readonly decode: readonly {
    readonly json: string;
    readonly digest: string;
    readonly index: string | null;
    readonly error: string;
  }[];
};

export const tokens = load("f-token") as {
  readonly cases: readonly {
    readonly tokenFile: string;
    readonly name: string;
    readonly procedure: string;
    readonly header: string;
    readonly signature: string;
  }[];
  readonly badTokens: readonly {
    readonly input: string;
    readonly NewPrivateToken: string;
    readonly NewPublicTokenFromPub: string;
  }[];
};

/** Made by a program that shares no code with ours. */
export const signedCalls = load("signed-call") as {
  readonly cases: readonly {
    readonly description: string;
    readonly seed: string;
    readonly publicKey: string;
    readonly name: string;
    readonly procedure: string;
    readonly audience: string;
    readonly time: number;
    readonly nonce: string;
    readonly body: string;
    readonly signed: string;
    readonly header: string;
  }[];
  readonly refused: readonly { readonly description: string; readonly header: string; readonly code: string }[];
};
