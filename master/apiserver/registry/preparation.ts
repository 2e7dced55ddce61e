/**
 * What becomes of an object between a request's body and the transaction: its metadata, the defaults of its strategy, who manages its
 * fields, admission, and validation of the result.
 *
 * Guarantees: what passes may be stored as it is. Objects are changed in place; the present state never is.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../api/clock.ts';
import { internalError, invalid } from '../../api/errors.ts';
import { deepEqual, nowSeconds } from '../../api/meta.ts';
import type { KubeObject, ObjectMeta } from '../../api/types.ts';
import type { Admission, AdmissionRequest } from '../admission/types.ts';
import { consistent, type Store } from '../store/types.ts';
import { inheritMetadata, initMetadata } from './body.ts';
import type { ObjectName, RequestContext, Subresource } from './context.ts';
import { afterCreate, afterUpdate, type Writing } from './managed-fields/managers.ts';
import { decode } from './schema/decode.ts';
import type { ObjectShape } from './schema/shape.ts';
import type { Strategy } from './strategy.ts';
import { FieldErrors } from './validation/field-errors.ts';
import { validateMetadata, validateMetadataUpdate } from './validation/metadata.ts';

export type ManagedFields = NonNullable<ObjectMeta['managedFields']>;

export interface PreparationParts {
  readonly strategy: Strategy;
  readonly shape: ObjectShape;
  readonly store: Store;
  readonly admission: Admission;
  readonly clock: Clock;
}

export class Preparation {
  readonly #parts: PreparationParts;

  constructor(parts: PreparationParts) {
    this.#parts = parts;
  }

  /** For admission: one function for all requests. */
  readonly #complete = (object: KubeObject): void => {
    const { wrong } = decode(this.#parts.shape, object);
    if (wrong !== undefined) throw internalError(wrong);
    this.#parts.strategy.setDefaults?.(object);
  };

  /**
   * Makes an object ready to be stored for the first time. `managedFields`: given where the request says itself who manages what.
   * Throws what admission throws, and 422 with every field that is wrong.
   */
  async ofNew(
    ctx: RequestContext,
    namespace: string | undefined,
    object: KubeObject,
    managedFields: ManagedFields | undefined,
  ): Promise<void> {
    const { strategy, store, admission, clock } = this.#parts;
    const { kind } = strategy;
    const now = nowSeconds(clock.now());
    const name = object.metadata?.name ?? '';
    initMetadata(object, namespace, now, randomUUID());
    strategy.setDefaults?.(object);
    if (object.metadata) object.metadata.managedFields = managedFields ?? this.#managedByCreator(ctx, object);
    const complete = this.#complete;
    const request: AdmissionRequest = { ctx, operation: 'CREATE', kind, namespace, name, object, complete };
    await admission.admit(request);
    if (strategy.hasGeneration && object.metadata) object.metadata.generation = 1;
    strategy.prepareForCreate?.(object, ctx, now);
    await strategy.completeForCreate?.(object, async (key) => (await store.get(key, consistent))?.bytes);
    this.#validate(object);
    await admission.validate(request);
    this.#warn(ctx, object);
  }

  /** Makes a changed object ready to take the place of `old`. Throws as `ofNew`. */
  async ofChange(
    ctx: RequestContext,
    { namespace, name }: ObjectName,
    object: KubeObject,
    old: KubeObject,
    { subresource, applies = false }: { subresource?: Subresource | undefined; applies?: boolean },
  ): Promise<void> {
    const { strategy, admission } = this.#parts;
    const { kind } = strategy;
    const { managedFields } = object.metadata ?? {};
    inheritMetadata(object, old, !subresource);
    if (applies && managedFields && object.metadata) object.metadata.managedFields = managedFields;
    if (!subresource) strategy.setDefaults?.(object);
    const request: AdmissionRequest = {
      ctx,
      operation: 'UPDATE',
      kind,
      subresource,
      namespace,
      name,
      object,
      old,
      part: subresource && strategy.subresources?.[subresource],
      complete: this.#complete,
    };
    await admission.admit(request);
    if (!subresource) strategy.prepareForUpdate?.(object, old);
    if (strategy.hasGeneration) bumpGeneration(strategy, object, old, subresource);
    this.#validate(object, old, subresource);
    await admission.validate(request);
    if (!subresource) this.#warn(ctx, object, old);
  }

  /** Notes who has made this change, on an object whose fields have managers. */
  track(ctx: RequestContext, object: KubeObject, old: KubeObject, subresource: Subresource | undefined): void {
    const managedFields = afterUpdate(this.#parts.shape, old, object, this.writing(ctx, subresource));
    object.metadata = { ...object.metadata, managedFields };
  }

  writing(ctx: RequestContext, subresource: Subresource | undefined): Writing {
    const { strategy, clock } = this.#parts;
    const { kind, otherVersions } = strategy;
    return { manager: ctx.fieldManager ?? 'unknown', kind, otherVersions, subresource, now: nowSeconds(clock.now()) };
  }

  /** As in Kubernetes: what the client says and what is so by default is the client's, what admission adds is nobody's. */
  #managedByCreator(ctx: RequestContext, object: KubeObject): ManagedFields {
    const { strategy, shape } = this.#parts;
    const ownStatus = strategy.subresources?.status !== undefined;
    return afterCreate(shape, object, this.writing(ctx, undefined), ownStatus);
  }

  #validate(object: KubeObject, old?: KubeObject, subresource?: Subresource): void {
    const errors = new FieldErrors();
    const { strategy } = this.#parts;
    validateMetadata(object, strategy.kind, strategy.nameErrors, errors, strategy.shape?.decode !== undefined);
    if (old) validateMetadataUpdate(object, old, errors);
    if (subresource && old) {
      strategy.subresources?.[subresource]?.validate?.(object, old, errors);
    } else {
      strategy.validate?.(object, errors, old);
      if (old) strategy.validateUpdate?.(object, old, errors);
    }
    if (errors.any) throw invalid(strategy.kind, object.metadata?.name ?? '', errors.causes);
  }

  #warn(ctx: RequestContext, object: KubeObject, old?: KubeObject): void {
    ctx.warnings.push(...(this.#parts.strategy.warnings?.(object, old) ?? []));
  }
}

function bumpGeneration(
  strategy: Strategy,
  object: KubeObject,
  old: KubeObject,
  subresource: Subresource | undefined,
): void {
  if (!object.metadata) return;
  const before = old.metadata?.generation ?? 0;
  // Who reports on an object may annotate it, and wants nothing else of it.
  if (subresource === 'status') {
    object.metadata.generation = before;
    return;
  }
  if (strategy.changesGeneration) {
    object.metadata.generation = strategy.changesGeneration(object, old) ? before + 1 : before;
    return;
  }
  const spec = 'spec' in object ? object.spec : undefined;
  const oldSpec = 'spec' in old ? old.spec : undefined;
  object.metadata.generation = deepEqual(spec, oldSpec) ? before : before + 1;
}
