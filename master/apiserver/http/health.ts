/**
 * /healthz, /livez and /readyz, as Kubernetes answers them: `ok`, or with `?verbose` or on failure one line a check; each
 * check also on a path of its own; `?exclude=` leaves checks out.
 */
import type { Exchange, Handler } from './exchange.ts';
import { sendText } from './respond.ts';

export interface HealthCheck {
  readonly name: string;
  /** Where it counts. A server that shuts down is alive, but not ready. */
  readonly on: readonly HealthPath[];
  /** Throws when all is not well. */
  check(): void | Promise<void>;
}

export type HealthPath = 'healthz' | 'livez' | 'readyz';

/** The routes of the three paths and of every single check. */
export function healthRoutes(checks: readonly HealthCheck[], failed: (name: string, error: unknown) => void) {
  const routes = new Map<string, Handler>();
  for (const path of ['healthz', 'livez', 'readyz'] as const) {
    const own = checks.filter(({ on }) => on.includes(path));
    routes.set(`/${path}`, (exchange) => answer(exchange, path, own, failed));
    for (const check of own) routes.set(`/${path}/${check.name}`, (exchange) => answerOne(exchange, check, failed));
  }
  return routes;
}

async function answer(
  { info, response }: Exchange,
  path: HealthPath,
  checks: readonly HealthCheck[],
  failed: (name: string, error: unknown) => void,
): Promise<void> {
  const excluded = new Set(info.query.getAll('exclude'));
  let healthy = true;
  const lines: string[] = [];
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const error = await outcome(check);
    if (error === undefined) {
      lines.push(`[+]${check.name} ok`);
    } else {
      healthy = false;
      failed(check.name, error);
      lines.push(`[-]${check.name} failed: reason withheld`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  if (!healthy) return sendText(response, 500, `${lines.join('\n')}\n${path} check failed\n`);
  if (info.query.has('verbose')) return sendText(response, 200, `${lines.join('\n')}\n${path} check passed\n`);
  sendText(response, 200, 'ok');
}

async function answerOne(
  { response }: Exchange,
  check: HealthCheck,
  failed: (name: string, error: unknown) => void,
): Promise<void> {
  const error = await outcome(check);
  if (error === undefined) return sendText(response, 200, 'ok');
  failed(check.name, error);
  sendText(response, 500, `internal server error: ${error.message}\n`);
}

async function outcome(check: HealthCheck): Promise<Error | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
