/** Until this long after the first signal another one is its echo: the wrapper and the terminal both send Ctrl-C. */
const ECHO_MS = 400;

export interface StopSignals {
  /** Resolves once somebody asked the process to stop. */
  readonly asked: Promise<void>;
  /** Whether somebody did. */
  readonly wasAsked: () => boolean;
  /** Back to how signals were. */
  release(): void;
}

/**
 * SIGTERM, SIGINT and SIGHUP ask for a graceful stop; a second one ends the process at once with status 1. With
 * SLUICE_LIFELINE the channel to the wrapper counts too: it closes when the wrapper was killed outright, and nobody
 * would be left to stop us.
 */
export function stopSignals(env: NodeJS.ProcessEnv): StopSignals {
  let first: number | undefined;
  let resolve: () => void;
  const asked = new Promise<void>((done) => {
    resolve = done;
  });
  const ask = () => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      resolve();
    } else if (now - first > ECHO_MS) process.exit(1);
  };
  const orphaned = () => {
    first ??= performance.now();
    resolve();
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, ask);
  const lifeline = env.SLUICE_LIFELINE !== undefined && process.channel !== undefined;
  if (lifeline) {
    process.once('disconnect', orphaned);
    if (!process.connected) orphaned();
  }
  return {
    asked,
    wasAsked: () => first !== undefined,
    release() {
      for (const signal of signals) process.off(signal, ask);
      process.off('disconnect', orphaned);
    },
  };
}
