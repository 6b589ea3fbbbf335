/** The small parts of the proxy, each by itself. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toNix32 } from "@trustix/nix-formats";
import { BytesLru } from "../../src/bytes-lru.ts";
import { rangeOf } from "../../src/proxy/byte-range.ts";
import { Breaker } from "../../src/http/breaker.ts";
import { decisionHeader, describeVotes } from "../../src/proxy/decision-header.ts";
import { COMPRESSIONS, formatNarName, parseNarName } from "../../src/proxy/nar-name.ts";
import { guardedLookup, isPublicAddress } from "../../src/http/public-address.ts";
import { routeOf } from "../../src/proxy/route.ts";
import { Semaphore } from "../../src/proxy/semaphore.ts";
import { UpstreamUrl } from "../../src/http/upstream-url.ts";

const HASH_PART = "14zmd4y3f3glkd6dd2jy6vhxp9fchzkb";
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("NAR names", () => {
  test("read back what was written", () => {
    fc.assert(
      fc.property(
        digest,
        fc.option(digest, { nil: undefined }),
        fc.constantFrom(...COMPRESSIONS),
        (narHash, fileHash, compression) => {
          const name = { hashPart: HASH_PART, narHash, fileHash, compression };
          const text = formatNarName(name);
          expect(parseNarName(text.slice(4))).toEqual(name);
          expect(routeOf(`/${text}`)).toEqual({ kind: "nar", name });
        },
      ),
      { numRuns: 50 },
    );
  });

  const hash = toNix32(new Uint8Array(32).fill(3));
  test.each([
    "",
    `${HASH_PART}.nar`,
    `${HASH_PART}-${hash}.nar.lzip`,
    `${HASH_PART}-${hash}.nar.xz.xz`,
    `${HASH_PART}-${hash}.narinfo`,
    `${HASH_PART}-${"z".repeat(52)}.nar`,
    `${HASH_PART}-${hash.toUpperCase()}.nar`,
    `${"e".repeat(32)}-${hash}.nar`,
    `${HASH_PART}-${hash}-${hash}-${hash}.nar`,
    `../${HASH_PART}-${hash}.nar`,
  ])("%j is none", (text) => {
    expect(parseNarName(text)).toBeUndefined();
  });
});

describe("targets", () => {
  test.each([
    ["/nix-cache-info", "cache-info"],
    [`/${HASH_PART}.narinfo`, "narinfo"],
    [`/${HASH_PART}.narinfo?x=1`, "narinfo"],
    ["/healthz", "healthz"],
    ["/metrics", "metrics"],
    ["/", "unknown"],
    ["/nar/", "unknown"],
    ["/nar/../../etc/passwd", "unknown"],
    ["/nar/%2e%2e/%2e%2e/etc/passwd", "unknown"],
    [`/${"e".repeat(32)}.narinfo`, "unknown"],
    [`/${HASH_PART.slice(1)}.narinfo`, "unknown"],
    [`/x${HASH_PART}.narinfo`, "unknown"],
    [`/${HASH_PART}.ls`, "unknown"],
    ["/log/x.drv", "unknown"],
    ["/%zz", "malformed"],
    ["/%", "malformed"],
    ["/%c3%28", "malformed"],
    ["/%00", "malformed"],
    ["/%0d%0aX: y", "malformed"],
    ["http://elsewhere/nix-cache-info", "malformed"],
    ["*", "malformed"],
    ["", "malformed"],
    [`/${"a".repeat(2000)}`, "malformed"],
  ])("%j is %s", (target, kind) => {
    expect(routeOf(target).kind).toBe(kind);
  });

  test("any text is one of the kinds", () => {
    fc.assert(
      fc.property(fc.string(), (text) => void routeOf(`/${text}`)),
      { numRuns: 300 },
    );
  });
});

describe("ranges", () => {
  test.each([
    [undefined, "whole"],
    ["bytes=0-", { start: 0, end: 99 }],
    ["bytes=10-19", { start: 10, end: 19 }],
    ["bytes=10-1000", { start: 10, end: 99 }],
    ["bytes=-10", { start: 90, end: 99 }],
    ["bytes=-1000", { start: 0, end: 99 }],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=-", "whole"],
    ["bytes=20-10", "whole"],
    ["bytes=a-b", "whole"],
    ["bytes=0-1,3-4", "whole"],
    ["bytes=99999999999999999999-", "whole"],
    ["items=0-1", "whole"],
  ])("%j of 100 bytes is %j", (header, expected) => {
    expect(rangeOf(header, 100)).toEqual(expected);
  });
});

describe("addresses", () => {
  test.each(["1.1.1.1", "192.0.66.1", "2606:4700::1111", "::ffff:8.8.8.8"])("%s is public", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each([
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
    "localhost",
    "",
  ])("%s is not", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  type Lookup = Parameters<typeof guardedLookup>[1];
  const answering = (...addresses: string[]): Lookup =>
    ((_name: string, _options: object, done: (error: null, found: object[]) => void) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      )) as unknown as Lookup;
  const resolve = (all: boolean, lookup: Lookup) =>
    new Promise<unknown>((done, fail) =>
      guardedLookup(isPublicAddress, lookup)("name.example", { all }, (error, address) =>
        error ? fail(error) : done(address),
      ),
    );

  test("a name is connected to by its public addresses only", async () => {
    const mixed = answering("127.0.0.1", "1.1.1.1", "fe80::1", "2606:4700::1111");
    expect(await resolve(false, mixed)).toBe("1.1.1.1");
    expect(await resolve(true, mixed)).toEqual([
      { address: "1.1.1.1", family: 4 },
      { address: "2606:4700::1111", family: 6 },
    ]);
  });

  test("a name with private addresses only is not connected to", async () => {
    for (const all of [true, false]) {
      await expect(resolve(all, answering("10.0.0.1", "::1"))).rejects.toThrow("name.example has no public address");
      await expect(resolve(all, answering())).rejects.toThrow("no public address");
    }
  });
});

describe("where an upstream leads", () => {
  const upstream = new UpstreamUrl("http://us%65r:p%40ss@10.0.0.5:8080/cache?x#y", isPublicAddress);

  test("its label has no credentials, and they are ready for its own host", () => {
    expect(upstream.label).toBe("http://10.0.0.5:8080/cache/");
    expect(upstream.authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
  });

  test.each([
    ["nar/a?b=c", "http://10.0.0.5:8080/cache/nar/a?b=c", true, true],
    ["/nar/a", "http://10.0.0.5:8080/nar/a", true, true],
    ["http://10.0.0.5:8080/x", "http://10.0.0.5:8080/x", true, false],
    ["https://10.0.0.5:8080/x", "https://10.0.0.5:8080/x", true, false],
    ["https://files.example/x", "https://files.example/x", false, false],
    ["//files.example/x#y", "http://files.example/x", false, false],
    ["\\\\files.example\\x", "http://files.example/x", false, false],
    ["http://1.1.1.1/x", "http://1.1.1.1/x", false, false],
  ])("%s may be followed", (reference, url, own, trusted) => {
    const target = upstream.resolve(reference);
    expect({ ...target, url: target.url.href }).toEqual({ url, own, trusted });
    expect(upstream.follow(reference, target.url).trusted).toBe(false);
  });

  test.each([
    "http://10.0.0.5:22/x",
    "https://10.0.0.5/x",
    "http://10.0.0.5/x",
    "http://10.0.0.6/x",
    "http://127.0.0.1/x",
    "http://0x7f.1/x",
    "http://2130706433/x",
    "http://[::1]/x",
    "http://[::ffff:7f00:1]/x",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "ftp://files.example/x",
    "http://user@files.example/x",
    "http://[/x",
  ])("%s may not", (reference) => {
    expect(() => upstream.resolve(reference)).toThrow(/leads to/);
  });

  test.each(["file:///tmp/cache", "s3://bucket", "not a url"])("%s is no upstream", (url) => {
    expect(() => new UpstreamUrl(url, isPublicAddress)).toThrow(TypeError);
  });
});

describe("the breaker", () => {
  function setUp() {
    const time = { now: 0 };
    const states: string[] = [];
    const probes: ((answers: boolean) => void)[] = [];
    const breaker = new Breaker({
      clock: { now: () => time.now, after: () => ({ cancel: () => undefined }) },
      rest: 1000,
      probe: () => new Promise((resolve) => probes.push(resolve)),
      changed: (state) => states.push(state),
    });
    const settle = async (answers: boolean) => {
      probes.shift()!(answers);
      await Promise.resolve();
      await Promise.resolve();
    };
    return { time, states, probes, breaker, settle };
  }

  test("opens at once on silence, and after three refusals in a row", () => {
    const silent = setUp().breaker;
    silent.failed("silence");
    expect(silent.allows()).toBe(false);
    const refusing = setUp().breaker;
    refusing.failed("refusal");
    refusing.failed("refusal");
    refusing.succeeded();
    refusing.failed("refusal");
    refusing.failed("refusal");
    expect(refusing.allows()).toBe(true);
    refusing.failed("refusal");
    expect(refusing.allows()).toBe(false);
  });

  test("after its rest one probe decides, while requests still pass it by", async () => {
    const { time, breaker, probes, settle, states } = setUp();
    breaker.failed("silence");
    time.now = 999;
    expect(breaker.allows()).toBe(false);
    expect(probes.length).toBe(0);
    time.now = 1000;
    expect(breaker.allows()).toBe(false);
    expect(breaker.allows()).toBe(false);
    expect(probes.length).toBe(1);
    await settle(true);
    expect(breaker.allows()).toBe(true);
    expect(states).toEqual(["resting", "probing", "working"]);
  });

  test("rests twice as long after each failed probe, up to sixteen times", async () => {
    const { time, breaker, probes, settle } = setUp();
    breaker.failed("silence");
    for (const rest of [1000, 2000, 4000, 8000, 16_000, 16_000]) {
      time.now += rest - 1;
      breaker.allows();
      expect(probes.length).toBe(0);
      time.now += 1;
      breaker.allows();
      expect(probes.length).toBe(1);
      await settle(false);
    }
  });
});

test("the cache in memory stays within its bytes and keeps what was used last", () => {
  const cache = new BytesLru<number>(3 * (BytesLru.OVERHEAD + 101));
  for (const key of ["a", "b", "c"]) cache.set(key, 1, 100);
  cache.get("a");
  cache.set("d", 1, 100);
  expect(["a", "b", "c", "d"].map((key) => cache.get(key))).toEqual([1, undefined, 1, 1]);
  cache.set("huge", 1, 10_000);
  expect(cache.get("huge")).toBeUndefined();
  expect(cache.size).toBe(3);
  cache.set("a", 2, 0);
  expect(cache.get("a")).toBe(2);
  for (const key of ["a", "c", "d"]) cache.delete(key);
  expect(cache.bytes).toBe(0);
});

test("places are given in order and come back once", async () => {
  const places = new Semaphore(1);
  const leave = await places.take();
  const order: number[] = [];
  const second = places.take().then((leave) => {
    order.push(2);
    return leave;
  });
  const third = places.take().then((leave) => {
    order.push(3);
    return leave;
  });
  leave();
  leave();
  const leaveSecond = await second;
  expect(order).toEqual([2]);
  leaveSecond();
  (await third)();
  expect(order).toEqual([2, 3]);
});

test("the decision header is one line of visible characters, whatever the rule says", () => {
  const header = decisionHeader({ outcome: "undecided", reason: 'a "quoted" \\ rule\r\nEvil: yes \u{1f600}' });
  expect(header).toBe('undecided; rule="a \\"quoted\\" \\\\ rule??Evil: yes ??"');
  expect(decisionHeader({ outcome: "no-source", reason: "x".repeat(10_000) }).length).toBeLessThan(400);
});

test("a rule that is too long for a header ends at a word, and never in the middle of a figure", () => {
  const rule = (reason: string) => /rule="(.*)"$/.exec(decisionHeader({ outcome: "undecided", reason }))?.[1];
  const standing = "saturn is excluded (alone on 36 packages: by chance less than once in 1 000 000 000 000)";
  for (let filler = 200; filler < 320; filler++) {
    const said = rule(`${"x".repeat(filler)} ${standing}, and so on for long`)!;
    expect(said.length).toBeLessThanOrEqual(300);
    expect(said).toMatch(/^x+ ?.*[^ ,;:(] \.\.\.$|^x+\.\.\.$/);
    expect(said).not.toMatch(/1( 000){0,3} \.\.\.$/);
  }
  expect(rule("y".repeat(300))).toBe("y".repeat(300));
});

test("votes are told with who said what", () => {
  expect(describeVotes([])).toBe("nobody was asked");
  const votes = [
    { voter: "mercury", outcome: "claims" as const, narHash: "sha256-AAA", reason: "" },
    { voter: "mars", outcome: "unreachable" as const, reason: "connection refused" },
  ];
  expect(describeVotes(votes)).toBe("mercury claims sha256-AAA, mars unreachable (connection refused)");
});
