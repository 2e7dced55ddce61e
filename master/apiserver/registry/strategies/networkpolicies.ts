/** NetworkPolicies (networking.k8s.io/v1). */

import { isStrictlyWithin, parseCidr } from '../../../api/addresses.ts';
import { kinds } from '../../../api/kinds.ts';
import type { NetworkPolicy } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, selectorText } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { networkErrors } from '../validation/addresses.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabelSelector } from '../validation/label-selector.ts';
import { portNameErrors, protocols, validatePortNumber } from '../validation/ports.ts';

type Spec = NonNullable<NetworkPolicy['spec']>;
type Rule = NonNullable<Spec['ingress']>[number];
type Port = NonNullable<Rule['ports']>[number];
type Peer = NonNullable<NonNullable<Spec['egress']>[number]['to']>[number];

const types = ['Ingress', 'Egress'];

export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  kind: kinds.networkpolicies,
  columns: [
    nameColumn,
    column<NetworkPolicy>('Pod-Selector', 'The pods that the policy is for.', ({ spec }) =>
      selectorText(spec?.podSelector),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,

  setDefaults(policy) {
    policy.spec ??= {};
    const { spec } = policy;
    spec.podSelector ??= {};
    if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? [...types] : ['Ingress'];
    for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
      for (const port of ports) port.protocol ??= 'TCP';
    }
  },
  validate({ spec }, errors, old) {
    validateNetworks(spec, old?.spec, errors);
    validateLabelSelector(spec?.podSelector, 'spec.podSelector', errors);
    (spec?.ingress ?? []).forEach(({ ports = [], from = [] }, index) => {
      validateRule(ports, from, `spec.ingress[${index}]`, 'from', errors);
    });
    (spec?.egress ?? []).forEach(({ ports = [], to = [] }, index) => {
      validateRule(ports, to, `spec.egress[${index}]`, 'to', errors);
    });
    const chosen = spec?.policyTypes ?? [];
    if (chosen.length > types.length) {
      errors.invalid('spec.policyTypes', chosen, 'may not specify more than two policyTypes');
      return;
    }
    chosen.forEach((type, index) => {
      if (!types.includes(type)) errors.notSupported(`spec.policyTypes[${index}]`, type, types);
    });
  },
};

function validateRule(
  ports: readonly Port[],
  peers: readonly Peer[],
  field: string,
  side: 'from' | 'to',
  errors: FieldErrors,
): void {
  ports.forEach((port, index) => {
    validatePort(port, `${field}.ports[${index}]`, errors);
  });
  peers.forEach((peer, index) => {
    validatePeer(peer, `${field}.${side}[${index}]`, errors);
  });
}

function validatePort({ protocol, port, endPort }: Port, field: string, errors: FieldErrors): void {
  if (protocol !== undefined && !protocols.includes(protocol)) {
    errors.notSupported(`${field}.protocol`, protocol, protocols);
  }
  if (typeof port === 'number') {
    validatePortNumber(port, `${field}.port`, errors);
    if (endPort !== undefined && endPort < port) {
      errors.invalid(`${field}.endPort`, endPort, 'must be greater than or equal to `port`');
    }
  } else if (typeof port === 'string') {
    errors.invalidFor(`${field}.port`, port, portNameErrors(port));
    if (endPort !== undefined) {
      errors.invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric');
    }
  } else if (endPort !== undefined) {
    errors.invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified');
  }
  if (endPort !== undefined) validatePortNumber(endPort, `${field}.endPort`, errors);
}

function validatePeer({ ipBlock, podSelector, namespaceSelector }: Peer, field: string, errors: FieldErrors): void {
  validateLabelSelector(podSelector, `${field}.podSelector`, errors);
  validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`, errors);
  if (ipBlock) validateBlock(ipBlock, `${field}.ipBlock`, errors);
  if (!ipBlock && !podSelector && !namespaceSelector) errors.required(field, 'must specify a peer');
  else if (ipBlock && (podSelector || namespaceSelector)) {
    errors.forbidden(field, 'may not specify both ipBlock and another peer');
  }
}

/** A block is a network, and says no more (KEP-4858); what was taken before may stay. */
function validateNetworks(spec: Spec | undefined, old: Spec | undefined, errors: FieldErrors): void {
  const known = blocksOf(old).map(([cidr]) => cidr);
  for (const [cidr, field] of blocksOf(spec)) {
    if (cidr !== '') errors.invalidFor(field, cidr, networkErrors(cidr, known));
  }
}

/** Every block of addresses, with where it stands. */
function blocksOf(spec: Spec | undefined): [cidr: string, field: string][] {
  const of = (peers: readonly Peer[], at: string): [string, string][] =>
    peers.flatMap(({ ipBlock }, index): [string, string][] => {
      const field = `${at}[${index}].ipBlock`;
      const { cidr = '', except = [] } = ipBlock ?? {};
      return [[cidr, `${field}.cidr`], ...except.map((inner, i): [string, string] => [inner, `${field}.except[${i}]`])];
    });
  return [
    ...(spec?.ingress ?? []).flatMap(({ from = [] }, index) => of(from, `spec.ingress[${index}].from`)),
    ...(spec?.egress ?? []).flatMap(({ to = [] }, index) => of(to, `spec.egress[${index}].to`)),
  ];
}

function validateBlock(
  { cidr = '', except = [] }: NonNullable<Peer['ipBlock']>,
  field: string,
  errors: FieldErrors,
): void {
  if (cidr === '') {
    errors.required(`${field}.cidr`);
    return;
  }
  // What is no network is told of with the others.
  if (!parseCidr(cidr)) return;
  except.forEach((inner, index) => {
    const at = `${field}.except[${index}]`;
    if (parseCidr(inner) && !isStrictlyWithin(inner, cidr)) {
      errors.invalid(at, inner, 'must be a strict subset of `cidr`');
    }
  });
}
