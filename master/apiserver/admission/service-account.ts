/**
 * ServiceAccount: every pod runs as an account of its namespace, `default` where it names none, and finds the account's token,
 * the cluster's authority and its namespace where client libraries look for them. (Kubernetes, "Managing Service Accounts".)
 */
import { type Clock, sleep, systemClock } from '../../api/clock.ts';
import { forbidden, notFound, type StatusError } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from '../../api/types.ts';
import { withGeneratedName } from '../registry/body.ts';
import type { Objects } from './objects.ts';
import { containersOf } from './pod-containers.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

const defaultAccount = 'default';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
const enforceSecretsAnnotation = 'kubernetes.io/enforce-mountable-secrets';
/** An hour and the seconds by which Kubernetes marks the tokens that it mounts itself. */
const tokenSeconds = 3_607;
/** The controller manager makes `default` accounts: in a new namespace it may be a moment away. */
const defaultAccountTries = 10;
const retryMs = 150;

export function serviceAccount(objects: Objects, clock: Clock = systemClock): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    resources: ['pods'],
    async admit(request) {
      const { operation, subresource, namespace = '', object } = request;
      if (operation !== 'CREATE' || subresource !== undefined || !object) return;
      const { metadata, spec }: Pod = object;
      if (!spec) return;
      if (metadata?.annotations?.[mirrorAnnotation] !== undefined) return checkMirror(request, spec);
      spec.serviceAccountName ||= defaultAccount;
      spec.serviceAccount = spec.serviceAccountName;
      const account = await find(namespace, spec.serviceAccountName, request.ctx.signal);
      if (!account) throw missing(request, spec.serviceAccountName);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name: name ?? '' }));
      }
    },
    async validate(request) {
      const { operation, subresource, namespace = '', object } = request;
      const concerned = operation === 'CREATE' ? subresource === undefined : subresource === 'ephemeralcontainers';
      if (!concerned || !object) return;
      const { metadata, spec }: Pod = object;
      if (!spec) return;
      if (metadata?.annotations?.[mirrorAnnotation] !== undefined) return checkMirror(request, spec);
      const { serviceAccountName = '' } = spec;
      if (serviceAccountName === '')
        throw refuse(request, `no service account specified for pod ${namespace}/${request.name}`);
      const account = await find(namespace, serviceAccountName, request.ctx.signal);
      if (!account) throw missing(request, serviceAccountName);
      if (account.metadata?.annotations?.[enforceSecretsAnnotation] === 'true') checkSecrets(request, spec, account);
    },
  };

  async function find(namespace: string, name: string, signal: AbortSignal): Promise<ServiceAccount | undefined> {
    const cached = await objects.get('serviceaccounts', name, namespace);
    if (cached) return cached;
    const tries = name === defaultAccount ? defaultAccountTries : 1;
    for (let attempt = 0; attempt < tries && !signal.aborted; attempt++) {
      if (attempt > 0) await sleep(retryMs, signal, clock);
      const account = await objects.get('serviceaccounts', name, namespace, 'consistent');
      if (account) return account;
    }
    return undefined;
  }
}

/** Mounts the volume in every container that has nothing of its own there, and adds it when one needs it. */
function mountToken(spec: PodSpec): void {
  const present = spec.volumes?.find(({ name }) => name.startsWith(volumePrefix))?.name;
  const name = present ?? withGeneratedName({ metadata: { generateName: volumePrefix } }).metadata?.name ?? '';
  let needed = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if (container.volumeMounts?.some((mount) => mount.mountPath === mountPath)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
    needed = true;
  }
  if (needed && present === undefined) spec.volumes = [...(spec.volumes ?? []), accessVolume(name)];
}

const accessVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
});

/** A mirror pod stands for one that a node runs on its own: it must not reach for anything of the API. */
function checkMirror(request: AdmissionRequest, spec: PodSpec): void {
  if (spec.serviceAccountName) throw refuse(request, 'a mirror pod may not reference service accounts');
  if (secretsOf(spec).length > 0) throw refuse(request, 'a mirror pod may not reference secrets');
  const hasToken = spec.volumes?.some(({ projected }) =>
    projected?.sources?.some((source) => source.serviceAccountToken),
  );
  if (hasToken) throw refuse(request, 'a mirror pod may not use ServiceAccountToken volume projections');
}

function checkSecrets(request: AdmissionRequest, spec: PodSpec, account: ServiceAccount): void {
  const name = account.metadata?.name ?? '';
  const allowed = new Set((account.secrets ?? []).map((secret) => secret.name));
  for (const { volumes = [] } of [spec]) {
    for (const { secret } of volumes) {
      if (secret?.secretName === undefined || allowed.has(secret.secretName)) continue;
      const why = `volume with secret.secretName="${secret.secretName}" is not allowed because service account ${name} does not reference that secret`;
      throw refuse(request, why);
    }
  }
  for (const [secret, where] of environmentSecrets(containersOf(spec))) {
    if (allowed.has(secret)) continue;
    throw refuse(request, `${where} is not allowed because service account ${name} does not reference that secret`);
  }
  const pullable = new Set((account.imagePullSecrets ?? []).map((secret) => secret.name));
  spec.imagePullSecrets?.forEach((secret, index) => {
    if (pullable.has(secret.name)) return;
    const why = `imagePullSecrets[${index}].name="${secret.name}" is not allowed because service account ${name} does not reference that imagePullSecret`;
    throw refuse(request, why);
  });
}

function secretsOf(spec: PodSpec): string[] {
  const volumes = (spec.volumes ?? []).flatMap(({ secret, projected }) => [
    secret?.secretName,
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
  ]);
  const environment = environmentSecrets(containersOf(spec)).map(([secret]) => secret);
  const pulled = (spec.imagePullSecrets ?? []).map(({ name }) => name);
  return [...volumes, ...environment, ...pulled].filter((name) => name !== undefined);
}

/** The secrets that containers take variables from, each with Kubernetes' words for where. */
function environmentSecrets(containers: readonly Container[]): [secret: string, where: string][] {
  return containers.flatMap(({ name: container, env = [], envFrom = [] }) => [
    ...env.flatMap(({ name, valueFrom }): [string, string][] => {
      const secret = valueFrom?.secretKeyRef?.name;
      if (!secret) return [];
      return [[secret, `container ${container} with envVar ${name} referencing secret.secretName="${secret}"`]];
    }),
    ...envFrom.flatMap(({ secretRef }): [string, string][] => {
      const secret = secretRef?.name;
      if (!secret) return [];
      return [[secret, `container ${container} with envFrom referencing secret.secretName="${secret}"`]];
    }),
  ]);
}

const refuse = ({ name }: AdmissionRequest, why: string): StatusError => forbidden(kinds.pods, name, why);

function missing(request: AdmissionRequest, account: string): StatusError {
  const why = notFound({ group: '', resource: 'serviceaccount' }, account).message;
  return refuse(request, `error looking up service account ${request.namespace}/${account}: ${why}`);
}
