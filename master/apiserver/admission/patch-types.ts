/**
 * What the expressions of mutations make: `Object` and its parts, each called by the way to it (`Object.spec.containers`), and the
 * operations of a JSON patch, with Kubernetes' function for the keys in their paths.
 */
import type { Environment } from '@marcbachmann/cel-js';
import type { MessageTypes } from '../cel/messages.ts';

const operation = { op: 'string', path: 'string', from: 'string', value: 'dyn' };

export const patchTypes: MessageTypes = {
  has: (name) => name === 'JSONPatch' || name === 'Object' || name.startsWith('Object.'),
  fieldsOf: (name) => (name === 'JSONPatch' ? operation : undefined),
};

class JsonPatchFunctions {}

export function registerPatchFunctions(environment: Environment): void {
  const name = 'kubernetes.JSONPatchFunctions';
  environment.registerType(name, JsonPatchFunctions);
  environment.registerConstant('jsonpatch', name, new JsonPatchFunctions());
  const escapeKey = (_: JsonPatchFunctions, key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');
  environment.registerFunction(`${name}.escapeKey(string): string`, escapeKey, { async: false });
}
