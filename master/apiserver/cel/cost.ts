/**
 * What an expression may cost at worst, by the largest values that it may be given: Kubernetes refuses rules whose estimate is
 * beyond its limits when they are written. The unit is that of `steps.ts`; the estimate is cel-go's with Kubernetes' sizes, so
 * that the same rules are refused with the same numbers.
 *
 * A value's size is known by its place in the schema, by what made it, or by its type; where none of them says it, it has no end.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { functionCost, listCost, mapCost, methodCost, operatorCost, type Part } from './call-costs.ts';
import {
  type EntrySize,
  exactly,
  type Largest,
  product,
  type Size,
  union,
  unionOfEntries,
  unknownSize,
} from './cost-sizes.ts';

/** What is known of the value of a node. */
interface Estimate extends Part {
  readonly cost: number;
  /** From a variable: names of fields, `@items`, `@values` and `@keys`. Empty: it is at no place. */
  readonly path: readonly string[];
  readonly entries?: EntrySize | undefined;
}

type Local = Pick<Estimate, 'path' | 'entries'> & { readonly size?: Size | undefined };

interface Scope {
  /** Of all variables but the local ones. */
  readonly root: Largest;
  readonly locals: ReadonlyMap<string, Local>;
}

/** `root`: the largest value of the variables. The expression must have been checked. */
export function worstCost(node: ASTNode, root: Largest): number {
  return estimate(node, { root, locals: new Map() }).cost;
}

function estimate(node: ASTNode, scope: Scope): Estimate {
  switch (node.op) {
    case 'value':
      return known(node, scope, 0, { size: exactly(sizeOfLiteral(node.args)), literal: node.args });
    case 'id': {
      const local = scope.locals.get(node.args);
      return known(node, scope, 1, { path: local?.path ?? [node.args], local, entries: local?.entries });
    }
    case '.': {
      const of = estimate(node.args[0], scope);
      return known(node, scope, of.cost + (of.type === 'dyn' ? 0 : 1), { path: [...of.path, node.args[1]] });
    }
    case '.?':
      return known(node, scope, estimate(node.args[0], scope).cost + 1, {});
    case '[]': {
      const [of, at] = both(node.args, scope);
      const step = of.type.startsWith('map') ? '@values' : '@items';
      return known(node, scope, of.cost + at.cost + 1, { path: [...of.path, step], size: of.entries?.value });
    }
    case '[?]': {
      const [of, at] = both(node.args, scope);
      return known(node, scope, of.cost + at.cost + 1, {});
    }
    case '?:': {
      const [condition, yes, no] = node.args.map((part) => estimate(part, scope));
      if (!condition || !yes || !no) return known(node, scope, 0, {});
      const entries = unionOfEntries(yes.entries, no.entries);
      const cost = condition.cost + Math.max(yes.cost, no.cost);
      return known(node, scope, cost, { size: union(yes.size, no.size), entries });
    }
    case '&&':
    case '||': {
      const [left, right] = both(node.args, scope);
      return known(node, scope, left.cost + right.cost, {});
    }
    case '-_':
      // CEL reads a number with its sign.
      if (node.args.op === 'value') return estimate(node.args, scope);
      return known(node, scope, estimate(node.args, scope).cost + 1, {});
    case '!_':
      return known(node, scope, estimate(node.args, scope).cost + 1, {});
    case 'list': {
      const items = node.args.map((item) => estimate(item, scope));
      const entries: EntrySize = { of: 'list', key: exactly(1), value: unionOf(items) };
      return known(node, scope, listCost + sum(items), { size: exactly(items.length), entries });
    }
    case 'map': {
      const keys = node.args.map(([key]) => estimate(key, scope));
      const values = node.args.map(([, value]) => estimate(value, scope));
      const entries: EntrySize = { of: 'map', key: unionOf(keys), value: unionOf(values) };
      return known(node, scope, mapCost + sum(keys) + sum(values), { size: exactly(keys.length), entries });
    }
    case 'call':
      return call(node, scope);
    case 'rcall':
      return method(node, scope);
    default:
      return operator(node, both(node.args, scope), scope);
  }
}

interface Facts {
  readonly path?: readonly string[];
  /** What made the value says it. */
  readonly size?: Size | undefined;
  readonly entries?: EntrySize | undefined;
  readonly local?: Local | undefined;
  readonly literal?: unknown;
}

/** The size is the first that is known: by what made the value, by its place, by its type, by what a local variable was bound to. */
function known(node: ASTNode, { root }: Scope, cost: number, facts: Facts): Estimate {
  const { path = [], entries, local, literal } = facts;
  const place = placeOf(path, root);
  const type = typeOf(node, path.length > 0 ? place : undefined);
  const byPlace = place && { least: 0, most: place.size };
  const size = facts.size ?? byPlace ?? (isScalar(type) ? exactly(1) : local?.size) ?? unknownSize;
  return { cost, path, size, type, entries, literal, itemSize: itemSizeOf(path, type, root) };
}

/** Where a path leads; undefined where it leads nowhere. As in Kubernetes what is not said from which variable is said of the first. */
function placeOf(path: readonly string[], root: Largest): Largest | undefined {
  if (path.length === 0) return undefined;
  let at: Largest | undefined = root;
  for (const step of path.slice(1)) {
    if (step === '@items' || step === '@values') at = at.element;
    else if (step === '@keys') at = at.is === 'map' ? keyOfMap : undefined;
    else at = at.fields?.get(step);
    if (!at) return undefined;
  }
  return at;
}

/** Kubernetes counts keys as having no size. */
const keyOfMap: Largest = { is: 'text', size: 0 };

function itemSizeOf(path: readonly string[], type: string, root: Largest): Size | undefined {
  if (!type.startsWith('list')) return undefined;
  const item = path.length > 0 ? placeOf([...path, '@items'], root) : undefined;
  return item && { least: 0, most: item.size };
}

/** What the checker found, which leaves out what may be null: there the schema says it. */
function typeOf(node: ASTNode, place: Largest | undefined): string {
  const checked: unknown = Reflect.get(node, 'checkedType');
  const type: unknown = typeof checked === 'object' && checked !== null ? Reflect.get(checked, 'name') : undefined;
  if (typeof type === 'string' && type !== 'dyn') return type;
  switch (place?.is) {
    case 'text':
      return 'string';
    case 'list':
      return place.element?.is === 'text' ? 'list<string>' : 'list<dyn>';
    case 'map':
      return 'map<string, dyn>';
    case 'object':
      return 'object';
    default:
      return 'dyn';
  }
}

const scalars = /^(optional<)?(bool|int|uint|double|google\.protobuf\.(Duration|Timestamp))>?$/;
const isScalar = (type: string): boolean => scalars.test(type);

function sizeOfLiteral(value: unknown): number {
  if (typeof value === 'string') return [...value].length;
  return value instanceof Uint8Array ? value.length : 1;
}

function operator(node: ASTNode, [left, right]: readonly [Estimate, Estimate], scope: Scope): Estimate {
  const { cost, size } = operatorCost(node.op, left, right);
  const entries = node.op === '+' ? unionOfEntries(left.entries, right.entries) : undefined;
  return known(node, scope, left.cost + right.cost + cost, { size, entries });
}

function call(node: Extract<ASTNode, { op: 'call' }>, scope: Scope): Estimate {
  const [name, parts] = node.args;
  const [first] = parts;
  // Whether a field is there is asked without reading it.
  if (name === 'has' && first?.op === '.') return known(node, scope, estimate(first.args[0], scope).cost, {});
  const given = parts.map((part) => estimate(part, scope));
  if (name === 'dyn' && given[0]) return { ...given[0], cost: given[0].cost + 1 };
  const { cost, size } = functionCost(name, given);
  return known(node, scope, sum(given) + cost, { size });
}

function method(node: Extract<ASTNode, { op: 'rcall' }>, scope: Scope): Estimate {
  const [name, receiver, parts] = node.args;
  const [variable, ...bodies] = parts;
  if (variable?.op === 'id') {
    const [second, ...rest] = bodies;
    const pairs = second?.op === 'id' && rest.length > 0 ? pairMacros.get(name) : undefined;
    if (pairs && second?.op === 'id') {
      return comprehension(node, pairs, estimate(receiver, scope), [variable.args, second.args], rest, scope);
    }
    const macro = macros.get(name);
    if (macro && bodies.length > 0) {
      return comprehension(node, macro, estimate(receiver, scope), [variable.args], bodies, scope);
    }
    if (name === 'sortBy' && second) return sorting(node, estimate(receiver, scope), variable.args, second, scope);
  }
  const space = receiver.op === 'id' && !scope.locals.has(receiver.args) ? receiver.args : undefined;
  const [init, result] = bodies;
  if (name === 'bind' && space === 'cel' && variable?.op === 'id' && init && result) {
    const bound = estimate(init, scope);
    const done = estimate(result, within(scope, variable.args, bound));
    return { ...done, cost: listCost + bound.cost + done.cost };
  }
  const given = parts.map((part) => estimate(part, scope));
  if (space !== undefined && spaces.has(space)) {
    const { cost, size } = methodCost(name, [{ type: space, size: unknownSize }, ...given], space);
    return known(node, scope, sum(given) + cost, { size });
  }
  const of = estimate(receiver, scope);
  const { cost, size } = methodCost(name, [of, ...given]);
  return known(node, scope, of.cost + sum(given) + cost, { size });
}

/** Names that functions have before them. */
const spaces: ReadonlySet<string> = new Set(['sets', 'lists', 'ip', 'jsonpatch', 'strings', 'format', 'optional']);

/** What cel-go's expansions of a macro do themselves. */
interface Macro {
  readonly perItem: number;
  readonly around: number;
  /** What is made: a list of the items, or of what is made of them, or a map. */
  readonly makes?: 'items' | 'results' | 'map';
}

const macros: ReadonlyMap<string, Macro> = new Map<string, Macro>([
  ['all', { perItem: 3, around: 1 }],
  ['exists', { perItem: 4, around: 1 }],
  ['exists_one', { perItem: 2, around: 2 }],
  ['existsOne', { perItem: 2, around: 2 }],
  ['map', { perItem: listCost + 2, around: listCost + 1, makes: 'results' }],
  ['filter', { perItem: listCost + 3, around: listCost + 1, makes: 'items' }],
]);

/** Those with two variables: the index or key, and the value. */
const pairMacros: ReadonlyMap<string, Macro> = new Map<string, Macro>([
  ['all', { perItem: 3, around: 1 }],
  ['exists', { perItem: 4, around: 1 }],
  ['exists_one', { perItem: 2, around: 2 }],
  ['existsOne', { perItem: 2, around: 2 }],
  ['transformList', { perItem: listCost + 2, around: listCost + 1, makes: 'results' }],
  ['transformMap', { perItem: 3, around: mapCost + 1, makes: 'map' }],
  ['transformMapEntry', { perItem: 2, around: mapCost + 1, makes: 'map' }],
]);

/** The list is bound to a name, its keys are made as `map` makes them, and sorted. */
function sorting(node: ASTNode, of: Estimate, variable: string, key: ASTNode, scope: Scope): Estimate {
  const item: Local = { path: [...of.path, '@items'], size: of.entries?.value };
  const made = estimate(key, within(scope, variable, item));
  const { perItem, around } = macros.get('map')!;
  const keys = 1 + product(of.size.most, made.cost + perItem) + around;
  const sorted = methodCost('sort', [{ type: `list<${made.type}>`, size: of.size }]);
  return known(node, scope, listCost + of.cost + 1 + keys + sorted.cost, { size: of.size, entries: of.entries });
}

function comprehension(
  node: ASTNode,
  { perItem, around, makes }: Macro,
  of: Estimate,
  variables: readonly string[],
  bodies: readonly ASTNode[],
  scope: Scope,
): Estimate {
  const container = of.entries?.of ?? (of.type.startsWith('map') ? 'map' : 'list');
  const value: Local = {
    path: [...of.path, container === 'list' ? '@items' : '@values'],
    size: of.entries?.value,
  };
  const key: Local = { path: [...of.path, container === 'list' ? '@indices' : '@keys'], size: of.entries?.key };
  const [first = '', second] = variables;
  const item = second === undefined && container === 'list' ? value : key;
  const outer = within(scope, first, item);
  const inner = second === undefined ? outer : within(outer, second, value);
  const done = bodies.map((body) => estimate(body, inner));
  const cost = of.cost + product(of.size.most, sum(done) + perItem) + around;
  if (!makes) return known(node, scope, cost, {});
  const itemSize = placeOf(item.path, scope.root)?.size ?? item.size?.most ?? unknownSize.most;
  const held = makes === 'items' ? { least: 0, most: itemSize } : (done.at(-1)?.size ?? unknownSize);
  const entries: EntrySize = { of: makes === 'map' ? 'map' : 'list', key: exactly(1), value: union(exactly(0), held) };
  return known(node, scope, cost, { size: of.size, entries });
}

const within = ({ root, locals }: Scope, name: string, local: Local): Scope => ({
  root,
  locals: new Map(locals).set(name, local),
});

const both = ([left, right]: readonly [ASTNode, ASTNode], scope: Scope): readonly [Estimate, Estimate] => [
  estimate(left, scope),
  estimate(right, scope),
];

const sum = (estimates: readonly Estimate[]): number => estimates.reduce((total, { cost }) => total + cost, 0);
const unionOf = (estimates: readonly Estimate[]): Size =>
  estimates.length === 0 ? exactly(0) : estimates.map(({ size }) => size).reduce(union);
