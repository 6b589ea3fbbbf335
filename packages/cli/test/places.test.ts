import { expect, test } from "vitest";
import { defaultAddress, defaultConfigFolder, defaultStateFolder, tokenFiles } from "../src/default-places.ts";

type Env = Record<string, string>;

test("the node is where TRUSTIX_RPC says, else at the first socket that is there, else in the first folder", () => {
  const table: [env: Env, there: string[], wanted: string][] = [
    [{ TRUSTIX_RPC: "http://a:1", XDG_RUNTIME_DIR: "/run/u" }, ["/run/u/trustix.socket"], "http://a:1"],
    [{ RUNTIME_DIRECTORY: "/run/t:/run/x" }, ["/run/t"], "unix:///run/t/trustix.socket"],
    [{ XDG_RUNTIME_DIR: "/run/u" }, ["/run/u"], "unix:///run/u/trustix.socket"],
    [{ XDG_RUNTIME_DIR: "/run/u" }, ["/run/u", "/tmp/trustix.socket"], "unix:///tmp/trustix.socket"],
    [
      { XDG_RUNTIME_DIR: "/run/u" },
      ["/run/u", "/run/u/trustix.socket", "/tmp/trustix.socket"],
      "unix:///run/u/trustix.socket",
    ],
    [{ XDG_RUNTIME_DIR: "/gone" }, ["/tmp"], "unix:///tmp/trustix.socket"],
    [{ TRUSTIX_RPC: "" }, ["/tmp"], "unix:///tmp/trustix.socket"],
    [{}, [], "unix:///tmp/trustix.socket"],
  ];
  for (const [env, there, wanted] of table) {
    expect([env, defaultAddress({ env, uid: 1000 }, (path) => there.includes(path))]).toEqual([env, wanted]);
  }
});

test("state and configuration lie where systemd, the system or the user has them", () => {
  const table: [env: Env, uid: number, state: string, config: string][] = [
    [{ STATE_DIRECTORY: "/var/lib/x", CONFIGURATION_DIRECTORY: "/etc/x" }, 990, "/var/lib/x", "/etc/x"],
    [{ HOME: "/root" }, 0, "/var/lib/trustix", "/etc/trustix"],
    [{ HOME: "/home/a" }, 1000, "/home/a/.local/state/trustix", "/home/a/.config/trustix"],
    [{ HOME: "/home/a", XDG_STATE_HOME: "/s", XDG_CONFIG_HOME: "/c" }, 1000, "/s/trustix", "/c/trustix"],
  ];
  for (const [env, uid, state, config] of table) {
    expect([env, defaultStateFolder({ env, uid }), defaultConfigFolder({ env, uid })]).toEqual([env, state, config]);
  }
});

test("TRUSTIX_TOKEN is the only token file if it is set", () => {
  expect(tokenFiles({ env: { TRUSTIX_TOKEN: "/t" }, uid: 0 })).toEqual({ paths: ["/t"], told: true });
  expect(tokenFiles({ env: {}, uid: 0 })).toEqual({
    paths: ["/etc/trustix/trustix.token", "/var/lib/trustix/trustix.token"],
    told: false,
  });
  expect(tokenFiles({ env: {}, uid: 0 }, true).paths).toEqual([
    "/var/lib/trustix/trustix.token",
    "/etc/trustix/trustix.token",
  ]);
});
