/** The volumes of a pod, of which containers mount some (Kubernetes' "Volumes" and "Projected Volumes" pages). */
import type { ObjectMeta, Volume } from '../../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../../api/validation-names.ts';
import { validateClaimSpec } from '../claim.ts';
import { FieldErrors } from '../field-errors.ts';
import { validateAnnotations, validateLabels } from '../metadata.ts';
import { validateOneOf } from '../numbers.ts';
import { validateFileMode } from '../paths.ts';
import { validateQuantity } from '../quantities.ts';
import { needs, podSources, type SourceRules, validateDriverName, validateSources } from '../volume-sources.ts';
import { validateDownwardFile, validateKeys } from './files.ts';
import type { Volumes } from './mounts.ts';
import { validateProjections } from './projections.ts';

/** `pod`: the name of the pod, where it is one. Gives the volumes that are right. */
export function validateVolumes(
  volumes: readonly Volume[],
  pod: string | undefined,
  path: string,
  errors: FieldErrors,
): Volumes {
  const right = new Map<string, Volume>();
  const rules = pod === undefined ? sourcesOfTemplate : sources;
  const made = new Set(pod ? volumes.filter(({ ephemeral }) => ephemeral).map(({ name }) => `${pod}-${name}`) : []);
  volumes.forEach((volume, index) => {
    const field = `${path}[${index}]`;
    const { name = '', persistentVolumeClaim } = volume;
    const own = new FieldErrors();
    validateSources(volume, rules, field, own);
    if (pod && volume.ephemeral && name !== '') {
      for (const message of isDns1123Subdomain(`${pod}-${name}`)) {
        own.invalid(`${field}.name`, name, `PVC name ${JSON.stringify(`${pod}-${name}`)}: ${message}`);
      }
    }
    if (name === '') own.required(`${field}.name`);
    else own.invalidFor(`${field}.name`, name, isDns1123Label(name));
    if (right.has(name)) own.duplicate(`${field}.name`, name);
    if (own.any) errors.causes.push(...own.causes);
    else right.set(name, volume);
    const claim = persistentVolumeClaim?.claimName;
    if (claim !== undefined && made.has(claim)) {
      const why = 'must not reference a PVC that gets created for an ephemeral volume';
      errors.invalid(`${field}.persistentVolumeClaim.claimName`, claim, why);
    }
  });
  return right;
}

const sources: SourceRules<Volume> = {
  emptyDir: ({ sizeLimit }, field, errors) => {
    if (sizeLimit !== undefined) validateQuantity(sizeLimit, `${field}.sizeLimit`, errors);
  },
  secret: (source, field, errors) => {
    needs('secretName')(source, field, errors);
    validateFileMode(source.defaultMode, `${field}.defaultMode`, errors);
    validateKeys(source.items, `${field}.items`, errors);
  },
  configMap: (source, field, errors) => {
    needs('name')(source, field, errors);
    validateFileMode(source.defaultMode, `${field}.defaultMode`, errors);
    validateKeys(source.items, `${field}.items`, errors);
  },
  persistentVolumeClaim: needs('claimName'),
  downwardAPI: ({ defaultMode, items = [] }, field, errors) => {
    validateFileMode(defaultMode, `${field}.defaultMode`, errors);
    for (const file of items) validateDownwardFile(file, field, errors);
  },
  projected: ({ defaultMode, sources: projections = [] }, field, errors) => {
    validateFileMode(defaultMode, `${field}.defaultMode`, errors);
    validateProjections(projections, field, errors);
  },
  ephemeral: ({ volumeClaimTemplate: template }, field, errors) => {
    const at = `${field}.volumeClaimTemplate`;
    if (!template) errors.required(at);
    else {
      validateTemplateMetadata(template.metadata ?? {}, `${at}.metadata`, errors);
      validateClaimSpec(template.spec ?? {}, `${at}.spec`, errors);
    }
  },
  csi: ({ driver = '', nodePublishSecretRef }, field, errors) => {
    validateDriverName(driver, `${field}.driver`, errors);
    if (!nodePublishSecretRef) return;
    const { name = '' } = nodePublishSecretRef;
    if (name === '') errors.required(`${field}.nodePublishSecretRef.name`);
    else errors.invalidFor(`${field}.name`, name, isDns1123Subdomain(name));
  },
  image: (source, field, errors) => {
    needs('reference')(source, field, errors);
    validatePullPolicy(source.pullPolicy, field, errors);
  },
  ...podSources,
};

/** A template may leave open which image a volume is; what makes pods of it fills that in. */
const sourcesOfTemplate: SourceRules<Volume> = {
  ...sources,
  image: ({ pullPolicy }, field, errors) => validatePullPolicy(pullPolicy, field, errors),
};

function validatePullPolicy(policy: string | undefined, field: string, errors: FieldErrors): void {
  if (policy) validateOneOf(policy, ['Always', 'IfNotPresent', 'Never'], `${field}.pullPolicy`, errors);
}

/** Only what is carried over to the claims that are made. */
function validateTemplateMetadata(metadata: ObjectMeta, path: string, errors: FieldErrors): void {
  const { labels, annotations, ...others } = metadata;
  validateAnnotations(annotations, `${path}.annotations`, errors);
  validateLabels(labels, `${path}.labels`, errors);
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) errors.forbidden(`${path}.${name}`, 'cannot be set');
  }
}
