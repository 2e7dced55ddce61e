/** What plugins are given in tests: objects that are there, and requests about pods. */
import type { Kind } from '../../../../master/api/kinds.ts';
import { kinds } from '../../../../master/api/kinds.ts';
import type { KubeObject, Pod, ResourceName, ResourceTypes } from '../../../../master/api/types.ts';
import type { FollowStore } from '../../../../master/apiserver/admission/followed.ts';
import { type Objects, objectsOf } from '../../../../master/apiserver/admission/objects.ts';
import type { ParamReader } from '../../../../master/apiserver/admission/policies/params.ts';
import type { AdmissionRequest } from '../../../../master/apiserver/admission/types.ts';
import type { RequestContext } from '../../../../master/apiserver/registry/context.ts';
import { objectKey } from '../../../../master/apiserver/store/keys.ts';
import type { Store } from '../../../../master/apiserver/store/types.ts';

export type Known = { readonly [Name in ResourceName]?: readonly ResourceTypes[Name][] };

/** These objects, under their names and namespaces. `asked` is told of each that is looked for. */
export function objectsWith(known: Known, asked: (key: string, freshness: string) => void = () => {}): Objects {
  const stored = Object.entries(known).flatMap(([resource, list]: [string, readonly KubeObject[]]) =>
    list.map((object) => {
      const { namespace, name = '' } = object.metadata ?? {};
      return { key: objectKey(resource, namespace, name), revision: 1, bytes: Buffer.alloc(0), object };
    }),
  );
  return objectsOf({
    async get(key, freshness) {
      asked(key, freshness.kind);
      return stored.find((entry) => entry.key === key);
    },
    async list(prefix) {
      return { items: stored.filter(({ key }) => key.startsWith(prefix)), revision: 1 };
    },
  });
}

/** Nothing configures admission. */
export const emptyStore: FollowStore & Pick<Store, 'update'> = {
  update: () => Promise.reject(new Error('nothing is stored')),
  list: async () => ({ items: [], revision: 1 }),
  watch: () => ({ revision: 1, close: () => {} }),
};

export const noParams: ParamReader = { find: () => undefined };

export const context = (changes: Partial<RequestContext> = {}): RequestContext => ({
  user: { name: 'me', groups: [] },
  dryRun: false,
  fieldValidation: 'Ignore',
  warnings: [],
  signal: new AbortController().signal,
  ...changes,
});

export const creation = (object: KubeObject, changes: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  ctx: context(),
  operation: 'CREATE',
  kind: kinds.pods,
  namespace: 'default',
  name: 'a',
  object,
  ...changes,
});

export const change = (object: KubeObject, old: KubeObject, kind: Kind = kinds.pods): AdmissionRequest => ({
  ...creation(object, { kind, operation: 'UPDATE' }),
  old,
});

/** A pod with one container, `c`. */
export function podOf(spec: Partial<NonNullable<Pod['spec']>> = {}, metadata: Pod['metadata'] = {}): Pod {
  return { metadata: { name: 'a', ...metadata }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } };
}
