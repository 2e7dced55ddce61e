/**
 * Gets what is missing on the host: on Debian and Ubuntu as root from the distribution's packages, elsewhere it says in one
 * line what to install. It changes nothing where nothing is missing.
 */

import { spawn } from 'node:child_process';
import { existsSync, openSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { installByHand, type Need, planInstall } from './packages.ts';
import type { Progress } from './progress.ts';
import { distribution, isRoot, run, succeeds, which } from './system.ts';

/** A reason to stop that the user can do something about: shown as it is, without a stack. */
export class UserError extends Error {}

/** Makes sure that the programs are there. */
export async function ensureInstalled(needs: readonly Need[], progress: Progress): Promise<void> {
  const missing: Need[] = [];
  for (const need of needs) if (!(await isThere(need))) missing.push(need);
  if (missing.length === 0) return;
  const here = distribution();
  const plan = planInstall(missing, here);
  if (!plan || !isRoot) throw new UserError(installByHand(missing, here, isRoot));
  await progress.step(`Installing ${missing.join(', ')} from ${here.pretty}`, 60, async (report) => {
    for (const [path, text] of Object.entries(plan.files)) if (!existsSync(path)) writeFileSync(path, text);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    report('package lists');
    await run('apt-get', ['update', '-q'], { env });
    report(plan.packages.join(' '));
    // No service must come up by itself: there may be no service manager, and tests start etcd with their own data.
    const guard = missing.includes('etcd') && (await holdServices());
    try {
      await run('apt-get', ['install', '-qy', '--no-install-recommends', ...plan.packages], { env });
    } finally {
      if (guard) await guard();
    }
  });
}

async function isThere(need: Need): Promise<boolean> {
  switch (need) {
    // A command without an engine behind it is of no use, unless it speaks with an engine elsewhere.
    case 'docker':
      return which('docker') !== undefined && (which('dockerd') !== undefined || (await succeeds('docker', ['info'])));
    case 'compose':
      return succeeds('docker', ['compose', 'version']);
    default:
      return which(need) !== undefined;
  }
}

/** https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt: 101 forbids a package to start its service. */
async function holdServices(): Promise<false | (() => Promise<void>)> {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return false;
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return async () => {
    await run('rm', ['-f', policy]);
  };
}

/** Makes sure that an engine with Compose answers; starts the one of this host where nobody else does. */
export async function ensureEngine(progress: Progress): Promise<void> {
  await ensureInstalled(['docker', 'compose'], progress);
  if (await engineAnswers()) return;
  if (!isRoot)
    throw new UserError(
      'Docker does not answer: start it (`sudo systemctl start docker`) and make sure that you may use it.',
    );
  await progress.step('Starting Docker', 4, async (report) => {
    if (existsSync('/run/systemd/system')) {
      await run('systemctl', ['start', 'docker']);
    } else {
      report('no service manager here: dockerd runs in the background, its log is /var/log/dockerd.log');
      startDaemon();
    }
    const deadline = Date.now() + 60_000;
    while (!(await engineAnswers())) {
      if (Date.now() > deadline)
        throw new UserError('Docker did not come up: see /var/log/dockerd.log or `journalctl -u docker`.');
      await sleep(200);
    }
  });
}

function startDaemon(): void {
  const log = openSync('/var/log/dockerd.log', 'a');
  spawn(which('dockerd') ?? 'dockerd', [], { detached: true, stdio: ['ignore', log, log] }).unref();
}

function engineAnswers(): Promise<boolean> {
  return succeeds('docker', ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 10_000 });
}
