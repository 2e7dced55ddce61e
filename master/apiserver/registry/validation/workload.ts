/** What controllers of pods have in common: a selector, and a template whose labels it matches. */
import { labelSelectorFromObject, matchesLabels } from '../../../api/selectors.ts';
import type { LabelSelector, PodTemplateSpec } from '../../../api/types.ts';
import type { FieldErrors } from './field-errors.ts';
import { isReadable, selectsAll, validateLabelSelector } from './label-selector.ts';
import { validateAnnotations, validateLabels } from './metadata.ts';
import { validatePodAnnotations } from './pod/annotations.ts';
import { validateAppArmorAnnotations } from './pod/apparmor.ts';
import { validatePodSpec } from './pod/pod-spec.ts';

export interface Workload {
  readonly selector?: LabelSelector;
  readonly template?: PodTemplateSpec;
}

/** `kind` is how the messages name the controller: `emptyName` in lower case where a selector is empty, `name` elsewhere. */
export function validateWorkload(
  { selector, template }: Workload,
  { emptyName, name }: { readonly emptyName: string; readonly name: string },
  errors: FieldErrors,
): void {
  if (!selector) errors.required('spec.selector');
  else {
    validateLabelSelector(selector, 'spec.selector', errors);
    if (selectsAll(selector)) errors.invalid('spec.selector', selector, `empty selector is invalid for ${emptyName}`);
  }
  if (selector && !isReadable(selector)) errors.invalid('spec.selector', selector, 'invalid label selector');
  else validateMatchingTemplate(template, selector, errors);
  validateServingTemplate(template, name, errors);
}

/** A template whose pods the selector, if it selects anything in particular, finds. */
export function validateMatchingTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  errors: FieldErrors,
): void {
  const field = 'spec.template';
  if (!template) {
    errors.required(field);
    return;
  }
  const labels = template.metadata?.labels ?? {};
  if (selector && !selectsAll(selector) && !matchesLabels(labelSelectorFromObject(selector), labels)) {
    errors.invalid(`${field}.metadata.labels`, labels, '`selector` does not match template `labels`');
  }
  validateTemplate(template, field, errors);
}

/** A pod template in itself. */
export function validateTemplate(template: PodTemplateSpec, field: string, errors: FieldErrors): void {
  validateLabels(template.metadata?.labels, `${field}.labels`, errors);
  validateAnnotations(template.metadata?.annotations, `${field}.annotations`, errors);
  if (!template.spec) {
    errors.required(`${field}.spec.containers`);
    return;
  }
  const { annotations } = template.metadata ?? {};
  validatePodAnnotations(annotations, template.spec.nodeName, `${field}.annotations`, errors);
  validateAppArmorAnnotations(annotations, `${field}.annotations`, template.spec, `${field}.spec`, errors);
  validatePodSpec(template.spec, `${field}.spec`, errors);
  if (template.spec.ephemeralContainers?.length) {
    errors.forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
  }
}

/** Pods that serve are made anew whenever they end, and have no time at which they must. */
export function validateServingTemplate(
  template: PodTemplateSpec | undefined,
  name: string,
  errors: FieldErrors,
): void {
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy && restartPolicy !== 'Always') {
    errors.notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']);
  }
  if (activeDeadlineSeconds !== undefined) {
    errors.forbidden('spec.template.spec.activeDeadlineSeconds', `activeDeadlineSeconds in ${name} is not Supported`);
  }
}

/** No count of a status is negative. */
export function validateCounts<T extends object>(
  status: T | undefined,
  fields: readonly (keyof T & string)[],
  errors: FieldErrors,
): void {
  for (const field of fields) {
    const value: unknown = status?.[field];
    if (typeof value === 'number' && value < 0) {
      errors.invalid(`status.${field}`, value, 'must be greater than or equal to 0');
    }
  }
}
