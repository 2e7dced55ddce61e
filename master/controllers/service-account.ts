/** Gives every namespace what its pods count on: the `default` service account, and the authority of the API server. */
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../api/errors.ts';
import { keyOf } from '../api/meta.ts';
import type { Namespace } from '../api/types.ts';
import type { WorkQueue } from '../api/workqueue.ts';
import { type ControllerContext, newQueue, work } from './context.ts';

const accountName = 'default';
const rootCaName = 'kube-root-ca.crt';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** A `default` ServiceAccount in every namespace that lives. */
export async function startServiceAccounts(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const queue = newQueue(context, 'serviceaccount');
  enqueueNamespaces(context, queue);
  caches.serviceaccounts.addHandler(
    { deleted: ({ metadata }) => metadata?.name === accountName && queue.add(metadata.namespace ?? '') },
    signal,
  );
  await work(context, queue, 1, async (name) => {
    if (!lives(caches.namespaces.get(name)) || caches.serviceaccounts.get(`${name}/${accountName}`)) return;
    await made(client.create('serviceaccounts', { metadata: { namespace: name, name: accountName } }));
  });
}

/** The ConfigMap `kube-root-ca.crt` in every namespace that lives. */
export async function startRootCaPublisher(context: ControllerContext): Promise<void> {
  const { caches, client, signal, rootCa } = context;
  if (!rootCa) return;
  const queue = newQueue(context, 'root_ca_cert_publisher');
  enqueueNamespaces(context, queue);
  const changed = ({ metadata }: { metadata?: { name?: string; namespace?: string } }): void => {
    if (metadata?.name === rootCaName) queue.add(metadata.namespace ?? '');
  };
  caches.configmaps.addHandler({ updated: (_, object) => changed(object), deleted: changed }, signal);
  await work(context, queue, 1, async (name) => {
    if (!lives(caches.namespaces.get(name))) return;
    const present = caches.configmaps.get(`${name}/${rootCaName}`);
    const data = { 'ca.crt': rootCa };
    if (!present) {
      const annotations = { 'kubernetes.io/description': description };
      await made(client.create('configmaps', { metadata: { namespace: name, name: rootCaName, annotations }, data }));
    } else if (present.data?.['ca.crt'] !== rootCa || Object.keys(present.data).length !== 1) {
      await client.update('configmaps', { ...present, data });
    }
  });
}

function enqueueNamespaces({ caches, signal }: ControllerContext, queue: WorkQueue): void {
  const enqueue = (namespace: Namespace): void => queue.add(keyOf(namespace));
  caches.namespaces.addHandler({ added: enqueue, updated: (_, object) => enqueue(object) }, signal);
}

function lives(namespace: Namespace | undefined): boolean {
  return namespace !== undefined && namespace.metadata?.deletionTimestamp === undefined;
}

/** Being there already is as good; a namespace that goes meanwhile needs nothing. Whatever else refuses it, such as a quota, may not do so again. */
async function made(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!isAlreadyExists(error) && !isNotFound(error) && !isNamespaceTerminating(error)) throw error;
  }
}
