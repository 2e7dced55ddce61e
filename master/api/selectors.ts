/** Label selectors and field selectors: the grammar of kubectl's `-l` and `--field-selector`, and the matching. */
import type { LabelSelector } from './types.ts';
import { isLabelValue, isQualifiedName } from './validation-names.ts';

export type LabelRequirement =
  | { readonly key: string; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: 'Exists' | 'DoesNotExist' }
  | { readonly key: string; readonly operator: 'Gt' | 'Lt'; readonly value: number };

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

type Labels = Readonly<Record<string, string>>;

/** Reads `a=b,c!=d,e in (f,g),h,!i,j>1`. Throws an Error that says where the text is wrong. */
export function parseLabelSelector(text: string): LabelRequirement[] {
  const requirements: LabelRequirement[] = [];
  for (const term of splitOutsideParentheses(text)) requirements.push(parseTerm(term, text));
  return requirements;
}

/** Whether the labels satisfy every requirement. No requirement matches everything. */
export function matchesLabels(requirements: readonly LabelRequirement[], labels: Labels = {}): boolean {
  return requirements.every((requirement) => matchesLabel(requirement, labels));
}

/** The requirements of a selector object (`matchLabels` and `matchExpressions`). Throws on an unknown operator. */
export function labelSelectorFromObject(selector: LabelSelector): LabelRequirement[] {
  const requirements = labelSelectorFromMap(selector.matchLabels ?? {});
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === 'In' || operator === 'NotIn') requirements.push({ key, operator, values });
    else if (operator === 'Exists' || operator === 'DoesNotExist') requirements.push({ key, operator });
    else throw new Error(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
  return requirements;
}

/** The requirements of a plain map, as a Service or ReplicationController has for its selector. */
export function labelSelectorFromMap(map: Labels): LabelRequirement[] {
  return Object.entries(map).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
}

/** A selector object as text that `parseLabelSelector` reads, sorted by its keys: `a=b,c in (d,e),!f`; '' where it selects all. */
export function labelSelectorText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {});
  const terms: [key: string, text: string][] = labels.map(([key, value]) => [key, `${key}=${value}`]);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = `(${values.toSorted().join(',')})`;
    if (operator === 'In' || operator === 'NotIn') terms.push([key, `${key} ${operator.toLowerCase()} ${list}`]);
    else terms.push([key, operator === 'DoesNotExist' ? `!${key}` : key]);
  }
  return terms
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, text]) => text)
    .join(',');
}

/** Reads `a=b,c!=d,e==f`. Throws an Error with Kubernetes' words. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(',')
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^([^=!]*)(==|!=|=)(.*)$/s.exec(term);
      if (!match) throw new Error(`invalid selector: '${text}'; can't understand '${term}'`);
      const [, field = '', operator, value = ''] = match;
      return { field: field.trim(), operator: operator === '!=' ? '!=' : '=', value };
    });
}

/** Whether the fields satisfy every requirement; a field that is not among them counts as empty. */
export function matchesFields(requirements: readonly FieldRequirement[], fields: Labels): boolean {
  return requirements.every(({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='));
}

function matchesLabel(requirement: LabelRequirement, labels: Labels): boolean {
  const { key } = requirement;
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > requirement.value;
    case 'Lt':
      return value !== undefined && Number(value) < requirement.value;
  }
}

function splitOutsideParentheses(text: string): string[] {
  const terms = text.match(/(?:\([^)]*\)?|[^,(])+/g) ?? [];
  return terms.map((term) => term.trim()).filter((term) => term !== '');
}

function parseTerm(term: string, whole: string): LabelRequirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return valid({ key, operator: operator === 'in' ? 'In' : 'NotIn', values }, whole);
  }
  const compare = /^([^\s=!<>()]+)\s*(==|!=|=|<|>)\s*([^\s=!<>()]*)$/.exec(term);
  if (compare) {
    const [, key = '', operator, value = ''] = compare;
    if (operator === '<' || operator === '>') return valid(numeric(key, operator, value, whole), whole);
    return valid({ key, operator: operator === '!=' ? 'NotIn' : 'In', values: [value] }, whole);
  }
  const exists = /^(!?)\s*([^\s=!<>(),]+)$/.exec(term);
  if (exists) return valid({ key: exists[2] ?? '', operator: exists[1] ? 'DoesNotExist' : 'Exists' }, whole);
  throw new Error(
    `unable to parse requirement: found '${term}', expected: identifier, '!', 'in', 'notin', '=', '==', '!=', '<' or '>'`,
  );
}

function numeric(key: string, operator: '<' | '>', text: string, whole: string): LabelRequirement {
  if (!/^-?\d+$/.test(text))
    throw new Error(`unable to parse requirement: ${JSON.stringify(text)} in '${whole}' is not an integer`);
  return { key, operator: operator === '>' ? 'Gt' : 'Lt', value: Number(text) };
}

function valid(requirement: LabelRequirement, whole: string): LabelRequirement {
  const errors = isQualifiedName(requirement.key);
  if ('values' in requirement) errors.push(...requirement.values.flatMap((value) => isLabelValue(value)));
  if (errors.length > 0) throw new Error(`unable to parse requirement: '${whole}': ${errors.join('; ')}`);
  return requirement;
}
