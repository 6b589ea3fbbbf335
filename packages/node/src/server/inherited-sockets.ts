/** Listening sockets that systemd hands over: `LISTEN_FDS` of them from descriptor 3, if `LISTEN_PID` is this process. */
import { fstatSync, readlinkSync, readFileSync } from "node:fs";
import { NodeError } from "../errors.ts";
import { defaultOptions, type ListenerOptions } from "./listener-options.ts";

const FIRST = 3;
const MOST = 64;

/**
 * One listener for each socket: all services on unix sockets, public ones on TCP. Empty when there are none. Throws
 * `bad_config`.
 */
export function inheritedListeners(env: Readonly<Record<string, string | undefined>>, pid: number): ListenerOptions[] {
  const count = env["LISTEN_FDS"];
  if (count === undefined || env["LISTEN_PID"] !== String(pid)) return [];
  if (!/^[0-9]{1,3}$/.test(count) || Number(count) > MOST) {
    throw new NodeError("bad_config", `LISTEN_FDS: ${JSON.stringify(count)} came, a number up to ${MOST} wanted`);
  }
  return Array.from({ length: Number(count) }, (_, i) => {
    const fd = FIRST + i;
    if (!isSocket(fd)) throw new NodeError("bad_config", `LISTEN_FDS: descriptor ${fd} is not a socket`);
    return defaultOptions({ kind: "inherited", fd, path: unixPathOf(fd) });
  });
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}

/** The kernel lists unix sockets with their inode and path; TCP ones are not among them. */
function unixPathOf(fd: number): string | undefined {
  const inode = /^socket:\[([0-9]+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  for (const line of readFileSync("/proc/self/net/unix", "utf8").split("\n")) {
    const [, , , , , , found, ...path] = line.trim().split(/ +/);
    if (found !== inode || inode === undefined) continue;
    const name = path.join(" ");
    // A socket without a file (unnamed, or of the abstract kind) has no owner and no mode: anybody here may connect.
    return name.startsWith("/") ? name : undefined;
  }
  return undefined;
}
