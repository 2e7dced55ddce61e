import test from 'ava';
import type { Pod, ReplicationController, Secret, Service } from '../../../../master/api/types.ts';
import { defaultPod, defaultTemplate } from '../../../../master/apiserver/registry/defaults/pod-spec.ts';
import { qosClass } from '../../../../master/apiserver/registry/defaults/qos.ts';
import { replicationControllerStrategy } from '../../../../master/apiserver/registry/strategies/replicationcontrollers.ts';
import { secretStrategy } from '../../../../master/apiserver/registry/strategies/secrets.ts';
import { setServiceDefaults } from '../../../../master/apiserver/registry/strategies/services.ts';

test('a pod that says only its container gets what Kubernetes shows', (t) => {
  const pod: Pod = { spec: { containers: [{ name: 'c', image: 'x' }] } };
  defaultPod(pod);
  t.deepEqual(pod.spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    containers: [
      {
        name: 'c',
        image: 'x',
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: {},
      },
    ],
  });
});

test('an image is always pulled when its tag may move', (t) => {
  const policy = (image: string): string | undefined => {
    const pod: Pod = { spec: { containers: [{ name: 'c', image }] } };
    defaultPod(pod);
    return pod.spec?.containers[0]?.imagePullPolicy;
  };
  t.is(policy('x'), 'Always');
  t.is(policy('x:latest'), 'Always');
  t.is(policy('host:5000/x'), 'Always');
  t.is(policy('x:1'), 'IfNotPresent');
  t.is(policy('host:5000/a/x:1'), 'IfNotPresent');
  t.is(policy(`x@sha256:${'0'.repeat(64)}`), 'IfNotPresent');
});

test('probes, ports, environment and volumes get their defaults', (t) => {
  const pod: Pod = {
    spec: {
      volumes: [{ name: 'a' }, { name: 'b', secret: { secretName: 's' } }, { name: 'c', configMap: { name: 'm' } }],
      containers: [
        {
          name: 'c',
          image: 'x:1',
          ports: [{ containerPort: 80 }],
          env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          readinessProbe: { httpGet: { port: 80 as never } },
          resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } },
        },
      ],
    },
  };
  defaultPod(pod);
  const container = pod.spec?.containers[0];
  t.is(container?.ports?.[0]?.protocol, 'TCP');
  t.is(container?.env?.[0]?.valueFrom?.fieldRef?.apiVersion, 'v1');
  t.deepEqual(container?.readinessProbe as unknown, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  t.deepEqual(container?.resources?.requests, { cpu: '100m', memory: '1Gi' });
  t.deepEqual(pod.spec?.volumes, [
    { name: 'a', emptyDir: {} },
    { name: 'b', secret: { secretName: 's', defaultMode: 420 } },
    { name: 'c', configMap: { name: 'm', defaultMode: 420 } },
  ]);
});

test('a pod in its node’s network has the node’s ports, and a template leaves that to its pods', (t) => {
  const spec = () => ({ hostNetwork: true, containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 80 }] }] });
  const pod: Pod = { spec: spec() };
  defaultPod(pod);
  t.is(pod.spec?.containers[0]?.ports?.[0]?.hostPort, 80);
  const template = { spec: spec() };
  defaultTemplate(template);
  const ports: unknown = template.spec.containers[0]?.ports;
  t.deepEqual(ports, [{ containerPort: 80, protocol: 'TCP' }]);
});

test('a pod that says what it needs as a whole asks for what its containers do', (t) => {
  const pod: Pod = {
    spec: {
      resources: { limits: { cpu: '1', memory: '1Gi' } },
      containers: ['a', 'b'].map((name) => ({ name, image: 'x', resources: { requests: { cpu: '150m' } } })),
    },
  };
  defaultPod(pod);
  t.deepEqual(pod.spec?.resources?.requests, { cpu: '300m', memory: '1Gi' });
});

test('defaulting twice is defaulting once', (t) => {
  const pod: Pod = {
    spec: { containers: [{ name: 'c', image: 'x:1', livenessProbe: { exec: { command: ['true'] } } }] },
  };
  defaultPod(pod);
  const once = structuredClone(pod);
  defaultPod(pod);
  t.deepEqual(pod, once);
});

test('the quality of service follows from requests and limits', (t) => {
  const of = (...resources: NonNullable<NonNullable<Pod['spec']>['containers'][number]['resources']>[]) =>
    qosClass({ containers: resources.map((resource, index) => ({ name: `c${index}`, resources: resource })) });
  t.is(of({}), 'BestEffort');
  t.is(of({ requests: { cpu: '1' } }), 'Burstable');
  t.is(of({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } }), 'Guaranteed');
  t.is(of({ limits: { cpu: '1', memory: '1Gi' } }, {}), 'Burstable');
});

test('a replication controller takes selector and labels from its template, and one replica', (t) => {
  const rc: ReplicationController = {
    metadata: { name: 'a' },
    spec: { template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x:1' }] } } },
  };
  replicationControllerStrategy.setDefaults?.(rc);
  t.deepEqual(rc.spec?.selector, { app: 'a' });
  t.deepEqual(rc.metadata?.labels, { app: 'a' });
  t.is(rc.spec?.replicas, 1);
  t.is(rc.spec?.template?.spec?.restartPolicy, 'Always');
  t.is(rc.spec?.template?.spec?.enableServiceLinks, undefined);
});

test('a Service gets its type, protocol, target port, policies and IP family', (t) => {
  const service: Service = { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } };
  setServiceDefaults(service);
  t.deepEqual(service.spec as unknown, {
    type: 'ClusterIP',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
  });
  const external: Service = { spec: { type: 'ExternalName', externalName: 'example.com' } };
  setServiceDefaults(external);
  t.is(external.spec?.ipFamilies, undefined);
});

test("a Secret's stringData becomes data", (t) => {
  const secret: Secret = { stringData: { a: 'hi' }, data: { b: 'eA==' } };
  secretStrategy.setDefaults?.(secret);
  t.deepEqual(secret, { data: { a: 'aGk=', b: 'eA==' }, type: 'Opaque' });
});
