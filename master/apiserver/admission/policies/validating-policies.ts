/**
 * ValidatingAdmissionPolicy: what the cluster's own policies, written in CEL, say of a write. A policy takes effect where a binding
 * names it; the binding says whether what is found refuses the write, is warned of, or is noted for the audit.
 */
import { forbidden, type StatusError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kinds.ts';
import type { ValidatingAdmissionPolicy } from '../../../api/types.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Bound, PolicyPluginOptions } from './bound-policies.ts';
import { matches } from './matching.ts';
import { paramsFor } from './params.ts';
import { type Subject, subjectOf } from './policy.ts';
import type { Finding, ValidatingPolicy } from './validating-policy.ts';

type Options = PolicyPluginOptions<ValidatingAdmissionPolicy, ValidatingPolicy>;
type BoundPolicy = Bound<ValidatingPolicy>;

const failureKey = 'validation.policy.admission.k8s.io/validation_failure';

export function validatingPolicies({ readiness, policies, ...parts }: Options): AdmissionPlugin {
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
    const refusals: { bound: BoundPolicy; finding: Finding }[] = [];
    const failures: object[] = [];
    const notes = new Map<string, Set<string>>();
    for (const bound of policies.about(request.kind, equivalents)) {
      const { policy, matching } = bound;
      const seen = (await matches(policy.matching, request, namespaceOf, equivalents))?.request;
      if (!seen || !(await matches(matching, request, namespaceOf, equivalents))) continue;
      const subject = subjects.get(seen.kind) ?? (await subjectOf(seen, judge, namespaceOf));
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

  async function findingsOf(
    { policy, paramRef }: BoundPolicy,
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

const warningOf = ({ policy, binding }: BoundPolicy, { message }: Finding): string =>
  `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding}': ${message}`;

const failureOf = ({ policy, binding, actions }: BoundPolicy, { message, index }: Finding): object => ({
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
  { policy, binding }: BoundPolicy,
  { message, reason }: Finding,
): StatusError {
  const why = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding}' denied request: ${message}`;
  const error = forbidden(kind, name, why);
  error.status.reason = reason;
  error.status.code = codes[reason] ?? 422;
  error.status.details = { ...error.status.details, causes: [{ message: why }] };
  return error;
}
