/**
 * Approves the certificate requests of nodes: client certificates for bootstrappers and for the node itself, serving
 * certificates for the node's own name and addresses, and client certificates of kube-proxy. What it does not recognize stays pending for a person to judge.
 */
import type { ReconcileResult } from '../../api/controller.ts';
import { keyOf, nowSeconds } from '../../api/meta.ts';
import type { CertificateSigningRequest } from '../../api/types.ts';
import { type ControllerContext, newQueue, work } from '../context.ts';
import { has, isIssued, requesterOf, withCondition } from './csr-facts.ts';
import { isSigner, judge, type NodeNames, signers } from './rules.ts';

/** A request that may become right (its Node appears, gets addresses) is looked at again after this. */
const againMs = 2_000;

export async function startCsrApproving(context: ControllerContext): Promise<void> {
  const queue = newQueue(context, 'certificate_approving');
  const enqueue = (csr: CertificateSigningRequest): void => queue.add(keyOf(csr));
  context.caches.certificatesigningrequests.addHandler(
    { added: enqueue, updated: (_, csr) => enqueue(csr) },
    context.signal,
  );
  await work(context, queue, 1, (key) => approve(context, key));
}

async function approve(context: ControllerContext, key: string): Promise<ReconcileResult> {
  const { caches, client, logger, clock } = context;
  const csr = caches.certificatesigningrequests.get(key);
  const signer = csr?.spec?.signerName;
  if (!csr || has(csr, 'Approved') || has(csr, 'Denied') || isIssued(csr)) return {};
  if (!isSigner(signer)) return {};
  const { readRequest } = await import('./x509.ts');
  const requester = requesterOf(csr);
  let judgement: ReturnType<typeof judge>;
  try {
    judgement = judge(await readRequest(csr.spec?.request), requester, nodeNames(context, requester.username));
  } catch (error) {
    logger.info({ csr: key, err: error }, 'certificate request cannot be read: it is left pending');
    return {};
  }
  if (judgement.verdict === 'wait') {
    logger.debug({ csr: key, why: judgement.why }, 'certificate request is left pending');
    return signer === signers.kubeletServing ? { requeueAfterMs: againMs } : {};
  }
  const at = nowSeconds(clock.now());
  const approved = withCondition(csr, 'Approved', 'AutoApproved', judgement.message, at);
  await client.update('certificatesigningrequests', approved, { subresource: 'approval' });
  logger.info({ csr: key, signer, requester: requester.username }, 'certificate request approved');
  return {};
}

/** Addresses and names, as the API shows them now, against which a node's claims are held. */
function nodeNames({ caches, options }: ControllerContext, username: string): NodeNames {
  const name = username.replace(/^system:node:/, '');
  const node = caches.nodes.get(name);
  const foreignAddresses = new Set(['127.0.0.1', '::1']);
  for (const other of caches.nodes.list()) {
    if (keyOf(other) !== name) for (const { address } of other.status?.addresses ?? []) foreignAddresses.add(address);
  }
  const apiservers = caches.endpoints.get('default/kubernetes')?.subsets ?? [];
  for (const { addresses = [] } of apiservers) for (const { ip } of addresses) foreignAddresses.add(ip);
  return {
    addresses: node?.status?.addresses?.map(({ address }) => address),
    foreignAddresses,
    reservedNames: new Set([...controlPlaneNames, ...options.apiserverHosts]),
  };
}

const controlPlaneNames = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'lb',
];
