/** Every built-in kind, as kubectl makes, shows, changes and deletes it, against an API server alone: no controllers, no nodes. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';

const file = fileURLToPath(new URL('../../support/one-of-each.yaml', import.meta.url));
let api: TestApiServers;
let kubectl: Kubectl;

test.before(async () => {
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig);
});

test.after.always(async () => {
  await api?.stop();
});

const lines = (text: string): string[] => text.trim().split('\n');

/** What `kubectl get -o wide` prints of each object of the manifest, with its columns; ages are left out of the rows. */
const shown = `
PodTemplate: NAME CONTAINERS IMAGES POD-LABELS | main trimaster/echo:1 app=each
LimitRange: NAME CREATED-AT | <time>
ResourceQuota: NAME REQUEST LIMIT AGE |
PersistentVolume: NAME CAPACITY ACCESS-MODES RECLAIM-POLICY STATUS CLAIM STORAGECLASS VOLUMEATTRIBUTESCLASS REASON AGE VOLUMEMODE | 5Gi RWO Retain Pending each-storageclass <unset> Filesystem
PersistentVolumeClaim: NAME STATUS VOLUME CAPACITY ACCESS-MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE VOLUMEMODE | Pending each-storageclass <unset> Filesystem
APIService: NAME SERVICE AVAILABLE AGE | default/each *
Deployment: NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR | 0/0 0 0 main trimaster/echo:1 app=each-deployment
ReplicaSet: NAME DESIRED CURRENT READY AGE CONTAINERS IMAGES SELECTOR | 0 0 0 main trimaster/echo:1 app=each-replicaset
StatefulSet: NAME READY AGE CONTAINERS IMAGES | 0/0 main trimaster/echo:1
DaemonSet: NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE-SELECTOR AGE CONTAINERS IMAGES SELECTOR | 0 0 0 0 0 example.com/none=true main trimaster/echo:1 app=each-daemonset
ControllerRevision: NAME CONTROLLER REVISION AGE | <none> 1
HorizontalPodAutoscaler: NAME REFERENCE TARGETS MINPODS MAXPODS REPLICAS AGE | Deployment/each-deployment cpu: <unknown>/70% 1 3 0
Job: NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR | Running 0/1 main trimaster/echo:1 batch.kubernetes.io/controller-uid=*
CronJob: NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST-SCHEDULE AGE CONTAINERS IMAGES SELECTOR | 0 0 1 1 * <none> True 0 <none> main trimaster/echo:1 <none>
Ingress: NAME CLASS HOSTS ADDRESS PORTS AGE | each-ingressclass each.example.com 80, 443
IngressClass: NAME CONTROLLER PARAMETERS AGE | example.com/each <none>
NetworkPolicy: NAME POD-SELECTOR AGE | app=each
IPAddress: NAME PARENTREF | services/default/each
ServiceCIDR: NAME CIDRS AGE | 192.0.2.0/24
PodDisruptionBudget: NAME MIN-AVAILABLE MAX-UNAVAILABLE ALLOWED-DISRUPTIONS AGE | 1 N/A 0
StorageClass: NAME PROVISIONER RECLAIMPOLICY VOLUMEBINDINGMODE ALLOWVOLUMEEXPANSION AGE | example.com/each Delete WaitForFirstConsumer true
VolumeAttachment: NAME ATTACHER PV NODE ATTACHED AGE | example.com each-persistentvolume node-1 false
CSIDriver: NAME ATTACHREQUIRED PODINFOONMOUNT STORAGECAPACITY TOKENREQUESTS REQUIRESREPUBLISH MODES AGE | false false false <unset> false Persistent
CSINode: NAME DRIVERS AGE | 1
CSIStorageCapacity: NAME STORAGECLASSNAME CAPACITY | each-storageclass 10Gi
VolumeAttributesClass: NAME DRIVERNAME AGE | each.example.com
MutatingWebhookConfiguration: NAME WEBHOOKS AGE | 1
ValidatingWebhookConfiguration: NAME WEBHOOKS AGE | 1
ValidatingAdmissionPolicy: NAME VALIDATIONS PARAMKIND AGE | 1 <unset>
ValidatingAdmissionPolicyBinding: NAME POLICYNAME PARAMREF AGE | each-validatingadmissionpolicy <unset>
MutatingAdmissionPolicy: NAME MUTATIONS PARAMKIND AGE | 1 <unset>
MutatingAdmissionPolicyBinding: NAME POLICYNAME PARAMREF AGE | each-mutatingadmissionpolicy <unset>
CustomResourceDefinition: NAME CREATED-AT | <time>
PriorityClass: NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY | 1000 false PreemptLowerPriority
RuntimeClass: NAME HANDLER AGE | each
DeviceClass: NAME AGE |
ResourceClaim: NAME STATE AGE | pending
ResourceClaimTemplate: NAME AGE |
ResourceSlice: NAME NODE DRIVER POOL AGE | node-1 each.example.com node-1
FlowSchema: NAME PRIORITYLEVEL MATCHINGPRECEDENCE DISTINGUISHERMETHOD AGE MISSINGPL | each-prioritylevelconfiguration 9000 <none> *
PriorityLevelConfiguration: NAME TYPE NOMINALCONCURRENCYSHARES QUEUES HANDSIZE QUEUELENGTHLIMIT AGE | Limited 5 <none> <none> <none>
`;

/** Changes that Kubernetes refuses, and its words. */
const refusals: readonly (readonly [object: string, patch: object, words: RegExp])[] = [
  [
    'deployment/each-deployment',
    { spec: { selector: { matchLabels: { b: 'c' } } } },
    /spec\.selector: Invalid value: .*field is immutable/,
  ],
  [
    'statefulset/each-statefulset',
    { spec: { serviceName: 'other' } },
    /spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden/,
  ],
  [
    'job/each-job',
    { spec: { template: { spec: { restartPolicy: 'OnFailure' } } } },
    /spec\.template: Invalid value: .*field is immutable/,
  ],
  [
    'pvc/each-persistentvolumeclaim',
    { spec: { storageClassName: 'other', accessModes: ['ReadWriteMany'] } },
    /spec: Forbidden: spec is immutable after creation except resources\.requests and volumeAttributesClassName for bound claims/,
  ],
  [
    'pv/each-persistentvolume',
    { spec: { hostPath: { path: '/other' } } },
    /spec\.persistentvolumesource: Forbidden: spec\.persistentvolumesource is immutable after creation/,
  ],
  [
    'sc/each-storageclass',
    { provisioner: 'other.com/x' },
    /provisioner: Forbidden: updates to provisioner are forbidden\./,
  ],
  ['priorityclass/each-priorityclass', { value: 5 }, /value: Forbidden: may not be changed in an update\./],
  [
    'ingressclass/each-ingressclass',
    { spec: { controller: 'example.com/other' } },
    /spec\.controller: Invalid value: "example\.com\/other": field is immutable/,
  ],
  ['runtimeclass/each-runtimeclass', { handler: 'other' }, /handler: Invalid value: "other": field is immutable/],
  ['controllerrevision/each-controllerrevision', { data: { a: 2 } }, /data: Invalid value: .*field is immutable/],
  [
    'cronjob/each-cronjob',
    { spec: { schedule: '61 * * * *' } },
    /spec\.schedule: Invalid value: "61 \* \* \* \*": end of range \(61\) above maximum \(59\): 61/,
  ],
];

test.serial('one of each kind is applied, shown, applied again, and deleted', async (t) => {
  const count = parseAllDocuments(await readFile(file, 'utf8')).length;
  t.is(lines(await kubectl.run('create', '-f', file, '--dry-run=server')).length, count);
  const created = lines(await kubectl.run('apply', '-f', file));
  t.deepEqual(
    created.filter((line) => !line.endsWith(' created')),
    [],
  );
  t.is(created.length, count);
  // Where a list is one value and its items have defaults kubectl sends it anew, with Kubernetes too; nothing is written.
  const versions = (): Promise<string> =>
    kubectl.run('get', '-f', file, '-o', 'jsonpath={.items[*].metadata.resourceVersion}');
  const before = await versions();
  t.regex(await kubectl.run('apply', '-f', file), /deployment\.apps\/each-deployment unchanged/);
  t.is(await versions(), before);

  const blocks = (await kubectl.run('get', '-f', file, '-o', 'wide')).trim().split(/\n\n+/);
  const rows = shown.trim().split('\n');
  t.is(blocks.length, rows.length);
  blocks.forEach((block, index) => {
    const [kind = '', columns = '', cells = ''] = (rows[index] ?? '').split(/: (?=NAME)|(?<=[A-Z]) \|/);
    const [header = '', row = ''] = block.split('\n');
    t.is(
      header
        .trim()
        .split(/ {2,}/)
        .map((name) => name.trim().replaceAll(' ', '-'))
        .join(' '),
      columns.trim(),
      kind,
    );
    const values = row
      .split(/\s+/)
      .slice(1)
      // An age, and why nobody answers behind the APIService, which may be known already.
      .filter((value) => !/^(\d+s|\([A-Z]\w+\))$/.test(value));
    t.regex(values.join(' ').trim(), new RegExp(`^${pattern(cells.trim())}$`), kind);
  });

  await Promise.all(
    refusals.map(async ([object, patch, words]) => {
      const { code, stderr } = await kubectl.try(['patch', object, '--type=merge', '-p', JSON.stringify(patch)]);
      t.is(code, 1, object);
      t.regex(stderr, words, object);
    }),
  );
  const applied = lines(await kubectl.run('apply', '--server-side', '--force-conflicts', '-f', file));
  t.deepEqual(
    applied.filter((line) => !line.endsWith(' serverside-applied')),
    [],
  );

  t.regex(
    await kubectl.run('get', 'all'),
    /deployment\.apps\/each-deployment[\s\S]*horizontalpodautoscaler\.autoscaling\/each/,
  );
  t.is(lines(await kubectl.run('delete', '-f', file)).length, count);
});

const pattern = (text: string): string =>
  text
    .replaceAll(/[.+?^${}()|[\]\\/]/g, '\\$&')
    .replaceAll('1 1 *', '1 1 \\*')
    .replaceAll(/(?<!\\)\*/g, '\\S*')
    .replaceAll('<time>', '\\S+Z');

test.serial('kubectl’s own commands make workloads and answer about them', async (t) => {
  const run = (text: string): Promise<string> => kubectl.run(...text.split(' '));
  t.is(await run('create deployment web --image=trimaster/echo:1 --replicas=2'), 'deployment.apps/web created\n');
  t.is(await run('create job once --image=trimaster/echo:1'), 'job.batch/once created\n');
  t.is(await run('create cronjob often --image=trimaster/echo:1 --schedule=@hourly'), 'cronjob.batch/often created\n');
  t.is(await run('create job by-hand --from=cronjob/often'), 'job.batch/by-hand created\n');
  t.is(await run('create ingress web --rule=a.example.com/=web:80'), 'ingress.networking.k8s.io/web created\n');
  t.is(await run('create pdb web --selector=app=web --min-available=1'), 'poddisruptionbudget.policy/web created\n');
  t.is(await run('create quota few --hard=pods=100'), 'resourcequota/few created\n');
  t.is(await run('create priorityclass high --value=100'), 'priorityclass.scheduling.k8s.io/high created\n');
  t.is(await run('autoscale deployment web --max=5 --min=2'), 'horizontalpodautoscaler.autoscaling/web autoscaled\n');
  t.is(await run('scale deployment web --replicas=3'), 'deployment.apps/web scaled\n');
  t.is(await run('get deployment web -o jsonpath={.spec.replicas}/{.metadata.generation}'), '3/2');
  t.is(await run('set image deployment/web echo=trimaster/echo:2'), 'deployment.apps/web image updated\n');
  t.is(await run('rollout restart deployment/web'), 'deployment.apps/web restarted\n');
  t.regex(await run('rollout history deployment/web'), /^deployment\.apps\/web/);
  t.regex(
    await run('rollout status deployment/web --watch=false'),
    /^Waiting for deployment spec update to be observed/,
  );
  t.regex(await run('describe deployment web'), /StrategyType:\s+RollingUpdate/);
  t.regex(await run('describe hpa web'), /Reference:\s+Deployment\/web/);
  t.regex(await run('describe quota few'), /Resource\s+Used\s+Hard/);
  t.is(
    await run('get horizontalpodautoscalers.v1.autoscaling web -o jsonpath={.spec.targetCPUUtilizationPercentage}'),
    '80',
  );
  await run('delete deployment,job,cronjob,ingress,pdb,quota,hpa --all');
  await run('delete priorityclass high');
});

test.serial('the API says what it serves, and explains it', async (t) => {
  const resources = await kubectl.run('api-resources', '--no-headers');
  for (const [name, short] of Object.entries({
    deployments: 'deploy',
    statefulsets: 'sts',
    cronjobs: 'cj',
    horizontalpodautoscalers: 'hpa',
    poddisruptionbudgets: 'pdb',
    persistentvolumeclaims: 'pvc',
    storageclasses: 'sc',
    networkpolicies: 'netpol',
    priorityclasses: 'pc',
    componentstatuses: 'cs',
  })) {
    t.regex(resources, new RegExp(`^${name}\\s+${short}\\s`, 'm'));
  }
  const versions = lines(await kubectl.run('api-versions'));
  for (const version of ['apps/v1', 'autoscaling/v1', 'autoscaling/v2', 'events.k8s.io/v1', 'resource.k8s.io/v1']) {
    t.true(versions.includes(version), version);
  }
  t.regex(await kubectl.run('explain', 'deployment', '--recursive'), /maxSurge/);
  t.regex(await kubectl.run('explain', 'hpa.spec.behavior', '--recursive'), /stabilizationWindowSeconds/);
  t.regex(await kubectl.run('explain', 'cronjob.spec.jobTemplate.spec', '--recursive'), /backoffLimit/);
  t.regex(
    await kubectl.run('get', 'componentstatuses'),
    /^NAME\s+STATUS\s+MESSAGE\s+ERROR\n(.*\n)*etcd-0\s+Healthy\s+ok/,
  );
  const first = await kubectl.run(
    'get',
    'priorityclasses,flowschemas,prioritylevelconfigurations,servicecidrs',
    '-o',
    'name',
  );
  for (const name of ['system-node-critical', 'system-cluster-critical', '/exempt', '/catch-all', '/kubernetes']) {
    t.true(first.includes(name), name);
  }
  t.regex(await kubectl.run('get', 'apiservices', 'v1.apps'), /v1\.apps\s+Local\s+True/);
});

test.serial('a running pod is debugged with another container, and resized', async (t) => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'main', image: 'trimaster/echo:1', resources: { requests: { cpu: '100m' } } }] },
  };
  await kubectl.feed(JSON.stringify(pod), 'create', '-f', '-');
  const patch = (part: string, spec: object): Promise<{ code: number; stderr: string }> =>
    kubectl.try(['patch', 'pod', 'a', `--subresource=${part}`, '-p', JSON.stringify({ spec })]);
  await kubectl.try([
    'debug',
    'a',
    '--image=trimaster/echo:1',
    '--container=helper',
    '--attach=false',
    '--',
    'sleep',
    '9',
  ]);
  t.is(await kubectl.run('get', 'pod', 'a', '-o', 'jsonpath={.spec.ephemeralContainers[*].name}'), 'helper');
  t.is((await patch('resize', { containers: [{ name: 'main', resources: { requests: { cpu: '200m' } } }] })).code, 0);
  t.is(await kubectl.run('get', 'pod', 'a', '-o', 'jsonpath={.spec.containers[0].resources.requests.cpu}'), '200m');
  const worse = await patch('resize', {
    containers: [{ name: 'main', resources: { limits: { 'example.com/x': '1' } } }],
  });
  t.regex(worse.stderr, /only cpu and memory resources are mutable/);
  await kubectl.run('delete', 'pod', 'a', '--force');
});
