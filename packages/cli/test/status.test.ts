import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { RemoteStatus_States, StatusResponseSchema } from "@trustix/proto";
import { expect, test } from "vitest";
import { needsPerson } from "../src/commands/status.ts";

type Status = MessageInitShape<typeof StatusResponseSchema>;

const remote = (State: RemoteStatus_States, Why = ""): Status => ({
  Followed: [{ Name: "saturn", Remotes: [{ URL: "http://a:1", State, Since: 1n, Why }] }],
});

test("a person is called for what does not mend itself, and for nothing else", () => {
  const table: [name: string, status: Status, called: boolean][] = [
    ["nothing configured", {}, false],
    ["a log that signs", { Published: [{ Name: "mine", Waiting: 5n, Refused: 3n }] }, false],
    ["a log that signs nothing", { Published: [{ Name: "mine", Stopped: "the store is behind" }] }, true],
    ["a remote that is down", remote(RemoteStatus_States.UNREACHABLE, "connection refused"), false],
    ["a remote not asked yet", remote(RemoteStatus_States.UNKNOWN), false],
    ["a remote without this log", remote(RemoteStatus_States.REFUSED, "it answers not_found: no such log"), false],
    ["a head that contradicts", remote(RemoteStatus_States.REFUSED, "two heads of size 7"), true],
  ];
  for (const [name, status, called] of table) {
    expect([name, needsPerson(create(StatusResponseSchema, status))]).toEqual([name, called]);
  }
});
