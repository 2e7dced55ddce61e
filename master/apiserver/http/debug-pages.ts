/**
 * /statusz and /flagz (KEP-4827, KEP-4828): since when the server runs, as what, with which flags. For people as text, for programs as
 * `config.k8s.io/v1beta1`, where they ask for it with `;as=Statusz` or `;as=Flagz`.
 */
import { stringify as toYaml } from 'yaml';
import { statusError } from '../../api/errors.ts';
import { nowSeconds } from '../../api/meta.ts';
import type { Handler } from './exchange.ts';
import { mediaRanges } from './negotiate.ts';
import { sendBytes, sendText } from './respond.ts';
import { version } from './version.ts';

const component = 'kube-apiserver';
const group = 'config.k8s.io';
const apiVersion = `${group}/v1beta1`;

/** `paths`: of what else is served. `flags`: by their names. */
export function debugPages(
  paths: readonly string[],
  flags: Readonly<Record<string, string>>,
): [path: string, handler: Handler][] {
  return [
    ['/statusz', page('Statusz', () => statusz(paths), statuszText)],
    [
      '/flagz',
      page(
        'Flagz',
        () => ({ flags }),
        ({ flags }) => lines(Object.entries(flags).sort()),
      ),
    ],
  ];
}

function page<T extends object>(kind: string, read: () => T, textOf: (value: T) => string): Handler {
  const heading = `\n${component} ${kind.toLowerCase()}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n`;
  return ({ request, response }) => {
    const wanted = formatFor(request.headers.accept, kind);
    if (wanted === 'text') {
      sendText(response, 200, heading + textOf(read()));
      return;
    }
    const object = { kind, apiVersion, metadata: { name: component }, ...read() };
    const text = wanted === 'json' ? `${JSON.stringify(object)}\n` : toYaml(object);
    sendBytes(response, 200, `application/${wanted};as=${kind};v=v1beta1;g=${group}`, Buffer.from(text));
  };
}

function formatFor(accept: string | undefined, kind: string): 'text' | 'json' | 'yaml' {
  if (!accept?.trim()) return 'text';
  for (const { type, parameters } of mediaRanges(accept)) {
    const { as, v, g } = parameters;
    if (as === undefined && (type === 'text/plain' || type === 'text/*' || type === '*/*')) return 'text';
    if (as !== kind || v !== 'v1beta1' || g !== group) continue;
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json';
    if (type === 'application/yaml') return 'yaml';
  }
  throw statusError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml, text/plain',
  );
}

function statusz(paths: readonly string[]) {
  return {
    startTime: nowSeconds(performance.timeOrigin),
    uptimeSeconds: Math.floor(performance.now() / 1_000),
    goVersion: version.goVersion,
    binaryVersion: version.gitVersion.replace(/^v/, ''),
    emulationVersion: `${version.major}.${version.minor}`,
    paths: folders(paths),
  };
}

function statuszText({
  startTime,
  uptimeSeconds: up,
  goVersion,
  binaryVersion,
  emulationVersion,
  paths,
}: Statusz): string {
  const two = (part: number): string => String(part).padStart(2, '0');
  return `\n${lines([
    ['Started', new Date(startTime).toUTCString()],
    ['Up', `${Math.floor(up / 3_600)} hr ${two(Math.floor(up / 60) % 60)} min ${two(up % 60)} sec`],
    ['Go version', goVersion],
    ['Binary version', binaryVersion],
    ['Emulation version', emulationVersion],
    ['Paths', paths.join(' ')],
  ])}`;
}

type Statusz = ReturnType<typeof statusz>;

const lines = (entries: readonly (readonly [string, string])[]): string =>
  entries.map(([name, value]) => `${name}: ${value}\n`).join('');

const forPrograms = new Set(['', 'api', 'apis', 'openapi', 'openid', '.well-known']);

/** What is for debugging, by the first part of the paths. */
function folders(paths: readonly string[]): string[] {
  const first = new Set(paths.map((path) => path.split('/')[1] ?? ''));
  return [...first.difference(forPrograms)].sort().map((name) => `/${name}`);
}
