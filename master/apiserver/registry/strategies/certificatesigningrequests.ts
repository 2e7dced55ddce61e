/** CertificateSigningRequests: who asks, who approves and who signs are three, each with a way of its own. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { CertificateSigningRequest as Csr } from '../../../api/types.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { humanDuration } from '../columns/human-duration.ts';
import type { Strategy, SubresourceStrategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

type Condition = NonNullable<NonNullable<Csr['status']>['conditions']>[number];

const decisions = ['Approved', 'Denied'];
const leastSeconds = 600;

export const csrStrategy: Strategy<Csr> = {
  kind: kinds.certificatesigningrequests,
  columns: [
    nameColumn,
    ageColumn,
    column<Csr>('SignerName', 'Indicates the requested signer.', ({ spec }) => spec?.signerName || '<none>'),
    column<Csr>('Requestor', 'The user that created the request.', ({ spec }) => spec?.username ?? ''),
    column<Csr>('RequestedDuration', 'The requested duration of validity of the issued certificate.', ({ spec }) =>
      spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    ),
    column<Csr>('Condition', 'Conditions applied to the request.', conditionText),
  ],
  fieldNames: ['spec.signerName'],
  fieldValue: ({ spec }) => spec?.signerName ?? '',
  // Any name that can stand in a path: the general check of names does the rest.
  nameErrors: () => [],

  prepareForCreate(csr, { user }) {
    // Who asks is what the server knows, never what the request says.
    const {
      username: _name,
      uid: _uid,
      groups: _groups,
      extra: _extra,
      ...asked
    } = csr.spec ?? { request: '', signerName: '' };
    csr.spec = { ...asked, username: user.name, groups: [...user.groups] };
    if (user.uid) csr.spec.uid = user.uid;
    if (user.extra) {
      csr.spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
    }
    csr.status = {};
  },
  prepareForUpdate(csr, old) {
    if (old.spec) csr.spec = old.spec;
    if (old.status) csr.status = old.status;
  },
  validate({ spec }, errors) {
    validateRequest(spec?.request ?? '', errors);
    const { signerName = '', usages = [], expirationSeconds } = spec ?? {};
    if (signerName === '') errors.required('spec.signerName');
    else if (!/^[^/]+\.[^/]+\/.+$/.test(signerName)) {
      errors.invalid(
        'spec.signerName',
        signerName,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      );
    }
    if (usages.length === 0) errors.required('spec.usages');
    if (expirationSeconds !== undefined && expirationSeconds < leastSeconds) {
      errors.invalid(
        'spec.expirationSeconds',
        expirationSeconds,
        `may not specify a duration less than ${leastSeconds} seconds (10 minutes)`,
      );
    }
  },
  subresources: {
    status: statusSubresource(),
    approval: {
      apply: (incoming: Csr, old, now) => ({
        ...old,
        metadata: incoming.metadata,
        status: { ...old.status, conditions: timed(incoming.status?.conditions ?? [], old, now) },
      }),
      validate: (csr, old, errors) => {
        validateConditions(csr, errors);
        validateDecisions(csr, old, errors);
      },
    },
  },
};

/** The signer's way: it gives the certificate and may say that it failed, but the decision is not its own. */
function statusSubresource(): SubresourceStrategy<Csr> {
  return {
    apply(incoming: Csr, old, now) {
      const decided = (old.status?.conditions ?? []).filter(({ type }) => decisions.includes(type));
      const others = (incoming.status?.conditions ?? []).filter(({ type }) => !decisions.includes(type));
      const status = { ...incoming.status };
      if (decided.length + others.length > 0) status.conditions = [...decided, ...timed(others, old, now)];
      return { ...old, metadata: incoming.metadata, status };
    },
    validate(csr, old, errors) {
      validateConditions(csr, errors);
      const certificate = csr.status?.certificate ?? '';
      const before = old.status?.certificate ?? '';
      if (before !== '' && certificate !== before)
        errors.forbidden('status.certificate', 'updates may not modify a set certificate');
      if (before === '' && certificate !== '' && !decodePem(certificate, 'CERTIFICATE')) {
        errors.invalid('status.certificate', '<certificate data>', 'must contain at least one CERTIFICATE PEM block');
      }
    },
  };
}

function timed(conditions: readonly Condition[], old: Csr, now: string): Condition[] {
  return conditions.map((condition) => {
    const before = old.status?.conditions?.find(({ type }) => type === condition.type);
    const same = before !== undefined && before.status === condition.status;
    const lastTransitionTime = same ? before.lastTransitionTime : undefined;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? lastTransitionTime ?? now,
    };
  });
}

function validateRequest(request: string, errors: FieldErrors): void {
  if (request === '') errors.required('spec.request', 'request cannot be empty');
  else if (!decodePem(request, 'CERTIFICATE REQUEST')) {
    errors.invalid('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST');
  }
}

function decodePem(base64: string, label: string): boolean {
  return Buffer.from(base64, 'base64').toString('latin1').includes(`-----BEGIN ${label}-----`);
}

function validateConditions({ status }: Csr, errors: FieldErrors): void {
  const types = new Set<string>();
  (status?.conditions ?? []).forEach(({ type = '', status: value = '' }, index) => {
    const field = `status.conditions[${index}]`;
    if (type === '') errors.required(`${field}.type`);
    if (types.has(type)) errors.duplicate(`${field}.type`, type);
    types.add(type);
    if (value === '') errors.required(`${field}.status`);
    else if ([...decisions, 'Failed'].includes(type) && value !== 'True')
      errors.notSupported(`${field}.status`, value, ['True']);
  });
  if (types.has('Approved') && types.has('Denied')) {
    errors.invalid('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive');
  }
}

/** A decision that was made stays. */
function validateDecisions(csr: Csr, old: Csr, errors: FieldErrors): void {
  const of = ({ status }: Csr, type: string) => status?.conditions?.find((condition) => condition.type === type);
  for (const type of decisions) {
    const before = of(old, type);
    if (before && !deepEqual(of(csr, type)?.status, before.status)) {
      errors.forbidden('status.conditions', `updates may not remove a condition of type "${type}"`);
    }
  }
}

function conditionText({ status }: Csr): string {
  const types = new Set((status?.conditions ?? []).map(({ type }) => type));
  const words = types.has('Denied')
    ? ['Denied']
    : types.has('Approved')
      ? ['Approved']
      : types.has('Failed')
        ? []
        : ['Pending'];
  if (types.has('Failed')) words.push('Failed');
  if (status?.certificate) words.push('Issued');
  return words.join(',');
}
