/**
 * The image with strace, which can make single system calls of a running process slow or let them fail. It is built when a fault
 * asks for it first, over the image that all others begin with, so it stays as it is when the sources change.
 */
import { spawn } from 'node:child_process';
import { Unavailable } from './fault.ts';

export const toolsImage = 'trimaster/chaos-tools:1';

const dockerfile = `
FROM node:26-trixie-slim
RUN apt-get update -q && apt-get install -qy --no-install-recommends strace && rm -rf /var/lib/apt/lists/*
`;

let built: Promise<void> | undefined;

/** Resolves when the image is there; rejects with `Unavailable` where it cannot be made. */
export function ensureToolsImage(): Promise<void> {
  built ??= build();
  return built;
}

async function build(): Promise<void> {
  const child = spawn('docker', ['build', '--quiet', '--tag', toolsImage, '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end(dockerfile);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Unavailable(`an image with strace cannot be built: ${errors.trim().split('\n').at(-1)}`);
}
