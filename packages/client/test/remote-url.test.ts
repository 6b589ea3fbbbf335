import { expect, test } from "vitest";
import { RemoteUrlError, parseRemoteUrl } from "../src/index.ts";
import { audienceOf } from "../src/remote-url.ts";

test.each([
  ["http://localhost:8080", { kind: "http", origin: "http://localhost:8080", path: "" }],
  ["https://log.example/trustix/", { kind: "https", origin: "https://log.example", path: "/trustix" }],
  ["unix:///run/trustix.socket", { kind: "unix", socket: "/run/trustix.socket" }],
  ["unix:/run/trustix.socket", { kind: "unix", socket: "/run/trustix.socket" }],
])("%s is a remote", (text, address) => {
  expect(parseRemoteUrl(text)).toEqual(address);
});

test.each([
  "",
  "localhost:8080",
  "ftp://host",
  "unix://relative/path",
  "unix:",
  "unix:///",
  "http://",
  "http://user:secret@host",
  "http://host/?q=1",
  "http://host/#x",
])("%j is not", (text) => {
  expect(() => parseRemoteUrl(text)).toThrow(RemoteUrlError);
});

test("a refused URL is never repeated with its password", () => {
  expect(() => parseRemoteUrl("http://user:secret@host")).toThrow(/^(?!.*secret)/);
});

test.each([
  ["http://LocalHost:8080", "localhost:8080"],
  ["http://log.example", "log.example:80"],
  ["https://log.example/trustix", "log.example:443"],
  ["https://log.example:443", "log.example:443"],
  ["http://[2001:DB8:0::1]:80", "[2001:db8::1]:80"],
  ["http://127.1:8080", "127.0.0.1:8080"],
  ["unix:///run/trustix.socket", "local"],
])("the node at %s is called %s", (url, audience) => {
  expect(audienceOf(parseRemoteUrl(url))).toBe(audience);
});
