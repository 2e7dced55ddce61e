/**
 * What is done to a parsed expression before it is checked: its work is counted, and what the library does in its own way is
 * done in CEL's.
 *
 * How much one evaluation may do. CEL has no loops but its macros, and only they and `+` over lists and texts let work or
 * memory grow, so these are what is counted: every element that a macro looks at, and the size of every sum.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { replaceHas } from './has.ts';

/** Elements of one evaluation: the limit that Kubernetes sets for the cost of one expression. */
const stepsPerEvaluation = 1_000_000;

const macros: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** The words of cel-go, which Kubernetes hands on. */
export const overLimit = 'operation cancelled: actual cost limit exceeded';

/** Steps left in the evaluation that runs. Evaluations never wait, so there is only one at a time; they may nest. */
let stepsLeft = stepsPerEvaluation;

/** Runs an evaluation under the limit. Throws an Error where it is reached, whatever the expression makes of errors. */
export function withinBounds<T>(evaluate: () => T): T {
  const outer = stepsLeft;
  stepsLeft = stepsPerEvaluation;
  try {
    const value = evaluate();
    if (stepsLeft < 0) throw new Error(overLimit);
    return value;
  } finally {
    stepsLeft = outer;
  }
}

/**
 * Has the nodes of a parsed expression counted when they are evaluated, and the methods in `replacements` called by
 * their other names. To be done before the expression is checked.
 */
export function prepare(node: ASTNode, replacements: Readonly<Record<string, string>>): void {
  for (const child of childrenOf(node)) prepare(child, replacements);
  if (node.op === '+') countSize(node);
  if (node.op === 'call' && node.args[0] === 'has') replaceHas(node);
  if (node.op !== 'rcall') return;
  const [method, receiver] = node.args;
  if (macros.has(method)) countSize(receiver);
  if (Object.hasOwn(replacements, method)) node.args[0] = replacements[method] ?? method;
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
 * Both go through here.
 */
function countSize(node: ASTNode): void {
  const inherited: unknown = Reflect.get(node, 'evaluate');
  if (!isEvaluate(inherited)) throw new Error('the CEL library has no evaluate in its nodes');
  let evaluate: Evaluate = inherited;
  const counting: Evaluate = (...parts) => {
    const value = evaluate.apply(node, parts);
    stepsLeft -= sizeOf(value);
    if (stepsLeft < 0) throw new Error(overLimit);
    return value;
  };
  Object.defineProperty(node, 'evaluate', {
    get: () => counting,
    set: (faster: Evaluate) => {
      evaluate = faster;
    },
  });
}

const isEvaluate = (value: unknown): value is Evaluate => typeof value === 'function';

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length + 1;
  if (typeof value === 'string') return value.length / 10;
  return value instanceof Map || value instanceof Set ? value.size + 1 : 1;
}
