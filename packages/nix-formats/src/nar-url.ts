/**
 * The `URL` of a narinfo, as another party wrote it: opaque (UUIDs, queries, absolute ones exist), but never a way out.
 * Refused: other schemes than http(s), user names, `..` also when percent-encoded, bad percent-encoding, backslashes,
 * fragments, white space. Whether an absolute one may be followed is for whoever follows it.
 */
import { NixFormatError, shown } from "./error.ts";

const MAX_URL = 2048;

/** `text` unchanged. Throws `NixFormatError`. */
export function checkNarUrl(text: string): string {
  const bad = (why: string) => new NixFormatError("URL", "", `${shown(text)}: ${why}`);
  if (text === "") throw bad("empty");
  if (text.length > MAX_URL) throw bad(`${text.length} characters came, at most ${MAX_URL} wanted`);
  const stray = /[^!$-;=?-[\]_a-z~]/.exec(text);
  if (stray) throw bad(`character ${shown(stray[0])} is not allowed`);
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw bad("bad percent-encoding");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  if (scheme) checkAbsolute(scheme[1]!, text, bad);
  else if (text.startsWith("//")) throw bad("a path or an absolute http(s) URL wanted");
  const path = decodePath(text.split("?", 1)[0]!, bad);
  if (path.split(/[/\\]/).some((segment) => segment === "..")) throw bad('".." is not allowed');
  return text;
}

function checkAbsolute(scheme: string, text: string, bad: (why: string) => NixFormatError): void {
  if (!/^https?$/.test(scheme)) throw bad(`scheme ${shown(scheme)} came, http or https wanted`);
  const authority = /^[a-z]+:\/\/([^/?]*)/.exec(text)?.[1];
  if (!authority) throw bad("no host");
  if (authority.includes("@")) throw bad("a user name is not allowed");
}

function decodePath(path: string, bad: (why: string) => NixFormatError): string {
  // %2e, %2f and %5c are what can hide a ".." segment; a second layer (%252e) is a plain name to every server.
  const decoded = path.replace(/%2e/gi, ".").replace(/%2f/gi, "/").replace(/%5c/gi, "\\");
  if (/%(?:0[0-9a-f]|1[0-9a-f]|7f)/i.test(path)) throw bad("encoded control characters are not allowed");
  return decoded;
}
