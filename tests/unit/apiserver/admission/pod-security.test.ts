import test from 'ava';
import { kinds } from '../../../../master/api/kinds.ts';
import type { Container, Pod, ReplicationController } from '../../../../master/api/types.ts';
import { podSecurity } from '../../../../master/apiserver/admission/pod-security/pod-security.ts';
import { findings, findingsText, type Level } from '../../../../master/apiserver/admission/pod-security/standards.ts';
import { change, context, creation, objectsWith, podOf } from './support.ts';

const label = (name: string): string => `pod-security.kubernetes.io/${name}`;
const namespace = (name: string, labels: Record<string, string>) => ({
  metadata: {
    name,
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [label(key), value])),
  },
});

const wild = podOf({ hostNetwork: true }, { name: 'wild', namespace: 'open' });
const plugin = podSecurity(
  objectsWith({
    namespaces: [
      namespace('open', {}),
      namespace('strict', { enforce: 'restricted' }),
      namespace('warned', { warn: 'baseline', audit: 'baseline', 'warn-version': 'v1.30' }),
    ],
    pods: [wild, podOf({}, { name: 'tame', namespace: 'open' })],
  }),
);

const said = (level: Level, spec: Partial<NonNullable<Pod['spec']>>, version: number | 'latest' = 'latest'): string =>
  findingsText(findings({ level, version }, podOf(spec)));
const secured = (securityContext: NonNullable<Container['securityContext']>): Partial<NonNullable<Pod['spec']>> => ({
  containers: [{ name: 'c', image: 'i', securityContext }],
});

test('baseline names each way out of the container', (t) => {
  t.is(said('baseline', {}), '');
  t.is(said('baseline', { hostNetwork: true, hostPID: true }), 'host namespaces (hostNetwork=true, hostPID=true)');
  t.is(
    said('baseline', secured({ privileged: true, capabilities: { add: ['NET_ADMIN', 'CHOWN'] } })),
    'non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add), privileged (container "c" must not set securityContext.privileged=true)',
  );
  t.is(
    said('baseline', {
      volumes: [
        { name: 'a', hostPath: { path: '/' } },
        { name: 'b', hostPath: { path: '/' } },
      ],
    }),
    'hostPath volumes (volumes "a", "b")',
  );
  const ports = [{ containerPort: 80, hostPort: 80 }];
  t.is(
    said('baseline', { containers: [{ name: 'c', image: 'i', ports }] }),
    'hostPort (container "c" uses hostPort 80)',
  );
  t.is(
    said('baseline', { securityContext: { seLinuxOptions: { type: 'spc_t', user: 'u' } } }),
    'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
  );
  t.is(
    said('baseline', { ...secured({ seccompProfile: { type: 'Unconfined' } }) }),
    'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")',
  );
});

test('restricted asks for what a hardened pod says', (t) => {
  t.is(
    said('restricted', {}),
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
      'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  );
  const hardened = {
    ...secured({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }),
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  };
  t.is(said('restricted', hardened), '');
  t.is(
    said('restricted', { ...hardened, volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
    'restricted volume types (volume "v" uses restricted volume type "hostPath")',
  );
});

test('a version of the standard asks for what it did then', (t) => {
  const probed = {
    containers: [{ name: 'c', image: 'i', livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } }],
  };
  t.is(said('baseline', probed, 33), '');
  t.is(said('baseline', probed, 34), 'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")');
  const sysctl = { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } };
  t.is(said('baseline', sysctl, 31), 'forbidden sysctls (net.ipv4.tcp_rmem)');
  t.is(said('baseline', sysctl), '');
});

test('a namespace that enforces refuses pods, and warns of templates', async (t) => {
  const refused = async (pod: Pod) => plugin.validate?.(creation(pod, { namespace: 'strict' }));
  await t.throwsAsync(refused(wild), {
    message: /^pods "a" is forbidden: violates PodSecurity "restricted:latest": host namespaces \(hostNetwork=true\), /,
  });
  const ctx = context();
  const controller: ReplicationController = {
    spec: { template: { spec: { containers: [{ name: 'c', image: 'i' }] } } },
  };
  await plugin.validate?.(creation(controller, { ctx, kind: kinds.replicationcontrollers, namespace: 'strict' }));
  t.regex(ctx.warnings[0] ?? '', /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
});

test('a namespace that only warns admits, and notes for the audit', async (t) => {
  const ctx = context({ auditAnnotations: new Map() });
  await plugin.validate?.(creation(wild, { ctx, namespace: 'warned' }));
  t.deepEqual(ctx.warnings, ['would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)']);
  t.deepEqual(
    [...(ctx.auditAnnotations ?? [])],
    [
      [label('enforce-policy'), 'privileged:latest'],
      [label('audit-violations'), 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'],
    ],
  );
});

test('labels that say no level are refused, and stricter ones warn of the pods that are there', async (t) => {
  const bad = namespace('open', { enforce: 'very', 'warn-version': '2' });
  await t.throwsAsync(async () => plugin.validate?.(creation(bad, { kind: kinds.namespaces, name: 'open' })), {
    message:
      'Namespace "open" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "very": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "2": must be "latest" or "v1.x"]',
  });
  const stricter = change(namespace('open', { enforce: 'baseline' }), namespace('open', {}), kinds.namespaces);
  await plugin.validate?.({ ...stricter, namespace: undefined, name: 'open' });
  t.deepEqual(stricter.ctx.warnings, [
    'existing pods in namespace "open" violate the new PodSecurity enforce level "baseline:latest"',
    'wild: host namespaces',
  ]);
});
