/** The engine's progress and event streams: one JSON object a line. */
import { createInterface } from 'node:readline';

/** The fields that we read of any of these streams. */
export interface EngineLine {
  error?: unknown;
  stream?: unknown;
  status?: unknown;
  Actor?: { Attributes?: Record<string, string> };
}

export async function* jsonLines(stream: NodeJS.ReadableStream): AsyncIterable<EngineLine> {
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    const parsed: EngineLine = JSON.parse(line);
    yield parsed;
  }
}
