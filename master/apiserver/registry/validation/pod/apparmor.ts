/**
 * AppArmor profiles as they were said before Kubernetes 1.30, in annotations: still read, held to their form, to the containers that there are
 * and to the fields that have taken their place (KEP-24, version skew strategy). Of seccomp's annotations nothing is left since 1.27.
 */
import type { Container, Pod, PodSpec } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';

type Annotations = Readonly<Record<string, string>>;
type Profile = NonNullable<NonNullable<Container['securityContext']>['appArmorProfile']>;

export const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const local = 'localhost/';
const profiles: Readonly<Record<string, Profile>> = {
  'runtime/default': { type: 'RuntimeDefault' },
  unconfined: { type: 'Unconfined' },
};

/**
 * Of new pods, and of templates: an annotation names a container and a profile, and says what the field says, which may be the pod's.
 * `path` is where the annotations stand.
 */
export function validateAppArmorAnnotations(
  annotations: Annotations | undefined,
  path: string,
  spec: PodSpec,
  specPath: string,
  errors: FieldErrors,
): void {
  const keys = Object.keys(annotations ?? {}).filter((key) => key.startsWith(appArmorPrefix));
  if (!annotations || keys.length === 0) return;
  const places = placesOf(spec, specPath);
  for (const key of keys) {
    const [name, value = ''] = [key.slice(appArmorPrefix.length), annotations[key]];
    const place = places.find(({ container }) => container.name === name);
    if (!place) errors.invalid(`${path}[${key}]`, name, 'container not found');
    if (value !== '' && !profileIn(value)) {
      errors.invalid(`${path}[${key}]`, value, `invalid AppArmor profile name: ${JSON.stringify(value)}`);
    }
    if (place && spec.os?.name !== 'windows') validateMatch(profileIn(value), place, spec, errors);
  }
}

function validateMatch(said: Profile | undefined, { container, at }: Place, spec: PodSpec, errors: FieldErrors): void {
  const profile = container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile;
  if (!profile) return;
  const field = `${at}.securityContext.appArmorProfile`;
  if (said?.type !== profile.type) {
    errors.forbidden(`${field}.type`, 'apparmor type in annotation and field must match');
  } else if (said.localhostProfile !== profile.localhostProfile) {
    errors.forbidden(`${field}.localhostProfile`, 'apparmor profile in annotation and field must match');
  }
}

/** A new pod's fields say what only its annotations say, with a warning; what cannot be a profile is left alone. */
export function fillInAppArmor({ metadata, spec }: Pod, warnings: string[]): void {
  const annotations = metadata?.annotations;
  if (!annotations || !spec || spec.os?.name === 'windows') return;
  if (!Object.keys(annotations).some((key) => key.startsWith(appArmorPrefix))) return;
  const ofPod = spec.securityContext?.appArmorProfile;
  for (const { container } of placesOf(spec, '')) {
    const key = `${appArmorPrefix}${container.name}`;
    const said = annotations[key];
    if (said === undefined || container.securityContext?.appArmorProfile) continue;
    const profile = profileIn(said);
    const valid = profile && profile.localhostProfile?.trim() === profile.localhostProfile;
    if (valid && ofPod?.type === profile.type && ofPod.localhostProfile === profile.localhostProfile) continue;
    if (valid) container.securityContext = { ...container.securityContext, appArmorProfile: { ...profile } };
    warnings.push(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
  }
}

/** They stay as they are while the pod lives. */
export function validateAppArmorUpdate(now: Annotations, before: Annotations, errors: FieldErrors): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (!key.startsWith(appArmorPrefix) || now[key] === before[key]) continue;
    const why = `may not ${before[key] === undefined ? 'add' : 'remove or update'} AppArmor annotations`;
    errors.forbidden(`metadata.annotations[${key}]`, why);
  }
}

function profileIn(value: string): Profile | undefined {
  if (value.startsWith(local) && value !== local)
    return { type: 'Localhost', localhostProfile: value.slice(local.length) };
  return profiles[value];
}

interface Place {
  readonly container: Pick<Container, 'name' | 'securityContext'>;
  readonly at: string;
}

function placesOf(spec: PodSpec, path: string): Place[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ container, at: `${path}.${list}[${index}]` })),
  );
}
