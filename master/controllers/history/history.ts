/**
 * Keeps the history of an owner's template in ControllerRevisions: adopts them, makes the one of the present template, and forgets
 * old ones.
 *
 * Guarantees: a revision is made under a name that its template gives, so it is made once; what pods run is never forgotten.
 */
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import { controllerOf, nameOf } from '../../api/meta.ts';
import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.ts';
import type { ControllerRevision } from '../../api/types.ts';
import { namespaceIndex } from '../caches.ts';
import { claim, claimed, settleClaims } from '../claims.ts';
import type { ControllerContext } from '../context.ts';
import { isSameRevision, type Revised, reviseTo, toForget } from './revisions.ts';

export interface Present {
  /** Of the present template; undefined if its name is taken by another one's. */
  readonly revision: ControllerRevision | undefined;
  readonly known: readonly ControllerRevision[];
}

export class History<Owner extends Revised> {
  readonly #context: ControllerContext;
  readonly #kind: Kind;
  readonly #hashLabel: string;
  readonly #live: (owner: Owner) => Promise<Owner>;

  /** `live`: gives the owner as the API server has it now. */
  constructor(context: ControllerContext, kind: Kind, hashLabel: string, live: (owner: Owner) => Promise<Owner>) {
    this.#context = context;
    this.#kind = kind;
    this.#hashLabel = hashLabel;
    this.#live = live;
  }

  /** The revision of the owner's present template, made if there was none. */
  async present(owner: Owner): Promise<Present> {
    const { caches, client } = this.#context;
    const candidates = caches.controllerrevisions.byIndex(namespaceIndex, owner.metadata?.namespace ?? '');
    const selector = labelSelectorFromObject(owner.spec?.selector ?? {});
    const claims = claim(
      owner,
      ({ metadata }: ControllerRevision) => matchesLabels(selector, metadata?.labels),
      candidates,
    );
    const claimant = { client, owner, kind: this.#kind, live: () => this.#live(owner) };
    await settleClaims(claimant, 'controllerrevisions', claims);
    const known = claimed(claims);
    const { step, revision } = reviseTo(owner, this.#kind, this.#hashLabel, known);
    if (step === 'none') return { revision, known };
    if (step === 'create') return { revision: await this.#create(owner, revision), known };
    return { revision: await client.update('controllerrevisions', revision), known };
  }

  /** Forgets what is beyond the owner's limit. */
  async forget(
    owner: Owner,
    known: readonly ControllerRevision[],
    isLive: (revision: ControllerRevision) => boolean,
  ): Promise<void> {
    for (const revision of toForget(owner, known, isLive)) {
      const { uid, resourceVersion } = revision.metadata ?? {};
      try {
        const preconditions = { uid, resourceVersion };
        await this.#context.client.delete('controllerrevisions', nameOf(revision), { preconditions });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  /** undefined where the name is taken by what is not the same. */
  async #create(owner: Owner, wanted: ControllerRevision): Promise<ControllerRevision | undefined> {
    const { client } = this.#context;
    try {
      return await client.create('controllerrevisions', wanted);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    // Made already, and the cache does not show it yet; or another template has this hash.
    const taken = await client.get('controllerrevisions', nameOf(wanted));
    const isOurs = controllerOf(taken)?.uid === owner.metadata?.uid && isSameRevision(taken, wanted);
    return isOurs ? taken : undefined;
  }
}
