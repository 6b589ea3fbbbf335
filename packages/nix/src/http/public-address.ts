/**
 * Where an upstream may send the proxy: public addresses only, judged after resolution and by the very addresses that are
 * connected to, so that a name cannot resolve differently a moment later. Else any cache could make the proxy ask the
 * machine's own services or its cloud's metadata.
 */
import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

/** False for loopback, private, link-local, shared, reserved, translated (6to4, NAT64) and all other special addresses. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return parsed.range() === "unicast";
}

/** The address in a URL's host name when it is one, not a name; without the brackets of IPv6. */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? undefined : bare;
}

/** A `lookup` for `net.connect` that leaves out addresses which are not allowed, and fails when none is left. */
export function guardedLookup(allowed: (address: string) => boolean, lookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const usable = addresses.filter(({ address }) => allowed(address));
      const first = usable[0];
      if (first === undefined) {
        const refusal: NodeJS.ErrnoException = new Error(`${hostname} has no public address`);
        refusal.code = "EACCES";
        return callback(refusal, []);
      }
      if (options.all) callback(null, usable);
      else callback(null, first.address, first.family);
    });
  };
}
