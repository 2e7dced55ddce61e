/**
 * ValidatingAdmissionPolicy: what the cluster's own policies, written in CEL, say of a write. A policy takes effect where a binding
 * names it; the binding says whether what is found refuses the write, is warned of, or is noted for the audit.
 */
import { forbidden, type StatusError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kinds.ts';
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../../api/types.ts';
import type { Judge } from '../authorizer-functions.ts';
import { requestValues } from '../expressions.ts';
import type { Readiness } from '../readiness.ts';
import type { Equivalents } from '../seen.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { reviewedRequest } from '../webhooks/review.ts';
import { isAbout, isExempt, type NamespaceLookup } from '../webhooks/rules.ts';
import { type Matching, matches, matchingOf } from './matching.ts';
import { type ParamReader, paramsFor } from './params.ts';
import { compilePolicy, type Finding, type Policy, type Subject } from './policy.ts';

type Spec = NonNullable<ValidatingAdmissionPolicyBinding['spec']>;

interface Bound {
  readonly policy: Policy;
  readonly binding: string;
  readonly matching: Matching;
  readonly paramRef: Spec['paramRef'];
  readonly actions: readonly string[];
}

export interface PolicyOptions {
  readonly readiness: Readiness;
  readonly policies: Policies;
  readonly namespaceOf: NamespaceLookup;
  readonly params: ParamReader;
  readonly judge: Judge | undefined;
  readonly equivalents: Equivalents;
}

/** The policies that are bound, compiled once for each change. */
export class Policies {
  #policies = new Map<string, Policy>();
  #bindings: readonly ValidatingAdmissionPolicyBinding[] = [];
  #bound: readonly Bound[] = [];
  #byKind = new WeakMap<Kind, readonly Bound[]>();

  define(policies: readonly ValidatingAdmissionPolicy[]): void {
    this.#policies = new Map(policies.map((policy) => [policy.metadata?.name ?? '', compilePolicy(policy)]));
    this.#connect();
  }

  bind(bindings: readonly ValidatingAdmissionPolicyBinding[]): void {
    this.#bindings = bindings;
    this.#connect();
  }

  /** Those that may be about this resource; nearly always none. */
  about(kind: Kind, equivalents: Equivalents): readonly Bound[] {
    if (this.#bound.length === 0) return this.#bound;
    const known = this.#byKind.get(kind);
    if (known) return known;
    const named = [kind, ...equivalents(kind).map((equivalent) => equivalent.kind)];
    const chosen = isExempt({ kind })
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
      const { matchResources, paramRef, validationActions: actions } = spec;
      return [{ policy, binding: metadata?.name ?? '', matching: matchingOf(matchResources), paramRef, actions }];
    });
    this.#byKind = new WeakMap();
  }
}

const failureKey = 'validation.policy.admission.k8s.io/validation_failure';

export function validatingPolicies({ readiness, policies, ...parts }: PolicyOptions): AdmissionPlugin {
  const { namespaceOf, params, judge, equivalents } = parts;
  return {
    name: 'ValidatingAdmissionPolicy',
    validate(request) {
      if (request.ctx.internal) return undefined;
      if (!readiness.ready) return readiness.wait(request).then(() => judgeAll(request));
      return policies.about(request.kind, equivalents).length === 0 ? undefined : judgeAll(request);
    },
    run: (signal) => readiness.run(signal),
  };

  async function judgeAll(request: AdmissionRequest): Promise<void> {
    const subjects = new Map<Kind, Subject>();
    const refusals: { bound: Bound; finding: Finding }[] = [];
    const failures: object[] = [];
    const notes = new Map<string, Set<string>>();
    for (const bound of policies.about(request.kind, equivalents)) {
      const { policy, matching } = bound;
      const seen = await matches(policy.matching, request, namespaceOf, equivalents);
      if (!seen || !(await matches(matching, request, namespaceOf, equivalents))) continue;
      const subject = subjects.get(seen.kind) ?? (await subjectOf(seen));
      subjects.set(seen.kind, subject);
      for (const finding of await findingsOf(bound, request, subject, notes)) {
        if (bound.actions.includes('Deny')) refusals.push({ bound, finding });
        if (bound.actions.includes('Warn')) request.ctx.warnings.push(warningOf(bound, finding));
        if (bound.actions.includes('Audit')) failures.push(failureOf(bound, finding));
      }
    }
    const { auditAnnotations } = request.ctx;
    for (const [key, values] of notes) auditAnnotations?.set(key, [...values].join(', '));
    if (failures.length > 0) auditAnnotations?.set(failureKey, JSON.stringify(failures));
    const [first] = refusals;
    if (first) throw refusal(request, first.bound, first.finding);
  }

  async function subjectOf(request: AdmissionRequest): Promise<Subject> {
    const { namespace } = request;
    return {
      values: requestValues(request, reviewedRequest(request), judge),
      namespaceObject: namespace === undefined ? undefined : await namespaceOf(namespace),
    };
  }

  async function findingsOf(
    { policy, paramRef }: Bound,
    request: AdmissionRequest,
    subject: Subject,
    notes: Map<string, Set<string>>,
  ): Promise<Finding[]> {
    try {
      const findings: Finding[] = [];
      for (const param of await paramsFor(policy, paramRef, request.namespace, params)) {
        const evaluation = policy.evaluate(subject, param);
        findings.push(...evaluation.findings);
        for (const [key, value] of evaluation.annotations) {
          const name = `${policy.name}/${key}`;
          notes.set(name, (notes.get(name) ?? new Set()).add(value));
        }
      }
      return findings;
    } catch (error) {
      if (policy.failsOpen) return [];
      const why = error instanceof Error ? error.message : String(error);
      return [{ message: `failed to configure binding: ${why}`, reason: 'Invalid', index: -1 }];
    }
  }
}

const warningOf = ({ policy, binding }: Bound, { message }: Finding): string =>
  `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding}': ${message}`;

const failureOf = ({ policy, binding, actions }: Bound, { message, index }: Finding): object => ({
  message,
  policy: policy.name,
  binding,
  expressionIndex: index,
  validationActions: actions,
});

/** The codes of the reasons that a policy may give. */
const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

function refusal(
  { kind, name }: AdmissionRequest,
  { policy, binding }: Bound,
  { message, reason }: Finding,
): StatusError {
  const why = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding}' denied request: ${message}`;
  const error = forbidden(kind, name, why);
  error.status.reason = reason;
  error.status.code = codes[reason] ?? 422;
  error.status.details = { ...error.status.details, causes: [{ message: why }] };
  return error;
}
