/** What is heard of caches, whatever comes in which order: the first statement of a key stays, and fewer signers tell more. */
import fc from "fast-check";
import type { StorePath } from "@trustix/nix-formats";
import { utf8 } from "@trustix/crypto";
import { describe, expect, test } from "vitest";
import { readAnswer, type SignedAnswer, type VoterKey } from "../../src/cache-voters/read-answer.ts";
import { Voices, type NewAnswer } from "../../src/cache-voters/voices.ts";
import type { KeptVoice, LogId } from "@trustix/protocol";
import { crypto, keyNamed, packageOf, publicKeyOf } from "../proxy/world.ts";
import { altered, idOf, narInfoOf } from "./caches.ts";

const { facts } = packageOf("hello");
const path: StorePath = facts.storePath;
const NAMES = ["a-1", "b-1", "c-1"];
const IDS = NAMES.map((name) => idOf(keyNamed(name)));
const KEYS: VoterKey[] = NAMES.map((name, i) => ({ ...publicKeyOf(keyNamed(name)), voter: IDS[i]! }));

/** Every narinfo there can be: of two results, signed by some of three. Made once, because signing is slow. */
const ANSWERS: SignedAnswer[] = [facts, altered(facts)].flatMap((stated) =>
  [1, 2, 3, 4, 5, 6, 7].map((bits) => {
    const signers = NAMES.filter((_, i) => bits & (1 << i)).map(keyNamed);
    return readAnswer(crypto, KEYS, path, utf8(narInfoOf(stated, signers)));
  }),
);

const heard = fc.record({ host: fc.constantFrom(...IDS), answer: fc.constantFrom(...ANSWERS) });
/** One answer a cache. */
const round = fc.uniqueArray(heard, { selector: ({ host }) => host, maxLength: 3 });

const summary = (voices: Voices) =>
  IDS.map((id) => {
    const { own, claim, checkedAt, changedAt } = voices.of(id);
    return [own?.narInfo, own?.firstSeen, own?.confirmedAt, claim?.facts, claim?.firstSeen, checkedAt, changedAt];
  });

function after(rounds: readonly (readonly NewAnswer[])[]): Voices {
  const voices = new Voices(new Map());
  for (const [i, answers] of rounds.entries()) voices.add(answers, 1000 + i);
  return voices;
}

describe("whatever is heard", () => {
  test("the order of what comes at one time changes nothing", () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 3 }), (rounds) => {
        const turned = rounds.map((answers) => answers.toReversed());
        expect(summary(after(turned))).toEqual(summary(after(rounds)));
      }),
    );
  });

  test("the first facts of a place and of a key stay, whatever comes later", () => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 3 }), round, (rounds, later) => {
        const before = after(rounds);
        const then = after([...rounds, later]);
        for (const id of IDS) {
          const [was, is] = [before.of(id), then.of(id)];
          if (was.own !== undefined)
            expect([is.own!.facts, is.own!.firstSeen]).toEqual([was.own.facts, was.own.firstSeen]);
          if (was.claim !== undefined)
            expect([is.claim!.facts, is.claim!.firstSeen]).toEqual([was.claim.facts, was.claim.firstSeen]);
        }
      }),
    );
  });

  test("a claim is signed by its voter, and each second answer by the same voter for other facts, once", () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 4 }), (rounds) => {
        const voices = after(rounds);
        for (const id of IDS) {
          const { claim } = voices.of(id);
          if (claim !== undefined) expect(claim.signers.has(id)).toBe(true);
        }
        const accused = voices.seconds().map(({ voter }) => voter);
        expect(new Set(accused).size).toBe(accused.length);
        for (const { voter, narInfos, publicKey } of voices.seconds()) {
          const [first, second] = narInfos.map((narInfo) => readAnswer(crypto, KEYS, path, narInfo));
          expect(first!.facts).not.toBe(second!.facts);
          expect([first!.signers.has(voter), second!.signers.has(voter)]).toEqual([true, true]);
          expect(publicKey).toEqual(KEYS.find((key) => key.voter === voter)!.publicKey);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("what is kept and read again is what was heard", () => {
    fc.assert(
      fc.property(fc.array(round, { maxLength: 3 }), (rounds) => {
        const voices = after(rounds);
        const kept = new Map([...voices.all()].map(([id, voice]): [LogId, KeptVoice] => [id, voice]));
        expect(summary(Voices.read(crypto, KEYS, path, kept))).toEqual(summary(voices));
      }),
      { numRuns: 20 },
    );
  });
});
