/** Objects within objects (`x-kubernetes-embedded-resource`): each says what it is and has metadata that is in order. */
import type { ObjectMeta } from '../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { decode } from '../schema/decode.ts';
import { isRecord, metadataShape } from '../schema/shape.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabels } from '../validation/metadata.ts';

export function validateEmbedded(object: Record<string, unknown>, path: string, errors: FieldErrors): void {
  for (const name of ['apiVersion', 'kind'] as const) {
    const value = object[name];
    if (typeof value !== 'string' || value === '') errors.required(`${path}.${name}`, 'must not be empty');
  }
  const { metadata } = object;
  if (metadata === undefined || metadata === null) return;
  if (!isRecord(metadata)) {
    errors.invalid(`${path}.metadata`, metadata, 'must be an object');
    return;
  }
  const { wrong } = decode(metadataShape(), metadata);
  if (wrong !== undefined) {
    errors.invalid(`${path}.metadata`, metadata, wrong);
    return;
  }
  const { name, labels, annotations }: ObjectMeta = metadata;
  if (name) errors.invalidFor(`${path}.metadata.name`, name, isDns1123Subdomain(name));
  validateLabels(labels, `${path}.metadata.labels`, errors);
  for (const key of Object.keys(annotations ?? {})) {
    errors.invalidFor(`${path}.metadata.annotations`, key, isQualifiedName(key.toLowerCase()));
  }
}
