/**
 * Lets nodes in: makes the bootstrap token known to the cluster, with which a new node asks for its certificate. As kubeadm, the
 * administrator does it once the API answers; it can be done again and by several at once.
 *
 * usage: node compose/bootstrap.ts --kubeconfig <path> --token-file <path> [--masters-file <path>]
 */
import { readFileSync } from 'node:fs';
import { Client } from '../master/api/client.ts';
import { sleep } from '../master/api/clock.ts';
import { loadKubeconfig } from '../master/api/config.ts';
import { isAlreadyExists, isNotFound } from '../master/api/errors.ts';
import { command, runMain } from '../master/api/flags.ts';
import { mastersReader } from '../master/api/masters-file.ts';
import type { Secret } from '../master/api/types.ts';

const namespace = 'kube-system';
const retryMs = 200;

/** Keeps trying until the API has the token or the signal is aborted. */
export async function ensureBootstrapToken(client: Client, token: string, signal: AbortSignal): Promise<void> {
  const secret = bootstrapSecret(token);
  const name = secret.metadata?.name ?? '';
  for (;;) {
    try {
      const known = await client.get('secrets', { namespace, name }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (!known) await client.create('secrets', secret);
      return;
    } catch (error) {
      if (isAlreadyExists(error)) return;
      // The API is not there yet, or kube-system is not: both come.
      await sleep(retryMs, signal);
      if (signal.aborted) throw error;
    }
  }
}

/** https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#bootstrap-token-secret-format */
export function bootstrapSecret(token: string): Secret {
  const [id = '', secret = ''] = token.split('.');
  const data: Record<string, string> = {
    description: 'Lets the nodes of this cluster ask for their certificates.',
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': 'system:bootstrappers:trimaster:node',
  };
  return {
    metadata: { namespace, name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

if (import.meta.main) {
  const program = command('bootstrap', 'makes the bootstrap token of nodes known to the cluster')
    .requiredOption('--kubeconfig <path>', 'of an administrator')
    .requiredOption('--token-file <path>', 'where the token is kept')
    .option(
      '--masters-file <path>',
      'says which masters there are: their API servers are used instead of that in the kubeconfig',
    );
  await runMain(async (signal) => {
    const flags = program.parse().opts<{ kubeconfig: string; tokenFile: string; mastersFile?: string }>();
    const config = loadKubeconfig(flags.kubeconfig);
    const masters = flags.mastersFile === undefined ? undefined : mastersReader(flags.mastersFile)();
    if (masters) config.servers = masters.map(({ apiserver }) => apiserver);
    const client = new Client(config, { userAgent: 'bootstrap', timeoutMs: 2_000 });
    await ensureBootstrapToken(client, readFileSync(flags.tokenFile, 'utf8').trim(), signal);
    await client.close();
  });
}
