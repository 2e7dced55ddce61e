/**
 * Impersonation: a request that asks to be treated as another user's (`kubectl --as`). Whoever asks must be allowed the verb
 * `impersonate` on each of the name, the groups, the uid and the extra fields that he takes.
 */
import type { IncomingMessage } from 'node:http';
import { badRequest } from '../../api/errors.ts';
import type { UserInfo } from '../registry/context.ts';
import { type Attributes, type Authorizer, refusal } from './authorize.ts';
import { accountGroups, accountOf } from './service-accounts/names.ts';

type Headers = NodeJS.Dict<string[]>;

const userHeader = 'impersonate-user';
const groupHeader = 'impersonate-group';
const uidHeader = 'impersonate-uid';
const extraPrefix = 'impersonate-extra-';
const authenticationGroup = 'authentication.k8s.io';

/** Whether the request may want it at all: asked at every request. */
export function impersonates({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers[userHeader] !== undefined || headers[groupHeader] !== undefined || headers[uidHeader] !== undefined;
}

/** The user to act as. Throws 403 for what `user` may not be. */
export function impersonate(user: UserInfo, headers: Headers, authorizer: Authorizer): UserInfo {
  const name = headers[userHeader]?.[0] ?? '';
  const wantedGroups = headers[groupHeader] ?? [];
  const [uid] = headers[uidHeader] ?? [];
  const extra = extraOf(headers);
  if (name === '') throw badRequest('requested impersonation of a group, uid or extra without impersonating a user');

  const account = accountOf(name);
  check(account ? { resource: 'serviceaccounts', ...account } : { resource: 'users', name });
  for (const group of wantedGroups) check({ resource: 'groups', name: group });
  if (uid !== undefined) check({ group: authenticationGroup, resource: 'uids', name: uid });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) {
      check({ group: authenticationGroup, resource: 'userextras', subresource: key, name: value });
    }
  }

  const given = wantedGroups.length === 0 && account ? accountGroups(account.namespace) : wantedGroups;
  const everybody = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  const groups = given.includes(everybody) ? given : [...given, everybody];
  return { name, groups, ...(uid === undefined ? {} : { uid }), ...(Object.keys(extra).length > 0 ? { extra } : {}) };

  function check(wanted: Partial<Attributes>): void {
    const attributes = { ...impersonation, ...wanted };
    const { allowed, reason } = authorizer.decide(user, attributes);
    if (!allowed) throw refusal(user, attributes, reason);
  }
}

const impersonation: Attributes = {
  isResource: true,
  verb: 'impersonate',
  path: '',
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
};

function extraOf(headers: Headers): Record<string, string[]> {
  const entries = Object.entries(headers).filter(([header]) => header.startsWith(extraPrefix));
  return Object.fromEntries(
    entries.map(([header, values = []]) => [decoded(header.slice(extraPrefix.length)), [...values]]),
  );
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
