/**
 * Simple JSON paths, as definitions name fields with: `.spec.replicas`, `.metadata.labels['a.b/c']`, `.spec.items[0].name`,
 * `.status.conditions[?(@.type=="Ready")].status`, `.spec.items[*].name`.
 */
import { isRecord } from '../schema/shape.ts';

type Step =
  | { readonly is: 'field'; readonly name: string }
  | { readonly is: 'index'; readonly index: number }
  | { readonly is: 'all' }
  | { readonly is: 'where'; readonly path: readonly string[]; readonly operator: string; readonly value: unknown };

export interface JsonPath {
  readonly steps: readonly Step[];
}

/** Throws an Error that says what is wrong with a path. `{.spec.x}` is the same as `.spec.x`. */
export function parseJsonPath(text: string): JsonPath {
  let rest = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (!rest.startsWith('.') && !rest.startsWith('[')) throw new Error('must be a simple json path starting with .');
  const steps: Step[] = [];
  if (rest === '.') return { steps };
  while (rest !== '') {
    const [whole, step] = stepAt(rest) ?? [];
    if (whole === undefined || step === undefined) throw new Error(`unrecognized part of a json path: ${rest}`);
    steps.push(step);
    rest = rest.slice(whole.length);
  }
  return { steps };
}

function stepAt(text: string): [string, Step] | undefined {
  const field =
    /^\.((?:\\.|[^.[\]\\'"*\s])+)/.exec(text) ??
    /^\.?\[\s*'((?:\\.|[^'\\])*)'\s*\]/.exec(text) ??
    /^\.?\[\s*"((?:\\.|[^"\\])*)"\s*\]/.exec(text);
  if (field) return [field[0], { is: 'field', name: (field[1] ?? '').replaceAll(/\\(.)/g, '$1') }];
  const index = /^\[(-?\d+)\]/.exec(text);
  if (index) return [index[0], { is: 'index', index: Number(index[1]) }];
  const all = /^(?:\[\*\]|\.\*)/.exec(text);
  if (all) return [all[0], { is: 'all' }];
  const where = /^\[\?\(\s*@((?:\.[\w-]+)+)\s*(==|!=|<=|>=|<|>)\s*("[^"]*"|'[^']*'|[\w.+-]+)\s*\)\]/.exec(text);
  if (!where) return undefined;
  const [whole, path = '', operator = '', value = ''] = where;
  return [whole, { is: 'where', path: path.slice(1).split('.'), operator, value: literal(value) }];
}

function literal(text: string): unknown {
  if (/^["']/.test(text)) return text.slice(1, -1);
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

/** All values at the path, in order. */
export function valuesAt({ steps }: JsonPath, root: unknown): unknown[] {
  return steps.reduce<unknown[]>((found, step) => found.flatMap((value) => taken(step, value)), [root]);
}

/** The one value at the path; undefined where there is none. */
export const valueAt = (path: JsonPath, root: unknown): unknown => valuesAt(path, root)[0];

function taken(step: Step, value: unknown): unknown[] {
  switch (step.is) {
    case 'field':
      return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index': {
      const item = Array.isArray(value) ? value.at(step.index) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'all':
      return Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
    case 'where':
      return Array.isArray(value) ? value.filter((item) => holds(step, item)) : [];
  }
}

function holds({ path, operator, value }: Extract<Step, { is: 'where' }>, item: unknown): boolean {
  const found = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), item);
  if (operator === '==') return found === value;
  if (operator === '!=') return found !== value;
  if (typeof found !== 'number' || typeof value !== 'number') return false;
  if (operator === '<') return found < value;
  if (operator === '>') return found > value;
  return operator === '<=' ? found <= value : found >= value;
}

/** The names of the fields that the path goes through, if it goes through nothing else. */
export function fieldNames({ steps }: JsonPath): string[] | undefined {
  const names = steps.flatMap((step) => (step.is === 'field' ? [step.name] : []));
  return names.length === steps.length ? names : undefined;
}

/** A copy of the object with a value put at a path of fields. */
export function withValueAt<T extends object>(object: T, names: readonly string[], value: unknown): T {
  const [name, ...rest] = names;
  if (name === undefined) return object;
  const held: unknown = Reflect.get(object, name);
  const inner = rest.length === 0 ? value : withValueAt(isRecord(held) ? held : {}, rest, value);
  return { ...object, [name]: inner };
}
