/** The system that a pod is for: what only Windows has, and what it does not have (Kubernetes' "Windows containers" page). */
import type { Container, PodSpec } from '../../../../api/types.ts';
import { isDns1123Subdomain } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';

type PodContext = NonNullable<PodSpec['securityContext']>;
type Context = NonNullable<Container['securityContext']>;
type Options = NonNullable<Context['windowsOptions']>;

const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const;

/** Calls `visit` with every container and where it stands. */
function visit(
  spec: PodSpec,
  path: string,
  each: (container: Pick<Container, 'securityContext'>, at: string) => void,
): void {
  for (const list of lists) {
    (spec[list] ?? []).forEach((container, index) => {
      each(container, `${path}.${list}[${index}]`);
    });
  }
}

const notForWindows = 'cannot be set for a windows pod';
const ofPod = ['hostUsers', 'shareProcessNamespace'] as const satisfies (keyof PodSpec)[];
const namespaces = ['hostPID', 'hostIPC'] as const satisfies (keyof PodSpec)[];
const ofPodContext = [
  ...(['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'fsGroup', 'fsGroupChangePolicy'] as const),
  ...(['sysctls', 'runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy'] as const),
  'seLinuxChangePolicy',
] as const satisfies (keyof PodContext)[];
const ofContext = [
  ...(['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem'] as const),
  ...(['privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'] as const),
] as const satisfies (keyof Context)[];

/** A pod that says for which system it is sets nothing that the system does not have. */
export function validateOs(spec: PodSpec, path: string, errors: FieldErrors): void {
  if (!spec.os) return;
  const { name = '' } = spec.os;
  if (name === '') errors.required(`${path}.os.name`, 'cannot be empty');
  else if (name === 'linux') validateLinux(spec, path, errors);
  else if (name === 'windows') validateWindows(spec, path, errors);
  else errors.notSupported(`${path}.os`, name, ['linux', 'windows']);
}

function validateLinux(spec: PodSpec, path: string, errors: FieldErrors): void {
  const check = (context: PodContext | Context | undefined, field: string): void => {
    if (context?.windowsOptions) {
      errors.forbidden(`${field}.windowsOptions`, 'windows options cannot be set for a linux pod');
    }
  };
  check(spec.securityContext, `${path}.securityContext`);
  visit(spec, path, ({ securityContext }, at) => check(securityContext, `${at}.securityContext`));
}

function validateWindows(spec: PodSpec, path: string, errors: FieldErrors): void {
  for (const field of ofPod) if (spec[field] !== undefined) errors.forbidden(`${path}.${field}`, notForWindows);
  for (const field of namespaces) if (spec[field]) errors.forbidden(`${path}.${field}`, notForWindows);
  for (const field of ofPodContext) {
    if (spec.securityContext?.[field] !== undefined) {
      errors.forbidden(`${path}.securityContext.${field}`, notForWindows);
    }
  }
  visit(spec, path, ({ securityContext }, at) => {
    for (const field of ofContext) {
      if (securityContext?.[field] !== undefined) errors.forbidden(`${at}.securityContext.${field}`, notForWindows);
    }
  });
}

/** Containers that run as processes of the node: all of a pod, or none. */
export function validateHostProcess(spec: PodSpec, path: string, errors: FieldErrors): void {
  const ofWhole = spec.securityContext?.windowsOptions?.hostProcess;
  let all = 0;
  let ofHost = 0;
  visit(spec, path, ({ securityContext }, at) => {
    const own = securityContext?.windowsOptions?.hostProcess;
    all += 1;
    if (own ?? ofWhole) ofHost += 1;
    if (own !== undefined && ofWhole !== undefined && own !== ofWhole) {
      const why = `pod hostProcess value must be identical if both are specified, was ${ofWhole}`;
      errors.invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, why);
    }
  });
  if (ofHost === 0) return;
  if (ofHost !== all) {
    const why = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.invalid(path, '', why);
  }
  if (!spec.hostNetwork) {
    const why = 'hostNetwork must be true if pod contains any hostProcess containers';
    errors.invalid(`${path}.hostNetwork`, false, why);
  }
}

const maxSpecKiB = 64;
const maxDomain = 256;
const maxUser = 104;

const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const domainName =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

export function validateWindowsOptions(options: Options | undefined, path: string, errors: FieldErrors): void {
  if (!options) return;
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: text, runAsUserName } = options;
  if (name !== undefined) errors.invalidFor(`${path}.gmsaCredentialSpecName`, name, isDns1123Subdomain(name));
  const field = `${path}.gmsaCredentialSpec`;
  if (text === '') errors.invalid(field, text, 'gmsaCredentialSpec cannot be an empty string');
  else if (text !== undefined && text.length > maxSpecKiB * 1024) {
    errors.invalid(field, text, `gmsaCredentialSpec size must be under ${maxSpecKiB} KiB`);
  }
  if (runAsUserName !== undefined) {
    errors.invalidFor(`${path}.runAsUserName`, runAsUserName, userErrors(runAsUserName));
  }
}

/** What is wrong with a user's name, which may have its domain before it. */
function userErrors(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (/\p{Cc}/u.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const messages: string[] = [];
  const user = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? parts[0] : undefined;
  if (domain !== undefined) {
    if (domain.length >= maxDomain) {
      messages.push(`runAsUserName's Domain length must be under ${maxDomain} characters`);
    }
    if (!netBios.test(domain) && !domainName.test(domain)) {
      messages.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
    }
  }
  if (user === '') messages.push("runAsUserName's User cannot be empty");
  else if (user.length > maxUser) {
    messages.push(`runAsUserName's User length must not be longer than ${maxUser} characters`);
  }
  if (/^[. ]+$/.test(user)) messages.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    messages.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  }
  return messages;
}
