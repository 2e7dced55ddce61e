/** The shapes that every kind shares. */
import {
  boolean,
  integer,
  list,
  listBy,
  type ObjectShape,
  object,
  type Shape,
  setOf,
  string,
  stringMap,
} from './shape.ts';

export const objectMeta = object({
  name: string,
  generateName: string,
  namespace: string,
  selfLink: string,
  uid: string,
  resourceVersion: string,
  generation: integer,
  creationTimestamp: string,
  deletionTimestamp: string,
  deletionGracePeriodSeconds: integer,
  labels: stringMap,
  annotations: stringMap,
  finalizers: setOf(string),
  ownerReferences: listBy(
    'uid',
    object({
      apiVersion: string,
      kind: string,
      name: string,
      uid: string,
      controller: boolean,
      blockOwnerDeletion: boolean,
    }),
  ),
});

export const objectReference = object({
  kind: string,
  namespace: string,
  name: string,
  uid: string,
  apiVersion: string,
  resourceVersion: string,
  fieldPath: string,
});

export const localObjectReference = object({ name: string });

export const labelSelector = object({
  matchLabels: stringMap,
  matchExpressions: list(object({ key: string, operator: string, values: list(string) })),
});

/** Conditions that a strategic merge patch finds by their type. */
export const conditionFields = {
  type: string,
  status: string,
  reason: string,
  message: string,
  lastTransitionTime: string,
  observedGeneration: integer,
};
export const conditions = listBy('type', object(conditionFields));

/** A whole object: what every one has, and the kind's own fields. */
export const kindShape = (fields: Record<string, Shape>): ObjectShape =>
  object({ apiVersion: string, kind: string, metadata: objectMeta, ...fields });
