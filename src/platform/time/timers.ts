/** Timers that keep no process alive, behind an interface, so that a test can let the time pass by itself. */

export interface Timers {
  /** Calls `action` once, after `ms`; returns the function that calls it off. */
  after(ms: number, action: () => void): () => void;
}

export const timers: Timers = {
  after: (ms, action) => {
    const timer = setTimeout(action, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
