/** The parameters of admission policies, read as any client would read them, from memory. */
import { isNotFound } from '../../api/errors.ts';
import { labelSelectorText } from '../../api/selectors.ts';
import type { ParamReader } from '../admission/policies/params.ts';
import { systemContext } from './context.ts';
import type { Resource } from './resource.ts';

export function paramReader(find: (apiVersion: string, kind: string) => Resource | undefined): ParamReader {
  const ctx = systemContext(new AbortController().signal);
  return {
    find(apiVersion, kind) {
      const resource = find(apiVersion, kind);
      return (
        resource && {
          namespaced: resource.kind.namespaced,
          async get(namespace, name) {
            try {
              const named = namespace === undefined ? { name } : { namespace, name };
              return (await resource.get(ctx, named, { resourceVersion: '0' })).object;
            } catch (error) {
              if (isNotFound(error)) return undefined;
              throw error;
            }
          },
          async list(namespace, selector) {
            const options = { labelSelector: labelSelectorText(selector), resourceVersion: '0' };
            return (await resource.list(ctx, namespace, options)).items.map(({ object }) => object);
          },
        }
      );
    },
  };
}
