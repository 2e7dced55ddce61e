/** What a pod and its containers may do on their node (Kubernetes' "Configure a Security Context" page). */
import type { Container, PodSpec } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateOneOf } from '../numbers.ts';
import { validateDescendingPath } from '../paths.ts';
import { validateWindowsOptions } from './windows.ts';

type PodContext = NonNullable<PodSpec['securityContext']>;
type Context = NonNullable<Container['securityContext']>;
type Seccomp = NonNullable<Context['seccompProfile']>;
type AppArmor = NonNullable<Context['appArmorProfile']>;

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const sysctlName = new RegExp(sysctlPattern);
const maxSysctlLength = 253;
const maxId = 2 ** 31 - 1;
const maxProfileLength = 4095;
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

/** Of the whole pod. `path` is where the spec stands. */
export function validatePodSecurity(spec: PodSpec, path: string, errors: FieldErrors): void {
  validateHostUsers(spec, path, errors);
  const { securityContext: context, shareProcessNamespace, hostPID } = spec;
  if (!context) return;
  const field = `${path}.securityContext`;
  for (const id of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) validateId(context[id], `${field}.${id}`, errors);
  (context.supplementalGroups ?? []).forEach((id, index) => {
    validateId(id, `${field}.supplementalGroups[${index}]`, errors);
  });
  if (shareProcessNamespace && hostPID) {
    const why = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.invalid(`${field}.shareProcessNamespace`, true, why);
  }
  validateSysctls(context, spec, `${field}.sysctls`, errors);
  for (const [name, allowed] of policies) {
    const value = context[name];
    if (value !== undefined) validateOneOf(value, allowed, `${field}.${name}`, errors);
  }
  validateSeccomp(context.seccompProfile, `${field}.seccompProfile`, errors);
  validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`, errors);
  validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`, errors);
}

const policies = [
  ['fsGroupChangePolicy', ['Always', 'OnRootMismatch']],
  ['supplementalGroupsPolicy', ['Merge', 'Strict']],
  ['seLinuxChangePolicy', ['MountOption', 'Recursive']],
] as const satisfies [keyof PodContext, string[]][];

/** Of one container. `hostUsers`: the pod's users are the node's. */
export function validateSecurity(context: Context, hostUsers: boolean, field: string, errors: FieldErrors): void {
  for (const id of ['runAsUser', 'runAsGroup'] as const) validateId(context[id], `${field}.${id}`, errors);
  const { procMount, privileged, allowPrivilegeEscalation, capabilities } = context;
  if (procMount !== undefined) {
    validateOneOf(procMount, ['Default', 'Unmasked'], `${field}.procMount`, errors);
    if (hostUsers && procMount === 'Unmasked') {
      errors.invalid(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`');
    }
  }
  validateSeccomp(context.seccompProfile, `${field}.seccompProfile`, errors);
  if (allowPrivilegeEscalation === false) {
    if (privileged) {
      errors.invalid(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true');
    }
    if (capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      const why = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
      errors.invalid(field, context, why);
    }
  }
  validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`, errors);
  validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`, errors);
}

/** A pod with users of its own shares no other namespace with its node (KEP-127). */
function validateHostUsers(spec: PodSpec, path: string, errors: FieldErrors): void {
  if (spec.hostUsers !== false) return;
  const shared = { hostNetwork: spec.hostNetwork, HostPID: spec.hostPID, HostIPC: spec.hostIPC };
  for (const [name, value] of Object.entries(shared)) {
    if (value) errors.forbidden(`${path}.${name}`, 'when `pod.Spec.HostUsers` is false');
  }
}

/** Of a user or a group. */
function validateId(id: number | undefined, field: string, errors: FieldErrors): void {
  if (id !== undefined && (id < 0 || id > maxId)) {
    errors.invalid(field, id, `must be between 0 and ${maxId}, inclusive`);
  }
}

function validateSysctls(
  { sysctls = [] }: PodContext,
  { hostNetwork, hostIPC }: PodSpec,
  path: string,
  errors: FieldErrors,
): void {
  const names = new Set<string>();
  sysctls.forEach(({ name = '' }, index) => {
    const field = `${path}[${index}].name`;
    if (name === '') errors.required(field);
    else if (name.length > maxSysctlLength || !sysctlName.test(name)) {
      errors.invalid(field, name, `must have at most ${maxSysctlLength} characters and match regex ${sysctlPattern}`);
    } else if (names.has(name)) errors.duplicate(field, name);
    names.add(name);
    const known = name.replaceAll('/', '.');
    if (hostNetwork && known.startsWith('net.')) {
      errors.invalid(field, name, "may not be specified when 'hostNetwork' is true");
    } else if (hostIPC && /^(kernel\.(shm|msg)|kernel\.sem$|fs\.mqueue\.)/.test(known)) {
      errors.invalid(field, name, "may not be specified when 'hostIPC' is true");
    }
  });
}

function validateSeccomp(profile: Seccomp | undefined, path: string, errors: FieldErrors): void {
  if (!profile) return;
  const { type = '', localhostProfile } = profile;
  if (type === '') errors.required(`${path}.type`, 'type is required when seccompProfile is set');
  else validateOneOf(type, profileTypes, `${path}.type`, errors);
  const field = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined) errors.required(field, 'must be set when seccomp type is Localhost');
    else validateDescendingPath(localhostProfile, field, errors);
  } else if (localhostProfile !== undefined) {
    errors.invalid(field, profile, 'can only be set when seccomp type is Localhost');
  }
}

function validateAppArmor(profile: AppArmor | undefined, path: string, errors: FieldErrors): void {
  if (!profile) return;
  const { type = '', localhostProfile } = profile;
  const field = `${path}.localhostProfile`;
  if (type === '') errors.required(`${path}.type`, 'type is required when appArmorProfile is set');
  else if (!profileTypes.includes(type)) errors.notSupported(`${path}.type`, type, profileTypes);
  else if (type !== 'Localhost') {
    if (localhostProfile !== undefined) {
      errors.invalid(field, localhostProfile, 'can only be set when AppArmor type is Localhost');
    }
  } else if (!localhostProfile) errors.required(field, 'must be set when AppArmor type is Localhost');
  else if (localhostProfile !== localhostProfile.trim()) {
    errors.invalid(field, localhostProfile, 'must not be padded with whitespace');
  } else if (localhostProfile.length > maxProfileLength) errors.tooLong(field, maxProfileLength);
}
