/**
 * What an expression may cost at worst, by the largest values that it may be given: Kubernetes refuses rules whose estimate is
 * beyond its limits when they are written. The unit is that of `steps.ts`; the factors are cel-go's.
 *
 * The estimate is a careful one: what is not known here counts as small, so that nothing is refused that Kubernetes takes.
 */
import type { ASTNode } from '@marcbachmann/cel-js';

/** The largest that a value may be. */
export interface Largest {
  readonly is: 'text' | 'list' | 'map' | 'object' | 'scalar';
  /** Characters of a text, items of a list, entries of a map; otherwise 1. */
  readonly size: number;
  /** Of a list or map. */
  readonly element?: Largest;
  /** Of an object. */
  readonly fields?: ReadonlyMap<string, Largest>;
}

export const scalar: Largest = { is: 'scalar', size: 1 };

interface Estimate {
  readonly cost: number;
  readonly value: Largest;
}

type Scope = ReadonlyMap<string, Largest>;

const perCharacter = 0.1;
const perPatternCharacter = 0.25;
const listCost = 10;
const mapCost = 30;

/** `scope` are the variables. */
export function worstCost(node: ASTNode, scope: Scope): number {
  return estimate(node, scope).cost;
}

function estimate(node: ASTNode, scope: Scope): Estimate {
  switch (node.op) {
    case 'value':
      return { cost: 0, value: typeof node.args === 'string' ? text(node.args.length) : scalar };
    case 'id':
      return { cost: 1, value: scope.get(node.args) ?? scalar };
    case '.':
    case '.?': {
      const of = estimate(node.args[0], scope);
      return { cost: of.cost + 1, value: of.value.fields?.get(node.args[1]) ?? of.value.element ?? scalar };
    }
    case '[]':
    case '[?]': {
      const [of, at] = both(node.args, scope);
      return { cost: of.cost + at.cost + 1, value: of.value.element ?? scalar };
    }
    case '?:': {
      const [condition, one, other] = node.args.map((part) => estimate(part, scope));
      const cost = (condition?.cost ?? 0) + Math.max(one?.cost ?? 0, other?.cost ?? 0);
      return { cost, value: larger(one?.value ?? scalar, other?.value ?? scalar) };
    }
    case 'list': {
      const items = node.args.map((item) => estimate(item, scope));
      const element = items.map(({ value }) => value).reduce(larger, scalar);
      return { cost: listCost + sum(items), value: { is: 'list', size: items.length, element } };
    }
    case 'map':
      return { cost: mapCost + sum(node.args.flat().map((part) => estimate(part, scope))), value: scalar };
    case '!_':
    case '-_':
      return { cost: estimate(node.args, scope).cost + 1, value: scalar };
    case 'call':
      return call(node.args[0], node.args[1], scope);
    case 'rcall':
      return method(node.args, scope);
    default:
      return operator(node.op, both(node.args, scope));
  }
}

function operator(op: string, [left, right]: readonly [Estimate, Estimate]): Estimate {
  const cost = left.cost + right.cost;
  const smaller = Math.min(left.value.size, right.value.size);
  switch (op) {
    case '||':
    case '&&':
      return { cost, value: scalar };
    case 'in':
      return { cost: cost + (right.value.is === 'list' ? right.value.size : 1), value: scalar };
    case '+': {
      const size = left.value.size + right.value.size;
      return { cost: cost + Math.max(1, size * perCharacter), value: { ...larger(left.value, right.value), size } };
    }
    default:
      return { cost: cost + Math.max(1, smaller * perCharacter), value: scalar };
  }
}

function call(name: string, parts: readonly ASTNode[], scope: Scope): Estimate {
  const given = parts.map((part) => estimate(part, scope));
  const [first] = given;
  // `has` asks for a field without reading it.
  const own = name === 'has' ? 0 : 1;
  return { cost: sum(given) + own, value: name === 'string' || name === 'dyn' ? (first?.value ?? scalar) : scalar };
}

type MethodCall = readonly [method: string, receiver: ASTNode, parts: readonly ASTNode[]];

/** By the names that methods have once `replacedMethods` have taken their place. */
function method([name, receiver, parts]: MethodCall, scope: Scope): Estimate {
  const of = estimate(receiver, scope);
  const [variable, ...bodies] = parts;
  const macro = macros.get(name);
  if (macro && variable?.op === 'id') {
    const [perItem, aroundItems] = macro;
    const inner = new Map(scope).set(variable.args, of.value.is === 'list' ? (of.value.element ?? scalar) : scalar);
    const done = bodies.map((body) => estimate(body, inner));
    const element = name === 'map' ? (done.at(-1)?.value ?? scalar) : (of.value.element ?? scalar);
    const cost = of.cost + of.value.size * (sum(done) + perItem) + aroundItems;
    if (name === 'map' || name === 'filter') return { cost, value: { is: 'list', size: of.value.size, element } };
    return { cost, value: scalar };
  }
  const given = parts.map((part) => estimate(part, scope));
  const [first] = given;
  const cost = of.cost + sum(given);
  const characters = of.value.is === 'text' ? of.value.size * perCharacter : 0;
  const wanted = first?.value.is === 'text' ? first.value.size : 0;
  switch (name) {
    case 'contains':
      return { cost: cost + Math.max(1, characters * wanted * perCharacter), value: scalar };
    case 'matchesRe2':
    case 'find':
    case 'findAll': {
      const found = text(of.value.size);
      const value: Record<string, Largest> = { find: found, findAll: { is: 'list', size: found.size, element: found } };
      const own = Math.ceil(characters + perCharacter) * Math.ceil(wanted * perPatternCharacter);
      return { cost: cost + Math.max(1, own), value: value[name] ?? scalar };
    }
    case 'startsWith':
    case 'endsWith':
      return { cost: cost + Math.max(1, wanted * perCharacter), value: scalar };
    case 'size':
      return { cost: cost + 1, value: scalar };
    case 'orValue':
    case 'value':
      return { cost: cost + 1, value: larger(of.value, first?.value ?? scalar) };
    case 'lowerAsciiOnly':
    case 'upperAsciiOnly':
    case 'substring':
    case 'trim':
      return { cost: cost + Math.max(1, characters), value: text(of.value.size) };
    case 'replace': {
      const size = of.value.size * Math.max(1, given[1]?.value.size ?? 1);
      return { cost: cost + Math.max(1, 2 * characters), value: text(size) };
    }
    case 'split':
      return {
        cost: cost + Math.max(1, 2 * characters),
        value: { is: 'list', size: of.value.size, element: text(of.value.size) },
      };
    case 'joined': {
      const size = of.value.size * ((of.value.element?.size ?? 1) + wanted);
      return { cost: cost + Math.max(1, size * perCharacter), value: text(size) };
    }
    case 'isSorted':
    case 'sum':
    case 'min':
    case 'max':
    case 'indexOf':
    case 'lastIndexOf': {
      const element = of.value.element ?? scalar;
      const perElement = 1 + (element.is === 'text' ? element.size * perCharacter : 0);
      const own = of.value.is === 'list' ? of.value.size * perElement : characters;
      return { cost: cost + Math.max(1, own), value: name === 'min' || name === 'max' ? element : scalar };
    }
    default:
      return { cost: cost + Math.max(1, characters), value: scalar };
  }
}

/** What cel-go's expansions do themselves: for each item, and once. */
const macros: ReadonlyMap<string, readonly [perItem: number, aroundItems: number]> = new Map([
  ['all', [3, 1]],
  ['exists', [4, 1]],
  ['exists_one', [3, 3]],
  ['map', [listCost + 2, listCost + 1]],
  ['filter', [listCost + 3, listCost + 1]],
]);

const both = ([left, right]: readonly [ASTNode, ASTNode], scope: Scope): readonly [Estimate, Estimate] => [
  estimate(left, scope),
  estimate(right, scope),
];

const text = (size: number): Largest => ({ is: 'text', size });
const larger = (one: Largest, other: Largest): Largest => (other.size > one.size ? other : one);
const sum = (estimates: readonly Estimate[]): number => estimates.reduce((total, { cost }) => total + cost, 0);
