/**
 * From any JSON to an object of a type.
 *
 * Guarantees: after `decode`, every field is absent or of the type that the schema says, so that defaulting and validation need
 * not look again; nulls (which mean "absent", as Go reads them) and fields that the type does not have are gone.
 */
import { isQuantity, quantityPattern } from '../../../api/quantity.ts';
import { type Decoding, isRecord, type MapShape, type ObjectShape, type Scalar, type Shape } from './shape.ts';

/** Changes the value in place. */
export function decode(shape: ObjectShape, value: unknown): Decoding {
  if (shape.decode && isRecord(value)) return shape.decode(value);
  const decoder = new Decoder();
  const wrong = decoder.first(shape, value);
  return wrong === undefined ? decoder : { wrong, unrestorable: decoder.unrestorable, unknown: decoder.unknown };
}

/** How many unknown fields are told of, as in Kubernetes. */
const maxUnknown = 100;

class Decoder {
  readonly unknown: string[] = [];
  /** What is wrong, as Kubernetes says it where there is no text to decode but a patched object to turn back into its kind. */
  unrestorable: string | undefined;
  /** Where the decoder is: names of fields and of maps' entries, and numbers of items. */
  readonly #path: (string | number)[] = [];
  /** The same as Go's decoder tells it: the fields only, and the type that has the last of them. */
  readonly #fields: string[] = [];
  readonly #types: string[] = [];

  /** What is wrong first. */
  first(shape: Shape, value: unknown): string | undefined {
    switch (shape.is) {
      case 'scalar':
        return this.#scalar(shape.type, value, shape);
      case 'list':
        if (!Array.isArray(value)) return this.#mismatch(shape, value);
        for (let index = 0; index < value.length; index++) {
          this.#path.push(index);
          const wrong = this.first(shape.items, value[index]);
          this.#path.pop();
          if (wrong !== undefined) return wrong;
          if (shape.items.is === 'scalar' && shape.items.type === 'quantity') value[index] = String(value[index]);
        }
        return undefined;
      case 'map':
        return isRecord(value) ? this.#entries(shape, value) : this.#mismatch(shape, value);
      case 'object':
        return isRecord(value) ? this.#members(shape, value) : this.#mismatch(shape, value);
    }
  }

  #members(shape: ObjectShape, value: Record<string, unknown>): string | undefined {
    this.#types.push(shape.name);
    for (const name of Object.keys(value)) {
      const inner = shape.fields.get(name);
      const held = value[name];
      if (inner === undefined) {
        if (this.unknown.length < maxUnknown) this.unknown.push(pathText([...this.#path, name]));
        delete value[name];
      } else if (held === null) {
        if (inner.is !== 'scalar' || inner.type !== 'any') delete value[name];
      } else if (inner.is !== 'scalar' || inner.type !== 'string' || typeof held !== 'string') {
        this.#path.push(name);
        this.#fields.push(name);
        const wrong = this.first(inner, held);
        this.#path.pop();
        this.#fields.pop();
        if (wrong !== undefined) return wrong;
        if (inner.is === 'scalar' && inner.type === 'quantity') value[name] = String(held);
        else if (inner.is !== 'object' && shape.name === metadataName && isEmpty(held)) delete value[name];
      }
    }
    this.#types.pop();
    return undefined;
  }

  #entries({ values }: MapShape, value: Record<string, unknown>): string | undefined {
    for (const name of Object.keys(value)) {
      const held = value[name];
      if (held === null) {
        if (values.is === 'scalar' && (values.type === 'string' || values.type === 'bytes')) value[name] = '';
        else if (values.is !== 'scalar' || values.type !== 'any') delete value[name];
        continue;
      }
      this.#path.push(name);
      const wrong = this.first(values, held);
      this.#path.pop();
      if (wrong !== undefined) return wrong;
      if (values.is === 'scalar' && values.type === 'quantity') value[name] = String(held);
    }
    return undefined;
  }

  #scalar(type: Scalar, value: unknown, shape: Shape): string | undefined {
    if (!isScalar(type, value)) return this.#mismatch(shape, value);
    if (type === 'quantity' && !isQuantity(value)) {
      return `quantities must match the regular expression '${quantityPattern}'`;
    }
    if ((type === 'time' || type === 'microTime') && !isTime(String(value))) {
      const layout = type === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
      return `parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as "2006"`;
    }
    return undefined;
  }

  #mismatch(shape: Shape, value: unknown): string {
    const [type, ...fields] = [this.#types.at(-1)?.split('.')[2], ...this.#fields];
    this.unrestorable = restoring(shape, value);
    const place = fields.length === 0 ? 'Go value' : `Go struct field ${type}.${fields.join('.')}`;
    return `json: cannot unmarshal ${foundType(value)} into ${place} of type ${goType(shape)}`;
  }
}

/** Kubernetes leaves out of metadata what is empty: lists without items, and labels and annotations without entries. */
const metadataName = 'meta.v1.ObjectMeta';

const isEmpty = (held: unknown): boolean => typeof held === 'object' && held !== null && Object.keys(held).length === 0;

function isScalar(type: Scalar, value: unknown): boolean {
  switch (type) {
    case 'any':
      return true;
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
      return typeof value === 'string';
    case 'int32':
      return typeof value === 'number' && (value | 0) === value;
    case 'int64':
      return typeof value === 'number' && Number.isSafeInteger(value);
    case 'double':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number';
    case 'intOrString':
      return typeof value === 'string' || (typeof value === 'number' && (value | 0) === value);
  }
}

/** RFC 3339, with any fraction of a second. */
const timePattern =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;
const isTime = (text: string): boolean => timePattern.test(text);

function foundType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  // A number is named where it is the wrong one rather than the wrong type.
  if (typeof value === 'number') return Number.isInteger(value) && (value | 0) === value ? 'number' : `number ${value}`;
  return typeof value;
}

const goScalars: Readonly<Record<Scalar, string>> = {
  string: 'string',
  bytes: '[]uint8',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  boolean: 'bool',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  any: 'interface {}',
};

/** Undefined for types that read themselves. */
function restoring(shape: Shape, value: unknown): string | undefined {
  const kind = kindOf(value);
  switch (shape.is) {
    case 'map':
      return `cannot restore map from ${kind}`;
    case 'list':
      return `cannot restore slice from ${kind}`;
    case 'object':
      return `cannot restore struct from: ${kind}`;
    case 'scalar': {
      const plain = ['bool', 'string', 'int32', 'int64', 'float64'].includes(goType(shape));
      const from = { map: 'map[string]interface {}', slice: '[]interface {}' }[kind] ?? kind;
      return plain && typeof value !== 'number' ? `cannot convert ${from} to ${goType(shape)}` : undefined;
    }
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    default:
      return 'map';
  }
}

function goType(shape: Shape): string {
  switch (shape.is) {
    case 'scalar':
      return goScalars[shape.type];
    case 'list':
      return `[]${goType(shape.items)}`;
    case 'map':
      return `map[string]${goType(shape.values)}`;
    case 'object':
      return shape.name.slice(shape.name.indexOf('.') + 1);
  }
}

/** `spec.containers[0].image` */
function pathText(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}
