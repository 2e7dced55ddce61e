/** Ingresses and their classes (networking.k8s.io/v1). */
import { isIP } from 'node:net';
import { kinds } from '../../../api/kinds.ts';
import type { Ingress, IngressClass } from '../../../api/types.ts';
import { isDns1035Label, isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, upToThree } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { addressErrors } from '../validation/addresses.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { pathSegmentErrors } from '../validation/metadata.ts';
import { portNameErrors, validatePortNumber } from '../validation/ports.ts';
import { withStatus } from './with-status.ts';

type Spec = NonNullable<Ingress['spec']>;
type Rule = NonNullable<Spec['rules']>[number];
type Backend = NonNullable<Spec['defaultBackend']>;

const legacyClass = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

export const ingressStrategy: Strategy<Ingress> = {
  kind: kinds.ingresses,
  columns: [
    nameColumn,
    column<Ingress>(
      'Class',
      'The name of the IngressClass resource that should be used for additional configuration',
      ({ metadata, spec }) => spec?.ingressClassName ?? metadata?.annotations?.[legacyClass] ?? '<none>',
    ),
    column<Ingress>('Hosts', 'Hosts that incoming requests are matched against before the ingress rule', hostsText),
    column<Ingress>('Address', 'Address is a list containing ingress points for the load-balancer', ({ status }) =>
      (status?.loadBalancer?.ingress ?? [])
        .map(({ ip, hostname }) => ip || hostname || '')
        .filter(Boolean)
        .join(','),
    ),
    column<Ingress>('Ports', 'Ports of TLS configurations that open', ({ spec }) =>
      spec?.tls?.length ? '80, 443' : '80',
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<Ingress>(
    () => ({ loadBalancer: {} }),
    ({ status }, old, errors) => {
      const known = old.status?.loadBalancer?.ingress?.map((one) => one.ip);
      (status?.loadBalancer?.ingress ?? []).forEach(({ ip, hostname }, index) => {
        const field = `status.loadBalancer.ingress[${index}]`;
        if (ip) errors.invalidFor(`${field}.ip`, ip, addressErrors(ip, known));
        if (!hostname) return;
        errors.invalidFor(`${field}.hostname`, hostname, isDns1123Subdomain(hostname));
        if (isIP(hostname) !== 0) {
          errors.invalid(`${field}.hostname`, hostname, 'must be a DNS name, not an IP address');
        }
      });
    },
  ),

  validate({ metadata, spec }, errors, was) {
    const { rules = [], defaultBackend, tls = [], ingressClassName } = spec ?? {};
    if (rules.length === 0 && !defaultBackend) {
      errors.invalid('spec', rules, 'either `defaultBackend` or `rules` must be specified');
    }
    if (defaultBackend) validateBackend(defaultBackend, 'spec.defaultBackend', errors);
    rules.forEach((rule, index) => {
      validateRule(rule, `spec.rules[${index}]`, errors);
    });
    tls.forEach(({ hosts = [], secretName }, index) => {
      hosts.forEach((host, at) => {
        validateHost(host, `spec.tls[${index}].hosts[${at}]`, errors);
      });
      if (secretName) errors.invalidFor(`spec.tls[${index}].secretName`, secretName, isDns1123Subdomain(secretName));
    });
    if (ingressClassName !== undefined) {
      errors.invalidFor('spec.ingressClassName', ingressClassName, isDns1123Subdomain(ingressClassName));
      const old = metadata?.annotations?.[legacyClass];
      if (!was && old !== undefined && old !== ingressClassName) {
        const why = 'must match `ingressClassName` when both are specified';
        errors.invalid(`annotations.${legacyClass}`, old, why);
      }
    }
  },
  warnings: ({ metadata }) =>
    metadata?.annotations?.[legacyClass] === undefined
      ? []
      : [`annotation ${JSON.stringify(legacyClass)} is deprecated, please use 'spec.ingressClassName' instead`],
};

function validateRule({ host = '', http }: Rule, field: string, errors: FieldErrors): void {
  if (host !== '') {
    if (isIP(host) !== 0) errors.invalid(`${field}.host`, host, 'must be a DNS name, not an IP address');
    validateHost(host, `${field}.host`, errors);
  }
  if (!http) return;
  const paths = http.paths ?? [];
  if (paths.length === 0) errors.required(`${field}.http.paths`);
  paths.forEach(({ path = '', pathType, backend }, index) => {
    const at = `${field}.http.paths[${index}]`;
    if (pathType === undefined) errors.required(`${at}.pathType`, 'pathType must be specified');
    else if (!pathTypes.includes(pathType)) errors.notSupported(`${at}.pathType`, pathType, pathTypes);
    else if (pathType === 'ImplementationSpecific') {
      if (path !== '' && !path.startsWith('/')) errors.invalid(`${at}.path`, path, 'must be an absolute path');
    } else validatePath(path, `${at}.path`, errors);
    if (backend) validateBackend(backend, `${at}.backend`, errors);
    else errors.required(`${at}.backend`);
  });
}

const forbiddenInPaths = ['//', '/./', '/../', '%2f', '%2F'];
const forbiddenEnds = ['/..', '/.'];

function validatePath(path: string, field: string, errors: FieldErrors): void {
  if (!path.startsWith('/')) {
    errors.invalid(field, path, 'must be an absolute path');
    return;
  }
  for (const part of forbiddenInPaths)
    if (path.includes(part)) errors.invalid(field, path, `must not contain '${part}'`);
  for (const end of forbiddenEnds) if (path.endsWith(end)) errors.invalid(field, path, `cannot end with '${end}'`);
}

const wildcardMessage =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

function validateHost(host: string, field: string, errors: FieldErrors): void {
  if (!host.includes('*')) errors.invalidFor(field, host, isDns1123Subdomain(host));
  else if (!host.startsWith('*.') || isDns1123Subdomain(host.slice(2)).length > 0) {
    errors.invalid(field, host, wildcardMessage);
  }
}

function validateBackend({ service, resource }: Backend, field: string, errors: FieldErrors): void {
  if (service && resource) {
    errors.invalid(field, '', 'cannot set both resource and service backends');
    return;
  }
  if (resource) {
    const { apiGroup } = resource;
    if (apiGroup !== undefined) {
      errors.invalidFor(`${field}.resource.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup));
    }
    for (const part of ['kind', 'name'] as const) {
      const value = resource[part] ?? '';
      if (value === '') errors.required(`${field}.resource.${part}`, `${part} is required`);
      else {
        const messages = pathSegmentErrors(value, () => []);
        errors.invalidFor(`${field}.resource.${part}`, value, messages);
      }
    }
    return;
  }
  if (!service) {
    errors.invalid(field, '', 'resource or service backend is required');
    return;
  }
  const { name = '', port } = service;
  if (name === '') errors.required(`${field}.service.name`);
  else errors.invalidFor(`${field}.service.name`, name, isDns1035Label(name));
  const { name: portName, number } = port ?? {};
  if (portName && number) errors.invalid(field, '', 'cannot set both port name & port number');
  else if (portName) errors.invalidFor(`${field}.service.port.name`, portName, portNameErrors(portName));
  else if (number) validatePortNumber(number, `${field}.service.port.number`, errors);
  else errors.required(field, 'port name or number is required');
}

/** The first three hosts; `*` where the rules are for all. */
function hostsText({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map(({ host }) => host ?? '').filter(Boolean);
  return upToThree(hosts, '*');
}

export const ingressClassStrategy: Strategy<IngressClass> = {
  kind: kinds.ingressclasses,
  columns: [
    nameColumn,
    column<IngressClass>(
      'Controller',
      'Controller that is responsible for handling this class',
      ({ spec }) => spec?.controller ?? '',
    ),
    column<IngressClass>('Parameters', 'A reference to a resource with additional parameters', parametersText),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  setDefaults({ spec }) {
    if (spec?.parameters) spec.parameters.scope ??= 'Cluster';
  },
  validate({ spec }, errors) {
    const { controller = '', parameters } = spec ?? {};
    if (controller === '') errors.required('spec.controller');
    else if (controller.length > 250) errors.tooLong('spec.controller', 250);
    else if (!/^[^/]+\/.+$/.test(controller)) {
      errors.invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")');
    }
    if (!parameters) return;
    const field = 'spec.parameters';
    const { kind = '', name = '', scope = '', namespace } = parameters;
    for (const [part, value] of Object.entries({ kind, name })) {
      if (value === '') errors.required(`${field}.${part}`, `${part} is required`);
      else
        errors.invalidFor(
          `${field}.${part}`,
          value,
          pathSegmentErrors(value, () => []),
        );
    }
    if (scope !== 'Cluster' && scope !== 'Namespace') {
      errors.notSupported(`${field}.scope`, scope, ['Cluster', 'Namespace']);
    } else if (scope === 'Namespace' && !namespace) {
      errors.required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'");
    } else if (scope === 'Cluster' && namespace !== undefined) {
      errors.forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'");
    } else if (namespace) errors.invalidFor(`${field}.namespace`, namespace, isDns1123Label(namespace));
  },
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec.controller', spec?.controller, old.spec?.controller);
  },
};

/** `Kind.group/name` */
function parametersText({ spec }: IngressClass): string {
  if (!spec?.parameters) return '<none>';
  const { apiGroup, kind, name } = spec.parameters;
  return `${kind}${apiGroup ? `.${apiGroup}` : ''}/${name}`;
}
