/** Label selectors and field selectors, and the matching; `label-selector-text.ts` reads what kubectl's `-l` says. */
import type { LabelSelector } from './types.ts';

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

/**
 * Reads `a=b,c!=d,e==f`. In a value a backslash stands before each comma, equals sign and backslash that belongs to it. Throws
 * an Error with Kubernetes' words.
 */
export function parseFieldSelector(text: string): FieldRequirement[] {
  const terms = text.includes('\\') ? unescapedCommas(text) : text.split(',');
  return terms
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^(.*?)(==|!=|=)(.*)$/s.exec(term);
      if (!match) throw new Error(`invalid selector: '${text}'; can't understand '${term}'`);
      const [, field = '', operator, value = ''] = match;
      return { field, operator: operator === '!=' ? '!=' : '=', value: unescaped(value) };
    });
}

/** Whether the fields satisfy every requirement; a field that is not among them counts as empty. */
export function matchesFields(requirements: readonly FieldRequirement[], fields: Labels): boolean {
  return requirements.every(({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='));
}

/** The terms between commas that no backslash stands before. */
function unescapedCommas(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === ',') {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

/** A value of a field selector as it is meant. */
function unescaped(value: string): string {
  return value.replace(/\\(.?)|[=,]/gsu, (found, character?: string) => {
    if (character === undefined) {
      throw new Error(`invalid field selector: unescaped character in value: ${found.codePointAt(0)}`);
    }
    if (character !== '' && '\\,='.includes(character)) return character;
    throw new Error(`invalid field selector: invalid escape sequence: ${found}`);
  });
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
