/** The shapes of roles and bindings. */
import { kindShape, labelSelector } from './meta.ts';
import { list, object, string } from './shape.ts';

const rules = list(
  object({
    verbs: list(string),
    apiGroups: list(string),
    resources: list(string),
    resourceNames: list(string),
    nonResourceURLs: list(string),
  }),
);

export const roleShape = kindShape({ rules });
export const clusterRoleShape = kindShape({
  rules,
  aggregationRule: object({ clusterRoleSelectors: list(labelSelector) }),
});
export const bindingOfRoleShape = kindShape({
  subjects: list(object({ kind: string, apiGroup: string, name: string, namespace: string })),
  roleRef: object({ apiGroup: string, kind: string, name: string }),
});
