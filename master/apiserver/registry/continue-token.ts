/** Continue tokens of paged lists: where the next page begins, and the revision that all pages show. Opaque to clients. */
import { badRequest, statusError } from '../../api/errors.ts';
import { isRecord } from './schema/shape.ts';

const version = 'meta.k8s.io/v1';

export interface ContinueToken {
  /** -1: the state that the list began with is forgotten, go on with the present one. */
  readonly revision: number;
  /** The key after which to go on, without the list's prefix. */
  readonly after: string;
}

export function encodeContinue({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: version, rv: revision, start: `${after}\0` })).toString('base64url');
}

/** Throws BadRequest, in Kubernetes' words, for what no server wrote. */
export function decodeContinue(text: string): ContinueToken {
  const token = parse(text);
  if (!isRecord(token)) throw notValid();
  const { v, rv, start } = token;
  if (v !== version)
    throw notValid(`: server does not recognize this encoded version ${typeof v === 'string' ? v : ''}`);
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv < -1 || rv === 0) {
    throw notValid(`: incorrect encoded start resourceVersion (version ${version})`);
  }
  if (typeof start !== 'string' || start === '') throw notValid(`: encoded start key empty (version ${version})`);
  if (!start.endsWith('\0') || start.startsWith('/') || start.includes('..')) throw notValid(`: ${start}`);
  return { revision: rv, after: start.slice(0, -1) };
}

/** 410 with a token that goes on inconsistently, for a token whose revision was compacted away. */
export function continueExpired(after: string): Error {
  const error = statusError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
  );
  error.status.metadata = { continue: encodeContinue({ revision: -1, after }) };
  return error;
}

const notValid = (why = ''): Error => badRequest(`invalid continue token: continue key is not valid${why}`);

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    throw notValid();
  }
}
