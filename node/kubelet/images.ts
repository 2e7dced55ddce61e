/** Loads the image archives that came with the node into its engine, so that no registry is needed for them. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../master/api/logging.ts';
import type { Runtime } from '../runtime/runtime.ts';

interface Loaded {
  /** Size and time of the archive when it was loaded: another archive has others. */
  readonly mark: string;
  readonly names: readonly string[];
}

/** Loads every `*.tar` that is not loaded yet. Rejects when the engine refuses one. */
export async function loadImageArchives(
  directory: string,
  stateDirectory: string,
  runtime: Runtime,
  logger: Logger,
): Promise<void> {
  const archives = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.tar')).sort();
  const memory = join(stateDirectory, 'loaded-images.json');
  const loaded = await remembered(memory);
  await Promise.all(
    archives.map(async (name) => {
      const path = join(directory, name);
      const { size, mtimeMs } = await stat(path);
      const mark = `${size} ${mtimeMs}`;
      const before = loaded[name];
      if (before?.mark === mark && (await allThere(before.names, runtime))) return;
      const names = await runtime.loadImages(path);
      loaded[name] = { mark, names };
      logger.info({ archive: name, images: names }, 'images loaded');
    }),
  );
  await mkdir(stateDirectory, { recursive: true });
  await writeFile(memory, JSON.stringify(loaded));
}

async function remembered(path: string): Promise<Record<string, Loaded>> {
  try {
    const loaded: Record<string, Loaded> = JSON.parse(await readFile(path, 'utf8'));
    return loaded;
  } catch {
    return {};
  }
}

async function allThere(names: readonly string[], runtime: Runtime): Promise<boolean> {
  const there = await Promise.all(names.map((name) => runtime.hasImage(name)));
  return names.length > 0 && there.every(Boolean);
}
