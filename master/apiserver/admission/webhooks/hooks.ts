/**
 * The configured webhooks of one sort, read once for each change of a configuration: which of them a request is for, in the order
 * of the configurations' names.
 */
import { forbidden, type StatusError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kinds.ts';
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../../../api/types.ts';
import type { Judge } from '../authorizer-functions.ts';
import { type Conditions, compileConditions } from '../expressions.ts';
import type { AdmissionRequest } from '../types.ts';
import { reviewedRequest } from './review.ts';
import {
  isAbout,
  isExempt,
  type NamespaceLookup,
  type Rule,
  ruleMatches,
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

  constructor(namespaceOf: NamespaceLookup, judge: Judge | undefined) {
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
    const chosen = isExempt({ kind }) ? [] : this.#all.filter(({ rules }) => rules.some((rule) => isAbout(rule, kind)));
    this.#byKind.set(kind, chosen);
    return chosen;
  }

  /** Whether the webhook is to be asked. Throws a StatusError where that cannot be told and the hook fails closed. */
  async isFor(hook: Hook, request: AdmissionRequest): Promise<boolean> {
    if (!hook.rules.some((rule) => ruleMatches(rule, request))) return false;
    if (!(await selectsNamespace(hook.namespaces, request, this.#namespaceOf))) return false;
    if (!selectsObject(hook.objects, request)) return false;
    if (!hook.conditions) return true;
    try {
      return hook.conditions(request, this.#judge, reviewedRequest(request));
    } catch (error) {
      if (hook.failsOpen) return false;
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
