/** The columns of a version's table: those that its definition names (`additionalPrinterColumns`), or the age. */
import { ageColumn, nameColumn } from '../columns/common.ts';
import { since } from '../columns/human-duration.ts';
import type { Column } from '../context.ts';
import type { DefinitionVersion } from './definition-types.ts';
import { type JsonPath, parseJsonPath, valuesAt } from './json-path.ts';

export function columnsOf({ additionalPrinterColumns = [] }: DefinitionVersion): readonly Column[] {
  if (additionalPrinterColumns.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...additionalPrinterColumns.map(columnOf)];
}

type Printer = NonNullable<DefinitionVersion['additionalPrinterColumns']>[number];

function columnOf({ name, type, format, description, priority, jsonPath }: Printer): Column {
  const path = parseJsonPath(jsonPath);
  const known = columnType(type);
  return {
    name,
    type: known,
    ...(format && { format }),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority === undefined || priority === 0 ? 0 : 1,
    value: (object, now) => cell(known, path, object, now),
  };
}

const columnType = (type: string): Column['type'] =>
  type === 'integer' || type === 'number' || type === 'boolean' || type === 'date' ? type : 'string';

/** What is not of the column's type is not shown, as in Kubernetes. */
function cell(type: Column['type'], path: JsonPath, object: unknown, now: number): string | number | boolean | null {
  const found = valuesAt(path, object);
  const [value] = found;
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      if (typeof value !== 'string') return null;
      return Number.isNaN(Date.parse(value)) ? '<invalid>' : since(value, now);
    case 'string':
      if (found.length > 1) return found.map(text).join(',');
      return text(value);
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
