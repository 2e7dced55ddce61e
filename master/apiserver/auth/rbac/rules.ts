/**
 * Rules, as roles hold them: what one allows, and whether some rules cover others. All of it is pure. `*` stands for all
 * verbs, groups or resources, a star before a slash for a subresource of all resources; a URL may end in `*`.
 */

/** As in the API, but never changed. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  /** `pods`, `pods/status`, or `*`. */
  readonly resources?: readonly string[];
  /** Absent or empty: objects of any name. */
  readonly resourceNames?: readonly string[];
  /** `/healthz`, `/healthz/*` */
  readonly nonResourceURLs?: readonly string[];
}

/** What is asked for: a subset of the request info. */
export interface Attributes {
  readonly isResource: boolean;
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** Selectors that narrow it down. Roles know none: they allow all of a resource, or nothing. */
  readonly query?: URLSearchParams;
}

/** Whether the rule allows it, the verb (of which the caller knows) and the namespace apart. */
export function allows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!attributes.isResource) return urlCovered(rule.nonResourceURLs ?? [], attributes.path);
  const { group, resource, subresource, name } = attributes;
  const { apiGroups = [], resources = [], resourceNames = [] } = rule;
  if (!apiGroups.includes(group) && !apiGroups.includes('*')) return false;
  if (!resourceCovered(resources, resource, subresource)) return false;
  return resourceNames.length === 0 || (name !== '' && resourceNames.includes(name));
}

/** The parts of `wanted` that `held` does not allow, each with one group, resource and name; those alike joined again. */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return joined(wanted.flatMap(simpleRules).filter((rule) => !held.some((owned) => covers(owned, rule))));
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`: how Kubernetes' messages name a rule. */
export function ruleText({ apiGroups, resources, nonResourceURLs, resourceNames, verbs }: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ['APIGroups', apiGroups],
    ['Resources', resources],
    ['NonResourceURLs', nonResourceURLs],
    ['ResourceNames', resourceNames],
    ['Verbs', verbs],
  ];
  const texts = parts.flatMap(([name, values]) => (values?.length ? [`${name}:${goList(values)}`] : []));
  return `{${texts.join(', ')}}`;
}

/** `["a" "b"]` */
export const goList = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;

/** The rule as rules of one verb, and one group, resource and name or one URL. */
function simpleRules({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): PolicyRule[] {
  const simple: PolicyRule[] = [];
  for (const verb of verbs) {
    for (const url of nonResourceURLs) simple.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const group of apiGroups) {
      for (const resource of resources) {
        const rule = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) simple.push(rule);
        for (const name of resourceNames) simple.push({ ...rule, resourceNames: [name] });
      }
    }
  }
  return simple;
}

/** Whether a simple rule allows nothing that `owned` does not. */
function covers(owned: PolicyRule, simple: PolicyRule): boolean {
  if (!includes(owned.verbs, simple.verbs[0])) return false;
  const [url] = simple.nonResourceURLs ?? [];
  if (url !== undefined) return urlCovered(owned.nonResourceURLs ?? [], url);
  if (!includes(owned.apiGroups ?? [], simple.apiGroups?.[0])) return false;
  const [resource = '', subresource = ''] = (simple.resources?.[0] ?? '').split('/');
  if (!resourceCovered(owned.resources ?? [], resource, subresource)) return false;
  const names = owned.resourceNames ?? [];
  const [name] = simple.resourceNames ?? [];
  return names.length === 0 || (name !== undefined && names.includes(name));
}

function joined(simple: readonly PolicyRule[]): PolicyRule[] {
  const byRest = Map.groupBy(simple, ({ verbs: _verbs, ...rest }) => JSON.stringify(rest));
  return [...byRest.values()].map((alike) => ({
    ...alike[0],
    verbs: [...new Set(alike.flatMap(({ verbs }) => verbs))],
  }));
}

const includes = (allowed: readonly string[], value: string | undefined): boolean =>
  allowed.includes('*') || (value !== undefined && allowed.includes(value));

function resourceCovered(allowed: readonly string[], resource: string, subresource: string): boolean {
  if (allowed.includes('*')) return true;
  if (subresource === '') return allowed.includes(resource);
  return allowed.includes(`${resource}/${subresource}`) || allowed.includes(`*/${subresource}`);
}

function urlCovered(allowed: readonly string[], path: string): boolean {
  return allowed.some((url) => url === path || url === '*' || (url.endsWith('*') && path.startsWith(url.slice(0, -1))));
}
