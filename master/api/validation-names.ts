/**
 * The rules for names, labels and their values (RFC 1123, RFC 1035; Kubernetes' "Object Names and IDs" and "Labels and
 * Selectors" pages). Each function returns what is wrong, in Kubernetes' words; nothing where the text is right.
 */

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const underscoredLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const underscored = `${underscoredLabel}(\\.${underscoredLabel})*`;
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelText = `(${qualified})?`;

const isLabel = new RegExp(`^${label}$`);
const isLabel1035 = new RegExp(`^${label1035}$`);
const isSubdomain = new RegExp(`^${subdomain}$`);
const isUnderscored = new RegExp(`^${underscored}$`);
const isQualified = new RegExp(`^${qualified}$`);
const isLabelText = new RegExp(`^${labelText}$`);

const mustBeShort = (max: number): string => `must be no more than ${max} characters`;
const mustBeBytes = (max: number): string => `must be no more than ${max} bytes`;

/** A DNS label: a namespace's or a container's name. */
export function isDns1123Label(text: string): string[] {
  // Kubernetes says what is wrong with what would be a subdomain.
  if (text.includes('.') && isSubdomain.test(text)) {
    return [...(text.length > 63 ? [mustBeBytes(63)] : []), 'must not contain dots'];
  }
  return rule(text, 63, mustBeBytes, isLabel, [
    `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character`,
    'my-name',
    '123-abc',
    label,
  ]);
}

/** A DNS subdomain: the name of most objects. */
export function isDns1123Subdomain(text: string): string[] {
  return rule(text, 253, mustBeBytes, isSubdomain, [
    `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`,
    'example.com',
    undefined,
    subdomain,
  ]);
}

/** The same, in which the names of services may begin with an underscore (RFC 2782). */
export function isDns1123SubdomainWithUnderscore(text: string): string[] {
  return rule(text, 253, mustBeBytes, isUnderscored, [
    `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character`,
    'example.com',
    undefined,
    underscored,
  ]);
}

/** A DNS label that starts with a letter: a Service's name. */
export function isDns1035Label(text: string): string[] {
  return rule(text, 63, mustBeBytes, isLabel1035, [
    `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character`,
    'my-name',
    'abc-123',
    label1035,
  ]);
}

/** A key of a label, an annotation, a taint, a resource: an optional `<subdomain>/` and a name. */
export function isQualifiedName(text: string): string[] {
  const errors: string[] = [];
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  if (parts.length > 2) {
    return [
      `a qualified name ${qualifiedMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined) errors.push(...isDns1123Subdomain(prefix).map((message) => `prefix part ${message}`));
  if (name === '') errors.push('name part must be non-empty');
  else if (name.length > 63) errors.push(`name part ${mustBeShort(63)}`);
  if (!isQualified.test(name)) errors.push(`name part ${qualifiedMessage}`);
  return errors;
}

/** The value of a label; it may be empty. */
export function isLabelValue(text: string): string[] {
  return rule(text, 63, mustBeBytes, isLabelText, [
    `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
    'MyValue',
    'my_value',
    labelText,
    '12345',
  ]);
}

const qualifiedMessage = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${qualified}')`;

type Wording = [message: string, example: string, second: string | undefined, regex: string, third?: string];

function rule(
  text: string,
  max: number,
  tooLong: (max: number) => string,
  pattern: RegExp,
  wording: Wording,
): string[] {
  const errors: string[] = [];
  if (text.length > max) errors.push(tooLong(max));
  if (!pattern.test(text)) {
    const [message, first, second, regex, third] = wording;
    const examples = [first, second, third].filter((example) => example !== undefined).map((example) => `'${example}'`);
    errors.push(`${message} (e.g. ${examples.join(',  or ')}, regex used for validation is '${regex}')`);
  }
  return errors;
}
