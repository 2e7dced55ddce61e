/** Service accounts as users: `system:serviceaccount:<namespace>:<name>`. */
export interface AccountName {
  readonly namespace: string;
  readonly name: string;
}

/** The account that a user is; undefined for everybody else. */
export function accountOf(user: string): AccountName | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace !== undefined && name !== undefined ? { namespace, name } : undefined;
}

export const accountUser = ({ namespace, name }: AccountName): string => `system:serviceaccount:${namespace}:${name}`;

export const accountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];
