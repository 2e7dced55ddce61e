/** CEL's functions over texts: cel-go's string extensions, and Kubernetes' regex and format libraries. */
import { type Environment, Optional } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../../api/validation-names.ts';
import { regexFindAll, regexMatches } from '../regex.ts';
import { spend } from '../steps.ts';
import { toJson } from '../types.ts';

/** What the library brings under these names differs from CEL; the compiler puts these functions in their place. */
export const replacedMethods: Readonly<Record<string, string>> = {
  matches: 'matchesRe2',
  lowerAscii: 'lowerAsciiOnly',
  upperAscii: 'upperAsciiOnly',
  join: 'joined',
};

export function registerTextFunctions(environment: Environment): void {
  const add = (signature: string, handler: (...parts: never[]) => unknown): void => {
    environment.registerFunction(signature, handler, { async: false });
  };
  add('string.matchesRe2(string): bool', (text: string, pattern: string) => regexMatches(pattern, text));
  add('matches(string, string): bool', (text: string, pattern: string) => regexMatches(pattern, text));
  add('string.lowerAsciiOnly(): string', (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  add('string.upperAsciiOnly(): string', (text: string) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase()));
  add('string.find(string): string', (text: string, pattern: string) => regexFindAll(pattern, text, 1)[0] ?? '');
  add('string.findAll(string): list<string>', (text: string, pattern: string) => regexFindAll(pattern, text));
  add('string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) =>
    regexFindAll(pattern, text, Number(limit)),
  );
  add('string.charAt(int): string', (text: string, index: bigint) => {
    const characters = [...text];
    if (index < 0n || index > BigInt(characters.length)) throw new Error(`index out of range: ${index}`);
    return characters[Number(index)] ?? '';
  });
  add('string.replace(string, string): string', (text: string, from: string, to: string) =>
    replaceSome(text, from, to, -1),
  );
  add('list.joined(): string', (list: unknown[]) => joined(list, ''));
  add('list.joined(string): string', joined);
  add('string.replace(string, string, int): string', (text: string, from: string, to: string, limit: bigint) =>
    replaceSome(text, from, to, Number(limit)),
  );
  add('string.format(list<dyn>): string', formatText);
  add('string(google.protobuf.Timestamp): string', (time: Date) => String(toJson(time)));
  add('string(google.protobuf.Duration): string', (duration: Duration) => duration.toString());
  add('int(google.protobuf.Timestamp): int', (time: Date) => BigInt(Math.floor(time.getTime() / 1000)));
  add('timestamp(google.protobuf.Timestamp): google.protobuf.Timestamp', (time: Date) => time);
  add('duration(google.protobuf.Duration): google.protobuf.Duration', (duration: Duration) => duration);
  environment.registerType('kubernetes.StringsNamespace', StringsNamespace);
  environment.registerConstant('strings', 'kubernetes.StringsNamespace', new StringsNamespace());
  add('kubernetes.StringsNamespace.quote(string): string', (_: StringsNamespace, text: string) => quoted(text));
  registerFormats(environment);
}

class StringsNamespace {}

const escapes: Readonly<Record<string, string>> = {
  '\x07': 'a',
  '\b': 'b',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
  '\v': 'v',
  '\\': '\\',
  '"': '"',
};
const quoted = (text: string): string =>
  `"${[...text].map((character) => (Object.hasOwn(escapes, character) ? `\\${escapes[character]}` : character)).join('')}"`;

function replaceSome(text: string, from: string, to: string, limit: number): string {
  let left = limit < 0 ? Number.POSITIVE_INFINITY : limit;
  return text.replaceAll(from, () => {
    if (left-- <= 0) return from;
    spend(1 + to.length / 10);
    return to;
  });
}

function joined(list: unknown[], separator: string): string {
  for (const item of list) {
    if (typeof item !== 'string') throw new Error('no such overload');
    spend(1 + (item.length + separator.length) / 10);
  }
  return list.join(separator);
}

/** `"%s has %d".format([name, count])`, with the verbs of cel-go: %s %d %f %e %b %o %x %X and %%. */
function formatText(template: string, parts: unknown[]): string {
  let next = 0;
  const text = template.replace(/%(?:\.(\d+))?(.)/g, (_, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%';
    if (next >= parts.length) throw new Error(`index ${next} out of range`);
    const piece = formatOne(parts[next++], verb, precision === undefined ? 6 : Number(precision));
    spend(piece.length / 10);
    return piece;
  });
  if (next < parts.length) throw new Error(`too many arguments supplied to string.format (expected ${next})`);
  return text;
}

function formatOne(value: unknown, verb: string, precision: number): string {
  const bare = value instanceof UnsignedInt ? value.valueOf() : value;
  switch (verb) {
    case 's':
      return textOf(bare);
    case 'd':
      if (typeof bare === 'bigint' || typeof bare === 'number') return String(bare);
      break;
    case 'f':
      if (typeof bare === 'number' || typeof bare === 'bigint') return Number(bare).toFixed(precision);
      break;
    case 'e':
      if (typeof bare === 'number' || typeof bare === 'bigint') return Number(bare).toExponential(precision);
      break;
    case 'b':
      if (typeof bare === 'boolean') return bare ? '1' : '0';
      if (typeof bare === 'bigint') return bare.toString(2);
      break;
    case 'o':
      if (typeof bare === 'bigint') return bare.toString(8);
      break;
    case 'x':
    case 'X': {
      const hex = hexOf(bare);
      if (hex !== undefined) return verb === 'x' ? hex : hex.toUpperCase();
      break;
    }
    default:
      throw new Error(`unrecognized formatting clause "${verb}"`);
  }
  throw new Error(`error during formatting: %${verb} cannot be given a value of this type`);
}

function hexOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') return value.toString(16);
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : undefined;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(', ')}]`;
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]): [string, string] => [textOf(key), textOf(item)]);
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}: ${item}`)
      .join(', ')}}`;
  }
  if (value instanceof Duration) return value.toString();
  const json = toJson(value);
  return typeof json === 'string' ? json : JSON.stringify(json);
}

/** Kubernetes' named formats: `format.dns1123Label().validate(text)` gives the problems, or none. */
class NamedFormat {
  readonly problems: (text: string) => readonly string[];
  constructor(problems: (text: string) => readonly string[]) {
    this.problems = problems;
  }
}
class FormatNamespace {}

const formats: Readonly<Record<string, NamedFormat>> = {
  dns1123Label: new NamedFormat(isDns1123Label),
  dns1123Subdomain: new NamedFormat(isDns1123Subdomain),
  dns1123LabelPrefix: new NamedFormat((text) => isDns1123Label(text.replace(/-$/, 'a'))),
  dns1123SubdomainPrefix: new NamedFormat((text) => isDns1123Subdomain(text.replace(/[-.]$/, 'a'))),
  qualifiedName: new NamedFormat(isQualifiedName),
  labelValue: new NamedFormat(isLabelValue),
  uuid: new NamedFormat((text) =>
    /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i.test(text)
      ? []
      : ['does not match the UUID format'],
  ),
  byte: new NamedFormat((text) => (isBase64(text) ? [] : ['invalid base64'])),
  date: new NamedFormat((text) => (/^\d{4}-\d\d-\d\d$/.test(text) && isDate(text) ? [] : ['invalid date'])),
  datetime: new NamedFormat((text) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(text) && isDate(text) ? [] : ['invalid datetime'],
  ),
  uri: new NamedFormat((text) => (URL.canParse(text) || text.startsWith('/') ? [] : ['invalid URI'])),
};

const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
const isDate = (text: string): boolean => !Number.isNaN(Date.parse(text));

function registerFormats(environment: Environment): void {
  environment.registerType('kubernetes.NamedFormat', NamedFormat);
  environment.registerType('kubernetes.FormatNamespace', FormatNamespace);
  environment.registerConstant('format', 'kubernetes.FormatNamespace', new FormatNamespace());
  const sync = { async: false };
  for (const [name, format] of Object.entries(formats)) {
    environment.registerFunction(`kubernetes.FormatNamespace.${name}(): kubernetes.NamedFormat`, () => format, sync);
  }
  environment.registerFunction(
    'kubernetes.FormatNamespace.named(string): optional<kubernetes.NamedFormat>',
    (_: FormatNamespace, name: string) => Optional.of(formats[name]),
    sync,
  );
  environment.registerFunction(
    'kubernetes.NamedFormat.validate(string): optional<list<string>>',
    (format: NamedFormat, text: string) => {
      const problems = format.problems(text);
      return problems.length > 0 ? Optional.of([...problems]) : Optional.none();
    },
    sync,
  );
}
