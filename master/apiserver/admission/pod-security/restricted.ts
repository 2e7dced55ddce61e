/** The checks that the level `restricted` adds (Kubernetes, "Pod Security Standards"): what hardened pods must say. */
import type { Container, PodSpec } from '../../../api/types.ts';
import { containersOf } from '../pod-containers.ts';
import { seccompProfile } from './baseline.ts';
import {
  type Check,
  containersThat,
  hasUserNamespace,
  isWindows,
  named,
  plural,
  quoted,
  setters,
  sortedSet,
} from './words.ts';

const harmlessVolumes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** The same check, with pods of Windows left out, which cannot say this. */
export const unlessWindows =
  (check: Check): Check =>
  (spec, annotations) =>
    isWindows(spec) ? undefined : check(spec, annotations);

export const unlessUserNamespace =
  (check: Check): Check =>
  (spec, annotations) =>
    hasUserNamespace(spec) ? undefined : check(spec, annotations);

export const allowPrivilegeEscalation: Check = (spec) => {
  const bad = containersThat(spec, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${named('container', bad)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

export const capabilitiesDropped: Check = (spec) => {
  const added = ({ securityContext }: Container): string[] =>
    (securityContext?.capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE');
  const keeping = containersThat(spec, ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'));
  const adding = containersThat(spec, (container) => added(container).length > 0);
  const which = quoted(sortedSet(containersOf(spec).flatMap(added)));
  const details = [
    ...(keeping.length > 0
      ? [`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding.length > 0
      ? [`${named('container', adding)} must not include ${which} in securityContext.capabilities.add`]
      : []),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

export const restrictedVolumes: Check = ({ volumes = [] }) => {
  const typeOf = (volume: NonNullable<PodSpec['volumes']>[number]): string =>
    Object.keys(volume).find((key) => key !== 'name') ?? '';
  const bad = volumes.filter((volume) => !harmlessVolumes.has(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = sortedSet(bad.map(typeOf));
  const verb = bad.length === 1 ? 'uses' : 'use';
  const who = named(
    'volume',
    bad.map(({ name }) => name),
  );
  return {
    reason: 'restricted volume types',
    detail: `${who} ${verb} ${plural('restricted volume type', types.length)} ${quoted(types)}`,
  };
};

export const runAsNonRoot: Check = (spec) => {
  const reason = 'runAsNonRoot != true';
  const ofPod = spec.securityContext?.runAsNonRoot;
  const who = setters(spec, ofPod === false, ({ securityContext }) => securityContext?.runAsNonRoot === false);
  if (who !== '') return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  const silent = containersThat(spec, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  if (ofPod === true || silent.length === 0) return undefined;
  return { reason, detail: `pod or ${named('container', silent)} must set securityContext.runAsNonRoot=true` };
};

export const runAsUser: Check = (spec) => {
  const ofPod = spec.securityContext?.runAsUser === 0;
  const who = setters(spec, ofPod, ({ securityContext }) => securityContext?.runAsUser === 0);
  return who === '' ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` };
};

export const seccompProfileSet: Check = (spec, annotations) => {
  const wrong = seccompProfile(spec, annotations);
  if (wrong) return wrong;
  const silent = containersThat(spec, ({ securityContext }) => !securityContext?.seccompProfile);
  if (spec.securityContext?.seccompProfile || silent.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `pod or ${named('container', silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
};
