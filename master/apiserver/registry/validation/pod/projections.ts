/** Several sources in one volume (Kubernetes' "Projected Volumes" page). */
import type { Volume } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateLabelSelector } from '../label-selector.ts';
import { validateOneOf } from '../numbers.ts';
import { validateFilePath } from '../paths.ts';
import { needs } from '../volume-sources.ts';
import { validateDownwardFile, validateKeys } from './files.ts';

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];
type TrustBundle = NonNullable<Projection['clusterTrustBundle']>;
type PodCertificate = NonNullable<Projection['podCertificate']>;

const leastTokenSeconds = 600;
const mostTokenSeconds = 2 ** 32;
const leastCertificateSeconds = 3600;
const mostCertificateSeconds = 91 * 24 * 3600;
const keyTypes = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'];

/** `path` is where the volume's source stands; no two projections make the same file. */
export function validateProjections(projections: readonly Projection[], path: string, errors: FieldErrors): void {
  const files = new Set<string>();
  const add = (file: string | undefined, value: string): void => {
    if (!file) return;
    if (files.has(file)) errors.invalid(path, value, 'conflicting duplicate paths');
    files.add(file);
  };
  projections.forEach((projection, index) => {
    const field = `${path}.sources[${index}]`;
    for (const name of ['secret', 'configMap'] as const) {
      const source = projection[name];
      if (!source) continue;
      needs('name')(source, `${field}.${name}`, errors);
      validateKeys(source.items, `${field}.${name}.items`, errors);
      for (const item of source.items ?? []) add(item.path, source.name ?? '');
    }
    for (const file of projection.downwardAPI?.items ?? []) {
      validateDownwardFile(file, `${field}.downwardAPI`, errors);
      add(file.path, file.path);
    }
    const { serviceAccountToken: token, clusterTrustBundle: bundle, podCertificate: certificate } = projection;
    if (token) validateToken(token, `${field}.serviceAccountToken`, path, errors);
    if (bundle) {
      validateTrustBundle(bundle, `${field}.clusterTrustBundle`, errors);
      add(bundle.path, bundle.path);
    }
    if (certificate) {
      validateCertificate(certificate, `${field}.podCertificate`, errors);
      for (const file of filesOf(certificate)) add(file, file);
    }
    if (Object.values(projection).filter((source) => source !== undefined).length > 1) {
      errors.forbidden(field, 'may not specify more than 1 volume type per source');
    }
  });
}

function validateToken(
  { expirationSeconds: seconds = 0, path: file = '' }: NonNullable<Projection['serviceAccountToken']>,
  field: string,
  path: string,
  errors: FieldErrors,
): void {
  const at = `${field}.expirationSeconds`;
  if (seconds < leastTokenSeconds) errors.invalid(at, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > mostTokenSeconds) errors.invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds');
  if (file === '') errors.required(`${path}.path`);
  else validateFilePath(file, `${path}.path`, errors);
}

function validateTrustBundle(bundle: TrustBundle, field: string, errors: FieldErrors): void {
  const { name, signerName, labelSelector, path = '' } = bundle;
  if (name !== undefined && signerName !== undefined) {
    errors.invalid(field, bundle, 'only one of name and signerName may be used');
  } else if (name !== undefined) {
    if (name === '') errors.required(`${field}.name`, 'must be a valid object name');
    if (labelSelector) {
      const why = 'labelSelector must be unset if name is specified';
      errors.invalid(`${field}.labelSelector`, labelSelector, why);
    }
  } else if (signerName !== undefined) {
    if (signerName === '') errors.required(`${field}.signerName`, 'must be a valid signer name');
    validateLabelSelector(labelSelector, `${field}.labelSelector`, errors);
  } else errors.required(field, 'either name or signerName must be specified');
  if (path === '') errors.required(`${field}.path`);
  validateFilePath(path, `${field}.path`, errors);
}

const filesOf = ({ credentialBundlePath, keyPath, certificateChainPath }: PodCertificate): string[] =>
  [credentialBundlePath, keyPath, certificateChainPath].filter((file) => file !== undefined);

/** KEP-4317. */
function validateCertificate(certificate: PodCertificate, field: string, errors: FieldErrors): void {
  const { signerName, keyType = '', maxExpirationSeconds: seconds } = certificate;
  if (!signerName) errors.required(`${field}.signerName`);
  validateOneOf(keyType, keyTypes, `${field}.keyType`, errors);
  if (seconds !== undefined) {
    const at = `${field}.maxExpirationSeconds`;
    if (seconds < leastCertificateSeconds) errors.invalid(at, seconds, `must be at least ${leastCertificateSeconds}`);
    if (seconds > mostCertificateSeconds) errors.invalid(at, seconds, `must be at most ${mostCertificateSeconds}`);
  }
  if (filesOf(certificate).length === 0) {
    errors.required(field, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath');
  }
  for (const name of ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const) {
    const file = certificate[name];
    if (file !== undefined) validateFilePath(file, `${field}.${name}`, errors);
  }
}
