import { hostname } from 'node:os';
import { runMain } from '../../master/api/flags.ts';
import { type KubeletFlags, kubeletCommand } from './options.ts';

const flags = kubeletCommand(hostname().toLowerCase()).parse().opts<KubeletFlags>();

await runMain(async (signal) => {
  const { runKubelets } = await import('./start.ts');
  await runKubelets(flags, signal);
});
