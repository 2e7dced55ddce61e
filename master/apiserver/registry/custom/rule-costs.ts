/**
 * Rules that may cost too much are refused with their definition, as in Kubernetes ("Resource use by validation functions"). How
 * large a value may be is said by maxItems, maxLength and maxProperties; what says nothing is as large as a request may be.
 */
import { type Largest, product, scalar } from '../../cel/cost-sizes.ts';
import { celNameOf } from './cel-names.ts';
import type { Schema } from './schema.ts';

const maxRequestBytes = 3 * 1024 * 1024;
const limitOfRule = 10_000_000;
const limitOfSchema = 100_000_000;

/** How often the value of a place may be there; undefined: as often as it fits into a request. */
export type Cardinality = number | undefined;

/** What has been found of one schema. */
export class RuleCosts {
  readonly #forbid: (place: string, why: string) => void;
  readonly #costs: { readonly place: string; readonly cost: number }[] = [];

  /** `forbid` is told of the places that are refused; '' is the schema. */
  constructor(forbid: (place: string, why: string) => void) {
    this.#forbid = forbid;
  }

  /** An expression of this worst cost, at a place whose values look like the schema. */
  add(place: string, what: 'rule' | 'messageExpression', cost: number, schema: Schema, cardinality: Cardinality): void {
    // As in Kubernetes: what a message costs counts once.
    const total = what === 'rule' ? product(cost, cardinality ?? mostInRequest(schema)) : cost;
    this.#costs.push({ place, cost: total });
    if (total > limitOfRule) this.#forbid(place, excess(`estimated ${what} cost`, total / limitOfRule));
  }

  /** To be called once, when all have been added. */
  end(): void {
    const total = this.#costs.reduce((sum, { cost }) => sum + cost, 0);
    if (total <= limitOfSchema) return;
    for (const { place, cost } of this.#costs) {
      if (cost <= limitOfSchema / 100) continue;
      const what = 'contributed to estimated rule & messageExpression cost total';
      this.#forbid(place, `${what} exceeding cost limit for entire OpenAPIv3 schema`);
    }
    const what = 'x-kubernetes-validations estimated rule & messageExpression cost total for entire OpenAPIv3 schema';
    this.#forbid('', excess(what, total / limitOfSchema));
  }
}

const mostInRequest = (schema: Schema): number => Math.floor(maxRequestBytes / (smallest(schema) + 1));

function excess(what: string, factor: number): string {
  const times = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  const advice =
    '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
  return `${what} exceeds budget by factor of ${times} ${advice}`;
}

/** How often what is below a place may be there. */
export function below({ items, additional, checks }: Schema, cardinality: Cardinality): Cardinality {
  const most = items ? checks.maxItems : additional ? checks.maxProperties : 1;
  return most === undefined || cardinality === undefined ? undefined : most * cardinality;
}

/** The largest value of a schema. */
export function largestOf(schema: Schema): Largest {
  const { type, items, additional, properties, checks } = schema;
  if (schema.intOrString) return { is: 'dyn', size: longest(schema) };
  switch (type) {
    case 'string':
      return { is: times.has(checks.format ?? '') ? 'scalar' : 'text', size: longest(schema) };
    case 'array':
      if (!items) return scalar;
      return {
        is: 'list',
        size: checks.maxItems ?? Math.floor((maxRequestBytes - 2) / (smallest(items) + 1)),
        element: largestOf(items),
      };
    case 'object':
      if (typeof additional === 'object') {
        return {
          is: 'map',
          size: checks.maxProperties ?? Math.floor((maxRequestBytes - 2) / (smallest(additional) + 6)),
          element: largestOf(additional),
        };
      }
      return {
        is: 'object',
        size: 0,
        fields: new Map([
          ...[...properties].map(([name, inner]): [string, Largest] => [celNameOf(name) ?? name, largestOf(inner)]),
          ...(schema.embedded ? ofEveryObject : []),
        ]),
      };
    default:
      return scalar;
  }
}

const anyText: Largest = { is: 'text', size: maxRequestBytes - 2 };
/** What rules may look at in every object. */
const ofEveryObject: readonly [string, Largest][] = [
  ['apiVersion', anyText],
  ['kind', anyText],
  [
    'metadata',
    {
      is: 'object',
      size: 0,
      fields: new Map([
        ['name', anyText],
        ['generateName', anyText],
      ]),
    },
  ],
];

/** The bytes that a time takes as text: at least, with its quotes, and at most. */
const times: ReadonlyMap<string, readonly [least: number, most: number]> = new Map([
  ['duration', [3, 32]],
  ['date', [12, 12]],
  ['date-time', [21, 32]],
]);

function longest({ checks, intOrString }: Schema): number {
  const { format = '', maxLength, enum: values } = checks;
  const [, ofTime] = times.get(format) ?? [];
  if (ofTime !== undefined && !intOrString) return ofTime;
  // A character may take four bytes.
  if (maxLength !== undefined) return maxLength * (format === 'byte' ? 1 : 4);
  if (values && !intOrString && format !== 'byte')
    return Math.max(0, ...values.map((value) => (typeof value === 'string' ? value.length : 0)));
  return maxRequestBytes - 2;
}

/** How many bytes of a request a value takes at least. */
function smallest({ type, properties, additional, checks, intOrString }: Schema): number {
  if (intOrString) return 1;
  switch (type) {
    case 'string':
      return times.get(checks.format ?? '')?.[0] ?? 2;
    case 'boolean':
      return 4;
    case 'object': {
      if (additional) return 2;
      const required = [...properties].filter(([name, inner]) => checks.required?.includes(name) && !inner.default);
      return required.reduce((bytes, [name, inner]) => bytes + name.length + smallest(inner) + 4, 2);
    }
    case 'array':
      return 2;
    default:
      return 1;
  }
}
