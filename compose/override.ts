/**
 * Which masters a compose project has beside, or without, those of compose.yaml: a file `compose.override.yaml` that `docker compose`
 * finds by itself in the root of the repository, and `npm` commands of a project elsewhere beside its kubeconfig. It is made by
 * `npm run masters` and says so; there is none while the masters are the usual ones.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { UserError } from './install.ts';
import { overridePath, type Project, root } from './project.ts';

/** Those of compose.yaml. */
export const usualMasters: readonly string[] = ['master-1', 'master-2', 'master-3'];

const field = 'x-trimaster-masters';

/** The masters of the project, in order. Throws a UserError when the file is somebody else's. */
export function mastersOf(project: Project): readonly string[] {
  const path = overridePath(project);
  if (!existsSync(path)) return usualMasters;
  const masters: unknown = parse(readFileSync(path, 'utf8'))?.[field];
  // An override of the operator's own changes no masters.
  return Array.isArray(masters) ? masters.map(String) : usualMasters;
}

export function writeOverride(project: Project, masters: readonly string[]): void {
  const path = overridePath(project);
  if (existsSync(path) && !isOwn(path)) {
    throw new UserError(`${path} was not made by this command, and would have to be replaced: move it away first.`);
  }
  if (masters.join() === usualMasters.join()) rmSync(path, { force: true });
  else writeFileSync(path, overrideText(masters));
}

/** Forgets added and removed masters, with the data. */
export function removeOverride(project: Project): void {
  if (isOwn(overridePath(project))) rmSync(overridePath(project));
}

function isOwn(path: string): boolean {
  return existsSync(path) && field in (parse(readFileSync(path, 'utf8')) ?? {});
}

/** The services of other masters are left as they are, so that no `up` makes them anew. */
export function overrideText(masters: readonly string[]): string {
  const added = masters.filter((name) => !usualMasters.includes(name));
  const removed = usualMasters.filter((name) => !masters.includes(name));
  const keys = (name: string): string => `pki-${name}`;
  const services = {
    pki: {
      command: [`--masters=${masters.join(',')}`],
      volumes: added.map((name) => `${keys(name)}:/pki/${name}`),
    },
    ...Object.fromEntries(removed.map((name) => [name, { profiles: ['removed'] }])),
    ...Object.fromEntries(added.map((name) => [name, serviceOf(name, keys(name))])),
  };
  const volumes = Object.fromEntries(added.flatMap((name) => [keys(name), name]).map((volume) => [volume, {}]));
  const head = '# Made by `npm run masters`, which keeps it up to date. It goes with the data (`npm run reset`).\n';
  return head + stringify({ [field]: masters, services, ...(added.length > 0 && { volumes }) });
}

function serviceOf(name: string, keys: string): object {
  return {
    extends: { file: join(root, 'compose/compose.yaml'), service: 'master-1' },
    hostname: name,
    command: [`--name=${name}`],
    volumes: [`${keys}:/etc/trimaster/pki:ro`, `${name}:/var/lib/trimaster`],
  };
}
