import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { baseImageName } from '../../../compose/base-image.ts';
import { usualMasters } from '../../../compose/override.ts';

interface Service {
  image: string;
  volumes?: string[];
  ports?: string[];
  privileged?: boolean;
  healthcheck?: unknown;
  network_mode?: string;
  entrypoint?: string[];
  command?: string[];
}

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const services: Record<string, Service> = parse(read('compose/compose.yaml'), { merge: true }).services;
const once = ['pki', 'bootstrap'];
/** Where it is not the volume of the container's name. */
const own: Readonly<Record<string, readonly string[]>> = {
  bootstrap: ['pki-admin'],
  lb: [],
  'lb-1': ['pki-lb'],
  'lb-2': ['pki-lb'],
};

test('each container sees its own keys and no one else’s', (t) => {
  for (const [name, { volumes = [] }] of Object.entries(services)) {
    if (name === 'pki') continue;
    const keys = volumes.filter((volume) => volume.startsWith('pki-')).map((volume) => volume.split(':'));
    t.deepEqual(
      keys.map(([volume]) => volume),
      own[name] ?? [`pki-${name}`],
    );
    t.true(
      keys.every(([, , mode]) => mode === 'ro'),
      `${name} cannot change them`,
    );
  }
});

test('ports are published on loopback only', (t) => {
  const ports = Object.values(services).flatMap((service) => service.ports ?? []);
  t.is(ports.length, 3);
  t.true(ports.every((port) => port.startsWith('127.0.0.1:')));
});

test('two balancers share one address, and each watches the other', (t) => {
  for (const [name, peer] of [
    ['lb-1', 'lb-2'],
    ['lb-2', 'lb-1'],
  ] as const) {
    t.is(services[name]?.network_mode, 'service:lb');
    t.true(services[name]?.entrypoint?.includes('--reuse-port'));
    const [admin] = services[peer]?.command ?? [];
    t.true(services[name]?.command?.includes(`--peer=127.0.0.1:${admin?.split(':')[1]}`));
  }
});

test('the masters that the set-up is told of are those that there are', (t) => {
  const masters = Object.keys(services).filter((name) => name.startsWith('master-'));
  t.deepEqual(masters, usualMasters);
  t.deepEqual(services.pki?.command, [`--masters=${masters.join(',')}`]);
});

test('nothing is privileged', (t) => {
  t.true(Object.values(services).every((service) => !service.privileged));
});

test('every container that stays says whether it is well', (t) => {
  for (const [name, { healthcheck }] of Object.entries(services))
    t.is(healthcheck !== undefined, !once.includes(name), name);
});

test('the base image is the official one by name, and nothing in the build needs another registry', (t) => {
  const dockerfile = read('compose/Dockerfile');
  t.is(baseImageName(dockerfile), 'node:26-trixie-slim');
  t.false(/^# *syntax=/m.test(dockerfile));
  const stages = new Set([...dockerfile.matchAll(/ AS (\S+)$/gm)].map((match) => match[1]));
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].slice(1).map((match) => match[1]);
  t.true(bases.every((base) => stages.has(base)));
});
