/** Nodes. */

import { parseCidr } from '../../../api/addresses.ts';
import { kinds } from '../../../api/kinds.ts';
import { deepEqual, getCondition } from '../../../api/meta.ts';
import type { Node, Taint } from '../../../api/types.ts';
import { isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, wideColumn } from '../columns/common.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import { networkErrors } from '../validation/addresses.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateQuantity } from '../validation/quantities.ts';

const rolePrefix = 'node-role.kubernetes.io/';

export const nodeStrategy: Strategy<Node> = {
  kind: kinds.nodes,
  columns: [
    nameColumn,
    column<Node>('Status', 'The status of the node', statusText),
    column<Node>('Roles', 'The roles of the node', rolesText),
    ageColumn,
    column<Node>(
      'Version',
      'Kubelet Version reported by the node.',
      ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
    ),
    wideColumn<Node>('Internal-IP', 'The internal address of the node.', (node) => addressOf(node, 'InternalIP')),
    wideColumn<Node>('External-IP', 'The external address of the node.', (node) => addressOf(node, 'ExternalIP')),
    wideColumn<Node>(
      'OS-Image',
      'OS Image reported by the node.',
      ({ status }) => status?.nodeInfo?.osImage || '<unknown>',
    ),
    wideColumn<Node>(
      'Kernel-Version',
      'Kernel Version reported by the node.',
      ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>',
    ),
    wideColumn<Node>(
      'Container-Runtime',
      'ContainerRuntime Version reported by the node.',
      ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    ),
  ],
  fieldNames: ['spec.unschedulable'],
  fieldValue: ({ spec }) => String(spec?.unschedulable ?? false),
  nameErrors: isDns1123Subdomain,

  setDefaults(node) {
    node.spec ??= {};
    node.status ??= {};
    // Whoever leaves allocatable out means that all of the capacity can be had.
    if (node.status.capacity && !node.status.allocatable) node.status.allocatable = { ...node.status.capacity };
    if (node.spec.podCIDR && !node.spec.podCIDRs?.length) node.spec.podCIDRs = [node.spec.podCIDR];
    const first = node.spec.podCIDRs?.[0];
    if (first && !node.spec.podCIDR) node.spec.podCIDR = first;
  },
  prepareForUpdate(node, old) {
    if (old.status) node.status = old.status;
    else delete node.status;
  },
  validate({ spec, status }, errors, old) {
    validateTaints(spec?.taints ?? [], errors);
    validatePodCidrs(spec?.podCIDRs ?? [], old?.spec?.podCIDRs, errors);
    for (const field of ['capacity', 'allocatable'] as const) {
      for (const [name, value] of Object.entries(status?.[field] ?? {})) {
        validateQuantity(value, `status.${field}.${name}`, errors);
      }
    }
  },
  validateUpdate(node, old, errors) {
    const { podCIDRs: cidrs = [], providerID = '' } = node.spec ?? {};
    const { podCIDRs: before = [], providerID: providerBefore = '' } = old.spec ?? {};
    if (before.length > 0 && !deepEqual(cidrs, before)) {
      const why = 'node updates may not change podCIDR except from "" to valid';
      errors.forbidden('spec.podCIDRs', why);
    }
    if (providerBefore !== '' && providerID !== providerBefore) {
      errors.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
    }
  },
  subresources: {
    status: statusOnly<Node>(({ status }, _old, errors) => {
      for (const field of ['capacity', 'allocatable'] as const) {
        for (const [name, value] of Object.entries(status?.[field] ?? {})) {
          validateQuantity(value, `status.${field}.${name}`, errors);
        }
      }
    }),
  },
};

function validateTaints(taints: readonly Taint[], errors: FieldErrors): void {
  const seen = new Set<string>();
  taints.forEach(({ key = '', value = '', effect = '' }, index) => {
    // Where Kubernetes says that it is.
    const field = `metadata.taints[${index}]`;
    errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
    errors.invalidFor(`${field}.value`, value, isLabelValue(value));
    if (effect === '') errors.required(`${field}.effect`);
    else if (!effects.includes(effect)) errors.notSupported(`${field}.effect`, effect, effects);
    const identity = `${key}:${effect}`;
    if (seen.has(identity)) {
      errors.duplicate(field, { key, value, effect }, 'taints must be unique by key and effect pair');
    }
    seen.add(identity);
  });
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function statusText({ spec, status }: Node): string {
  const ready = getCondition(status?.conditions, 'Ready');
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown'];
  if (spec?.unschedulable) words.push('SchedulingDisabled');
  return words.join(',');
}

function rolesText({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata?.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}

/** One of each family at most. */
function validatePodCidrs(cidrs: readonly string[], known: readonly string[] | undefined, errors: FieldErrors): void {
  cidrs.forEach((cidr, index) => {
    errors.invalidFor(`spec.podCIDRs[${index}]`, cidr, networkErrors(cidr, known));
  });
  if (cidrs.length > 2 || (cidrs.length === 2 && parseCidr(cidrs[0] ?? '')?.v4 === parseCidr(cidrs[1] ?? '')?.v4)) {
    errors.invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family');
  }
}
