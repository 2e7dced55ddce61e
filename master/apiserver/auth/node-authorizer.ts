/**
 * Node authorization: what every node may do, whatever roles are bound. The kube-proxy of a node acts as its node. Which objects
 * of a kind a node may write is in node-restriction.ts.
 */
import type { UserInfo } from '../registry/context.ts';
import type { NodeGraph } from './node-graph.ts';
import { nodeOf } from './node-restriction.ts';
import { nodeRules, proxierRules } from './rbac/default-roles.ts';
import { type Attributes, allows } from './rbac/rules.ts';

const leaseNamespace = 'kube-node-lease';

const rulesByVerb = Map.groupBy(
  [...nodeRules, ...proxierRules].flatMap((rule) => rule.verbs.map((verb) => ({ verb, rule }))),
  ({ verb }) => verb,
);

/** Whether a node may; for all others false. `graph` knows which objects are a node's business; without it all are. */
export function nodeMay(user: UserInfo, attributes: Attributes, graph?: NodeGraph): boolean {
  const node = nodeOf(user);
  if (node === undefined) return false;
  if (attributes.resource === 'leases' && attributes.namespace !== leaseNamespace) return false;
  if (graph?.complaint(node, attributes) !== undefined) return false;
  return rulesByVerb.get(attributes.verb)?.some(({ rule }) => allows(rule, attributes)) ?? false;
}
