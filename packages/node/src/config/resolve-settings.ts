/** The settings that stand for themselves: addresses, tokens, caches, owners, limits. */
import { resolve } from "node:path";
import type { StandingBounds } from "@trustix/decider";
import { parsePublicToken, type PublicToken } from "@trustix/protocol";
import { listenerOf, parseNodeName, parseRemote, parseUpstream } from "./addresses.ts";
import type { Config } from "./config.ts";
import type { Findings } from "./findings.ts";
import type { Limits } from "./limits.ts";
import { shownValue } from "./problems.ts";
import type { Files } from "../node-files.ts";
import { readUsers } from "../permission-hint.ts";
import type { ConfigFile } from "./schema.ts";

export function resolveRemotes(file: ConfigFile, findings: Findings): string[] {
  const remotes = file.remotes.map((text, i) => findings.attempt(["remotes", i], () => parseRemote(text)));
  return [...new Set(remotes.filter((url) => url !== undefined))];
}

export function resolveTokens(file: ConfigFile, findings: Findings): Map<string, PublicToken> {
  const tokens = new Map<string, PublicToken>();
  for (const [i, text] of file.write_tokens.entries()) {
    const path = ["write_tokens", i];
    const secret = 'something else came, "name:base64" of a 32-byte public key wanted (the public half of a token)';
    const token = findings.attempt(path, () => parsePublicToken(text), secret);
    if (token === undefined) continue;
    if (tokens.has(token.name)) findings.problem(path, `a second token named ${shownValue(token.name)}`);
    tokens.set(token.name, token);
  }
  return tokens;
}

export function resolvePeers(file: ConfigFile, findings: Findings): Pick<Config, "peers" | "peerTokens"> {
  const secret = 'something else came, "name:base64" of a 32-byte public key wanted (the public half of a token)';
  const peers = new Set<string>();
  const peerTokens: PublicToken[] = [];
  for (const [i, { url: address, token: text }] of file.peers.entries()) {
    const path = ["peers", i];
    if (address === undefined && text === undefined)
      findings.problem(path, "neither url nor token came", "write one or both");
    const url = address === undefined ? undefined : findings.attempt([...path, "url"], () => parseRemote(address));
    if (url !== undefined && peers.has(url)) findings.problem([...path, "url"], `${url} comes twice`);
    if (url !== undefined) peers.add(url);
    const token =
      text === undefined ? undefined : findings.attempt([...path, "token"], () => parsePublicToken(text), secret);
    if (token !== undefined) peerTokens.push(token);
  }
  return { peers: [...peers], peerTokens };
}

export function resolveUpstreams(file: ConfigFile, findings: Findings): Config["upstreams"] {
  return file.upstreams.flatMap((entry, i) => {
    const url = findings.attempt(["upstreams", i, "url"], () => parseUpstream(entry.url));
    const publicKeys = entry["public-keys"].map((text, k) => {
      // Nix's keys look as the public tokens do: a name, a colon, 32 bytes in base64.
      findings.attempt(["upstreams", i, "public-keys", k], () => parsePublicToken(text));
      return text.trim();
    });
    return url === undefined ? [] : [{ url, publicKeys }];
  });
}

export function resolveListeners(file: ConfigFile, findings: Findings): Config["listeners"] {
  const seen = new Set<string>();
  return file.listeners.flatMap((entry, i) => {
    const path = ["listeners", i];
    const names = entry.names.map((name, k) => findings.attempt([...path, "names", k], () => parseNodeName(name)));
    const listener = findings.attempt([...path, "address"], () =>
      listenerOf(entry.address, {
        private: entry.private,
        metrics: entry.metrics,
        names: names.filter((name) => name !== undefined),
        allowUnsignedReads: entry["allow-unsigned-reads"],
        allowReplayableTokens: entry["allow-replayable-tokens"],
      }),
    );
    if (listener === undefined) return [];
    const id = JSON.stringify(listener.address);
    if (seen.has(id)) findings.problem([...path, "address"], `${entry.address} is listened on twice`);
    seen.add(id);
    for (const key of ["allow-unsigned-reads", "allow-replayable-tokens"] as const) {
      if (!entry[key] || listener.private) continue;
      findings.problem(
        [...path, key],
        "true came, but it is about private services, which this listener does not serve",
        "set private = true as well, or leave both out",
      );
    }
    return [listener];
  });
}

/** User names to numbers, as the system's own file has them. */
export async function resolveOwners(file: ConfigFile, files: Files, findings: Findings): Promise<number[]> {
  const owners: number[] = [];
  let users: Map<string, number> | undefined;
  for (const [i, owner] of file["socket-owners"].entries()) {
    if (typeof owner === "number") {
      owners.push(owner);
      continue;
    }
    users ??= await readUsers(files);
    const uid = users.get(owner);
    if (uid === undefined) findings.problem(["socket-owners", i], `there is no user ${shownValue(owner)} here`);
    else owners.push(uid);
  }
  return owners;
}

export function resolveLimits(limits: ConfigFile["limits"]): Limits {
  return {
    messageBytes: limits["message-bytes"],
    answerBytes: limits["answer-bytes"],
    headerBytes: limits["header-bytes"],
    valueBytes: limits["value-bytes"],
    submitItems: limits["submit-items"],
    waitingItems: limits["waiting-items"],
    entries: limits.entries,
    values: limits.values,
    freeBytes: limits["free-bytes"],
    signedCalls: limits["signed-calls"],
    calls: limits.calls,
    connections: limits.connections,
    streams: limits.streams,
    callMs: limits["call-seconds"] * 1000,
    headerMs: limits["header-seconds"] * 1000,
    bodyMs: limits["body-seconds"] * 1000,
    idleMs: limits["idle-seconds"] * 1000,
  };
}

export function resolveStanding(standing: ConfigFile["standing"], findings: Findings): StandingBounds {
  for (const bound of ["packages", "odds"] as const) {
    const [suspect, exclude] = [standing[`suspect-${bound}`], standing[`exclude-${bound}`]];
    if (exclude >= suspect) continue;
    findings.problem(
      ["standing", `exclude-${bound}`],
      `${exclude} came, at least ${suspect} wanted: who is excluded is suspect before`,
      `raise it, or lower suspect-${bound}`,
    );
  }
  return {
    agreeing: standing.agreeing,
    share: standing["alone-percent"] / 100,
    factor: standing["alone-factor"],
    suspect: { packages: standing["suspect-packages"], odds: standing["suspect-odds"] },
    exclude: { packages: standing["exclude-packages"], odds: standing["exclude-odds"] },
  };
}

export function resolveMarker(
  file: ConfigFile,
  usual: string | undefined,
  folder: string,
  findings: Findings,
): string | undefined {
  if (file["head-marker"] !== undefined) return resolve(folder, file["head-marker"]);
  if (usual !== undefined) return usual;
  if (file.publishers.length === 0) return undefined;
  findings.problem(
    ["head-marker"],
    "missing, and neither XDG_CONFIG_HOME nor HOME says where the default is",
    'set head-marker = "/var/lib/trustix-heads" or another folder outside the state folder',
  );
  return undefined;
}
