/** The object in a request's body, and what its text alone can tell. */
import type { KubeObject } from '../../api/types.ts';
import type { RequestContext } from '../registry/context.ts';
import { decodeObject, type Expected, type Notes, readBody } from './body.ts';
import type { Exchange } from './exchange.ts';

/** Reads it, and tells the audit log of it. Throws a StatusError. */
export async function readObject(
  { request, audit }: Exchange,
  expected: Expected,
  context: RequestContext,
): Promise<KubeObject> {
  const body = await readBody(request);
  const object = decodeObject(request.headers['content-type'], body, expected, notesFor(context));
  audit?.sent(object);
  return object;
}

/** The context takes what the body's text alone can tell, unless nobody wants to know. */
export const notesFor = (context: RequestContext): Notes | undefined =>
  context.fieldValidation === 'Ignore' ? undefined : context;
