/**
 * The fields of a new object, as the one entry of its `managedFields` says them. Every create pays for it, so the text is made in
 * one pass over the object, without the sets that changes need.
 *
 * Kubernetes compares the new object with an empty one of its type. So a part that was not there is the creator's itself (the `.`
 * beside what it holds), but a part that Go's empty struct has already (`spec`, a Deployment's `template`) is not.
 */
import { isRecord, type Shape } from '../schema/shape.ts';
import type { FieldsV1 } from './field-set.ts';
import { itemStep } from './typed.ts';

const leaf: FieldsV1 = {};

/** Nobody manages what an object is, nor, in its metadata, what only the server says. */
export const identity = new Set(['apiVersion', 'kind']);
export const serverOnly = new Set([
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'selfLink',
  'generation',
  'resourceVersion',
  'managedFields',
]);

/** Fields of types, besides an object's `metadata`, `spec` and `status`, that are there in an empty object. */
const inEmpty = new Set([
  ...['core.v1.PodSpec.containers', 'core.v1.PodTemplateSpec.metadata', 'core.v1.PodTemplateSpec.spec'],
  ...['apps.v1.DeploymentSpec.strategy', 'apps.v1.DeploymentSpec.template', 'apps.v1.ReplicaSetSpec.template'],
  ...['apps.v1.DaemonSetSpec.template', 'apps.v1.DaemonSetSpec.updateStrategy'],
  ...['apps.v1.StatefulSetSpec.template', 'apps.v1.StatefulSetSpec.updateStrategy'],
  ...['batch.v1.JobSpec.template', 'batch.v1.CronJobSpec.jobTemplate'],
  ...['batch.v1.JobTemplateSpec.metadata', 'batch.v1.JobTemplateSpec.spec'],
  ...['core.v1.PersistentVolumeClaimSpec.resources', 'autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef'],
  'autoscaling.v1.HorizontalPodAutoscalerSpec.scaleTargetRef',
]);

/** The `fieldsV1` of a whole object; without its status where that has a path of its own. */
export function fieldsOfNew(shape: Shape, object: Readonly<Record<string, unknown>>, ownStatus: boolean): FieldsV1 {
  const fields: FieldsV1 = {};
  for (const name of Object.keys(object).sort()) {
    const value = object[name];
    if (value === undefined || identity.has(name) || (ownStatus && name === 'status')) continue;
    const inner = fieldOf(shape, name);
    const isEmptyPart = name === 'metadata' || name === 'spec' || name === 'status';
    const left = name === 'metadata' ? serverOnly : undefined;
    const set = fieldsOf(inner, value, isEmptyPart, left);
    if (isEmptyPart && set === leaf) continue;
    fields[`f:${name}`] = set;
  }
  return fields;
}

/** `inEmptyObject`: an empty object has this part. */
function fieldsOf(
  shape: Shape | undefined,
  value: unknown,
  inEmptyObject: boolean,
  leftOut?: ReadonlySet<string>,
): FieldsV1 {
  if (!shape || shape.is === 'scalar') return leaf;
  const fields: FieldsV1 = inEmptyObject ? {} : { '.': leaf };
  let some = false;
  if (shape.is === 'list') {
    const { keys } = shape;
    if (!keys || !Array.isArray(value) || value.length === 0) return leaf;
    const steps = new Map<string, unknown>(value.map((item) => [itemStep(shape, keys, item), item]));
    for (const step of [...steps.keys()].sort()) fields[step] = fieldsOf(shape.items, steps.get(step), false);
    return fields;
  }
  if (shape.atomic || !isRecord(value)) return leaf;
  for (const name of Object.keys(value).sort()) {
    const part = value[name];
    if (part === undefined || leftOut?.has(name)) continue;
    const known = inEmptyObject && shape.is === 'object' && inEmpty.has(`${shape.name}.${name}`);
    fields[`f:${name}`] = fieldsOf(fieldOf(shape, name), part, known);
    some = true;
  }
  return some ? fields : leaf;
}

const fieldOf = (shape: Shape, name: string): Shape | undefined =>
  shape.is === 'map' ? shape.values : shape.is === 'object' ? shape.fields.get(name) : undefined;
