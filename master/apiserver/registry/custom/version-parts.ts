/** What a version says beside its schema: subresources, columns, selectable fields. */
import type { FieldErrors } from '../validation/field-errors.ts';
import type { DefinitionVersion } from './definition-types.ts';
import { fieldNames, parseJsonPath } from './json-path.ts';
import type { Schema } from './schema.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['binary', 'byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const maxSelectable = 8;

export function validateVersionParts(
  version: DefinitionVersion,
  schema: Schema,
  path: string,
  errors: FieldErrors,
): void {
  validateColumns(version.additionalPrinterColumns ?? [], `${path}.additionalPrinterColumns`, errors);
  const { scale } = version.subresources ?? {};
  const at = `${path}.subresources.scale`;
  if (scale) {
    validatePath(scale.specReplicasPath, '.spec', `${at}.specReplicasPath`, errors);
    validatePath(scale.statusReplicasPath, '.status', `${at}.statusReplicasPath`, errors);
    const { labelSelectorPath = '' } = scale;
    if (labelSelectorPath !== '' && !/^\.(spec|status)\./.test(labelSelectorPath)) {
      errors.invalid(
        `${at}.labelSelectorPath`,
        labelSelectorPath,
        'should be a json path under either .spec or .status',
      );
    }
  }
  const selectable = version.selectableFields ?? [];
  if (selectable.length > maxSelectable) errors.tooMany(`${path}.selectableFields`, selectable.length, maxSelectable);
  selectable.forEach(({ jsonPath = '' }, index) => {
    validateSelectable(jsonPath, schema, `${path}.selectableFields[${index}].jsonPath`, errors);
  });
}

function validatePath(jsonPath: string | undefined, root: string, path: string, errors: FieldErrors): void {
  if (!jsonPath) {
    errors.required(path);
    return;
  }
  if (!jsonPath.startsWith(`${root}.`)) {
    errors.invalid(path, jsonPath, `should be a json path under ${root}`);
    return;
  }
  const names = readable(jsonPath, path, errors);
  if (names && !fieldNames(names)) errors.invalid(path, jsonPath, 'should be a simple json path');
}

function readable(jsonPath: string, path: string, errors: FieldErrors): ReturnType<typeof parseJsonPath> | undefined {
  try {
    return parseJsonPath(jsonPath);
  } catch (error) {
    errors.invalid(path, jsonPath, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function validateColumns(
  columns: NonNullable<DefinitionVersion['additionalPrinterColumns']>,
  path: string,
  errors: FieldErrors,
): void {
  columns.forEach(({ name, type, format, jsonPath }, index) => {
    const at = `${path}[${index}]`;
    if (!name) errors.required(`${at}.name`);
    if (!type) errors.required(`${at}.type`, `must be one of ${columnTypes.join(',')}`);
    else if (!columnTypes.includes(type)) {
      errors.invalid(`${at}.type`, type, `must be one of ${columnTypes.join(',')}`);
    }
    if (format && !columnFormats.includes(format)) {
      errors.invalid(`${at}.format`, format, `must be one of ${columnFormats.join(',')}`);
    }
    if (!jsonPath) errors.required(`${at}.jsonPath`);
    else readable(jsonPath, `${at}.jsonPath`, errors);
  });
}

function validateSelectable(jsonPath: string, schema: Schema, path: string, errors: FieldErrors): void {
  if (jsonPath === '') {
    errors.required(path);
    return;
  }
  const parsed = readable(jsonPath, path, errors);
  if (!parsed) return;
  const names = fieldNames(parsed);
  if (!names) {
    errors.invalid(path, jsonPath, 'must be a simple json path');
    return;
  }
  if (names[0] === 'metadata') {
    errors.invalid(path, jsonPath, 'must not point to fields in metadata');
    return;
  }
  const found = names.reduce<Schema | undefined>((at, name) => at?.properties.get(name), schema);
  if (!found) errors.invalid(path, jsonPath, 'does not refer to a valid field');
  else if (!['boolean', 'integer', 'string'].includes(found.type)) {
    errors.invalid(path, jsonPath, `must refer to a field of type boolean, integer or string`);
  }
}
