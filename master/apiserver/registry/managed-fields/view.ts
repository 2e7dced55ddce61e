/**
 * Server-side apply to a view of an object: a scale shows one field of it, `replicas`, under a path of its own. Who manages that field
 * is kept with the object; to whom applies the view, it is the view's. As the "Server-Side Apply" of Kubernetes does for its scales.
 */
import { apiVersionOf, type Kind } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import { shapeOf } from '../schema/shape.ts';
import { type FieldPath, fieldAt, intersection, isEmpty, minus } from './field-set.ts';
import { applied, type Entry, entriesOf, type Manager, managersOf, type Writing } from './managers.ts';

export interface ManagedView {
  readonly kind: Pick<Kind, 'group' | 'version' | 'kind'>;
  of(object: KubeObject): KubeObject;
  /** The one field that can be changed through the view: where it is there, and where it is in the object. */
  readonly field: { readonly here: FieldPath; readonly inObject: FieldPath };
}

/**
 * The view as an apply makes it of the present object, with the entries of the object. Throws 409 where others manage the field,
 * unless it is forced.
 */
export function appliedToView(
  view: ManagedView,
  live: KubeObject,
  config: KubeObject,
  writing: Writing,
  force: boolean,
): { object: KubeObject; entries: Entry[] } {
  const [here, inObject] = [fieldAt(view.field.here), fieldAt(view.field.inObject)];
  const isIn = ({ fields }: Manager, field: typeof here): boolean => !isEmpty(intersection(fields, field));
  const apiVersion = apiVersionOf(view.kind);
  const before = managersOf(live);
  const shown = before.filter((manager) => isIn(manager, inObject));
  const managedFields = entriesOf(shown.map(({ entry }) => ({ entry: { ...entry, apiVersion }, fields: here })));
  const present = view.of(live);
  const { object, entries } = applied(
    shapeOf(view.kind),
    { ...present, metadata: { ...present.metadata, managedFields } },
    config,
    { ...writing, kind: view.kind },
    force,
  );
  const after = managersOf({ metadata: { managedFields: entries } }).filter((manager) => isIn(manager, here));
  const kept = before.map((manager) =>
    shown.includes(manager) && !after.some(({ entry }) => isSamePart(entry, manager.entry))
      ? { ...manager, fields: minus(manager.fields, inObject) }
      : manager,
  );
  const added = after
    .filter(({ entry }) => !shown.some((manager) => isSamePart(manager.entry, entry)))
    .map(({ entry }) => ({ entry: { ...entry, apiVersion: apiVersionOf(writing.kind) }, fields: inObject }));
  return { object, entries: entriesOf([...kept, ...added]) };
}

const isSamePart = (a: Entry, b: Entry): boolean =>
  a.manager === b.manager && a.operation === b.operation && (a.subresource ?? '') === (b.subresource ?? '');
