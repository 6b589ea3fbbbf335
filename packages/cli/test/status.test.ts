import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type MirrorStatusSchema, RemoteStatus_States, StatusResponseSchema } from "@trustix/proto";
import { expect, test } from "vitest";
import { troublesOf } from "../src/commands/status.ts";

type Status = MessageInitShape<typeof StatusResponseSchema>;

const followed = (...remotes: [state: RemoteStatus_States, why?: string][]): Status => ({
  Followed: [
    {
      Name: "saturn",
      Remotes: remotes.map(([State, Why = ""], i) => ({ URL: `http://${"abc"[i]}:1`, State, Since: 1n, Why })),
    },
  ],
});
const HEAD = {
  LogRoot: new Uint8Array(32),
  MapRoot: new Uint8Array(32),
  MHRoot: new Uint8Array(32),
  MHTreeSize: 1n,
  Signature: new Uint8Array(64),
};
/** Followed where it can be reached, and copied so far. */
const copied = (Mirror: MessageInitShape<typeof MirrorStatusSchema>): Status => ({
  Followed: [
    {
      Name: "saturn",
      Head: { ...HEAD, TreeSize: 9n },
      Remotes: [{ URL: "http://a:1", State: RemoteStatus_States.REACHABLE, Since: 1n }],
      Mirror,
    },
  ],
});
const { REACHABLE, UNKNOWN, UNREACHABLE, REFUSED } = RemoteStatus_States;
const lacking: [RemoteStatus_States, string] = [REFUSED, "it answers not_found: no such log"];
const contradicting: [RemoteStatus_States, string] = [REFUSED, "two heads of size 7"];

test("what is wrong is told, and a person called for what does not mend itself", () => {
  const refused = "what http://a:1 says of it was refused: two heads of size 7";
  const table: [name: string, status: Status, wrong: string[], called: boolean][] = [
    ["nothing configured", {}, [], false],
    ["a log that signs", { Published: [{ Name: "mine", Waiting: 5n, Refused: 3n }] }, [], false],
    [
      "a log that signs nothing",
      { Published: [{ Name: "mine", Stopped: "the store is behind" }] },
      ["it signs nothing: the store is behind"],
      true,
    ],
    ["a remote that answers", followed([REACHABLE]), [], false],
    ["a remote not asked yet", followed([UNKNOWN]), [], false],
    [
      "a remote that is down",
      followed([UNREACHABLE, "connection refused"]),
      ["no remote that could serve it is reachable"],
      false,
    ],
    ["one that is down beside one that answers", followed([UNREACHABLE], [REACHABLE]), [], false],
    [
      "one that is down beside one without the log",
      followed([UNREACHABLE], lacking),
      ["no remote that could serve it is reachable"],
      false,
    ],
    ["one without the log beside one not asked yet", followed(lacking, [UNKNOWN]), [], false],
    ["one without the log beside one with it", followed(lacking, [REACHABLE]), [], false],
    [
      "remotes without the log",
      followed(lacking, lacking),
      ["no remote serves it: `remotes` names none that publishes this log"],
      true,
    ],
    ["no remotes", followed(), ["no remote is configured, so that it cannot be followed"], true],
    ["a head that contradicts", followed(contradicting), [refused], true],
    [
      "a log whose key lied, at places with it, without it, and away",
      {
        Followed: [{ ...followed([REACHABLE], lacking, [UNREACHABLE]).Followed![0]!, Against: "two heads of size 7" }],
      },
      [
        "its own key signed the proof against it: two heads of size 7; nothing it says counts any more, whoever serves it",
      ],
      true,
    ],
    ["one beside a good one", followed(contradicting, [REACHABLE]), [refused], true],
    ["one beside one that is down", followed(contradicting, [UNREACHABLE]), [refused], true],
    ["a copy on its way", copied({ Target: 9n }), [], false],
    ["a copy that is whole", copied({ Target: 9n, Served: { ...HEAD, TreeSize: 9n } }), [], false],
    [
      "a copy that is whole, with something that failed before",
      copied({ Target: 9n, Served: { ...HEAD, TreeSize: 9n }, Why: "http://a:1: down" }),
      [],
      false,
    ],
    [
      "a copy that is held up",
      copied({ Target: 9n, Why: "http://a:1: down" }),
      ["its copy is held up: http://a:1: down"],
      false,
    ],
    [
      "a log that lies",
      copied({ Target: 9n, Lie: true, Why: "the map root is not" }),
      ["it lies: the map root is not"],
      true,
    ],
  ];
  for (const [name, status, wrong, called] of table) {
    const troubles = troublesOf(create(StatusResponseSchema, status));
    const needed = troubles.some(({ mendsItself }) => !mendsItself);
    expect([name, troubles.map(({ what }) => what), needed]).toEqual([name, wrong, called]);
  }
});
