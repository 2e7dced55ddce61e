/** Pieces that the tables of most kinds share. */
import { labelSelectorText } from '../../../api/selectors.ts';
import type { KubeObject, LabelSelector, PodTemplateSpec } from '../../../api/types.ts';
import type { Column } from '../context.ts';
import { since } from './human-duration.ts';

/** A column of one kind's objects; `value` is a method, so that a column of pods can stand in a list of columns. */
interface ColumnOf<T extends KubeObject> {
  readonly name: string;
  readonly type: Column['type'];
  readonly description: string;
  readonly priority: 0 | 1;
  value(object: T, now: number): string | number | boolean | null;
}

/** A column that is always shown. */
export function column<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T, now: number) => string,
): ColumnOf<T> {
  return { name, type: 'string', description, priority: 0, value };
}

/** A column that only `-o wide` shows. */
export function wideColumn<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T, now: number) => string,
): ColumnOf<T> {
  return { name, type: 'string', description, priority: 1, value };
}

export function integerColumn<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T) => number,
): ColumnOf<T> {
  return { name, type: 'integer', description, priority: 0, value };
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  value: (object) => object.metadata?.name ?? '',
};

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'CreationTimestamp is the server time at which this object was created.',
  priority: 0,
  value: (object, now) => since(object.metadata?.creationTimestamp, now),
};

/** `a=b,c=d`, sorted; `<none>` where there are none. */
export function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  const parts = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return parts.length === 0 ? '<none>' : parts.sort().join(',');
}

/** A selector as text; `<none>` where it selects everything, or nothing. */
export const selectorText = (selector: LabelSelector | undefined): string => labelSelectorText(selector) || '<none>';

interface WithTemplate extends KubeObject {
  spec?: { template?: PodTemplateSpec };
}

/** What `-o wide` shows of the containers in a pod template; `templateOf` says where it is. */
export function containerColumns<T extends KubeObject>(
  templateOf: (object: T) => PodTemplateSpec | undefined = ({ spec }: WithTemplate) => spec?.template,
): Column[] {
  const list = (field: 'name' | 'image') => (object: T) =>
    (templateOf(object)?.spec?.containers ?? []).map((container) => container[field] ?? '').join(',');
  return [
    wideColumn<T>('Containers', 'Names of each container in the template.', list('name')),
    wideColumn<T>('Images', 'Images referenced by each container in the template.', list('image')),
  ];
}

export function booleanColumn<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T) => boolean,
): ColumnOf<T> {
  return { name, type: 'boolean', description, priority: 0, value };
}

/** The first three, and how many more there are. */
export function upToThree(items: readonly string[], none: string): string {
  if (items.length === 0) return none;
  const shown = items.slice(0, 3).join(',');
  return items.length > 3 ? `${shown} + ${items.length - 3} more...` : shown;
}
