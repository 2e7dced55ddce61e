/**
 * What is done to a parsed expression before it is checked: its work is counted, and what the library does in its own way is
 * done in CEL's.
 *
 * CEL has no loops but its macros. What lets work or memory grow is counted: every element that a macro looks at, the size of
 * every sum, and of what functions, comparisons and `in` go through. Functions of ours that do more count it themselves.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { replaceHas } from './has.ts';
import { left, spend } from './steps.ts';

/** Functions that look at no more than the outside of what they are given. */
const cheap: ReadonlySet<string> = new Set(['size', 'has', 'dyn', 'type']);

/**
 * Has the nodes of a parsed expression counted when they are evaluated, and the methods in `replacements` called by
 * their other names. To be done before the expression is checked.
 */
export function prepare(node: ASTNode, replacements: Readonly<Record<string, string>>): void {
  for (const child of childrenOf(node)) prepare(child, replacements);
  switch (node.op) {
    case '+':
      counted(node, sizeOf);
      return;
    case '==':
    case '!=':
      counted(node.args[0], deepSizeOf);
      return;
    case 'in':
      counted(node.args[1], sizeOf);
      return;
    case 'call': {
      const [name, parts] = node.args;
      if (name === 'has') replaceHas(node);
      if (!cheap.has(name)) for (const part of parts) counted(part, sizeOf);
      return;
    }
    case 'rcall': {
      const [method, receiver] = node.args;
      if (!cheap.has(method)) counted(receiver, sizeOf);
      if (Object.hasOwn(replacements, method)) node.args[0] = replacements[method] ?? method;
    }
  }
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'list':
      return node.args;
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}

type Evaluate = (...parts: unknown[]) => unknown;

/**
 * The library looks for a node's `evaluate` in its prototype, and replaces it once by a faster one of the node's own.
 * Both go through here. A node may be counted several times over.
 */
function counted(node: ASTNode, size: (value: unknown) => number): void {
  if (node.op === 'value') return;
  const inherited: unknown = Reflect.get(node, 'evaluate');
  if (!isEvaluate(inherited)) throw new Error('the CEL library has no evaluate in its nodes');
  const own = Object.getOwnPropertyDescriptor(node, 'evaluate');
  let evaluate: Evaluate = inherited;
  const counting: Evaluate = (...parts) => {
    const value = evaluate.apply(node, parts);
    spend(size(value));
    return value;
  };
  Object.defineProperty(node, 'evaluate', {
    configurable: true,
    get: () => counting,
    set: (faster: Evaluate) => {
      if (own?.set) own.set(faster);
      else evaluate = faster;
    },
  });
}

const isEvaluate = (value: unknown): value is Evaluate => typeof value === 'function';

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length + 1;
  if (typeof value === 'string') return value.length / 10;
  return value instanceof Map || value instanceof Set ? value.size + 1 : 1;
}

/** With all that it holds, as far as there are steps left for it. */
function deepSizeOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return sizeOf(value);
  const enough = left();
  let size = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0 && size <= enough) {
    const next = waiting.pop();
    size += sizeOf(next);
    if (size > enough) break;
    const held = next instanceof Map ? next.values() : Array.isArray(next) || next instanceof Set ? next : [];
    for (const item of held) waiting.push(item);
  }
  return size;
}
