/**
 * Create, update, patch and delete: what a write goes through between the request and the one transaction in the store.
 *
 * Guarantees: an object in the store was defaulted, admitted and validated; a change is applied to the state that it was
 * checked against, or refused; a dry run does everything but the transaction.
 */
import type { Clock } from '../../api/clock.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  internalError,
  invalid,
  isAlreadyExists,
  isStatusError,
  modifiedMessage,
  notFound,
  statusError,
} from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import { deepEqual, nowSeconds } from '../../api/meta.ts';
import type { DeleteOptions, KubeObject } from '../../api/types.ts';
import type { Admission } from '../admission/types.ts';
import { RevisionMismatch } from '../store/errors.ts';
import { objectKey } from '../store/keys.ts';
import { anyRevision, consistent, type Store, type Stored } from '../store/types.ts';
import { checkBody, withGeneratedName } from './body.ts';
import { Committer } from './committer.ts';
import type { DeleteResult, ObjectName, Patch, RequestContext, Subresource } from './context.ts';
import { checkDeletion, checkPreconditions, deletionIsDone, planDeletion, validateDeleteOptions } from './deletion.ts';
import { onlyField, withoutStatus } from './managed-fields/configuration.ts';
import { withLastApplied } from './managed-fields/last-applied.ts';
import { afterFirstApply, applied, isTracked } from './managed-fields/managers.ts';
import { appliedToView } from './managed-fields/view.ts';
import { applyPatch } from './patch/apply.ts';
import { noStrategicMerge } from './patch/unsupported.ts';
import { type ManagedFields, Preparation } from './preparation.ts';
import { type ObjectShape, shapeOf } from './schema/shape.ts';
import type { Strategy, SubresourceStrategy } from './strategy.ts';
import { FieldErrors } from './validation/field-errors.ts';

export interface WriterParts {
  readonly strategy: Strategy;
  readonly store: Store;
  readonly admission: Admission;
  readonly clock: Clock;
}

/** How often a write that does not say which state it changes starts over because others change the object meanwhile. */
const maxAttempts = 100;
/** How often a generated name is made anew when it turns out to be taken. */
const maxGeneratedNames = 8;

/** How a write that starts over reads again. */
type Fresh = 'unread' | 'consistent' | Stored;

export interface ApplyOptions {
  /** Take over what others manage. */
  readonly force: boolean;
  /** Throws where the user may not create the object. */
  readonly mayCreate: () => void;
}

/** Makes the object that an update or patch wants out of the present one. Called anew for each attempt. */
type Change = (old: Stored) => KubeObject;

export class Writer {
  readonly #strategy: Strategy;
  readonly #shape: ObjectShape;
  readonly #store: Store;
  readonly #admission: Admission;
  readonly #clock: Clock;
  readonly #preparation: Preparation;
  readonly #committer: Committer;

  constructor({ strategy, store, admission, clock }: WriterParts) {
    this.#strategy = strategy;
    this.#shape = strategy.shape ?? shapeOf(strategy.kind);
    this.#store = store;
    this.#admission = admission;
    this.#clock = clock;
    this.#preparation = new Preparation({ strategy, shape: this.#shape, store, admission, clock });
    this.#committer = new Committer(strategy, store);
  }

  async create(ctx: RequestContext, namespace: string | undefined, object: KubeObject): Promise<Stored> {
    const metadata = checkBody(ctx, this.#strategy.kind, this.#shape, object, { namespace });
    if (metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
    if (metadata.name || !metadata.generateName) return this.#createNamed(ctx, namespace, object);
    for (let attempt = 1; ; attempt++) {
      const named = withGeneratedName(attempt < maxGeneratedNames ? structuredClone(object) : object);
      try {
        return await this.#createNamed(ctx, namespace, named);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        if (attempt === maxGeneratedNames) throw noNameLeft(this.#strategy.kind, named.metadata?.name ?? '');
      }
    }
  }

  async update(ctx: RequestContext, name: ObjectName, object: KubeObject, subresource?: Subresource): Promise<Stored> {
    const sub = subresource && this.#subresource(subresource);
    const metadata = checkBody(ctx, this.#kindOf(sub), this.#shapeOf(sub), object, name);
    const version = metadata.resourceVersion ?? '';
    const mayCreate = !sub && this.#strategy.createsOnUpdate && version === '';
    if (mayCreate && !(await this.#exists(name))) return this.#createNamed(ctx, name.namespace, object);
    if (version === '' && this.#strategy.requiresResourceVersion && !sub) {
      const errors = new FieldErrors();
      errors.invalid('metadata.resourceVersion', 0, 'must be specified for an update');
      throw invalid(this.#strategy.kind, name.name, errors.causes);
    }
    // The object is changed in place by the one attempt that a given resourceVersion allows.
    const change: Change = (old) => this.#applied(sub, version === '' ? structuredClone(object) : object, old);
    return this.#change(ctx, name, change, { version, subresource, check: () => this.#checkUid(name, metadata.uid) });
  }

  async patch(ctx: RequestContext, name: ObjectName, patch: Patch, subresource?: Subresource): Promise<Stored> {
    const sub = subresource && this.#subresource(subresource);
    const kind = this.#kindOf(sub);
    const shape = this.#shapeOf(sub);
    if (patch.type === 'strategic' && this.#strategy.takesStrategicMerge === false) throw noStrategicMerge();
    const change: Change = (old) => {
      const original = sub?.view ? JSON.stringify(sub.view.of(old.object)) : old.bytes.toString('utf8');
      const patched = applyPatch(patch, original, shape);
      const metadata = checkBody(ctx, kind, shape, patched, name, { patch, original, shape });
      this.#requireVersion(name, metadata.resourceVersion ?? '', old);
      return this.#applied(sub, patched, old);
    };
    return this.#change(ctx, name, change, { version: '', subresource });
  }

  /**
   * Server-side apply: makes the object be as `config` says, where it says anything, and keeps who says what. An object that
   * is not there is made of it, if `mayCreate` does not throw.
   */
  async apply(
    ctx: RequestContext,
    name: ObjectName,
    config: KubeObject,
    { force, mayCreate }: ApplyOptions,
    subresource?: Subresource,
  ): Promise<{ stored: Stored; created: boolean }> {
    const sub = subresource && this.#subresource(subresource);
    const { kind } = this.#strategy;
    if (config.metadata?.managedFields) throw badRequest('metadata.managedFields must be nil');
    const metadata = checkBody(ctx, this.#kindOf(sub), this.#shapeOf(sub), config, name, 'apply');
    const version = metadata.resourceVersion ?? '';
    const mine = this.#applicable(config, sub);
    if (!(await this.#exists(name))) {
      if (sub || version !== '') throw notFound(kind, name.name);
      mayCreate();
      const created = structuredClone(mine);
      const writing = this.#preparation.writing(ctx, undefined);
      const entries = afterFirstApply(this.#shape, mine, writing);
      try {
        return { stored: await this.#createNamed(ctx, name.namespace, created, entries), created: true };
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
    const change: Change = (old) => {
      const writing = this.#preparation.writing(ctx, subresource);
      const { object, entries } = sub?.view
        ? appliedToView(sub.view, old.object, mine, writing, force)
        : applied(this.#shape, old.object, mine, writing, force, sub?.partOfSpec);
      const made = this.#applied(sub, structuredClone(object), old);
      const changed = sub ? made : withLastApplied(made, mine, writing.manager);
      return { ...changed, metadata: { ...changed.metadata, managedFields: entries } };
    };
    return { stored: await this.#change(ctx, name, change, { version, subresource, applies: true }), created: false };
  }

  /** Changes an object without admission or validation: for what the registry itself does in one of its own verbs. */
  modify(ctx: RequestContext, name: ObjectName, change: (old: KubeObject) => KubeObject): Promise<Stored> {
    return this.#change(ctx, name, (old) => change(old.object), { version: '', trusted: true });
  }

  delete(ctx: RequestContext, name: ObjectName, options: DeleteOptions): Promise<DeleteResult> {
    return this.#delete(ctx, name, options, { asksAdmission: true });
  }

  /** The same for who was admitted to something that ends in a deletion; `marked` is how the object is while it goes. */
  deleteAdmitted(
    ctx: RequestContext,
    name: ObjectName,
    options: DeleteOptions,
    marked?: (object: KubeObject) => KubeObject,
  ): Promise<DeleteResult> {
    return this.#delete(ctx, name, options, { asksAdmission: false, marked });
  }

  async #delete(
    ctx: RequestContext,
    name: ObjectName,
    options: DeleteOptions,
    how: { asksAdmission: boolean; marked?: ((object: KubeObject) => KubeObject) | undefined },
  ): Promise<DeleteResult> {
    validateDeleteOptions(options);
    const { kind } = this.#strategy;
    for (let attempt = 0, fresh: Fresh = ctx.dryRun ? 'consistent' : 'unread'; ; attempt++) {
      const old: Stored | undefined = await this.#readAs(name, fresh);
      const certain = fresh !== 'unread';
      fresh = 'consistent';
      try {
        if (!old) throw notFound(kind, name.name);
        checkDeletion(kind, name.name, old.object, options);
        if (how.asksAdmission) await this.#admitDeletion(ctx, name, old, options);
        const plan = planDeletion(this.#strategy, old.object, options, this.#clock.now());
        if (plan.action === 'remove') return { object: await this.#committer.remove(ctx, old), gone: true };
        if (plan.action === 'mark') {
          const object = how.marked?.(plan.object) ?? plan.object;
          return { object: await this.#committer.put(ctx, old, object), gone: false };
        }
        if (certain) return { object: old, gone: false };
      } catch (error) {
        if (error instanceof RevisionMismatch) {
          if (!error.current) throw notFound(kind, name.name);
          if (attempt >= maxAttempts) throw conflict(kind, name.name, modifiedMessage);
          fresh = error.current;
        } else if (certain || !isStatusError(error) || error.code >= 500) {
          throw this.#committer.mapped(error, name.name);
        }
      }
    }
  }

  async #admitDeletion(
    ctx: RequestContext,
    name: ObjectName,
    old: Stored,
    deleteOptions: DeleteOptions,
  ): Promise<void> {
    const { kind } = this.#strategy;
    const request = { ctx, operation: 'DELETE' as const, kind, ...name, old: old.object, deleteOptions };
    await this.#admission.admit(request);
    await this.#admission.validate(request);
  }

  async #createNamed(
    ctx: RequestContext,
    namespace: string | undefined,
    object: KubeObject,
    managedFields?: ManagedFields,
  ): Promise<Stored> {
    const { kind } = this.#strategy;
    const name = object.metadata?.name ?? '';
    await this.#preparation.ofNew(ctx, namespace, object, managedFields);
    try {
      return await this.#committer.create(ctx, objectKey(kind.storedAs ?? kind.resource, namespace, name), object);
    } catch (error) {
      throw this.#committer.mapped(error, name);
    }
  }

  /**
   * Applies a change to the present state. The first attempt takes the cache's, which is nearly always the latest; whatever
   * it leads to but a write is made sure of with a consistent read, because it may be true of an old state only.
   */
  async #change(
    ctx: RequestContext,
    name: ObjectName,
    change: Change,
    how: {
      version: string;
      subresource?: Subresource | undefined;
      trusted?: boolean;
      /** The change says itself who manages what. */
      applies?: boolean;
      check?: () => (old: Stored) => void;
    },
  ): Promise<Stored> {
    const { kind } = this.#strategy;
    const warned = ctx.warnings.length;
    const check = how.check?.();
    for (let attempt = 0, fresh: Fresh = ctx.dryRun ? 'consistent' : 'unread'; ; attempt++) {
      ctx.warnings.length = warned;
      const old: Stored | undefined = await this.#readAs(name, fresh);
      const certain = fresh !== 'unread' || (how.version !== '' && how.version === String(old?.revision));
      fresh = 'consistent';
      try {
        if (!old) throw notFound(kind, name.name);
        check?.(old);
        this.#requireVersion(name, how.version, old);
        const object = change(old);
        if (!how.trusted) await this.#preparation.ofChange(ctx, name, object, old.object, how);
        if (deletionIsDone(this.#strategy, object, old.object)) return await this.#committer.remove(ctx, old);
        if (!deepEqual(object, old.object) || this.#store.isStale(old.key)) {
          if (isTracked(object) && !how.applies && !how.trusted)
            this.#preparation.track(ctx, object, old.object, how.subresource);
          return await this.#committer.put(ctx, old, object);
        }
        if (certain) return old;
      } catch (error) {
        if (error instanceof RevisionMismatch) {
          if (!error.current) throw notFound(kind, name.name);
          if (how.version !== '' || attempt >= maxAttempts) throw conflict(kind, name.name, modifiedMessage);
          fresh = error.current;
        } else if (certain || !isStatusError(error) || error.code >= 500) {
          // A failure of the server's, or of a webhook, is no matter of how new the state was.
          throw this.#committer.mapped(error, name.name);
        }
      }
    }
  }

  /** What of a configuration can be applied through this path. */
  #applicable(config: KubeObject, sub: SubresourceStrategy | undefined): KubeObject {
    if (!sub) return withoutStatus(config, this.#strategy.subresources?.status !== undefined);
    return onlyField(config, sub.view || sub.partOfSpec ? 'spec' : 'status');
  }

  #applied(sub: SubresourceStrategy | undefined, incoming: KubeObject, old: Stored): KubeObject {
    return sub ? { ...sub.apply(incoming, old.object, nowSeconds(this.#clock.now())) } : incoming;
  }

  #requireVersion(name: ObjectName, version: string, old: Stored): void {
    if (version !== '' && version !== String(old.revision)) {
      throw conflict(this.#strategy.kind, name.name, modifiedMessage);
    }
  }

  #checkUid(name: ObjectName, uid: string | undefined): (old: Stored) => void {
    return (old) => {
      if (uid) checkPreconditions(this.#strategy.kind, name.name, old.object, { preconditions: { uid } });
    };
  }

  #subresource(name: Subresource): SubresourceStrategy {
    const found = this.#strategy.subresources?.[name];
    if (!found) throw internalError(`${this.#strategy.kind.resource} has no subresource ${name}`);
    return found;
  }

  /** The kind that a request to the object or its subresource speaks. */
  #kindOf(sub: SubresourceStrategy | undefined): Pick<Kind, 'group' | 'version' | 'kind'> {
    return sub?.view?.kind ?? this.#strategy.kind;
  }

  #shapeOf(sub: SubresourceStrategy | undefined): ObjectShape {
    return sub?.view ? shapeOf(sub.view.kind) : this.#shape;
  }

  #keyOf({ namespace, name }: ObjectName): string {
    const { storedAs, resource } = this.#strategy.kind;
    return objectKey(storedAs ?? resource, namespace, name);
  }

  async #exists(name: ObjectName): Promise<boolean> {
    return ((await this.#read(name, 'any')) ?? (await this.#read(name, 'consistent'))) !== undefined;
  }

  /** The present object: as the cache has it at first, then with certainty, or as a refused write has just found it. */
  #readAs(name: ObjectName, fresh: Fresh): Promise<Stored | undefined> {
    if (typeof fresh === 'object') return Promise.resolve(fresh);
    return this.#read(name, fresh === 'unread' ? 'any' : 'consistent');
  }

  #read(name: ObjectName, kind: 'any' | 'consistent'): Promise<Stored | undefined> {
    return this.#store.get(this.#keyOf(name), kind === 'any' ? anyRevision : consistent);
  }
}

const noNameLeft = (kind: Kind, name: string): Error => {
  const error = alreadyExists(kind, name);
  const message = `${error.message}, the server was not able to generate a unique name for the object`;
  return statusError('AlreadyExists', message, { ...error.status.details, retryAfterSeconds: 1 });
};
