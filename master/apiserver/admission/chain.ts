/** The table of admission plugins, in the order in which they run, and the chain made of it. */

import { groupResource, type Kind } from '../../api/kinds.ts';
import type { Logger } from '../../api/logging.ts';
import type { Store } from '../store/types.ts';
import { WebhookClient } from '../webhooks/client.ts';
import type { Judge } from './authorizer-functions.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import { defaultIngressClass, defaultStorageClass } from './default-classes.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { type FollowStore, followed } from './followed.ts';
import { limitRanger } from './limit-ranger.ts';
import { type NamespaceLifecycleOptions, namespaceLifecycle } from './namespace-lifecycle.ts';
import type { Objects } from './objects.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { BoundPolicies } from './policies/bound-policies.ts';
import { mutatingPolicies } from './policies/mutating-policies.ts';
import { compileMutatingPolicy } from './policies/mutating-policy.ts';
import type { ParamReader } from './policies/params.ts';
import { validatingPolicies } from './policies/validating-policies.ts';
import { compileValidatingPolicy } from './policies/validating-policy.ts';
import { priority } from './priority.ts';
import { readinessOf } from './readiness.ts';
import { resourceQuota } from './resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import type { Equivalents } from './seen.ts';
import { serviceAccount } from './service-account.ts';
import { storageObjectInUse } from './storage-object-in-use.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';
import type { Admission, AdmissionPlugin, AdmissionRequest } from './types.ts';
import { volumeClaimResize } from './volume-claim-resize.ts';
import { Hooks } from './webhooks/hooks.ts';
import { mutatingWebhooks } from './webhooks/mutating.ts';
import { namespaceLookup } from './webhooks/rules.ts';
import { validatingWebhooks, type WebhookPluginOptions } from './webhooks/validating.ts';

export interface AdmissionOptions extends NamespaceLifecycleOptions {
  readonly objects: Objects;
  /** What plugins follow the objects in that configure them. */
  readonly store: FollowStore & Pick<Store, 'update'>;
  /** How webhooks are reached. */
  readonly webhooks?: WebhookClient | undefined;
  /** In which other versions a kind is served. */
  readonly equivalents: Equivalents;
  /** The parameters of policies. */
  readonly params: ParamReader;
  /** Who says what users may do, for expressions that ask. */
  readonly judge?: Judge | undefined;
  readonly logger?: Logger | undefined;
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  /** Kubernetes' --disable-admission-plugins. */
  readonly disabledPlugins?: ReadonlySet<string>;
  /** What runs before those of this table: plugins that know who may do what. */
  readonly morePlugins?: readonly AdmissionPlugin[];
}

export interface Row {
  readonly name: string;
  readonly create: (options: AdmissionOptions) => AdmissionPlugin;
}

/** Kubernetes' order. All of them are on by default, as they are there. */
const table: readonly Row[] = [
  { name: 'NamespaceLifecycle', create: namespaceLifecycle },
  { name: 'LimitRanger', create: ({ objects }) => limitRanger(objects) },
  { name: 'ServiceAccount', create: ({ objects, clock }) => serviceAccount(objects, clock) },
  { name: 'TaintNodesByCondition', create: () => taintNodesByCondition },
  { name: 'PodSecurity', create: ({ objects }) => podSecurity(objects) },
  { name: 'Priority', create: ({ objects }) => priority(objects) },
  {
    name: 'DefaultTolerationSeconds',
    create: (options) =>
      defaultTolerationSeconds(options.defaultNotReadyTolerationSeconds, options.defaultUnreachableTolerationSeconds),
  },
  { name: 'DefaultStorageClass', create: ({ objects }) => defaultStorageClass(objects) },
  { name: 'StorageObjectInUseProtection', create: () => storageObjectInUse },
  { name: 'PersistentVolumeClaimResize', create: ({ objects }) => volumeClaimResize(objects) },
  { name: 'RuntimeClass', create: ({ objects }) => runtimeClass(objects) },
  { name: 'CertificateApproval', create: ({ judge }) => certificateApproval(judge) },
  { name: 'CertificateSigning', create: ({ judge }) => certificateSigning(judge) },
  { name: 'CertificateSubjectRestriction', create: () => certificateSubjectRestriction },
  { name: 'DefaultIngressClass', create: ({ objects }) => defaultIngressClass(objects) },
  { name: 'PodTopologyLabels', create: ({ objects }) => podTopologyLabels(objects) },
  { name: 'MutatingAdmissionPolicy', create: mutatingPolicyPlugin },
  {
    name: 'MutatingAdmissionWebhook',
    create: (options) => mutatingWebhooks(webhookParts(options, 'mutatingwebhookconfigurations')),
  },
  { name: 'ValidatingAdmissionPolicy', create: validatingPolicyPlugin },
  {
    name: 'ValidatingAdmissionWebhook',
    create: (options) => validatingWebhooks(webhookParts(options, 'validatingwebhookconfigurations')),
  },
  { name: 'ResourceQuota', create: quotaPlugin },
];

/** The names that the flags --enable-admission-plugins and --disable-admission-plugins know. */
export const pluginNames: readonly string[] = [...table.map(({ name }) => name), 'NodeRestriction'];

export function createAdmission(options: AdmissionOptions): Admission {
  const { disabledPlugins, morePlugins = [] } = options;
  const chosen = table.filter(({ name }) => !disabledPlugins?.has(name));
  return chain([...morePlugins, ...chosen.map(({ create }) => create(options))]);
}

function validatingPolicyPlugin(options: AdmissionOptions): AdmissionPlugin {
  const { store } = options;
  const policies = new BoundPolicies(compileValidatingPolicy);
  const readiness = readinessOf([
    followed(store, 'validatingadmissionpolicies', (all) => policies.define(all)),
    followed(store, 'validatingadmissionpolicybindings', (all) => policies.bind(all)),
  ]);
  return validatingPolicies({ ...policyParts(options), readiness, policies });
}

function mutatingPolicyPlugin(options: AdmissionOptions): AdmissionPlugin {
  const { store } = options;
  const policies = new BoundPolicies(compileMutatingPolicy);
  const readiness = readinessOf([
    followed(store, 'mutatingadmissionpolicies', (all) => policies.define(all)),
    followed(store, 'mutatingadmissionpolicybindings', (all) => policies.bind(all)),
  ]);
  return mutatingPolicies({ ...policyParts(options), readiness, policies });
}

const policyParts = ({ objects, judge, params, equivalents }: AdmissionOptions) => ({
  namespaceOf: namespaceLookup(objects),
  ...{ params, judge, equivalents },
});

function quotaPlugin({ store, clock }: AdmissionOptions): AdmissionPlugin {
  const namespaces = new Set<string>();
  const source = followed(store, 'resourcequotas', (all) => {
    namespaces.clear();
    for (const { metadata } of all) namespaces.add(metadata?.namespace ?? '');
  });
  const hasQuota = (namespace: string): boolean => namespaces.has(namespace);
  return resourceQuota({ store, clock, hasQuota, readiness: readinessOf([source]) });
}

/** What the plugins of webhooks have in common: each follows its own sort of configurations. */
function webhookParts(
  { store, objects, judge, webhooks, equivalents, logger }: AdmissionOptions,
  resource: 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations',
): WebhookPluginOptions {
  const hooks = new Hooks(namespaceLookup(objects), judge, equivalents);
  const source = followed(store, resource, (all) => hooks.configure(all));
  const client = webhooks ?? new WebhookClient({ userAgent: 'kube-apiserver-admission' });
  return { hooks, client, readiness: readinessOf([source]), logger };
}

type Step = 'admit' | 'validate';

/** All of them, one after the other. Throws when two have one name. */
export function chain(plugins: readonly AdmissionPlugin[]): Admission {
  const names = new Set<string>();
  for (const { name } of plugins) {
    if (names.has(name)) throw new Error(`the table of admission plugins has ${name} twice`);
    names.add(name);
  }
  const steps = { admit: stepOf(plugins, 'admit'), validate: stepOf(plugins, 'validate') };
  return {
    ...steps,
    async run(signal) {
      await Promise.all(plugins.map((plugin) => plugin.run?.(signal)));
    },
  };
}

function stepOf(plugins: readonly AdmissionPlugin[], step: Step): Admission[Step] {
  // Chosen once for each kind: a write pays only for the plugins that look at its resource.
  const byKind = new WeakMap<Kind, readonly AdmissionPlugin[]>();
  const chosenFor = (kind: Kind): readonly AdmissionPlugin[] => {
    const resource = groupResource(kind);
    const chosen = plugins.filter((plugin) => plugin[step] && (plugin.resources?.includes(resource) ?? true));
    byKind.set(kind, chosen);
    return chosen;
  };
  return async (request: AdmissionRequest) => {
    const chosen = byKind.get(request.kind) ?? chosenFor(request.kind);
    for (const plugin of chosen) {
      const pending = plugin[step]?.(request);
      if (pending) await pending;
    }
    if (!request.changed || step !== 'admit') return;
    for (const plugin of chosen) await plugin.admit?.(request);
  };
}
