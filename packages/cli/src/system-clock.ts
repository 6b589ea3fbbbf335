/** The system's time behind the seams that take it as an argument. Timers do not keep the process alive by themselves. */

export const systemClock = {
  now: () => Date.now(),
  after(ms: number, call: () => void) {
    const timer = setTimeout(call, ms);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
