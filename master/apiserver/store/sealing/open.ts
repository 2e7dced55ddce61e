/** The encryption that the flags ask for, and its file followed while the server runs. */
import { stat } from 'node:fs/promises';
import { sleep } from '../../../api/clock.ts';
import type { Logger } from '../../../api/logging.ts';
import { readConfiguration } from './configuration.ts';
import { Sealing } from './sealing.ts';

export interface SealingFlags {
  readonly encryptionProviderConfig?: string;
  readonly encryptionProviderConfigAutomaticReload: boolean;
}

const lookEveryMs = 10_000;

/** undefined: nothing is encrypted. Throws for a file that is no configuration. */
export function openSealing({ encryptionProviderConfig: path }: SealingFlags, logger: Logger): Sealing | undefined {
  return path === undefined ? undefined : new Sealing(readConfiguration(path), logger);
}

/** Takes the configuration anew when its file has changed, until the signal is aborted. A wrong file changes nothing. */
export async function keepReloading(
  sealing: Sealing | undefined,
  flags: SealingFlags,
  { onReload, logger }: { onReload: () => void; logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const path = flags.encryptionProviderConfig;
  if (!sealing || path === undefined || !flags.encryptionProviderConfigAutomaticReload) return;
  const changedAt = async (): Promise<number> => (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
  for (let known = await changedAt(); !signal.aborted; ) {
    await sleep(lookEveryMs, signal);
    const latest = await changedAt();
    if (latest === known || latest === 0) continue;
    known = latest;
    try {
      sealing.replaceRules(readConfiguration(path));
      onReload();
      logger.info({ path }, 'the encryption configuration was read again');
    } catch (error) {
      logger.error({ err: error }, 'the new encryption configuration is wrong: the former one stays');
    }
  }
}
