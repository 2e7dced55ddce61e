/** The text of a label selector (`a=b,c!=d,e in (f,g),h,!i,j>1`), read as Kubernetes' `labels.Parse` reads it, with its words. */
import type { LabelRequirement } from './selectors.ts';
import { isLabelValue, isQualifiedName } from './validation-names.ts';

/** Throws an Error that says where the text is wrong. */
export function parseLabelSelector(text: string): LabelRequirement[] {
  const tokens = new Tokens(text);
  const requirements: LabelRequirement[] = [];
  while (tokens.next !== end) {
    if (!isWord(tokens.next) && tokens.next !== '!') throw found(tokens.next, "!, identifier, or 'end of string'");
    try {
      requirements.push(requirement(tokens));
    } catch (error) {
      throw new Error(`unable to parse requirement: ${error instanceof Error ? error.message : String(error)}`);
    }
    const after = tokens.take();
    if (after !== ',' && after !== end) throw found(after, "',' or 'end of string'");
    if (after === ',' && !isWord(tokens.next) && tokens.next !== '!') throw found(tokens.next, "identifier after ','");
  }
  return requirements;
}

const end = '';
const operators: ReadonlySet<string> = new Set(['in', 'notin', '=', '==', '!=', '>', '<']);

class Tokens {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[=!(),<>]|[^\s=!(),<>]+/g) ?? [];
  }

  /** '' at the end. */
  get next(): string {
    return this.#tokens[this.#at] ?? end;
  }

  take(): string {
    const token = this.next;
    this.#at += 1;
    return token;
  }
}

const isWord = (token: string): boolean => token !== end && !/^[=!(),<>]/.test(token);

function requirement(tokens: Tokens): LabelRequirement {
  const isNot = tokens.next === '!';
  if (isNot) tokens.take();
  const key = tokens.take();
  if (!isWord(key)) throw found(key, 'identifier');
  const wrong = isQualifiedName(key);
  if (wrong.length > 0) throw new Error(`<nil>: Invalid value: ${JSON.stringify(key)}: ${wrong.join('; ')}`);
  if (isNot) return { key, operator: 'DoesNotExist' };
  if (tokens.next === end || tokens.next === ',') return { key, operator: 'Exists' };
  const operator = tokens.take();
  if (!operators.has(operator)) throw found(operator, 'in, notin, =, ==, !=, gt, lt');
  if (operator === 'in' || operator === 'notin') {
    return { key, operator: operator === 'in' ? 'In' : 'NotIn', values: valid(key, values(tokens)) };
  }
  const one = value(tokens);
  if (operator !== '>' && operator !== '<') {
    return { key, operator: operator === '!=' ? 'NotIn' : 'In', values: valid(key, [one]) };
  }
  if (!/^[+-]?\d+$/.test(one)) {
    const why = "for 'Gt', 'Lt' operators, the value must be an integer";
    throw new Error(`values[0]: Invalid value: ${JSON.stringify(one)}: ${why}`);
  }
  return { key, operator: operator === '>' ? 'Gt' : 'Lt', value: Number(one) };
}

function value(tokens: Tokens): string {
  if (tokens.next === end || tokens.next === ',') return '';
  const token = tokens.take();
  if (!isWord(token)) throw found(token, 'identifier');
  return token;
}

/** `(a,b)`; what is missing between commas and parentheses is the empty value. */
function values(tokens: Tokens): string[] {
  const open = tokens.take();
  if (open !== '(') throw new Error(`found '${open}' expected: '('`);
  const list: string[] = [];
  for (;;) {
    list.push(isWord(tokens.next) ? tokens.take() : '');
    const after = tokens.take();
    if (after === ')') return [...new Set(list)].sort();
    if (after !== ',') throw found(after, "',' or ')'");
  }
}

function valid(key: string, list: readonly string[]): readonly string[] {
  const errors = list.flatMap((item, index) => {
    const why = isLabelValue(item);
    const place = `values[${index}][${key}]`;
    return why.length > 0 ? [`${place}: Invalid value: ${JSON.stringify(item)}: ${why.join('; ')}`] : [];
  });
  if (errors.length > 0) throw new Error(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`);
  return list;
}

const found = (token: string, expected: string): Error => new Error(`found '${token}', expected: ${expected}`);
