/** For resources that serve only some of the generic verbs: the others answer 405. */
import { methodNotAllowed } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import type { Column } from './context.ts';
import type { Resource } from './resource.ts';

type Verb = Exclude<keyof Resource, 'kind' | 'columns'>;
type Asked<V extends Verb> = Parameters<Resource[V]>;
type Answered<V extends Verb> = ReturnType<Resource[V]>;

/** To be extended: what a resource serves, it overrides. */
export abstract class UnservedVerbs implements Resource {
  abstract readonly kind: Kind;
  abstract readonly columns: readonly Column[];

  get(..._: Asked<'get'>): Answered<'get'> {
    return refused();
  }
  list(..._: Asked<'list'>): Answered<'list'> {
    return refused();
  }
  create(..._: Asked<'create'>): Answered<'create'> {
    return refused();
  }
  update(..._: Asked<'update'>): Answered<'update'> {
    return refused();
  }
  patch(..._: Asked<'patch'>): Answered<'patch'> {
    return refused();
  }
  apply(..._: Asked<'apply'>): Answered<'apply'> {
    return refused();
  }
  delete(..._: Asked<'delete'>): Answered<'delete'> {
    return refused();
  }
  deleteCollection(..._: Asked<'deleteCollection'>): Answered<'deleteCollection'> {
    return refused();
  }
  watch(..._: Asked<'watch'>): Answered<'watch'> {
    return refused();
  }
  createSubresource(..._: Asked<'createSubresource'>): Answered<'createSubresource'> {
    return refused();
  }
}

const refused = (): Promise<never> => Promise.reject(methodNotAllowed());
