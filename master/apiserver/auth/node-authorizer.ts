/**
 * Node authorization: what every node may do, whatever roles are bound. The kube-proxy of a node acts as its node. Which objects
 * of a kind a node may write is in node-restriction.ts.
 */
import type { UserInfo } from '../registry/context.ts';
import { nodeOf } from './node-restriction.ts';
import { nodeRules, proxierRules } from './rbac/default-roles.ts';
import { type Attributes, allows } from './rbac/rules.ts';

const leaseNamespace = 'kube-node-lease';

const rulesByVerb = Map.groupBy(
  [...nodeRules, ...proxierRules].flatMap((rule) => rule.verbs.map((verb) => ({ verb, rule }))),
  ({ verb }) => verb,
);

export function nodeMay(user: UserInfo, attributes: Attributes): boolean {
  if (nodeOf(user) === undefined) return false;
  if (attributes.resource === 'leases' && attributes.namespace !== leaseNamespace) return false;
  return rulesByVerb.get(attributes.verb)?.some(({ rule }) => allows(rule, attributes)) ?? false;
}
