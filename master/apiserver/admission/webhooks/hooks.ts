/**
 * The configured webhooks of one sort, read once for each change of a configuration: which of them a request is for, in the order
 * of the configurations' names.
 */
import { forbidden, type StatusError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kinds.ts';
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../../../api/types.ts';
import type { Judge } from '../authorizer-functions.ts';
import { type Conditions, compileConditions } from '../expressions.ts';
import { type Equivalents, type Seen, seenBy } from '../seen.ts';
import type { AdmissionRequest } from '../types.ts';
import { reviewedRequest } from './review.ts';
import {
  isAbout,
  isExempt,
  type NamespaceLookup,
  type Rule,
  type Selects,
  selects,
  selectsNamespace,
  selectsObject,
} from './rules.ts';

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;
type Webhook = NonNullable<MutatingWebhookConfiguration['webhooks']>[number];

export interface Hook {
  /** Tells it from all others, whatever its name. */
  readonly id: string;
  readonly webhook: Omit<Webhook, 'reinvocationPolicy'> & { readonly reinvocationPolicy?: string };
  readonly failsOpen: boolean;
  readonly timeoutMs: number;
  readonly rules: readonly Rule[];
  readonly namespaces: Selects | undefined;
  readonly objects: Selects | undefined;
  readonly conditions: Conditions | undefined;
}

const defaultTimeoutSeconds = 10;

export class Hooks {
  #all: readonly Hook[] = [];
  #byKind = new WeakMap<Kind, readonly Hook[]>();
  readonly #namespaceOf: NamespaceLookup;
  readonly #judge: Judge | undefined;
  readonly #equivalents: Equivalents;

  constructor(namespaceOf: NamespaceLookup, judge: Judge | undefined, equivalents: Equivalents) {
    this.#equivalents = equivalents;
    this.#namespaceOf = namespaceOf;
    this.#judge = judge;
  }

  /** `configurations` are sorted by name. */
  configure(configurations: readonly Configuration[]): void {
    this.#all = configurations.flatMap(({ metadata, webhooks = [] }) =>
      webhooks.map((webhook, index) => hookOf(`${metadata?.name}/${webhook.name}/${index}`, webhook)),
    );
    this.#byKind = new WeakMap();
  }

  /** Those that may be about this resource at all; nearly always none, and then a request goes by at once. */
  about(kind: Kind): readonly Hook[] {
    if (this.#all.length === 0) return this.#all;
    const known = this.#byKind.get(kind);
    if (known) return known;
    const named = [kind, ...this.#equivalents(kind).map((equivalent) => equivalent.kind)];
    const chosen = isExempt({ kind })
      ? []
      : this.#all.filter(({ rules }) => rules.some((rule) => named.some((row) => isAbout(rule, row))));
    this.#byKind.set(kind, chosen);
    return chosen;
  }

  /**
   * What the webhook is to be asked; undefined when it is not to be asked at all. Throws a StatusError where that cannot be told
   * and the hook fails closed.
   */
  async seenBy(hook: Hook, request: AdmissionRequest): Promise<Seen | undefined> {
    if (!(await selectsNamespace(hook.namespaces, request, this.#namespaceOf))) return undefined;
    if (!selectsObject(hook.objects, request)) return undefined;
    const seen = await seenBy(hook.rules, hook.webhook.matchPolicy, request, this.#equivalents);
    if (!seen || !hook.conditions) return seen;
    try {
      return hook.conditions(seen.request, this.#judge, reviewedRequest(seen.request)) ? seen : undefined;
    } catch (error) {
      if (hook.failsOpen) return undefined;
      throw conditionError(request, error);
    }
  }
}

function hookOf(id: string, webhook: Webhook): Hook {
  const { failurePolicy, timeoutSeconds = defaultTimeoutSeconds, rules = [] } = webhook;
  return {
    id,
    webhook,
    failsOpen: failurePolicy === 'Ignore',
    timeoutMs: timeoutSeconds * 1000,
    rules,
    namespaces: selects(webhook.namespaceSelector),
    objects: selects(webhook.objectSelector),
    conditions: compileConditions(webhook.matchConditions),
  };
}

function conditionError({ kind, name }: AdmissionRequest, error: unknown): StatusError {
  return forbidden(kind, name, error instanceof Error ? error.message : String(error));
}
