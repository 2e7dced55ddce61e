/**
 * MutatingAdmissionPolicy: the cluster's own changes to what is written, in CEL, before webhooks see it. What a policy cannot do
 * refuses the write, unless it fails open.
 */
import { forbidden, StatusError } from '../../../api/errors.ts';
import type { KubeObject, MutatingAdmissionPolicy } from '../../../api/types.ts';
import { shapeOfKind } from '../../registry/custom/kind-shape.ts';
import { shapeOf } from '../../registry/schema/shape.ts';
import { putInto } from '../changes.ts';
import { type Round, Rounds } from '../reinvocation.ts';
import type { Seen } from '../seen.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Bound, PolicyPluginOptions } from './bound-policies.ts';
import { matches } from './matching.ts';
import type { MutatingPolicy } from './mutating-policy.ts';
import { paramsFor } from './params.ts';
import { subjectOf } from './policy.ts';

type Options = PolicyPluginOptions<MutatingAdmissionPolicy, MutatingPolicy>;
type BoundPolicy = Bound<MutatingPolicy>;

/** Why a write is refused. */
interface Refusal {
  readonly message: string;
  readonly reason: 'Forbidden' | 'Invalid';
}

export function mutatingPolicies({ readiness, policies, ...parts }: Options): AdmissionPlugin {
  const { namespaceOf, params, judge, equivalents } = parts;
  const rounds = new Rounds();
  return {
    name: 'MutatingAdmissionPolicy',
    admit(request) {
      if (request.ctx.internal || !request.object) return undefined;
      if (!readiness.ready) return readiness.wait(request).then(() => mutateBy(request));
      return policies.about(request.kind, equivalents).length === 0 ? undefined : mutateBy(request);
    },
    run: (signal) => readiness.run(signal),
  };

  async function mutateBy(request: AdmissionRequest): Promise<void> {
    const round = rounds.begin(request);
    const refusals: Refusal[] = [];
    for (const bound of policies.about(request.kind, equivalents)) {
      const found = await paramsOf(bound, request, refusals);
      for (const param of found) {
        // What was changed just now is seen by the next.
        const seen = await matches(bound.policy.matching, request, namespaceOf, equivalents);
        if (seen) refusals.push(...(await invoke(bound, param, request, seen, round)));
      }
    }
    round.end();
    if (refusals.length > 0) throw refusalOf(request, refusals);
  }

  /** None where the policy or its binding is not about the request. */
  async function paramsOf(
    { policy, binding, matching, paramRef }: BoundPolicy,
    request: AdmissionRequest,
    refusals: Refusal[],
  ): Promise<readonly (KubeObject | undefined)[]> {
    if (!(await matches(policy.matching, request, namespaceOf, equivalents))) return [];
    if (!(await matches(matching, request, namespaceOf, equivalents))) return [];
    try {
      return await paramsFor(policy, paramRef, request.namespace, params);
    } catch (error) {
      const why = `failed to configure binding: ${error instanceof Error ? error.message : String(error)}`;
      if (!policy.failsOpen) refusals.push({ message: denial(policy, binding, why), reason: 'Forbidden' });
      return [];
    }
  }

  async function invoke(
    { policy, binding }: BoundPolicy,
    param: KubeObject | undefined,
    request: AdmissionRequest,
    seen: Seen,
    round: Round,
  ): Promise<Refusal[]> {
    const id = JSON.stringify([policy.name, binding, param?.metadata?.namespace, param?.metadata?.name]);
    const { object } = seen.request;
    if (!object || !round.mayAsk(id)) return [];
    const subject = await subjectOf(seen.request, judge, namespaceOf);
    const { invoked, object: mutated, failures } = policy.mutate(subject, param, object, shapeSeen(seen));
    if (mutated !== object && (await putInto(request, seen, mutated))) round.changed();
    if (invoked && policy.reinvoked) round.wantsToBeAskedAgain(id);
    if (policy.failsOpen) return [];
    return failures.map((why) => ({ message: denial(policy, binding, why), reason: 'Invalid' }));
  }
}

/** What a client sends and sees: of a part with a kind of its own, that kind's. */
function shapeSeen({ request: { kind, part }, back }: Seen) {
  return part?.view && back ? shapeOf(part.view.kind) : shapeOfKind(kind);
}

const denial = ({ name }: MutatingPolicy, binding: string, why: string): string =>
  `policy '${name}' with binding '${binding}' denied request: ${why}`;

/** The first refusal is the message; all of them are causes. */
function refusalOf({ kind, name }: AdmissionRequest, refusals: readonly Refusal[]): StatusError {
  const { status } = forbidden(kind, name, '');
  const { message = '', reason = 'Forbidden' } = refusals[0] ?? {};
  const causes = refusals.map((refusal) => ({ message: refusal.message }));
  return new StatusError({ ...status, message, reason, details: { ...status.details, causes } });
}
