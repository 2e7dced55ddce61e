/** The engine's HTTP answers as errors. */

/** Whether the engine answered with one of these HTTP codes. */
export function engineSays(error: unknown, ...codes: number[]): boolean {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    codes.includes(error.statusCode)
  );
}

/** Runs what may find nothing to do: 304 (it is so already) and 404 (it is gone) are success. */
export async function unlessDone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!engineSays(error, 304, 404)) throw error;
  }
}

/** The engine's own words, without the client library's `(HTTP code 404) no such container - `. */
export function engineWords(error: unknown): string {
  if (error instanceof Error && 'json' in error) {
    const { json } = error;
    if (typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string') {
      return json.message.trim();
    }
  }
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
}
