/**
 * Bearer tokens.
 *
 * Bootstrap tokens, `<id>.<secret>`, are Secrets `bootstrap-token-<id>` in kube-system, as kubeadm makes them: what a new
 * node asks for its certificate with. Static tokens come from the file of --token-auth-file.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../api/types.ts';
import type { UserInfo } from '../registry/context.ts';
import type { TokenAuthenticator } from './authenticate.ts';

/** Reads a Secret of kube-system; undefined when there is none. */
export type ReadSecret = (name: string) => Promise<Secret | undefined>;

export function bootstrapTokens(read: ReadSecret, now: () => number = Date.now): TokenAuthenticator {
  return async (token) => {
    const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token);
    const [, id = '', secret = ''] = match ?? [];
    if (!match) return undefined;
    const stored = await read(`bootstrap-token-${id}`);
    if (stored?.type !== 'bootstrap.kubernetes.io/token' || stored.metadata?.deletionTimestamp) {
      return undefined;
    }
    const field = (name: string): string => Buffer.from(stored.data?.[name] ?? '', 'base64').toString();
    if (field('token-id') !== id || !same(field('token-secret'), secret)) return undefined;
    if (field('usage-bootstrap-authentication') !== 'true') return undefined;
    const expiration = field('expiration');
    if (expiration !== '' && !(Date.parse(expiration) > now())) return undefined;
    const extra = field('auth-extra-groups').split(',').filter(isBootstrapGroup);
    return { name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...extra] };
  };
}

/** Lines of `token,user,uid[,"group1,group2"]`. Throws an Error that names the line that is not. */
export function staticTokens(text: string): TokenAuthenticator {
  const users = new Map<string, UserInfo>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^([^,"]+),([^,"]+),([^,"]*)(?:,"?([^"]*)"?)?\s*$/.exec(line);
    const [, token = '', name = '', uid = '', groups = ''] = match ?? [];
    if (!match) throw new Error(`line ${index + 1} of the token file is not token,user,uid,"group1,group2"`);
    const user: UserInfo = {
      name: name.trim(),
      groups: groups
        .split(',')
        .map((group) => group.trim())
        .filter(Boolean),
    };
    users.set(digest(token.trim()), uid === '' ? user : { ...user, uid: uid.trim() });
  }
  // Looked up by hash, so that the time taken tells nothing of the tokens there are.
  return async (token) => users.get(digest(token));
}

const isBootstrapGroup = (group: string): boolean => /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group);

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(digest(a)), Buffer.from(digest(b))];
  return timingSafeEqual(left, right) && a !== '';
}
