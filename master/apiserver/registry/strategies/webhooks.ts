/** Configurations of admission webhooks (admissionregistration.k8s.io/v1). What they do is not decided here (admission). */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { KubeObject, MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, integerColumn, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validateMatchConditions, validateRules } from '../validation/admission-rules.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabelSelector } from '../validation/label-selector.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { validatePortNumber } from '../validation/ports.ts';

type Mutating = NonNullable<MutatingWebhookConfiguration['webhooks']>[number];
type Validating = NonNullable<ValidatingWebhookConfiguration['webhooks']>[number];
type ClientConfig = Validating['clientConfig'];

interface Configuration extends KubeObject {
  webhooks?: Validating[];
}

const common: Omit<Strategy<Configuration>, 'kind'> = {
  columns: [
    nameColumn,
    integerColumn<Configuration>(
      'Webhooks',
      'Webhooks indicates the number of webhooks registered in this configuration',
      ({ webhooks }) => webhooks?.length ?? 0,
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  changesGeneration: ({ webhooks }, old) => !deepEqual(webhooks, old.webhooks),
  setDefaults({ webhooks }) {
    for (const webhook of webhooks ?? []) setWebhookDefaults(webhook);
  },
  validate({ webhooks }, errors) {
    const names = new Set<string>();
    (webhooks ?? []).forEach((webhook, index) => {
      const field = `webhooks[${index}]`;
      validateWebhook(webhook, field, errors);
      if (names.has(webhook.name)) errors.duplicate(`${field}.name`, webhook.name);
      names.add(webhook.name);
    });
  },
};

export const validatingWebhookStrategy: Strategy<ValidatingWebhookConfiguration> = {
  ...common,
  kind: kinds.validatingwebhookconfigurations,
};

export const mutatingWebhookStrategy: Strategy<MutatingWebhookConfiguration> = {
  ...common,
  kind: kinds.mutatingwebhookconfigurations,
  setDefaults({ webhooks }) {
    for (const webhook of webhooks ?? []) {
      setWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validate(configuration, errors, ...rest) {
    common.validate?.(configuration, errors, ...rest);
    configuration.webhooks?.forEach(({ reinvocationPolicy }: Mutating, index) => {
      if (reinvocationPolicy === undefined) return;
      const field = `webhooks[${index}].reinvocationPolicy`;
      validateOneOf(reinvocationPolicy, ['IfNeeded', 'Never'], field, errors);
    });
  },
};

function setWebhookDefaults(webhook: Validating): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
}

function validateWebhook(webhook: Validating, field: string, errors: FieldErrors): void {
  const { name = '', clientConfig, rules = [], failurePolicy, matchPolicy, sideEffects, timeoutSeconds } = webhook;
  validateQualifiedDomain(name, `${field}.name`, errors);
  validateReviewVersions(webhook.admissionReviewVersions ?? [], `${field}.admissionReviewVersions`, errors);
  validateRules(rules, `${field}.rules`, errors);
  if (failurePolicy) validateOneOf(failurePolicy, ['Fail', 'Ignore'], `${field}.failurePolicy`, errors);
  if (matchPolicy) validateOneOf(matchPolicy, ['Equivalent', 'Exact'], `${field}.matchPolicy`, errors);
  if (sideEffects === undefined) errors.required(`${field}.sideEffects`, 'must specify one of None, NoneOnDryRun');
  else validateOneOf(sideEffects, ['None', 'NoneOnDryRun'], `${field}.sideEffects`, errors);
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    errors.invalid(`${field}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds');
  }
  validateLabelSelector(webhook.namespaceSelector, `${field}.namespaceSelector`, errors);
  validateLabelSelector(webhook.objectSelector, `${field}.objectSelector`, errors);
  validateClientConfig(clientConfig, `${field}.clientConfig`, errors);
  validateMatchConditions(webhook.matchConditions ?? [], 'webhook', `${field}.matchConditions`, errors);
}

function validateQualifiedDomain(name: string, field: string, errors: FieldErrors): void {
  if (name === '') errors.required(field);
  else {
    const messages = isDns1123Subdomain(name);
    errors.invalidFor(field, name, messages);
    if (messages.length === 0 && name.split('.').length < 3) {
      errors.invalid(field, name, 'should be a domain with at least three segments separated by dots');
    }
  }
}

const knownVersions = ['v1', 'v1beta1'];

function validateReviewVersions(versions: readonly string[], field: string, errors: FieldErrors): void {
  const known = knownVersions.join(', ');
  if (versions.length === 0) {
    errors.required(field, `must specify one of ${known}`);
    return;
  }
  const seen = new Set<string>();
  versions.forEach((version, index) => {
    if (seen.has(version)) errors.duplicate(`${field}[${index}]`, version);
    seen.add(version);
  });
  if (!versions.some((version) => knownVersions.includes(version))) {
    errors.invalid(field, versions, `must include at least one of ${known}`);
  }
}

function validateClientConfig(config: ClientConfig | undefined, field: string, errors: FieldErrors): void {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined)) {
    errors.required(field, 'exactly one of url or service is required');
    return;
  }
  if (url !== undefined) validateUrl(url, `${field}.url`, errors);
  if (!service) return;
  for (const part of ['name', 'namespace'] as const) {
    if (!service[part]) errors.required(`${field}.service.${part}`, `service ${part} is required`);
  }
  if (service.port !== undefined) validatePortNumber(service.port, `${field}.service.port`, errors);
  if (service.path !== undefined && !service.path.startsWith('/')) {
    errors.invalid(`${field}.service.path`, service.path, "must start with a '/'");
  }
}

function validateUrl(text: string, field: string, errors: FieldErrors): void {
  const form = '; desired format: https://host[/path]';
  if (!URL.canParse(text)) {
    errors.required(field, `url must be a valid URL${form}`);
    return;
  }
  const { protocol, host, username, password, hash, search } = new URL(text);
  if (protocol !== 'https:')
    errors.invalid(field, protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`);
  if (host === '') errors.invalid(field, host, `host must be specified${form}`);
  if (username !== '' || password !== '')
    errors.invalid(field, username, 'user information is not permitted in the URL');
  if (hash !== '') errors.invalid(field, hash.slice(1), 'fragments are not permitted in the URL');
  if (search !== '') errors.invalid(field, search.slice(1), 'query parameters are not permitted in the URL');
}
