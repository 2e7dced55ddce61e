/**
 * Which certificate requests are approved by themselves, and which a signer may sign (Kubernetes, "Certificates and
 * Certificate Signing Requests": Kubernetes signers). Pure: the request is given as plain facts.
 *
 * Each `…Problem` function gives the first thing that is wrong, or undefined.
 */

/** What a PKCS#10 request asks for. */
export interface RequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Whether the subject holds anything besides one CN and the O's. */
  readonly otherSubject: boolean;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** Who asks, as the API server recorded it, and what for. */
export interface Requester {
  readonly username: string;
  readonly groups: readonly string[];
  readonly signerName: string;
  readonly usages: readonly string[];
}

/** What is known of the node that a serving certificate would speak for. */
export interface NodeNames {
  /** The node's own addresses; undefined while the Node does not exist. */
  readonly addresses: readonly string[] | undefined;
  /** Addresses of everything else: other nodes, API servers. */
  readonly foreignAddresses: ReadonlySet<string>;
  /** Names under which API servers are trusted. */
  readonly reservedNames: ReadonlySet<string>;
}

export const signers = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
} as const;

export type Signer = (typeof signers)[keyof typeof signers];

const nodeUserPrefix = 'system:node:';
const nodesGroup = 'system:nodes';
const kubeProxyUser = 'system:kube-proxy';
const bootstrappersGroup = 'system:bootstrappers';

/** 'approve' with the message of the condition, or 'wait': it may become right, or a person decides. Never a denial. */
export type Judgement = { verdict: 'approve'; message: string } | { verdict: 'wait'; why: string };

export function judge(facts: RequestFacts, requester: Requester, names: NodeNames): Judgement {
  const wait = (why: string): Judgement => ({ verdict: 'wait', why });
  switch (requester.signerName) {
    case signers.kubeletClient: {
      const problem = kubeletClientProblem(facts, requester.usages);
      if (problem) return wait(problem);
      if (isNode(requester) && requester.username === facts.commonName) {
        return { verdict: 'approve', message: 'Auto approving self kubelet client certificate.' };
      }
      if (requester.groups.includes(bootstrappersGroup)) {
        return { verdict: 'approve', message: 'Auto approving kubelet client certificate.' };
      }
      return wait('the requester is neither the node itself nor a bootstrapper');
    }
    case signers.kubeletServing: {
      const problem = kubeletServingProblem(facts, requester.usages) ?? servingNameProblem(facts, requester, names);
      return problem
        ? wait(problem)
        : { verdict: 'approve', message: 'Auto approving serving certificate for the names of the node itself.' };
    }
    case signers.client: {
      const problem = kubeProxyProblem(facts, requester);
      return problem
        ? wait(problem)
        : { verdict: 'approve', message: 'Auto approving the client certificate of a kube-proxy.' };
    }
    default:
      return wait('requests for this signer are approved by people');
  }
}

/** What the signer itself insists on, whoever approved the request. */
export function signerProblem(signer: Signer, facts: RequestFacts, requester: Requester): string | undefined {
  switch (signer) {
    case signers.kubeletClient:
      return kubeletClientProblem(facts, requester.usages);
    case signers.kubeletServing:
      return (
        kubeletServingProblem(facts, requester.usages) ??
        (requester.username === facts.commonName ? undefined : 'common name must be the requesting user')
      );
    case signers.client:
      if (facts.organizations.includes('system:masters')) return 'use of the group system:masters is not allowed';
      return clientUsagesProblem(requester.usages);
  }
}

export function isSigner(name: string | undefined): name is Signer {
  return Object.values(signers).some((signer) => signer === name);
}

export function kubeletClientProblem(facts: RequestFacts, usages: readonly string[]): string | undefined {
  if (facts.dnsNames.length > 0) return 'DNS SANs are not allowed';
  if (facts.ipAddresses.length > 0) return 'IP SANs are not allowed';
  return subjectProblem(facts) ?? usagesProblem(usages, 'client auth');
}

export function kubeletServingProblem(facts: RequestFacts, usages: readonly string[]): string | undefined {
  if (facts.dnsNames.length + facts.ipAddresses.length === 0) return 'DNS or IP SANs are required';
  return subjectProblem(facts) ?? usagesProblem(usages, 'server auth');
}

/**
 * A node may be kube-proxy towards the API, as it may in Kubernetes, where the pod of kube-proxy on it lends it that identity. All
 * else that this signer signs is for people to judge.
 */
function kubeProxyProblem(facts: RequestFacts, requester: Requester): string | undefined {
  if (!isNode(requester)) return 'requests for this signer are approved by people';
  const { commonName, organizations, otherSubject, dnsNames, ipAddresses, emailAddresses, uris } = facts;
  if (commonName !== kubeProxyUser || organizations.length > 0 || otherSubject)
    return `subject is not ${kubeProxyUser}`;
  if (dnsNames.length + ipAddresses.length + emailAddresses.length + uris.length > 0) return 'SANs are not allowed';
  return usagesProblem(requester.usages, 'client auth');
}

function subjectProblem(facts: RequestFacts): string | undefined {
  if (facts.emailAddresses.length > 0) return 'Email SANs are not allowed';
  if (facts.uris.length > 0) return 'URI SANs are not allowed';
  if (facts.organizations.length !== 1 || facts.organizations[0] !== nodesGroup) {
    return `subject organization is not ${nodesGroup}`;
  }
  if (facts.otherSubject) return 'the subject may hold only an organization and a common name';
  const name = facts.commonName;
  if (!name.startsWith(nodeUserPrefix) || name.length === nodeUserPrefix.length) {
    return `subject common name does not begin with ${nodeUserPrefix}`;
  }
  return undefined;
}

/** Exactly digital signature and the purpose; key encipherment, which RSA keys need, may be there too. */
function usagesProblem(usages: readonly string[], purpose: string): string | undefined {
  const allowed = new Set(['digital signature', 'key encipherment', purpose]);
  const required = ['digital signature', purpose];
  const right = usages.every((usage) => allowed.has(usage)) && required.every((usage) => usages.includes(usage));
  return right ? undefined : `usages did not match digital signature, ${purpose} and at most key encipherment`;
}

/** People's certificates need no more than the purpose. */
function clientUsagesProblem(usages: readonly string[]): string | undefined {
  const allowed = new Set(['client auth', 'digital signature', 'key encipherment']);
  const right = usages.includes('client auth') && usages.every((usage) => allowed.has(usage));
  return right ? undefined : 'usages did not match client auth and at most digital signature and key encipherment';
}

/** A node may speak only under its own name and addresses, and never under a name that API servers are trusted by. */
function servingNameProblem(facts: RequestFacts, requester: Requester, names: NodeNames): string | undefined {
  if (!isNode(requester) || requester.username !== facts.commonName) return 'the requester is not the node itself';
  const node = facts.commonName.slice(nodeUserPrefix.length);
  if (names.reservedNames.has(node)) return `${node} is a name of the control plane`;
  const foreign = facts.dnsNames.find((name) => name !== node);
  if (foreign !== undefined) return `the DNS name ${foreign} is not the node's`;
  for (const address of facts.ipAddresses) {
    if (!names.addresses) return 'the node does not exist yet, so its addresses are not known';
    if (!names.addresses.includes(address)) return `the address ${address} is not the node's`;
    if (names.foreignAddresses.has(address)) return `the address ${address} is also another's`;
  }
  return undefined;
}

const isNode = ({ username, groups }: Requester): boolean =>
  groups.includes(nodesGroup) && username.startsWith(nodeUserPrefix);

const shortestMs = 600_000;

/** How long a certificate is good for: what was asked, but at least ten minutes and at most the signer's own limit. */
export function certificateDurationMs(expirationSeconds: number | undefined, limitMs: number): number {
  if (expirationSeconds === undefined) return limitMs;
  return Math.min(Math.max(expirationSeconds * 1000, shortestMs), limitMs);
}
