/**
 * Asking several remotes the same thing until one gives an answer that settles it. The first is asked at once, the next
 * when that one fails or stays silent for a moment: remotes that answer cost one call, one that hangs costs little.
 */
import type { Clock } from "../model.ts";
import type { Remote } from "./remote.ts";

/** Milliseconds that a remote may think before the next one is asked as well. */
const HEDGE_MS = 250;

const SETTLED = "settled";

/** What a remote answered, and whether it can be reached at all. */
export interface Asked<T> {
  readonly answer: T;
  readonly reached: boolean;
}

/**
 * The answers in the order they came, the last one settling if any does. Ends when one settles, all have answered, or
 * `signal` is aborted. `ask` never throws.
 */
export function askRemotes<T>(
  remotes: readonly Remote[],
  ask: (remote: Remote, signal: AbortSignal) => Promise<Asked<T>>,
  settles: (answer: T) => boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<T[]> {
  const [only, second] = remotes;
  if (only !== undefined && second === undefined) return askOnly(only, ask, clock, signal);
  return new Promise((resolve) => {
    const rest = [...remotes];
    const answers: T[] = [];
    const stop = new AbortController();
    let open = 0;
    let done = false;
    let hedge: { cancel(): void } | undefined;

    const finish = (): void => {
      if (done) return;
      done = true;
      hedge?.cancel();
      signal.removeEventListener("abort", finish);
      // What is still under way is given up. A reason of ours: making the default one costs more than a call's parsing.
      if (open > 0) stop.abort(SETTLED);
      resolve(answers);
    };
    const askOne = async (remote: Remote): Promise<void> => {
      const start = clock.now();
      const { answer, reached } = await ask(remote, stop.signal);
      open--;
      // A call that was given up because another remote was quicker says nothing against this one, unless it was slow.
      remote.noteCall(reached, clock.now() - start);
      if (done) return;
      answers.push(answer);
      if (settles(answer)) finish();
      else next();
    };
    const next = (): void => {
      hedge?.cancel();
      hedge = undefined;
      const remote = rest.shift();
      if (remote === undefined) {
        if (open === 0) finish();
        return;
      }
      open++;
      void askOne(remote);
      if (rest.length > 0) hedge = clock.after(HEDGE_MS, next);
    };

    if (signal.aborted) return finish();
    signal.addEventListener("abort", finish);
    next();
  });
}

/** Most logs are at one remote: without a race there is nothing to stop but by `signal`, which ends the call. */
async function askOnly<T>(
  remote: Remote,
  ask: (remote: Remote, signal: AbortSignal) => Promise<Asked<T>>,
  clock: Clock,
  signal: AbortSignal,
): Promise<T[]> {
  if (signal.aborted) return [];
  const start = clock.now();
  const { answer, reached } = await ask(remote, signal);
  remote.noteCall(reached, clock.now() - start);
  return signal.aborted ? [] : [answer];
}
