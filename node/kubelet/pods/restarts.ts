/**
 * Whether a container that has ended starts again: by its own rules and policy where it has some, else by the pod's ("Pod Lifecycle",
 * individual container restart policy and rules; KEP-5307). Pure.
 */
import type { Container, Pod } from '../../../master/api/types.ts';
import { initContainersOf, isSidecar, specOf } from './pod.ts';

/** Whether one that has ended with this code is to be started again. */
export function shouldRestart(pod: Pod, container: Container, exitCode: number): boolean {
  const init = initContainersOf(pod).some(({ name }) => name === container.name);
  if (init && isSidecar(container)) return true;
  // An init container that succeeded has done its work.
  if (init && exitCode === 0) return false;
  if (actionOf(container, exitCode) !== undefined) return true;
  switch (policyOf(pod, container)) {
    case 'Never':
      return false;
    case 'OnFailure':
      return exitCode !== 0;
    default:
      return true;
  }
}

/** Whether it is ever started again, however it may end. */
export function mayRestart(pod: Pod, container: Container): boolean {
  return policyOf(pod, container) !== 'Never' || (container.restartPolicyRules ?? []).length > 0;
}

/** What the first rule says that matches the exit code. */
function actionOf({ restartPolicyRules = [] }: Container, exitCode: number): string | undefined {
  const rule = restartPolicyRules.find(({ exitCodes }) => {
    if (!exitCodes) return false;
    const listed = exitCodes.values?.includes(exitCode) ?? false;
    return exitCodes.operator === 'In' ? listed : exitCodes.operator === 'NotIn' && !listed;
  });
  return rule?.action;
}

const policyOf = (pod: Pod, { restartPolicy }: Container): string =>
  restartPolicy ?? specOf(pod).restartPolicy ?? 'Always';
