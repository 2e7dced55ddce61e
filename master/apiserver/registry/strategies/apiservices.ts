/** APIServices (apiregistration.k8s.io/v1): group versions that are served here, or by a server that is behind a Service. */
import { kinds } from '../../../api/kinds.ts';
import { getCondition } from '../../../api/meta.ts';
import type { APIService } from '../../../api/types.ts';
import { isDns1035Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import { validatePortNumber } from '../validation/ports.ts';
import { withStatus } from './with-status.ts';

export const apiServiceStrategy: Strategy<APIService> = {
  kind: kinds.apiservices,
  columns: [
    nameColumn,
    column<APIService>('Service', 'The reference to the service that hosts this API endpoint.', ({ spec }) =>
      spec?.service ? `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}` : 'Local',
    ),
    column<APIService>('Available', 'Whether this service is available.', availableText),
    ageColumn,
  ],
  // The name is `<version>.<group>`, which is validated with the rest.
  nameErrors: () => [],
  ...withStatus<APIService>(() => ({})),
  subresources: { status: nothingButStatus<APIService>() },
  setDefaults({ spec }) {
    if (spec?.service) spec.service.port ??= 443;
  },
  prepareForCreate(apiService) {
    // What is served here is available for as long as somebody can ask.
    const local = {
      type: 'Available',
      status: 'True',
      reason: 'Local',
      message: 'Local APIServices are always available',
    };
    apiService.status = apiService.spec?.service ? {} : { conditions: [local] };
  },
  validate({ metadata, spec }, errors) {
    const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0, service } = spec ?? {};
    const wanted = `${version}.${group}`;
    if (metadata?.name !== wanted) {
      errors.invalid(
        'metadata.name',
        metadata?.name,
        `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`,
      );
    }
    if (group !== '') errors.invalidFor('spec.group', group, isDns1123Subdomain(group));
    else if (version !== 'v1')
      errors.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
    errors.invalidFor('spec.version', version, isDns1035Label(version));
    if (groupPriorityMinimum <= 0 || groupPriorityMinimum > 20_000) {
      errors.invalid('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000');
    }
    if (versionPriority <= 0 || versionPriority > 1000) {
      errors.invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000');
    }
    const { insecureSkipTLSVerify, caBundle } = spec ?? {};
    if (!service) {
      if (caBundle)
        errors.invalid('spec.caBundle', `${caBundle.length} bytes`, 'local APIServices may not have a caBundle');
      if (insecureSkipTLSVerify) {
        errors.invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify');
      }
      return;
    }
    if (!service.namespace) errors.required('spec.service.namespace');
    if (!service.name) errors.required('spec.service.name');
    if (service.port !== undefined) validatePortNumber(service.port, 'spec.service.port', errors);
    if (insecureSkipTLSVerify && caBundle) {
      errors.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present');
    }
  },
};

/** `True`, or `False (ServiceNotFound)` */
function availableText({ status }: APIService): string {
  const condition = getCondition(status?.conditions, 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}
