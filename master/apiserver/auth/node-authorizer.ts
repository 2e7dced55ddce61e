/**
 * Node authorization: what every node may do, whatever roles are bound, as Kubernetes' node authorizer says
 * (https://kubernetes.io/docs/reference/access-authn-authz/node/; KEP-4601 for reading its own Node only). Which objects of
 * a kind a node may write is in node-restriction.ts.
 */
import type { UserInfo } from '../registry/context.ts';
import type { NodeGraph } from './node-graph.ts';
import { nodeOf } from './node-restriction.ts';
import { nodeRules } from './rbac/default-roles.ts';
import { type Attributes, allows } from './rbac/rules.ts';

const leaseNamespace = 'kube-node-lease';

const rulesByVerb = Map.groupBy(
  nodeRules.flatMap((rule) => rule.verbs.map((verb) => ({ verb, rule }))),
  ({ verb }) => verb,
);

/** Whether a node may; for all others false. `graph` knows which objects are a node's business; without it all are. */
export function nodeMay(user: UserInfo, attributes: Attributes, graph?: NodeGraph): boolean {
  const node = nodeOf(user);
  if (node === undefined || complaintOf(node, attributes, graph) !== undefined) return false;
  return rulesByVerb.get(attributes.verb)?.some(({ rule }) => allows(rule, attributes)) ?? false;
}

/** Why a node may not what it asks for; undefined for others, and where its rules alone decide. */
export function nodeComplaint(user: UserInfo, attributes: Attributes, graph?: NodeGraph): string | undefined {
  const node = nodeOf(user);
  return node === undefined ? undefined : complaintOf(node, attributes, graph);
}

function complaintOf(node: string, attributes: Attributes, graph: NodeGraph | undefined): string | undefined {
  switch (attributes.resource) {
    case 'nodes':
      return attributes.group === '' ? nodesComplaint(node, attributes) : undefined;
    case 'leases':
      return attributes.group === 'coordination.k8s.io' ? leaseComplaint(node, attributes) : undefined;
    case 'csinodes':
      return attributes.group === 'storage.k8s.io' ? ownObjectComplaint(node, attributes, 'CSINode') : undefined;
    default:
      return graph?.complaint(node, attributes);
  }
}

/** A list or watch that a field selector narrows to one name is about that name. Writes are for the admission to judge. */
function nodesComplaint(node: string, { verb, subresource, name }: Attributes): string | undefined {
  if (subresource !== '' || name === node || !(verb === 'get' || verb === 'list' || verb === 'watch')) return undefined;
  const what = name === '' ? 'all nodes' : `'${name}'`;
  return `node '${node}' cannot read ${what}, only its own Node object`;
}

function leaseComplaint(node: string, attributes: Attributes): string | undefined {
  if (!individualVerbs.has(attributes.verb)) return individually('node lease');
  if (attributes.namespace !== leaseNamespace)
    return `can only access leases in the "${leaseNamespace}" system namespace`;
  return ownObjectComplaint(node, attributes, 'node lease');
}

/** What a new object is called, only admission sees. */
function ownObjectComplaint(node: string, { verb, name }: Attributes, what: string): string | undefined {
  if (!individualVerbs.has(verb)) return individually(what);
  return verb === 'create' || name === node
    ? undefined
    : `can only access ${what} with the same name as the requesting node`;
}

const individualVerbs = new Set(['get', 'create', 'update', 'patch', 'delete']);
const individually = (what: string): string => `can only get, create, update, patch, or delete a ${what}`;
