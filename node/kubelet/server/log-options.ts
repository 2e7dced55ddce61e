/** The query of a request for logs, as the API server passes it on (PodLogOptions). Pure. */
import type { LogOptions } from '../../runtime/runtime.ts';

export interface LogRequest {
  readonly options: LogOptions;
  readonly previous: boolean;
  readonly limitBytes: number | undefined;
}

/** Throws an Error with the words for the client when a value cannot be. */
export function parseLogRequest(query: URLSearchParams, now: number): LogRequest {
  const tailLines = wholeNumber(query, 'tailLines');
  const sinceSeconds = wholeNumber(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime)
    throw new Error('at most one of `sinceTime` or `sinceSeconds` may be specified');
  const at = sinceTime ? Date.parse(sinceTime) : undefined;
  if (at !== undefined && Number.isNaN(at)) throw new Error(`sinceTime is no time: ${sinceTime}`);
  const since = sinceSeconds === undefined ? at : now - sinceSeconds * 1000;
  const stream = query.get('stream') ?? 'All';
  return {
    previous: isTrue(query, 'previous'),
    limitBytes: wholeNumber(query, 'limitBytes'),
    options: {
      follow: isTrue(query, 'follow'),
      timestamps: isTrue(query, 'timestamps'),
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(since === undefined ? {} : { since }),
      stdout: stream !== 'Stderr',
      stderr: stream !== 'Stdout',
    },
  };
}

const isTrue = (query: URLSearchParams, name: string): boolean =>
  ['true', '1', ''].includes(query.get(name) ?? 'false');

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}
