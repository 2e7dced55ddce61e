/** What annotations tell the simulated containers of a pod to do. */

export const annotations = {
  /** The exit code with which the containers end by themselves. Without it they run until they are stopped. */
  exitCode: 'trimaster.io/simulate-exit-code',
  /** After how long they end; 0 when left out. */
  exitAfterSeconds: 'trimaster.io/simulate-exit-after-seconds',
  /** Only this container ends; all of them when left out. */
  exitContainer: 'trimaster.io/simulate-exit-container',
  /** How long they take to end once they are asked to. */
  stopSeconds: 'trimaster.io/simulate-stop-seconds',
  /** The exit code of every command run in them, as by exec probes; 0 when left out. */
  execExitCode: 'trimaster.io/simulate-exec-exit-code',
} as const;

export interface Script {
  readonly exit?: { readonly code: number; readonly afterMs: number; readonly container?: string };
  readonly stopMs: number;
  readonly execExitCode: number;
}

/** Reads the script; a text that is no number counts as not there. */
export function scriptOf(of: Readonly<Record<string, string>>): Script {
  const number = (name: string): number | undefined => {
    const value = Number.parseFloat(of[name] ?? '');
    return Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const code = number(annotations.exitCode);
  const container = of[annotations.exitContainer];
  return {
    stopMs: (number(annotations.stopSeconds) ?? 0) * 1000,
    execExitCode: number(annotations.execExitCode) ?? 0,
    ...(code === undefined
      ? {}
      : {
          exit: {
            code,
            afterMs: (number(annotations.exitAfterSeconds) ?? 0) * 1000,
            ...(container ? { container } : {}),
          },
        }),
  };
}
