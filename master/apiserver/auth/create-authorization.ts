/**
 * A PUT or an apply of what is not there creates it: whoever may only update or patch may not do that. As in Kubernetes, this
 * is judged when the object turns out to be new; a POST has been judged by the same rule before.
 */
import type { AdmissionPlugin } from '../admission/types.ts';
import { type Authorizer, refusal } from './authorize.ts';

export function authorizeCreation(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CreateAuthorization',
    validate({ operation, kind, subresource, namespace = '', name, ctx: { user } }) {
      if (operation !== 'CREATE' || subresource !== undefined) return;
      const { group, resource } = kind;
      const attributes = {
        isResource: true,
        verb: 'create',
        path: '',
        group,
        resource,
        subresource: '',
        namespace,
        name,
      };
      if (!authorizer.allows(user, attributes)) {
        throw refusal(user, attributes, authorizer.decide(user, attributes).reason);
      }
    },
  };
}
