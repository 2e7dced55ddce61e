/**
 * What a Job's podFailurePolicy makes of a pod that failed: the first rule that matches says it. Pure; Kubernetes' "Handling retriable
 * and non-retriable pod failures with Pod failure policy" (KEP-3329), its words too.
 */
import type { Job, Pod } from '../../api/types.ts';

type Policy = NonNullable<NonNullable<Job['spec']>['podFailurePolicy']>;
type Rule = Policy['rules'][number];

export interface Verdict {
  /** undefined where no rule matches: the failure counts as any other. */
  readonly action?: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
  /** Why the whole Job fails. */
  readonly message?: string;
}

const plain: Verdict = {};

/** `pod` is one that has failed. */
export function judge({ spec }: Job, pod: Pod): Verdict {
  for (const [index, rule] of (spec?.podFailurePolicy?.rules ?? []).entries()) {
    const why = matchOf(rule, pod);
    if (why === undefined) continue;
    if (rule.action === 'FailJob') {
      return { action: 'FailJob', message: `${why} matching FailJob rule at index ${index}` };
    }
    // An action that only a later version knows is none.
    if (rule.action === 'FailIndex' || rule.action === 'Ignore' || rule.action === 'Count')
      return { action: rule.action };
  }
  return plain;
}

/** What of the pod the rule is about; undefined where nothing is. */
function matchOf({ onExitCodes, onPodConditions }: Rule, { metadata, status }: Pod): string | undefined {
  const name = `${metadata?.namespace}/${metadata?.name}`;
  if (onExitCodes) {
    const ended = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
      ({ name, state }) => {
        const code = state?.terminated?.exitCode;
        // Success is not looked at, whatever the rule says.
        if (!code || (onExitCodes.containerName ?? name) !== name) return false;
        return onExitCodes.values.includes(code) === (onExitCodes.operator === 'In');
      },
    );
    return (
      ended && `Container ${ended.name} for pod ${name} failed with exit code ${ended.state?.terminated?.exitCode}`
    );
  }
  const said = status?.conditions?.find(({ type, status: state }) =>
    onPodConditions?.some((pattern) => pattern.type === type && (pattern.status ?? 'True') === state),
  );
  return said && `Pod ${name} has condition ${said.type}`;
}
