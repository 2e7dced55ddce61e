import test from 'ava';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../../master/api/types.ts';
import { firstOwners, isDoomed, newOwners } from '../../../master/controllers/statefulset/claim-retention.ts';
import {
  claimsFor,
  missingLabels,
  ordinalOf,
  podFor,
  revisionLabel,
} from '../../../master/controllers/statefulset/identity.ts';
import { byOrdinal, plan, type View } from '../../../master/controllers/statefulset/plan.ts';
import { statusOf } from '../../../master/controllers/statefulset/status.ts';
import { pod as plainPod } from './objects.ts';

type Spec = NonNullable<StatefulSet['spec']>;

function statefulSet(spec: Partial<Spec> = {}): StatefulSet {
  return {
    metadata: { namespace: 'default', name: 'db', uid: 's-1', generation: 4 },
    spec: {
      replicas: 3,
      serviceName: 'dbs',
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c' }] } },
      ...spec,
    },
  };
}

/** `0`: ready and of the new revision; a letter says otherwise: o old, n not ready, t terminating, f failed. */
function pods(...sketches: string[]): Pod[] {
  return sketches.map((sketch) => {
    const has = (letter: string): boolean => sketch.includes(letter);
    const ordinal = Number.parseInt(sketch, 10);
    const labels = { app: 'db', [revisionLabel]: has('o') ? 'db-old' : 'db-new' };
    const phase = has('f') ? 'Failed' : 'Running';
    return plainPod({ name: `db-${ordinal}`, labels, phase, ready: !has('n') && !has('f'), terminating: has('t') });
  });
}

function viewOf(set: StatefulSet, present: Pod[], doomed: number[] = []): View {
  return {
    set,
    currentRevision: 'db-old',
    updateRevision: 'db-new',
    pods: byOrdinal(set, present),
    nowMs: 1_000_000,
    hasDoomedClaim: (ordinal) => doomed.includes(ordinal),
  };
}

/** What is done, as `+0` (made), `+0o` (made of the old revision) and `-0` (removed). */
function step(set: StatefulSet, present: Pod[], doomed: number[] = []): string {
  const { create, remove } = plan(viewOf(set, present, doomed));
  const made = create.map(({ ordinal, isUpdated }) => `+${ordinal}${isUpdated ? '' : 'o'}`);
  return [...made, ...remove.map(({ metadata }) => `-${metadata?.name?.slice(3)}`)].join(' ');
}

const parallel: Partial<Spec> = { podManagementPolicy: 'Parallel' };
const rolling = (rollingUpdate: object): Partial<Spec> => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate },
});

for (const [what, spec, present, expected] of [
  ['the first is made first', {}, [], '+0'],
  ['the next waits until the one before is ready', {}, ['0n'], ''],
  ['the next is made when the one before is ready', {}, ['0'], '+1'],
  ['one that went is made again where it was', {}, ['0', '2'], '+1'],
  ['one that failed makes room for its successor', {}, ['0', '1f', '2'], '-1'],
  ['one on its way out is waited for', {}, ['0', '1t', '2'], ''],
  ['in parallel all are made at once', parallel, ['1n'], '+0 +2'],
  ['ordinals begin where they should', { ordinals: { start: 5 } }, ['5'], '+6'],
  ['those before the start go when the others are there', { ordinals: { start: 1 } }, ['0', '1', '2', '3'], '-0'],
  ['the highest goes first', { replicas: 1 }, ['0', '1', '2'], '-2'],
  ['the next to go waits for the one before', { replicas: 1 }, ['0', '1', '2t'], ''],
  ['nobody goes while one that stays is not ready', { replicas: 1 }, ['0n', '1', '2'], ''],
  ['one that is not ready itself may go', { replicas: 1 }, ['0', '1', '2n'], '-2'],
  ['in parallel all that are too many go at once', { ...parallel, replicas: 1 }, ['0n', '1', '2'], '-2 -1'],
  ['a rollout begins with the highest', {}, ['0o', '1o', '2o'], '-2'],
  ['a rollout goes on downwards', {}, ['0o', '1o', '2'], '-1'],
  ['a rollout waits for the pod that is new', {}, ['0o', '1o', '2n'], ''],
  ['a rollout stops at its partition', rolling({ partition: 2 }), ['0o', '1o', '2'], ''],
  ['below the partition pods are made of the old revision', rolling({ partition: 1 }), ['1', '2'], '+0o'],
  ['OnDelete leaves old pods', { updateStrategy: { type: 'OnDelete' } }, ['0o', '1o', '2o'], ''],
  ['OnDelete makes new ones of the new revision', { updateStrategy: { type: 'OnDelete' } }, ['0o', '1o'], '+2'],
  ['as many as may be missed are replaced at a time', rolling({ maxUnavailable: 2 }), ['0o', '1o', '2o'], '-2 -1'],
  ['a part of all is rounded down, to no less than one', rolling({ maxUnavailable: '50%' }), ['0o', '1o', '2o'], '-2'],
  [
    'in parallel, too, no more are missed than may be',
    { ...parallel, ...rolling({ maxUnavailable: 2 }) },
    ['0o', '1o', '2n'],
    '-1',
  ],
  ['in parallel, old ones that are not ready go as well', parallel, ['0on', '1o', '2n'], '-0'],
] as const) {
  test(`step by step: ${what}`, (t) => {
    t.is(step(statefulSet(spec as Partial<Spec>), pods(...present)), expected);
  });
}

test('a pod waits for a claim that is about to go', (t) => {
  t.is(step(statefulSet(), pods('0'), [1]), '');
  t.true(plan(viewOf(statefulSet(), pods('0'), [1])).waitsForClaim);
  t.is(step(statefulSet(parallel), pods('0'), [1]), '+2');
});

test('a pod is known by its ordinal, in name, labels, host name and claims', (t) => {
  const set = statefulSet({ volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] });
  const template = {
    ...set.spec?.template,
    spec: { containers: [{ name: 'c' }], volumes: [{ name: 'data' }, { name: 'x' }] },
  };
  const made = podFor(set, template, 'db-new', 7);
  t.is(made.metadata?.name, 'db-7');
  t.like(made.metadata?.labels, {
    app: 'db',
    'statefulset.kubernetes.io/pod-name': 'db-7',
    'apps.kubernetes.io/pod-index': '7',
    [revisionLabel]: 'db-new',
  });
  t.like(made.spec, { hostname: 'db-7', subdomain: 'dbs' });
  t.deepEqual(made.spec?.volumes, [
    { name: 'x' },
    { name: 'data', persistentVolumeClaim: { claimName: 'data-db-7', readOnly: false } },
  ]);
  t.like(claimsFor(set, 7)[0]?.metadata, { namespace: 'default', name: 'data-db-7', labels: { app: 'db' } });
  t.is(ordinalOf(set, made), 7);
  t.is(missingLabels(set, 7, made), undefined);
  t.is(ordinalOf(set, { metadata: { name: 'db-07' } }), undefined);
  t.is(ordinalOf(set, { metadata: { name: 'other-db-7' } }), undefined);
});

for (const [whenDeleted, whenScaled, isCondemned, owners] of [
  ['Retain', 'Retain', true, []],
  ['Delete', 'Retain', false, ['StatefulSet']],
  ['Delete', 'Retain', true, ['StatefulSet']],
  ['Retain', 'Delete', false, []],
  ['Retain', 'Delete', true, ['Pod']],
  ['Delete', 'Delete', false, ['StatefulSet']],
  ['Delete', 'Delete', true, ['Pod']],
] as const) {
  const who = isCondemned ? 'a pod that is too many' : 'a pod that stays';
  test(`a claim of ${who} goes as is said: deleted ${whenDeleted}, scaled ${whenScaled}`, (t) => {
    const set = statefulSet({ persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } });
    const [pod] = pods('2') as [Pod];
    const ownerReferences = firstOwners(set);
    const claim: PersistentVolumeClaim = { metadata: { name: 'data-db-2', ownerReferences } };
    const next = newOwners(set, claim, pod, isCondemned) ?? ownerReferences;
    t.deepEqual(
      next.map(({ kind }) => kind),
      [...owners],
    );
    const settled = { metadata: { ...claim.metadata, ownerReferences: next } };
    t.is(newOwners(set, settled, pod, isCondemned), undefined);
    t.is(
      isDoomed(settled, 'db-2'),
      owners.some((kind) => kind === 'Pod'),
    );
    t.deepEqual(newOwners(statefulSet(), settled, pod, false) ?? [], []);
  });
}

test('the status counts pods by what they are of, and says when a rollout is complete', (t) => {
  const under = statusOf(viewOf(statefulSet(), pods('0o', '1on', '2', '3t')));
  t.deepEqual(under.status, {
    observedGeneration: 4,
    replicas: 4,
    availableReplicas: 3,
    readyReplicas: 3,
    currentReplicas: 2,
    updatedReplicas: 1,
    currentRevision: 'db-old',
    updateRevision: 'db-new',
    collisionCount: 0,
  });
  const done = statusOf(viewOf(statefulSet(), pods('0', '1', '2'))).status;
  t.like(done, { currentReplicas: 3, updatedReplicas: 3, currentRevision: 'db-new' });
});

test('a rollout ends, whatever the limits, with never more pods missing than may be', (t) => {
  for (const most of [1, 2, 3]) {
    for (const policy of ['OrderedReady', 'Parallel']) {
      const set = statefulSet({ replicas: 6, podManagementPolicy: policy, ...rolling({ maxUnavailable: most }) });
      let present = pods('0o', '1o', '2o', '3o', '4o', '5o');
      for (let round = 0; round < 40; round += 1) {
        const { create, remove } = plan(viewOf(set, present));
        if (create.length + remove.length === 0) break;
        present = present.filter((pod) => !remove.includes(pod));
        t.true(present.length >= 6 - most);
        present.push(...pods(...create.map(({ ordinal }) => String(ordinal))));
      }
      t.deepEqual(statusOf(viewOf(set, present)).status.updatedReplicas, 6);
    }
  }
});
