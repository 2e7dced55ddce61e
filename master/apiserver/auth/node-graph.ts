/**
 * Which pods are a node's business, and which Secrets, ConfigMaps and volumes: the pods bound to it, and those that they name
 * (https://kubernetes.io/docs/reference/access-authn-authz/node/). Looked up in the cache when a node asks, which is seldom: nothing
 * is kept up for it.
 */
import { eachReference } from '../../api/pod-references.ts';
import { parseFieldSelector } from '../../api/selectors.ts';
import type { KubeObject, PersistentVolume, Pod } from '../../api/types.ts';
import { claimNameOf } from '../../api/volume-claims.ts';
import { listPrefix, objectKey } from '../store/keys.ts';
import type { Attributes } from './rbac/rules.ts';

/** What the cache has at this moment under a prefix, or under one key. */
export type Peek = (prefix: string) => readonly { readonly key: string; readonly object: KubeObject }[];

export interface NodeGraph {
  /** Why a node may not read what it asks for; undefined where it may, or where the graph has no say. */
  complaint(node: string, attributes: Attributes): string | undefined;
}

const governed = new Set(['secrets', 'configmaps', 'persistentvolumeclaims', 'persistentvolumes']);

export function nodeGraph(peek: Peek): NodeGraph {
  const named = (node: string, resource: string, namespace: string, name: string): boolean => {
    for (const { object } of peek(listPrefix('pods', namespace))) {
      // What is stored under a prefix is of its type.
      const pod: Pod = object;
      if (pod.spec?.nodeName === node && namesOf(pod).has(`${resource}/${name}`)) return true;
    }
    return false;
  };
  const related = (node: string, { resource, namespace, name }: Attributes): boolean => {
    if (resource !== 'persistentvolumes') return named(node, resource, namespace, name);
    const key = objectKey(resource, undefined, name);
    const volume: PersistentVolume | undefined = peek(listPrefix(resource)).find(
      (stored) => stored.key === key,
    )?.object;
    const claim = volume?.spec?.claimRef;
    return claim !== undefined && named(node, 'persistentvolumeclaims', claim.namespace ?? '', claim.name ?? '');
  };
  const podComplaint = (
    node: string,
    { verb, subresource, namespace, name, query }: Attributes,
  ): string | undefined => {
    if (subresource !== '') return undefined;
    if (verb === 'list' || verb === 'watch') return isOfNode(query, node) ? undefined : onlyOwnPods;
    if (verb !== 'get') return undefined;
    const key = objectKey('pods', namespace, name);
    const pod: Pod | undefined = peek(key).find((stored) => stored.key === key)?.object;
    return pod && pod.spec?.nodeName !== node ? noRelationship(node) : undefined;
  };
  return {
    complaint(node, attributes) {
      const { group, resource, verb, name } = attributes;
      if (group !== '') return undefined;
      if (resource === 'pods') return podComplaint(node, attributes);
      if (!governed.has(resource)) return undefined;
      if (name === '') return `can only ${verb} individual objects of this type`;
      return related(node, attributes) ? undefined : noRelationship(node);
    },
  };
}

const onlyOwnPods = 'can only list/watch pods with spec.nodeName field selector';
const noRelationship = (node: string): string => `no relationship found between node '${node}' and this object`;

/** Whether what is listed is narrowed to a node's own pods. */
function isOfNode(query: URLSearchParams | undefined, node: string): boolean {
  const selector = query?.get('fieldSelector') ?? '';
  try {
    return parseFieldSelector(selector).some(
      ({ field, operator, value }) => field === 'spec.nodeName' && operator === '=' && value === node,
    );
  } catch {
    return false;
  }
}

const known = new WeakMap<Pod, ReadonlySet<string>>();

/** What a pod names, as `<resource>/<name>`. Objects of the cache are never changed, so it is gathered once of each. */
function namesOf(pod: Pod): ReadonlySet<string> {
  let names = known.get(pod);
  if (names === undefined) {
    names = gatherNames(pod);
    known.set(pod, names);
  }
  return names;
}

function gatherNames(pod: Pod): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (resource: string, name: string | undefined): void => {
    if (name) names.add(`${resource}/${name}`);
  };
  for (const { name } of pod.spec?.imagePullSecrets ?? []) add('secrets', name);
  const { containers = [], initContainers = [], ephemeralContainers = [], volumes = [] } = pod.spec ?? {};
  eachReference([...containers, ...initContainers, ...ephemeralContainers], volumes, add);
  for (const volume of volumes) {
    add('persistentvolumeclaims', claimNameOf(pod, volume));
    const { azureFile, cephfs, csi, flexVolume, iscsi, rbd, scaleIO, storageos } = volume;
    add('secrets', azureFile?.secretName);
    for (const source of [cephfs, flexVolume, iscsi, rbd, scaleIO, storageos]) add('secrets', source?.secretRef?.name);
    add('secrets', csi?.nodePublishSecretRef?.name);
  }
  return names;
}
