import { statusError } from '../../../api/errors.ts';

/** A patch that can be read but cannot be applied to this object. As in Kubernetes, the answer does not say why. */
export function unprocessable(cause?: unknown): Error {
  return statusError('Invalid', 'the server rejected our request due to an error in our request', {}, { cause });
}
