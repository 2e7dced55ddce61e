/**
 * Sets of fields, as `metadata.managedFields` keeps them (its `fieldsV1`): a tree whose steps are `f:<field>`,
 * `k:<the keys of an item>` and `v:<the value of an item>`. The rules are those of Kubernetes' structured-merge-diff.
 */
import { isRecord } from '../schema/shape.ts';

export interface FieldSet {
  /** The field itself is in the set, apart from what is within it. */
  readonly self: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const noFields: FieldSet = { self: false, children: new Map() };
export const itself: FieldSet = { self: true, children: new Map() };

export const isEmpty = ({ self, children }: FieldSet): boolean => !self && children.size === 0;

/** The set of these steps; those that lead to nothing are left out. */
export function fieldSet(self: boolean, steps: Iterable<readonly [string, FieldSet]>): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [step, set] of steps) if (!isEmpty(set)) children.set(step, set);
  return { self, children };
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [step, set] of b.children) {
    const known = children.get(step);
    children.set(step, known ? union(known, set) : set);
  }
  return { self: a.self || b.self, children };
}

export function minus(a: FieldSet, b: FieldSet): FieldSet {
  const left = [...a.children].map(([step, set]) => {
    const less = b.children.get(step);
    return [step, less ? minus(set, less) : set] as const;
  });
  return fieldSet(a.self && !b.self, left);
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const shared = [...a.children].map(([step, set]) => {
    const other = b.children.get(step);
    return [step, other ? intersection(set, other) : noFields] as const;
  });
  return fieldSet(a.self && b.self, shared);
}

export const isWithin = (a: FieldSet, b: FieldSet): boolean => isEmpty(minus(a, b));

/** Names of fields from an object on; `*` is any item of a list, or any field. */
export type FieldPath = readonly string[];

/** The field at the end of the path. */
export function fieldAt([name, ...rest]: FieldPath): FieldSet {
  if (name === undefined) return itself;
  return { self: false, children: new Map([[`f:${name}`, fieldAt(rest)]]) };
}

/** What of the set stands at the ends of the paths, and within. */
export function within(set: FieldSet, paths: readonly FieldPath[]): FieldSet {
  const parts = [...set.children].map(([step, inner]) => {
    const next = paths.filter(([name]) => name === '*' || `f:${name}` === step).map(([, ...rest]) => rest);
    return [step, next.some(({ length }) => length === 0) ? inner : within(inner, next)] as const;
  });
  return fieldSet(false, parts);
}

/** `.spec.containers[name="main"].image` for each field. */
export function pathsOf({ self, children }: FieldSet, path = ''): string[] {
  const own = self && path !== '' ? [path] : [];
  return [...own, ...[...children].flatMap(([step, set]) => pathsOf(set, path + stepText(step)))];
}

function stepText(step: string): string {
  const text = step.slice(2);
  if (step.startsWith('f:')) return `.${text}`;
  if (step.startsWith('v:')) return `[=${text}]`;
  const keys = Object.entries(JSON.parse(text)).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${keys.join(',')}]`;
}

/** A set in the form of the API. `.` is the field itself, where the set has more within it. */
export type FieldsV1 = { [step: string]: FieldsV1 };

export function toFieldsV1({ children }: FieldSet): FieldsV1 {
  const steps = [...children].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    steps.map(([step, set]) => [
      step,
      set.self && set.children.size > 0 ? { '.': {}, ...toFieldsV1(set) } : toFieldsV1(set),
    ]),
  );
}

/** Anything that is no set is empty. */
export function fromFieldsV1(value: unknown): FieldSet {
  if (!isRecord(value)) return noFields;
  const steps = Object.keys(value).filter((step) => /^[fvk]:/.test(step) && isStep(step));
  const children = new Map(
    steps.map((step) => {
      const inner = value[step];
      const set = fromFieldsV1(inner);
      const self = isRecord(inner) && (Object.hasOwn(inner, '.') || Object.keys(inner).length === 0);
      return [step, { self, children: set.children }];
    }),
  );
  return { self: false, children };
}

function isStep(step: string): boolean {
  if (step.startsWith('f:')) return true;
  try {
    const value: unknown = JSON.parse(step.slice(2));
    return step.startsWith('v:') || isRecord(value);
  } catch {
    return false;
  }
}
