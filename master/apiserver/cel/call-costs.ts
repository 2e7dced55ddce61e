/**
 * What calls cost at worst beside their arguments, and how large their results are: the factors are those of cel-go and of
 * Kubernetes' libraries. A function that is not here costs 1, and nothing is known of the size of its result.
 */
import { added, exactly, multiplied, product, type Size, traversal, unknownSize } from './cost-sizes.ts';

/** One value of a call. */
export interface Part {
  /** CEL's name of its type: `string`, `list<string>`… */
  readonly type: string;
  readonly size: Size;
  /** Of a list's items; undefined where nothing is known. */
  readonly itemSize?: Size | undefined;
  /** What it is where it is written in the expression. */
  readonly literal?: unknown;
}

export interface CallCost {
  readonly cost: number;
  readonly size?: Size;
}

export const perCharacter = 0.1;
const perPatternCharacter = 0.25;
export const listCost = 10;
export const mapCost = 30;
/** Kubernetes allows for two authorization checks in an expression. */
const authorizationCost = 350_000;
/** Selectors are lists of requirements, of at least two characters each. */
const costOfRequirement = 50;
const longestFormatPattern = 128;
/** Two addresses of 16 bytes. */
const addressCost = traversal(32, perCharacter);

type Costing = (parts: readonly Part[]) => CallCost | undefined;

const one: CallCost = { cost: 1 };
const through = ({ size }: Part, times = 1): number => traversal(size.most, times * perCharacter);
const isText = ({ type }: Part): boolean => type === 'string' || type === 'bytes' || type === 'dyn';
const pattern = (text: Part, { size }: Part): number =>
  product(traversal(text.size.most + 1, perCharacter), traversal(size.most, perPatternCharacter));

/** For functions that go through a text, and give one of its size. */
const sameText: Costing = ([text]) => text && { cost: through(text), size: text.size };
/** For those that read a text. */
const readText: Costing = ([text]) => text && { cost: through(text) };
/** For those that compare the items of a list. */
const compareItems: Costing = ([list]) => {
  if (!list) return undefined;
  if (!list.type.startsWith('list')) return { cost: through(list) };
  const itemType = /^list<(string|bytes)>$/.test(list.type);
  const perItem = itemType ? 1 + traversal((list.itemSize ?? unknownSize).most, perCharacter) : 1;
  return { cost: product(list.size.most, perItem) };
};
const newList = (size: Size, factor: number): CallCost => ({
  cost: traversal(size.most, factor) + 1 + listCost,
  size,
});
const sortItems: Costing = ([list]) =>
  list && newList(multiplied(list.size, list.size), /^list<(string|bytes)>$/.test(list.type) ? 2 + perCharacter : 2);
const ofSets =
  (factor: number): Costing =>
  ([, a, b]) =>
    a && b && { cost: traversal(multiplied(a.size, b.size).most, factor) + 1 };
const selector: Costing = ([, text]) =>
  text && { cost: listCost + through(text) + traversal(Math.ceil(text.size.most / 2), costOfRequirement) };
const numberOf = (part: Part | undefined, otherwise: number): number =>
  typeof part?.literal === 'bigint' ? Number(part.literal) : otherwise;

/** `a.f(b)`: the parts are the receiver and the arguments. By the names that methods have once `replacedMethods` took their place. */
const methods: Readonly<Record<string, Costing>> = {
  contains: ([text, part]) => text && part && { cost: product(through(text), through(part)) },
  startsWith: ([, part]) => part && { cost: through(part) },
  endsWith: ([, part]) => part && { cost: through(part) },
  matchesRe2: ([text, expression]) => text && expression && { cost: pattern(text, expression) },
  find: found,
  findAll: found,
  format: readText,
  lowerAsciiOnly: sameText,
  upperAsciiOnly: sameText,
  substring: sameText,
  trim: sameText,
  replace: replaced,
  split: ([text, , most]) =>
    text && { cost: through(text, 2), size: { least: 0, most: numberOf(most, text.size.most) } },
  joined: ([list, separator]) => {
    if (!list) return undefined;
    const separators = { least: Math.max(0, list.size.least - 1), most: Math.max(0, list.size.most - 1) };
    const items = multiplied(list.size, list.itemSize ?? unknownSize);
    const size = separator ? added(items, multiplied(separator.size, separators)) : items;
    return { cost: traversal(size.most, perCharacter), size };
  },
  isSorted: compareItems,
  sum: compareItems,
  min: compareItems,
  max: compareItems,
  indexOf: compareItems,
  lastIndexOf: compareItems,
  slice: ([list, from, to]) =>
    list && newList(exactly(Math.max(0, numberOf(to, list.size.most) - numberOf(from, 0))), 1),
  flatten: ([list, depth]) => list && newList(list.size, depth ? numberOf(depth, Number.POSITIVE_INFINITY) : 1),
  reverse: ([list]) => list && newList(list.size, 1),
  distinct: ([list]) => list && newList(multiplied(list.size, list.size), 2),
  sort: sortItems,
  containsIP: ([, other]) => other && { cost: addressCost + (other.type === 'string' ? through(other) : 0) },
  containsCIDR: ([, other]) =>
    other && {
      cost: addressCost + traversal(16, perCharacter) + 1 + (other.type === 'string' ? through(other) : 0),
    },
  validate: ([, text]) => text && { cost: traversal(through(text), longestFormatPattern * perPatternCharacter) },
  check: () => ({ cost: authorizationCost }),
  fieldSelector: selector,
  labelSelector: selector,
};

/** Those of the functions that have a name before them: `sets.contains(a, b)`. */
const spaced: Readonly<Record<string, Costing>> = {
  'sets.contains': ofSets(1),
  'sets.intersects': ofSets(1),
  'sets.equivalent': ofSets(2),
  'lists.range': ([, count]) => newList(exactly(numberOf(count, Number.POSITIVE_INFINITY)), 1),
  'ip.isCanonical': ([, text]) => text && { cost: through(text, 2) },
  'jsonpatch.escapeKey': ([, text]) => text && { cost: through(text), size: text.size },
  'strings.quote': ([, text]) =>
    text && { cost: through(text), size: { least: text.size.least + 2, most: text.size.most * 2 + 2 } },
};

/** `f(a)`. */
const functions: Readonly<Record<string, Costing>> = {
  url: sameText,
  cidr: readText,
  isIP: readText,
  isCIDR: readText,
  ip: readText,
  quantity: readText,
  isQuantity: readText,
  semver: readText,
  isSemver: readText,
  bytes: ([text]) =>
    text?.type === 'string'
      ? { cost: through(text), size: { least: text.size.least, most: text.size.most * 4 } }
      : undefined,
  string: ([value]) =>
    value?.type === 'bytes'
      ? { cost: through(value), size: { least: Math.floor(value.size.least / 4), most: value.size.most } }
      : undefined,
};

/** `space`: the name before the dot, where it is no variable. */
export function methodCost(name: string, parts: readonly Part[], space?: string): CallCost {
  const costing = space === undefined ? own(methods, name) : own(spaced, `${space}.${name}`);
  return costing?.(parts) ?? one;
}

export const functionCost = (name: string, parts: readonly Part[]): CallCost => own(functions, name)?.(parts) ?? one;

/** Of operators but those that decide what is evaluated. What is not known to be a number may be a text. */
export function operatorCost(operator: string, left: Part, right: Part): CallCost {
  const smallest = Math.min(left.size.most, right.size.most);
  switch (operator) {
    case '==':
    case '!=':
      return { cost: constantComparison.test(left.type) ? 1 : traversal(smallest, perCharacter) };
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (!isText(left) || !isText(right)) return one;
      return { cost: Math.max(left.type === 'dyn' ? 1 : 0, traversal(smallest, perCharacter)) };
    case 'in':
      return right.type.startsWith('map') ? one : { cost: right.size.most };
    case '+': {
      const size = added(left.size, right.size);
      if (left.type.startsWith('list')) return { cost: 1, size };
      if (!isText(left) || !isText(right)) return one;
      return { cost: Math.max(left.type === 'dyn' ? 1 : 0, traversal(size.most, perCharacter)), size };
    }
    default:
      return one;
  }
}

/** Types of Kubernetes that are small. */
const constantComparison = /^(net\.(IP|CIDR)|kubernetes\.(Quantity|Semver)|.*(authorization|semver|quantity).*)$/i;

function found([text, expression]: readonly Part[]): CallCost | undefined {
  return text && expression && { cost: pattern(text, expression), size: { least: 0, most: text.size.most } };
}

/** The result is longest where the least is replaced by the most, as often as it may be there. */
function replaced([text, from, to]: readonly Part[]): CallCost | undefined {
  if (!text || !from || !to) return undefined;
  const { most } = text.size;
  let size = most;
  if (from.size.least === 0) size = product(most + 1, to.size.most) + most;
  else if (to.size.most > from.size.least) size = product(Math.ceil(most / from.size.least), to.size.most);
  return { cost: through(text, 2), size: { least: 0, most: size } };
}

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;
