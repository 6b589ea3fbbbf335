import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { BuilderStatus_Causes, BuilderStatusSchema } from "@trustix/proto";
import { expect, test } from "vitest";
import { unjudgedDissent } from "../src/builders.ts";

type Builder = MessageInitShape<typeof BuilderStatusSchema>;

test("that too few are left to judge anybody's dissent is said, with what mends it", () => {
  const good = (Others: number, OthersExcluded: number, Needed: number): Builder => ({
    Others,
    OthersExcluded,
    Needed,
  });
  const out: Builder = { Cause: BuilderStatus_Causes.USER, Others: 2, Needed: 2 };
  const table: [builders: Builder[], why: string | undefined, remedy?: string, byExclusion?: boolean][] = [
    [[], undefined],
    [[{}], undefined],
    [[good(2, 0, 2)], undefined],
    [[good(2, 1, 2), { ...out, Others: 3 }], undefined],
    [
      [good(1, 1, 2), out],
      "each has 1 other to be compared with, 1 excluded, and 2 that agree are needed",
      "follow another builder, pardon one that is excluded if it deserves it",
      true,
    ],
    [
      [out, good(2, 2, 3)],
      "each has 2 others to be compared with, 2 excluded, and 3 that agree are needed",
      "follow another builder, pardon one that is excluded if it deserves it, or set standing.agreeing to fewer, who together could then push an honest one out",
      true,
    ],
    [
      [good(1, 0, 2)],
      "each has 1 other to be compared with, and 2 that agree are needed",
      "follow another builder",
      false,
    ],
    // Nobody is left whose dissent could be judged.
    [[{ ...out, Others: 0 }], undefined],
  ];
  for (const [builders, why, remedy, byExclusion] of table) {
    const found = unjudgedDissent(builders.map((builder) => create(BuilderStatusSchema, builder)));
    expect(found).toEqual(why === undefined ? undefined : { why, remedy, byExclusion });
  }
});
