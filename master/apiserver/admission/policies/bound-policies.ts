/** The policies of one sort that are bound: a policy takes effect where a binding names it. Compiled once for each change. */
import type { Kind } from '../../../api/kinds.ts';
import type { KubeObject, ValidatingAdmissionPolicyBinding } from '../../../api/types.ts';
import type { Judge } from '../authorizer-functions.ts';
import type { Readiness } from '../readiness.ts';
import type { Equivalents } from '../seen.ts';
import { isAbout, isExempt, type NamespaceLookup } from '../webhooks/rules.ts';
import { type Matching, matchingOf } from './matching.ts';
import type { ParamReader } from './params.ts';
import type { Policy } from './policy.ts';

type Spec = NonNullable<ValidatingAdmissionPolicyBinding['spec']>;

/** A binding of a policy of either sort. */
export interface PolicyBinding extends KubeObject {
  readonly spec?: Partial<Omit<Spec, 'validationActions'>> & { readonly validationActions?: readonly string[] };
}

export interface Bound<P extends Policy> {
  readonly policy: P;
  readonly binding: string;
  readonly matching: Matching;
  readonly paramRef: Spec['paramRef'];
  /** Of validating policies. */
  readonly actions: readonly string[];
}

/** What the plugin of one sort of policies works with. */
export interface PolicyPluginOptions<Definition extends KubeObject, P extends Policy> {
  readonly readiness: Readiness;
  readonly policies: BoundPolicies<Definition, P>;
  readonly namespaceOf: NamespaceLookup;
  readonly params: ParamReader;
  readonly judge: Judge | undefined;
  readonly equivalents: Equivalents;
}

export class BoundPolicies<Definition extends KubeObject, P extends Policy> {
  readonly #compile: (definition: Definition) => P;
  #policies = new Map<string, P>();
  #bindings: readonly PolicyBinding[] = [];
  #bound: readonly Bound<P>[] = [];
  #byKind = new WeakMap<Kind, readonly Bound<P>[]>();

  constructor(compile: (definition: Definition) => P) {
    this.#compile = compile;
  }

  define(definitions: readonly Definition[]): void {
    this.#policies = new Map(
      definitions.map((definition) => [definition.metadata?.name ?? '', this.#compile(definition)]),
    );
    this.#connect();
  }

  /** `bindings` are sorted by name; so are those that `about` gives. */
  bind(bindings: readonly PolicyBinding[]): void {
    this.#bindings = bindings;
    this.#connect();
  }

  /** Those that may be about this resource; nearly always none. */
  about(kind: Kind, equivalents: Equivalents): readonly Bound<P>[] {
    if (this.#bound.length === 0) return this.#bound;
    const known = this.#byKind.get(kind);
    if (known) return known;
    const named = [kind, ...equivalents(kind).map((equivalent) => equivalent.kind)];
    const chosen =
      isExempt({ kind }) || isReview(kind)
        ? []
        : this.#bound.filter(({ policy }) =>
            policy.matching.rules.some((rule) => named.some((row) => isAbout(rule, row))),
          );
    this.#byKind.set(kind, chosen);
    return chosen;
  }

  #connect(): void {
    this.#bound = this.#bindings.flatMap(({ metadata, spec }) => {
      const policy = this.#policies.get(spec?.policyName ?? '');
      if (!policy || !spec) return [];
      const { matchResources, paramRef, validationActions: actions = [] } = spec;
      return [{ policy, binding: metadata?.name ?? '', matching: matchingOf(matchResources), paramRef, actions }];
    });
    this.#byKind = new WeakMap();
  }
}

/** A policy that refused the questions that components ask of each other would stop the cluster. */
const isReview = ({ group }: Kind): boolean => group === 'authentication.k8s.io' || group === 'authorization.k8s.io';
