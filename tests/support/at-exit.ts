/** What a test process calls when it exits, for whatever reason: add what kills, delete it when there is nothing left to kill. */
export const atExit = new Set<() => void>();

process.once('exit', () => {
  for (const kill of atExit) kill();
});
