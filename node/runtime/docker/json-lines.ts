/** The engine's progress and event streams: one JSON object a line. */
/** The fields that we read of any of these streams. */
export interface EngineLine {
  error?: unknown;
  stream?: unknown;
  status?: unknown;
  Actor?: { Attributes?: Record<string, string> };
}

/** Throws when the stream breaks off: whoever reads must know. */
export async function* jsonLines(stream: NodeJS.ReadableStream): AsyncIterable<EngineLine> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parse(line);
  }
  if (rest.trim() !== '') yield parse(rest);
}

function parse(line: string): EngineLine {
  const parsed: EngineLine = JSON.parse(line);
  return parsed;
}
