/**
 * Request headers: a front proxy, which is known by its certificate, says in headers for whom it asks. Kubernetes'
 * documentation, "Authenticating Proxy". So does the API server itself towards the servers of aggregated APIs.
 */
import type { UserInfo } from '../registry/context.ts';
import type { ClientConnection } from './authenticate.ts';
import { type Credentials, known } from './authenticate.ts';
import { signedBy } from './certificates.ts';

export interface FrontProxyOptions {
  /** PEM. */
  readonly authority: string;
  /** Common names; empty: all that the authority signed. */
  readonly allowedNames: readonly string[];
  /** Names of headers; the first that says something counts. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  /** Names of headers; all count. */
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** Gives whom a front proxy asks for; undefined for who is none, or does not say. */
export function frontProxies(options: FrontProxyOptions): (credentials: Credentials) => UserInfo | undefined {
  const isOurs = signedBy(options.authority);
  const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
  const usernames = lower(options.usernameHeaders);
  const uids = lower(options.uidHeaders);
  const groups = lower(options.groupHeaders);
  const prefixes = lower(options.extraPrefixes);
  const seen = new WeakMap<ClientConnection, Seen>();

  function look(connection: ClientConnection): Seen {
    const certificate = connection.getPeerCertificate();
    // A connection without a certificate has one without fields.
    if (!connection.authorized || !certificate.subject || !isOurs(connection)) return noProxy;
    const names = [certificate.subject.CN].flat();
    if (options.allowedNames.length > 0 && !names.some((name) => name && options.allowedNames.includes(name))) {
      return noProxy;
    }
    return { validUntil: Date.parse(certificate.valid_to) };
  }

  return ({ connection, request }) => {
    let proxy = seen.get(connection);
    if (proxy === undefined) {
      proxy = look(connection);
      seen.set(connection, proxy);
    }
    if (Date.now() > proxy.validUntil) return undefined;
    const headers = request.headersDistinct;
    const name = first(headers, usernames);
    if (name === undefined) return undefined;
    const uid = first(headers, uids);
    const extra = extraOf(headers, prefixes);
    return known({
      name,
      ...(uid !== undefined && { uid }),
      groups: groups.flatMap((header) => headers[header] ?? []).filter((group) => group !== ''),
      ...(Object.keys(extra).length > 0 && { extra }),
    });
  };
}

type Headers = NodeJS.Dict<string[]>;

interface Seen {
  /** Milliseconds since the epoch; before all time for what is no proxy's. */
  readonly validUntil: number;
}

const noProxy: Seen = { validUntil: Number.NEGATIVE_INFINITY };

function first(headers: Headers, names: readonly string[]): string | undefined {
  for (const name of names) {
    const said = headers[name]?.[0]?.trim();
    if (said) return said;
  }
  return undefined;
}

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, string[]> {
  const extra = new Map<string, string[]>();
  for (const [header, values = []] of Object.entries(headers)) {
    const prefix = prefixes.find((start) => header.startsWith(start));
    if (prefix === undefined) continue;
    const key = decoded(header.slice(prefix.length));
    extra.set(key, [...(extra.get(key) ?? []), ...values]);
  }
  return Object.fromEntries(extra);
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
