/**
 * Reads objects from Kubernetes' protobuf form, into the JSON form that everything here speaks. Answers are never written in
 * it: every client that sends it takes JSON too.
 *
 * The form is an envelope (`k8s\0`, then apiVersion, kind and the bytes of the object) around messages whose fields stand in
 * `messages.ts`. Fields that are not there are skipped, as protobuf wants it. A malformed body throws an Error.
 */
import { Wire } from '../../../api/protobuf-wire.ts';
import { groupMessages, messages } from './messages.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

export interface Decoded {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: Record<string, unknown>;
}

export function decodeProtobuf(body: Buffer): Decoded {
  if (body.length < 4 || body.toString('latin1', 0, 4) !== 'k8s\0') throw new Error('the magic number is missing');
  const envelope = readMessage(new Wire(body.subarray(4)), fieldsOf('Envelope'));
  const { type, raw } = envelope;
  const { apiVersion = '', kind = '' } = isRecord(type) ? type : {};
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw new Error('the type is missing');
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const ofGroup = groupMessages[`${apiVersion}/${kind}`] ?? groupMessages[`${group}/${kind}`] ?? '';
  const fields = fieldsOf(group === '' || kind === 'DeleteOptions' ? kind : ofGroup);
  const bytes = Buffer.from(typeof raw === 'string' ? raw : '', 'base64');
  return { apiVersion, kind, object: readMessage(new Wire(bytes), fields) };
}

interface Field {
  /** '' : the fields of the message are its parent's in JSON. */
  readonly name: string;
  readonly type: string;
  readonly shape: 'one' | 'list' | 'map';
  readonly keepsZero: boolean;
}

type Fields = ReadonlyMap<number, Field>;

const envelopeMessages: Record<string, string> = {
  Envelope: 'type=1:TypeMeta raw=2:bytes',
  TypeMeta: 'apiVersion=1:string kind=2:string',
};
const parsed = new Map<string, Fields>();

function fieldsOf(message: string): Fields {
  const known = parsed.get(message);
  if (known) return known;
  const line = Object.hasOwn(messages, message) ? messages[message] : envelopeMessages[message];
  if (line === undefined) throw new Error(`no kind is registered for ${JSON.stringify(message)}`);
  const fields = new Map<number, Field>();
  for (const entry of line.split(' ')) {
    const match = /^(\w*)=(\d+):(\[\]|\{\})?([\w.]+)([?!]?)$/.exec(entry);
    if (!match) continue;
    const [, name = '', number = '', shape, type = '', zero] = match;
    fields.set(Number(number), {
      name,
      type,
      shape: shape === '[]' ? 'list' : shape === '{}' ? 'map' : 'one',
      keepsZero: zero !== '',
    });
  }
  parsed.set(message, fields);
  return fields;
}

function readMessage(wire: Wire, fields: Fields): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  while (!wire.done) {
    const { number, wireType } = wire.tag();
    const field = fields.get(number);
    if (field === undefined) wire.skip(wireType);
    else readField(object, field, wire, wireType);
  }
  return object;
}

function readField(object: Record<string, unknown>, field: Field, wire: Wire, wireType: number): void {
  const { name, type, shape, keepsZero } = field;
  if (shape === 'map') {
    const [key, value] = readEntry(wire.bytes(wireType), type);
    const map = object[name];
    if (isRecord(map)) map[key] = value;
    else object[name] = { [key]: value };
    return;
  }
  if (shape === 'list') {
    const list = object[name];
    const items = Array.isArray(list) ? list : [];
    object[name] = items;
    // Numbers may stand together in one field.
    if (type === 'int' && wireType === 2) {
      const packed = new Wire(wire.bytes(wireType));
      while (!packed.done) items.push(packed.integer());
    } else {
      items.push(readValue(type, wire, wireType));
    }
    return;
  }
  const value = readValue(type, wire, wireType);
  if (name === '') Object.assign(object, value);
  else if (keepsZero ? value !== undefined : !isZero(value)) object[name] = value;
}

/** A map's entry: key 1, value 2. */
function readEntry(bytes: Buffer, type: string): [key: string, value: unknown] {
  const wire = new Wire(bytes);
  let key = '';
  let value: unknown = type === 'string' || type === 'bytes' ? '' : undefined;
  while (!wire.done) {
    const { number, wireType } = wire.tag();
    if (number === 1) key = wire.bytes(wireType).toString('utf8');
    else if (number === 2) value = readValue(type, wire, wireType);
    else wire.skip(wireType);
  }
  return [key, value];
}

function readValue(type: string, wire: Wire, wireType: number): unknown {
  switch (type) {
    case 'string':
      return wire.bytes(wireType).toString('utf8');
    case 'bytes':
      return wire.bytes(wireType).toString('base64');
    case 'int':
      return wire.integer(wireType);
    case 'bool':
      return wire.integer(wireType) !== 0;
    case 'double':
      return wire.double(wireType);
    case 'Time':
    case 'MicroTime':
      return timeText(numbered(wire.bytes(wireType)), type === 'MicroTime');
    case 'Quantity':
      return text(numbered(wire.bytes(wireType)).get(1));
    case 'IntOrString':
      return intOrString(numbered(wire.bytes(wireType)));
    case 'Fields':
    case 'Raw':
      return JSON.parse(text(numbered(wire.bytes(wireType)).get(1)) || 'null');
    default:
      return readMessage(new Wire(wire.bytes(wireType)), fieldsOf(type));
  }
}

/** The fields of a small message by number, the last of each. */
function numbered(bytes: Buffer): Map<number, number | Buffer> {
  const wire = new Wire(bytes);
  const values = new Map<number, number | Buffer>();
  while (!wire.done) {
    const { number, wireType } = wire.tag();
    if (wireType === 0) values.set(number, wire.integer());
    else if (wireType === 2) values.set(number, wire.bytes(wireType));
    else wire.skip(wireType);
  }
  return values;
}

const text = (value: number | Buffer | undefined): string => (Buffer.isBuffer(value) ? value.toString('utf8') : '');
const integerOf = (value: number | Buffer | undefined): number => (typeof value === 'number' ? value : 0);

/** Seconds 1, nanoseconds 2; an empty one is no time at all. */
function timeText(values: Map<number, number | Buffer>, micros: boolean): string | undefined {
  if (values.size === 0) return undefined;
  const seconds = integerOf(values.get(1));
  const fraction = micros ? `.${String(Math.floor(integerOf(values.get(2)) / 1000)).padStart(6, '0')}` : '';
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, `${fraction}Z`);
}

/** Type 1 (0: number), number 2, text 3. */
function intOrString(values: Map<number, number | Buffer>): number | string {
  return integerOf(values.get(1)) === 0 ? integerOf(values.get(2)) : text(values.get(3));
}

const isZero = (value: unknown): boolean => value === undefined || value === '' || value === 0 || value === false;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
