/**
 * Impersonation: a request that asks to be treated as another user's (`kubectl --as`). There are several ways to be allowed to
 * (https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/, KEP-5284): the constrained ones want the verb
 * `impersonate:<mode>` on each of the name, the groups, the uid and the extra fields that are taken, and `impersonate-on:<mode>:<verb>` on
 * what is asked; the old one wants the verb `impersonate`, and with it lends all that the other user may.
 */
import type { IncomingMessage } from 'node:http';
import { badRequest } from '../../api/errors.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../api/validation-names.ts';
import type { UserInfo } from '../registry/context.ts';
import { type Attributes, type Authorizer, refusal } from './authorize.ts';
import { accountGroups, accountOf } from './service-accounts/names.ts';

type Headers = NodeJS.Dict<string[]>;

const userHeader = 'impersonate-user';
const groupHeader = 'impersonate-group';
const uidHeader = 'impersonate-uid';
const extraPrefix = 'impersonate-extra-';
const authenticationGroup = 'authentication.k8s.io';
const nodePrefix = 'system:node:';
const nodeNameKey = 'authentication.kubernetes.io/node-name';
/** From so many groups or values on the right to all of them is asked for first. */
const manyChecks = 4;

export interface Impersonated {
  readonly user: UserInfo;
  /** The verb that allowed it, `impersonate:user-info`; absent for the old way, which knows no constraint. */
  readonly constraint?: string;
}

/** Whether the request may want it at all: asked at every request. */
export function impersonates({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers[userHeader] !== undefined || headers[groupHeader] !== undefined || headers[uidHeader] !== undefined;
}

/** The user to act as in the request of `asked`. Throws 403 for what `user` may not be, in the words of the first way that is his. */
export function impersonate(user: UserInfo, headers: Headers, asked: Attributes, authorizer: Authorizer): Impersonated {
  const wanted = wantedUser(headers);
  let refused: unknown;
  for (const mode of modes) {
    if (!mode.isFor(wanted, user)) continue;
    try {
      return actAs(wanted, { mode, asker: user, asked, authorizer });
    } catch (error) {
      refused ??= error;
    }
  }
  throw refused;
}

/** What the headers say, as they say it. */
interface Wanted {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid: string;
  readonly extra: Readonly<Record<string, string[]>>;
}

interface Mode {
  /** undefined: the old way. */
  readonly name?: string;
  isFor(wanted: Wanted, asker: UserInfo): boolean;
}

const nodeIn = (name: string): string | undefined =>
  name.startsWith(nodePrefix) && isDns1123Subdomain(name.slice(nodePrefix.length)).length === 0
    ? name.slice(nodePrefix.length)
    : undefined;
const onlyName = ({ groups, uid, extra }: Wanted): boolean =>
  groups.length === 0 && uid === '' && Object.keys(extra).length === 0;

const modes: readonly Mode[] = [
  {
    name: 'associated-node',
    isFor(wanted, { name, extra }) {
      const node = nodeIn(wanted.name);
      const [own, ...others] = extra?.[nodeNameKey] ?? [];
      return node !== undefined && onlyName(wanted) && !!accountOf(name) && own === node && others.length === 0;
    },
  },
  { name: 'arbitrary-node', isFor: (wanted) => onlyName(wanted) && nodeIn(wanted.name) !== undefined },
  { name: 'serviceaccount', isFor: (wanted) => onlyName(wanted) && accountOf(wanted.name) !== undefined },
  { name: 'user-info', isFor: ({ name }) => nodeIn(name) === undefined && accountOf(name) === undefined },
  { isFor: () => true },
];

interface Attempt {
  readonly mode: Mode;
  readonly asker: UserInfo;
  readonly asked: Attributes;
  readonly authorizer: Authorizer;
}

function actAs(wanted: Wanted, { mode, asker, asked, authorizer }: Attempt): Impersonated {
  const { name, groups, uid, extra } = wanted;
  const constraint = mode.name && `impersonate:${mode.name}`;
  const verb = constraint ?? 'impersonate';
  const userGroup = constraint ? authenticationGroup : '';
  const account = accountOf(name);
  const node = constraint ? nodeIn(name) : undefined;
  if (mode.name) check({ ...asked, verb: `impersonate-on:${mode.name}:${asked.verb}` });
  // Who is on the node is his own by what his token says, whichever node it is.
  if (node !== undefined)
    ask({ group: userGroup, resource: 'nodes', name: mode.name === 'associated-node' ? '*' : node });
  else if (account) ask({ group: userGroup, resource: 'serviceaccounts', ...account });
  else ask({ group: userGroup, resource: 'users', name });
  if (uid !== '') ask({ group: authenticationGroup, resource: 'uids', name: uid });
  askForGroups();
  askForExtra();
  const given =
    node !== undefined ? ['system:nodes'] : groups.length === 0 && account ? accountGroups(account.namespace) : groups;
  const everybody = name === 'system:anonymous' ? 'system:unauthenticated' : 'system:authenticated';
  const isGrouped = given.includes(everybody) || given.includes('system:unauthenticated');
  const user: UserInfo = {
    name,
    groups: isGrouped ? given : [...given, everybody],
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
  return { user, ...(constraint ? { constraint } : {}) };

  function askForGroups(): void {
    const part = { group: userGroup, resource: 'groups' };
    if (constraint) {
      if (groups.includes('')) refuse(part, 'impersonating the empty string group is not allowed');
      if (groups.includes('system:masters')) {
        refuse({ ...part, name: 'system:masters' }, 'impersonating the system:masters group is not allowed');
      }
      if (groups.length >= manyChecks && may({ ...part, name: '*' })) return;
    }
    for (const group of groups) ask({ ...part, name: group });
  }

  function askForExtra(): void {
    const part = { group: authenticationGroup, resource: 'userextras' };
    const entries = Object.entries(extra);
    if (constraint) {
      const wrong = wrongWithExtra(entries);
      if (wrong) refuse(part, wrong);
      const values = entries.reduce((count, [, some]) => count + some.length, 0);
      const isMuch = entries.length >= manyChecks || values >= manyChecks;
      if (isMuch && may({ ...part, subresource: '*', name: '*' })) return;
    }
    for (const [key, values] of entries) {
      for (const value of values) ask({ ...part, subresource: key, name: value });
    }
  }

  function ask(part: Partial<Attributes>): void {
    check({ ...nothing, verb, ...part });
  }

  function may(part: Partial<Attributes>): boolean {
    return authorizer.allows(asker, { ...nothing, verb, ...part });
  }

  function check(attributes: Attributes): void {
    const { allowed, reason } = authorizer.decide(asker, attributes);
    if (!allowed) throw refusal(asker, attributes, reason);
  }

  function refuse(part: Partial<Attributes>, why: string): never {
    throw refusal(asker, { ...nothing, verb, ...part }, why);
  }
}

const nothing: Attributes = {
  isResource: true,
  verb: '',
  path: '',
  group: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
};

function wrongWithExtra(entries: readonly (readonly [string, readonly string[]])[]): string | undefined {
  for (const [key, values] of entries) {
    if (key === '') return 'impersonating the empty string key in extra is not allowed';
    const [wrong] = key.includes('/')
      ? isQualifiedName(key)
      : ['must be a domain-prefixed path (such as "acme.io/foo")'];
    if (wrong !== undefined) {
      return `impersonating an invalid key in extra is not allowed: extra.key: Invalid value: ${JSON.stringify(key)}: ${wrong}`;
    }
    if (values.length === 0) return 'impersonating empty values in extra is not allowed';
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed';
  }
  return undefined;
}

function wantedUser(headers: Headers): Wanted {
  const name = headers[userHeader]?.[0] ?? '';
  if (name === '') throw badRequest('requested impersonation of a group, uid or extra without impersonating a user');
  return { name, groups: headers[groupHeader] ?? [], uid: headers[uidHeader]?.[0] ?? '', extra: extraOf(headers) };
}

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
