import { expect, test } from "vitest";
import {
  configPlaces,
  defaultAddress,
  defaultConfigFile,
  defaultConfigFolder,
  defaultMarkerFolder,
  defaultStateFolder,
  tokenFiles,
} from "../src/default-places.ts";

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
    [{ HOME: "/root", XDG_CONFIG_HOME: "/c" }, 0, "/var/lib/trustix", "/c/trustix"],
    [{ HOME: "/root", XDG_CONFIG_HOME: "" }, 0, "/var/lib/trustix", "/etc/trustix"],
    [{ XDG_CONFIG_HOME: "/c", CONFIGURATION_DIRECTORY: "/etc/x:/etc/y" }, 0, "/var/lib/trustix", "/etc/x"],
    [{ HOME: "/home/a" }, 1000, "/home/a/.local/state/trustix", "/home/a/.config/trustix"],
    [{ HOME: "/home/a", XDG_STATE_HOME: "/s", XDG_CONFIG_HOME: "/c" }, 1000, "/s/trustix", "/c/trustix"],
  ];
  for (const [env, uid, state, config] of table) {
    expect([env, defaultStateFolder({ env, uid }), defaultConfigFolder({ env, uid })]).toEqual([env, state, config]);
  }
});

test("head markers lie beside the configuration, or where root's have been", () => {
  const table: [env: Env, uid: number, there: string[], wanted: string | undefined][] = [
    [{ HOME: "/home/a" }, 1000, [], "/home/a/.config/trustix/heads"],
    [{ HOME: "/home/a", XDG_CONFIG_HOME: "/c" }, 1000, [], "/c/trustix/heads"],
    [{}, 1000, [], undefined],
    [{ HOME: "/root", XDG_CONFIG_HOME: "/c" }, 0, ["/root/.config/trustix/heads"], "/c/trustix/heads"],
    [{ HOME: "/root" }, 0, [], "/etc/trustix/heads"],
    [{}, 0, [], "/etc/trustix/heads"],
    [{ HOME: "/root" }, 0, ["/root/.config/trustix/heads"], "/root/.config/trustix/heads"],
    [{ HOME: "/root" }, 0, ["/root/.config/trustix/heads", "/etc/trustix/heads"], "/etc/trustix/heads"],
    // Only read by the service that it is handed to.
    [{ HOME: "/var/lib/t", CONFIGURATION_DIRECTORY: "/etc/x" }, 990, [], "/var/lib/t/.config/trustix/heads"],
    [{ CONFIGURATION_DIRECTORY: "/etc/x" }, 0, [], "/etc/trustix/heads"],
  ];
  for (const [env, uid, there, wanted] of table) {
    expect([env, uid, there, defaultMarkerFolder({ env, uid }, (path) => there.includes(path))]).toEqual([
      env,
      uid,
      there,
      wanted,
    ]);
  }
});

test("head markers are read wherever another environment would have put them", () => {
  const table: [env: Env, uid: number, own: string | undefined, elsewhere: string[]][] = [
    [{ HOME: "/home/a" }, 1000, "/home/a/.config/trustix/heads", ["/etc/trustix/heads"]],
    [
      { HOME: "/home/a", XDG_CONFIG_HOME: "/c" },
      1000,
      "/c/trustix/heads",
      ["/home/a/.config/trustix/heads", "/etc/trustix/heads"],
    ],
    [{ HOME: "/a", XDG_CONFIG_HOME: "/a/.config" }, 1000, "/a/.config/trustix/heads", ["/etc/trustix/heads"]],
    // A folder of a name that is in no home, so that nothing is found there by chance.
    [{ HOME: "/no/root" }, 0, "/etc/trustix/heads", ["/no/root/.config/trustix/heads"]],
    [{ XDG_CONFIG_HOME: "/c" }, 0, "/c/trustix/heads", ["/etc/trustix/heads"]],
    [{}, 1000, undefined, ["/etc/trustix/heads"]],
  ];
  for (const [env, uid, headMarkers, headMarkersElsewhere] of table) {
    expect(configPlaces({ env, uid, cwd: "/run" })).toEqual({ cwd: "/run", headMarkers, headMarkersElsewhere });
  }
});

test("root's file in /etc/trustix is found although XDG_CONFIG_HOME is set, unless there is one where that says", () => {
  const [system, named] = ["/etc/trustix/trustix.toml", "/c/trustix/trustix.toml"];
  const table: [env: Env, uid: number, there: string[], wanted: string][] = [
    [{ XDG_CONFIG_HOME: "/c" }, 0, [], named],
    [{ XDG_CONFIG_HOME: "/c" }, 0, [system], system],
    [{ XDG_CONFIG_HOME: "/c" }, 0, [system, named], named],
    [{ XDG_CONFIG_HOME: "/c" }, 1000, [system], named],
    [{ CONFIGURATION_DIRECTORY: "/etc/x" }, 0, [system], "/etc/x/trustix.toml"],
    [{}, 0, [], system],
  ];
  for (const [env, uid, there, wanted] of table) {
    expect([env, uid, there, defaultConfigFile({ env, uid }, (path) => there.includes(path))]).toEqual([
      env,
      uid,
      there,
      wanted,
    ]);
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
  expect(tokenFiles({ env: { XDG_CONFIG_HOME: "/c" }, uid: 0 }).paths).toEqual([
    "/c/trustix/trustix.token",
    "/etc/trustix/trustix.token",
    "/var/lib/trustix/trustix.token",
  ]);
});
