/** Which requests a webhook or a policy is about: its rules, and the selectors of namespaces and objects. */
import { groupResource, type Kind } from '../../../api/kinds.ts';
import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.ts';
import type { KubeObject, LabelSelector } from '../../../api/types.ts';
import type { Objects } from '../objects.ts';
import type { AdmissionRequest } from '../types.ts';

/** `RuleWithOperations` of admissionregistration.k8s.io/v1; `resourceNames` only policies have. */
export interface Rule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly scope?: string;
}

/** What configures admission is never asked about itself: nobody could take back a configuration that refuses everything. */
const exempt = new Set([
  'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingwebhookconfigurations.admissionregistration.k8s.io',
  'validatingadmissionpolicies.admissionregistration.k8s.io',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io',
  'mutatingadmissionpolicies.admissionregistration.k8s.io',
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io',
]);

export const isExempt = ({ kind }: Pick<AdmissionRequest, 'kind'>): boolean => exempt.has(groupResource(kind));

export function ruleMatches(rule: Rule, { operation, kind, subresource = '', name }: AdmissionRequest): boolean {
  const { operations, apiGroups, apiVersions, resources = [], resourceNames, scope = '*' } = rule;
  return (
    isNamed(operations, operation) &&
    isNamed(apiGroups, kind.group) &&
    isNamed(apiVersions, kind.version) &&
    (scope === '*' || scope === (kind.namespaced ? 'Namespaced' : 'Cluster')) &&
    resources.some((text) => resourceMatches(text, kind.resource, subresource)) &&
    (!resourceNames?.length || resourceNames.includes(name))
  );
}

/** Whether a rule may hold for some request about the kind. */
export function isAbout({ apiGroups = [], resources = [] }: Rule, { group, resource }: Kind): boolean {
  return isNamed(apiGroups, group) && resources.some((text) => isNamed([text.split('/')[0] ?? ''], resource));
}

const isNamed = (list: readonly string[] = [], value: string): boolean => list.includes('*') || list.includes(value);

/** `pods`, `pods/log`, `pods/*`, `*` (no subresource), `*` + `/scale`, and both stars. */
function resourceMatches(text: string, resource: string, subresource: string): boolean {
  const [first, second = ''] = text.split('/');
  return (first === '*' || first === resource) && (second === '*' || second === subresource);
}

/** A selector that was read once; empty ones select everything. */
export type Selects = (labels: Readonly<Record<string, string>> | undefined) => boolean;

export function selects(selector: LabelSelector | undefined): Selects | undefined {
  if (!selector) return undefined;
  const requirements = labelSelectorFromObject(selector);
  return requirements.length === 0 ? undefined : (labels) => matchesLabels(requirements, labels);
}

/** An object is selected when it is, or was before the write. */
export function selectsObject(select: Selects | undefined, { object, old }: AdmissionRequest): boolean {
  const selected = (candidate: KubeObject | undefined): boolean =>
    candidate !== undefined && select?.(candidate.metadata?.labels) === true;
  return !select || selected(object) || selected(old);
}

/**
 * Whether the request's namespace is selected; what lies in no namespace always is. A namespace that is being written is judged by
 * its own labels. Throws NotFound for a namespace that is not there.
 */
export async function selectsNamespace(
  select: Selects | undefined,
  request: AdmissionRequest,
  namespaceOf: NamespaceLookup,
): Promise<boolean> {
  if (!select) return true;
  const { kind, operation, subresource, namespace, object } = request;
  if (groupResource(kind) === 'namespaces') {
    const own = subresource === undefined && operation !== 'DELETE' ? object : request.old;
    return select(own?.metadata?.labels);
  }
  if (namespace === undefined) return true;
  return select((await namespaceOf(namespace))?.metadata?.labels);
}

export type NamespaceLookup = (name: string) => Promise<KubeObject | undefined>;

/** The namespace from the cache, or, where that does not have it yet, from the store. */
export const namespaceLookup =
  (objects: Objects): NamespaceLookup =>
  async (name) =>
    (await objects.get('namespaces', name)) ?? objects.get('namespaces', name, undefined, 'consistent');
