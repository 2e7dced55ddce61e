/** A resource whose objects are questions: created, answered in their status, and never stored. */
import { methodNotAllowed } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Stored } from '../store/types.ts';
import { checkBody } from './body.ts';
import { asStored } from './committer.ts';
import type { Column, DeleteResult, ListResult, RequestContext } from './context.ts';
import type { Resource } from './resource.ts';
import { shapeOf } from './schema/shape.ts';

export interface Review {
  readonly kind: Kind;
  /** The question with its answer. Throws a StatusError for one that cannot be asked. */
  answer(ctx: RequestContext, namespace: string | undefined, question: KubeObject): KubeObject | Promise<KubeObject>;
}

export class ReviewResource implements Resource {
  readonly kind: Kind;
  readonly columns: readonly Column[] = [];
  readonly #review: Review;

  constructor(review: Review) {
    this.kind = review.kind;
    this.#review = review;
  }

  async create(ctx: RequestContext, namespace: string | undefined, object: KubeObject): Promise<Stored> {
    checkBody(ctx, this.kind, shapeOf(this.kind), object, { namespace });
    return asStored('', await this.#review.answer(ctx, namespace, object), 0);
  }

  readonly get = (): Promise<Stored> => refused();
  readonly list = (): Promise<ListResult> => refused();
  readonly update = (): Promise<Stored> => refused();
  readonly patch = (): Promise<Stored> => refused();
  readonly apply = (): Promise<{ stored: Stored; created: boolean }> => refused();
  readonly delete = (): Promise<DeleteResult> => refused();
  readonly deleteCollection = (): Promise<ListResult> => refused();
  readonly watch = (): Promise<void> => refused();
  readonly createSubresource = (): Promise<KubeObject> => refused();
}

const refused = (): Promise<never> => Promise.reject(methodNotAllowed());
