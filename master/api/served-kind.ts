/** The kind that a CustomResourceDefinition adds, as components see it that look after objects of every kind. */
import { type Kind, scale } from './kind-row.ts';
import type { CustomResourceDefinition } from './types.ts';

/** Its names and whether it is scaled, in the version that is stored, or else in the first that is served; undefined where none is. */
export function servedKind({ spec, status }: CustomResourceDefinition): Kind | undefined {
  const isEstablished = status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True');
  const served = spec.versions.filter((version) => version.served);
  const version = served.find(({ storage }) => storage) ?? served[0];
  if (!isEstablished || !version) return undefined;
  const { plural, kind, singular = '', shortNames = [], categories = [] } = status?.acceptedNames ?? spec.names;
  return {
    ...{ kind, resource: plural, singular, shortNames, categories, group: spec.group, version: version.name },
    namespaced: spec.scope === 'Namespaced',
    subresources: version.subresources?.scale ? [scale] : [],
    storedAs: `${plural}.${spec.group}`,
  };
}
