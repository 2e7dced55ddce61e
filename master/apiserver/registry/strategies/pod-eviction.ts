/**
 * Evictions: deletions of pods that ask first whether the pod may be spared (Kubernetes, "API-initiated Eviction").
 *
 * Guarantees: a pod that a PodDisruptionBudget guards is deleted only after the budget's count was lowered for it, in a write that
 * compares the budget's resourceVersion; so of any number of evictions at once, through whichever API servers, no more go through than it
 * allowed. Whether pods are healthy and how many may go is the disruption controller's to say, in the budget's status.
 */
import { disruptionAllowed, isGuarded, isHealthy, syncFailed, withDisruptionAllowed } from '../../../api/disruption.ts';
import { forbidden, isConflict, StatusError, statusError } from '../../../api/errors.ts';
import { type Kind, kinds } from '../../../api/kinds.ts';
import { getCondition, setCondition } from '../../../api/meta.ts';
import type { DeleteOptions, Eviction, KubeObject, Pod, PodDisruptionBudget } from '../../../api/types.ts';
import { type ObjectName, type RequestContext, systemContext } from '../context.ts';
import { checkPreconditions, dryRunOf } from '../deletion.ts';
import type { Resource } from '../resource.ts';
import { type Action, type ActionVerbs, success } from '../strategy.ts';

type Pdb = PodDisruptionBudget;

/** So many pods that were let go may wait for the controller to notice. */
const maxDisruptedPods = 2_000;
/** How often it starts over because others change the pod or the budget meanwhile. */
const maxAttempts = 100;

/** `resources` gives the registry's resources. */
export function createEviction(resources: (kind: Kind) => Resource): Action {
  return {
    async run(verbs, ctx, name, body: Eviction, now) {
      const { deleteOptions = {} } = body;
      const evicting: Evicting = {
        verbs,
        pods: resources(kinds.pods),
        budgets: resources(kinds.poddisruptionbudgets),
        ctx: { ...ctx, dryRun: dryRunOf(deleteOptions) || ctx.dryRun },
        name,
        now,
        options: deleteOptions,
        asksForVersion: deleteOptions.preconditions?.resourceVersion !== undefined,
      };
      const guarded = await deletedOrGuarded(evicting);
      if (guarded) await deleteGuarded(evicting, guarded);
      return success();
    },
  };
}

interface Evicting {
  readonly verbs: ActionVerbs;
  readonly pods: Resource;
  readonly budgets: Resource;
  readonly ctx: RequestContext;
  readonly name: ObjectName;
  readonly now: string;
  readonly options: DeleteOptions;
  /** Whoever asks means one state of the pod only. */
  readonly asksForVersion: boolean;
}

/** Deletes a pod that no budget counts on; gives any other. */
async function deletedOrGuarded(evicting: Evicting): Promise<Pod | undefined> {
  const { pods, ctx, name, options, asksForVersion } = evicting;
  let failed: { readonly pod: Pod; readonly error: unknown } | undefined;
  for (let attempt = 1; ; attempt++) {
    const pod: Pod = (await pods.get(ctx, name, {})).object;
    if (failed && isSame(failed.pod, pod)) throw failed.error;
    checkPreconditions(kinds.pods, name.name, pod, options);
    if (!isDisrupted(pod) && pod.status?.phase !== 'Pending') return pod;
    try {
      // One that waits to begin must not have begun meanwhile.
      await evict(evicting, isDisrupted(pod) ? undefined : pod);
      return undefined;
    } catch (error) {
      if (!isConflict(error) || asksForVersion || attempt === maxAttempts) throw error;
      failed = { pod, error };
    }
  }
}

/** Nobody changed it in between: a conflict was of something else, such as a leader's term. */
const isSame = (before: KubeObject, now: KubeObject): boolean =>
  before.metadata?.resourceVersion === now.metadata?.resourceVersion;

async function deleteGuarded(evicting: Evicting, pod: Pod): Promise<void> {
  const budget = await budgetOf(evicting, pod);
  if (!budget) return evict(evicting, undefined);
  if (!isSpare(pod, budget)) {
    await draw(evicting, budget);
    return evict(evicting, undefined);
  }
  try {
    // It must not have become healthy meanwhile, and be counted on.
    await evict(evicting, pod);
  } catch (error) {
    throw isConflict(error) && !evicting.asksForVersion ? stillProcessed(budget) : error;
  }
}

/** It has ended, or ends: evicting it disrupts nothing more. */
function isDisrupted({ metadata, status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' || metadata?.deletionTimestamp !== undefined;
}

/** Deletes the pod with the condition that says why; `exactly` this state of it, if given. */
async function evict({ verbs, ctx, name, now, options, asksForVersion }: Evicting, exactly: Pod | undefined) {
  const resourceVersion = asksForVersion ? undefined : exactly?.metadata?.resourceVersion;
  const precisely = resourceVersion === undefined ? {} : { resourceVersion };
  const preconditions = { ...options.preconditions, ...precisely };
  await verbs.deleteAdmitted(ctx, name, { ...options, preconditions }, (pod: Pod): Pod => {
    const why = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
    const condition = { type: 'DisruptionTarget', status: 'True', ...why };
    return { ...pod, status: { ...pod.status, conditions: setCondition(pod.status?.conditions, condition, now) } };
  });
}

/** Throws InternalError where the pod has more than one. */
async function budgetOf({ ctx, name, budgets }: Evicting, pod: Pod): Promise<Pdb | undefined> {
  const { items } = await budgets.list(ctx, name.namespace, {});
  // What is stored under a resource is of its type.
  const [budget, another] = items.map(({ object }) => object as Pdb).filter((one) => isGuarded(pod, one));
  if (!another) return budget;
  const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
  throw new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 });
}

/** An unhealthy pod that the budget does not count on: its eviction costs nothing. */
function isSpare(pod: Pod, { spec, status }: Pdb): boolean {
  if (isHealthy(pod)) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

/** Takes one disruption from the budget. Throws TooManyRequests where it allows none. */
async function draw({ ctx, name, now, budgets }: Evicting, first: Pdb): Promise<void> {
  const own = { ...systemContext(ctx.signal), fence: ctx.fence };
  const { namespace, name: budgetName = '' } = first.metadata ?? {};
  const at: ObjectName = { ...(namespace !== undefined && { namespace }), name: budgetName };
  for (let budget = first, attempt = 1; ; attempt++) {
    const drawn = drawnFor(name.name, budget, now);
    if (ctx.dryRun) return;
    try {
      await budgets.update(own, at, structuredClone(drawn), 'status');
      return;
    } catch (error) {
      if (!isConflict(error)) throw error;
      const newer: Pdb = (await budgets.get(own, at, {})).object;
      if (isSame(budget, newer)) throw error;
      if (attempt === maxAttempts) {
        const why = `Timeout: couldn't update PodDisruptionBudget ${JSON.stringify(budgetName)} due to conflicts`;
        throw statusError('Timeout', why, { retryAfterSeconds: 10 }, { cause: error });
      }
      budget = newer;
    }
  }
}

/** The budget with one disruption less. Throws TooManyRequests or Forbidden. */
function drawnFor(pod: string, budget: Pdb, now: string): Pdb {
  const { metadata = {}, status } = budget;
  const { name = '', generation = 0 } = metadata;
  if (!status || (status.observedGeneration ?? 0) < generation) throw stillProcessed(budget);
  const { disruptionsAllowed = 0, disruptedPods = {} } = status;
  const group = { group: 'policy', resource: 'poddisruptionbudget' };
  if (disruptionsAllowed < 0) throw forbidden(group, name, 'pdb disruptions allowed is negative');
  if (Object.keys(disruptedPods).length > maxDisruptedPods) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(group, name, why);
  }
  if (disruptionsAllowed === 0) throw refused(whyNone(name, status));
  const lowered = {
    ...status,
    disruptionsAllowed: disruptionsAllowed - 1,
    disruptedPods: { ...disruptedPods, [pod]: now },
  };
  if (lowered.disruptionsAllowed > 0) return { ...budget, status: lowered };
  return { ...budget, status: { ...lowered, conditions: withDisruptionAllowed(lowered, now) } };
}

function whyNone(name: string, { conditions, ...counts }: NonNullable<Pdb['status']>): string {
  const { currentHealthy = 0, desiredHealthy = 0 } = counts;
  const condition = getCondition(conditions, disruptionAllowed);
  const said = condition?.status === 'False' && condition.message !== '' ? condition : undefined;
  const none = `The disruption budget ${name} does not allow evicting pods currently`;
  // The counts of a budget that could not be counted for say nothing.
  if (said?.reason === syncFailed) return `${none} because it failed sync: ${said.message}`;
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  return said ? `${none} (${said.reason}): ${said.message}` : none;
}

const stillProcessed = ({ metadata }: Pdb): StatusError =>
  refused(`The disruption budget ${metadata?.name} is still being processed by the server.`, 10);

function refused(why: string, retryAfterSeconds?: number): StatusError {
  return statusError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why }],
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
