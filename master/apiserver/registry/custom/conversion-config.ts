/** What a definition says of conversion between its versions (`spec.conversion`). */
import type { CustomResourceDefinition } from '../../../api/types.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

type Conversion = NonNullable<CustomResourceDefinition['spec']['conversion']>;

export function conversionErrors(conversion: Conversion | undefined, errors: FieldErrors): void {
  if (!conversion) return;
  const { strategy = '', webhook } = conversion;
  const path = 'spec.conversion';
  if (strategy === '') errors.required(`${path}.strategy`);
  else if (strategy !== 'None' && strategy !== 'Webhook') {
    errors.notSupported(`${path}.strategy`, strategy, ['None', 'Webhook']);
  }
  if (strategy !== 'Webhook') {
    if (webhook) errors.forbidden(`${path}.webhook`, 'should not be set when strategy is not set to Webhook');
    return;
  }
  const { clientConfig, conversionReviewVersions = [] } = webhook ?? {};
  if (conversionReviewVersions.length === 0) errors.required(`${path}.webhook.conversionReviewVersions`);
  else if (!conversionReviewVersions.includes('v1')) {
    errors.invalid(
      `${path}.webhook.conversionReviewVersions`,
      conversionReviewVersions,
      'must include at least one of v1',
    );
  }
  const at = `${path}.webhook.clientConfig`;
  if (!clientConfig) {
    errors.required(at, 'required when strategy is set to Webhook');
    return;
  }
  const { url, service } = clientConfig;
  if ((url === undefined) === (service === undefined)) {
    errors.required(at, 'exactly one of url or service is required');
  } else if (url !== undefined) {
    if (!URL.canParse(url)) errors.required(`${at}.url`, 'url must be a valid URL');
    else if (new URL(url).protocol !== 'https:') {
      errors.invalid(`${at}.url`, url, `'https' is the only allowed URL scheme; desired format: https://host[/path]`);
    }
  } else if (service) {
    if (!service.name) errors.required(`${at}.service.name`, 'service name is required');
    if (!service.namespace) errors.required(`${at}.service.namespace`, 'service namespace is required');
    const port = service.port ?? 443;
    if (port < 1 || port > 65_535) errors.invalid(`${at}.service.port`, port, 'must be between 1 and 65535, inclusive');
  }
}
