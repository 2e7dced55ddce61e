/** Namespaces: they end in two steps, because everything inside must go first (`spec.finalizers`, the finalize subresource). */
import { kinds } from '../../../api/kinds.ts';
import type { Namespace } from '../../../api/types.ts';
import { isDns1123Label } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import { validateFinalizer } from '../validation/metadata.ts';

const nameLabel = 'kubernetes.io/metadata.name';

export const namespaceStrategy: Strategy<Namespace> = {
  kind: kinds.namespaces,
  columns: [
    nameColumn,
    column<Namespace>('Status', 'The status of the namespace', ({ status }) => status?.phase ?? ''),
    ageColumn,
  ],
  fieldNames: ['status.phase'],
  fieldValue: ({ status }) => status?.phase ?? '',
  nameErrors: isDns1123Label,
  deleteCollection: false,

  setDefaults(namespace) {
    const { metadata } = namespace;
    if (metadata?.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  prepareForCreate(namespace) {
    const finalizers = new Set([...(namespace.spec?.finalizers ?? []), 'kubernetes']);
    namespace.spec = { finalizers: [...finalizers] };
    namespace.status = { phase: 'Active' };
  },
  prepareForUpdate(namespace, old) {
    namespace.spec = { ...namespace.spec };
    if (old.spec?.finalizers) namespace.spec.finalizers = old.spec.finalizers;
    else delete namespace.spec.finalizers;
    if (old.status) namespace.status = old.status;
    else delete namespace.status;
  },
  validate({ spec }, errors, old) {
    if (old) return;
    for (const name of spec?.finalizers ?? []) validateFinalizer(name, 'spec.finalizers', errors);
  },
  heldBack: ({ spec }) => (spec?.finalizers?.length ?? 0) > 0,
  markDeleting(namespace) {
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
  subresources: {
    status: statusOnly<Namespace>((namespace, _old, errors) => {
      const wanted = namespace.metadata?.deletionTimestamp ? 'Terminating' : 'Active';
      const phase = namespace.status?.phase ?? '';
      if (phase !== wanted) {
        const when = wanted === 'Active' ? 'empty' : 'not empty';
        errors.invalid('status.Phase', phase, `may only be '${wanted}' if \`deletionTimestamp\` is ${when}`);
      }
    }),
    finalize: {
      apply: (incoming: Namespace, old) => ({
        ...old,
        metadata: incoming.metadata,
        spec: { ...old.spec, finalizers: incoming.spec?.finalizers ?? [] },
      }),
      validate(namespace, _old, errors) {
        (namespace.spec?.finalizers ?? []).forEach((name, index) => {
          validateFinalizer(name, `spec.finalizers[${index}]`, errors);
        });
      },
    },
  },
};
