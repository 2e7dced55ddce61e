/** A resource whose objects are questions: created, answered in their status, and never stored. */
import type { Kind } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Admission, AdmissionRequest } from '../admission/types.ts';
import type { Stored } from '../store/types.ts';
import { checkBody } from './body.ts';
import { asStored } from './committer.ts';
import type { Column, RequestContext } from './context.ts';
import { shapeOf } from './schema/shape.ts';
import { UnservedVerbs } from './unserved-verbs.ts';

export interface Review {
  readonly kind: Kind;
  /** The question with its answer. Throws a StatusError for one that cannot be asked. */
  answer(ctx: RequestContext, namespace: string | undefined, question: KubeObject): KubeObject | Promise<KubeObject>;
}

export class ReviewResource extends UnservedVerbs {
  readonly kind: Kind;
  readonly columns: readonly Column[] = [];
  readonly #review: Review;
  readonly #admission: Admission;

  constructor(review: Review, admission: Admission) {
    super();
    this.#admission = admission;
    this.kind = review.kind;
    this.#review = review;
  }

  override async create(ctx: RequestContext, namespace: string | undefined, object: KubeObject): Promise<Stored> {
    checkBody(ctx, this.kind, shapeOf(this.kind), object, { namespace });
    const { kind } = this;
    const name = object.metadata?.name ?? '';
    const request: AdmissionRequest = { ctx, operation: 'CREATE', kind, namespace, name, object };
    await this.#admission.admit(request);
    await this.#admission.validate(request);
    return asStored('', await this.#review.answer(ctx, namespace, object), 0);
  }
}
