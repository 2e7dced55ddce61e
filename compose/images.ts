/**
 * The images of the cluster, built when what they are made from has changed. They carry a digest of their sources, so a start
 * without a change builds nothing.
 */
import { ensureBaseImage, offerExtraAuthority } from './base-image.ts';
import type { Progress } from './progress.ts';
import { compose, type Project, root, sourcesDigest } from './project.ts';
import { run } from './system.ts';

const label = 'trimaster.sources';

/** Makes sure that the images are there and up to date. */
export async function ensureImages(project: Project, progress: Progress): Promise<void> {
  const tag = project.env.TRIMASTER_IMAGE_TAG ?? 'latest';
  offerExtraAuthority(root);
  const digest = sourcesDigest();
  const images = ['master', 'lb', 'node'].map((name) => `trimaster/${name}:${tag}`);
  const built = await Promise.all(images.map(digestOf));
  if (built.every((known) => known === digest)) return;
  await ensureBaseImage(root, progress);
  const first = built.every((known) => known === undefined);
  await progress.step(first ? 'Building the images' : 'Building the images again', first ? 90 : 15, async (report) => {
    const onLine = (line: string) => {
      // `#12 [node 3/9] RUN …` of BuildKit, `Step 5/34 : RUN …` of the builder before it.
      const step = /^#\d+ (\[[^\]]+\d+\/\d+\])|^ ?(Step \d+\/\d+)/.exec(line);
      if (step) report(step[1] ?? step[2] ?? '');
    };
    await compose(project, ['--progress=plain', 'build'], { env: { TRIMASTER_SOURCES: digest }, onLine });
    // The images of before have lost their names to the new ones; without this every build would leave some on the disk.
    await run('docker', ['image', 'prune', '--force', '--filter', `label=${label}`]);
  });
}

async function digestOf(image: string): Promise<string | undefined> {
  try {
    return (await run('docker', ['image', 'inspect', '-f', `{{index .Config.Labels "${label}"}}`, image])).trim();
  } catch {
    return undefined;
  }
}
