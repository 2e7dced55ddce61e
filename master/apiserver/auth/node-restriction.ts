/**
 * What a node may write: its own Node, its own heartbeat Lease, and the pods bound to it. The rules of authorization name
 * kinds; this looks at the objects, as Kubernetes' NodeRestriction admission does.
 */
import { forbidden } from '../../api/errors.ts';
import type { Pod } from '../../api/types.ts';
import type { UserInfo } from '../registry/context.ts';
import type { Attributes } from './rbac/rules.ts';

/** Reads a pod; undefined when there is none. From memory it may be one of a moment ago. */
export type ReadPod = (namespace: string, name: string, freshness: 'memory' | 'consistent') => Promise<Pod | undefined>;

const userPrefix = 'system:node:';
const nodesGroup = 'system:nodes';

/** The node that a user is; undefined for everybody else. */
export function nodeOf(user: UserInfo): string | undefined {
  if (!user.name.startsWith(userPrefix) || !user.groups.includes(nodesGroup)) return undefined;
  return user.name.slice(userPrefix.length);
}

/**
 * Throws 403 where a node is about to write what is not its own. `attributes` are those of a write, with the name that a
 * created object has in its body.
 */
export async function restrictNode(user: UserInfo, attributes: Attributes, readPod: ReadPod): Promise<void> {
  const node = nodeOf(user);
  if (node === undefined) {
    // In the group without the name of a node: it could write as any of them.
    if (user.groups.includes(nodesGroup) && !user.groups.includes('system:masters')) {
      throw refuse(attributes, `could not determine node from user ${JSON.stringify(user.name)}`);
    }
    return;
  }
  const { group, resource, name, namespace, verb } = attributes;
  if (group === '' && resource === 'nodes' && name !== node) {
    throw refuse(attributes, `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(name)}`);
  }
  if (group === 'coordination.k8s.io' && resource === 'leases' && name !== node) {
    throw refuse(attributes, `can only access node lease with the same name as the requesting node`);
  }
  if (group === '' && resource === 'pods') {
    if (name === '') throw refuse(attributes, `unexpected operation ${JSON.stringify(verb)}`);
    const foreign = (pod: Pod | undefined): boolean => pod !== undefined && pod.spec?.nodeName !== node;
    // The node may have learnt of the binding from another API server, which was a moment quicker.
    const refused =
      foreign(await readPod(namespace, name, 'memory')) && foreign(await readPod(namespace, name, 'consistent'));
    if (refused) {
      throw refuse(attributes, `node ${JSON.stringify(node)} can only write pods with spec.nodeName set to itself`);
    }
  }
}

const refuse = ({ group, resource, name }: Attributes, why: string) => forbidden({ group, resource }, name, why);
