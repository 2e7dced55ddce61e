/** The shape of a pod and of everything that has a pod template. */
import { conditionFields, kindShape, labelSelector, localObjectReference, objectMeta } from './meta.ts';
import {
  any,
  boolean,
  integer,
  intOrString,
  list,
  listBy,
  map,
  type ObjectShape,
  object,
  quantity,
  string,
  stringMap,
} from './shape.ts';

const quantities = map(quantity);
const keyRef = object({ name: string, key: string, optional: boolean });
const resources = object({ limits: quantities, requests: quantities, claims: any });

const httpGet = object({
  path: string,
  port: intOrString,
  host: string,
  scheme: string,
  httpHeaders: list(object({ name: string, value: string })),
});
const tcpSocket = object({ port: intOrString, host: string });
const exec = object({ command: list(string) });

const probe = object({
  exec,
  httpGet,
  tcpSocket,
  grpc: object({ port: integer, service: string }),
  initialDelaySeconds: integer,
  timeoutSeconds: integer,
  periodSeconds: integer,
  successThreshold: integer,
  failureThreshold: integer,
  terminationGracePeriodSeconds: integer,
});
const lifecycleHandler = object({ exec, httpGet, tcpSocket, sleep: object({ seconds: integer }) });

const env = listBy(
  'name',
  object({
    name: string,
    value: string,
    valueFrom: object({
      fieldRef: object({ apiVersion: string, fieldPath: string }),
      resourceFieldRef: object({ containerName: string, resource: string, divisor: quantity }),
      configMapKeyRef: keyRef,
      secretKeyRef: keyRef,
    }),
  }),
);

export const container = object({
  name: string,
  image: string,
  command: list(string),
  args: list(string),
  workingDir: string,
  ports: listBy(
    'containerPort',
    object({ name: string, hostPort: integer, containerPort: integer, protocol: string, hostIP: string }),
  ),
  envFrom: list(
    object({
      prefix: string,
      configMapRef: object({ name: string, optional: boolean }),
      secretRef: object({ name: string, optional: boolean }),
    }),
  ),
  env,
  resources,
  resizePolicy: list(object({ resourceName: string, restartPolicy: string })),
  restartPolicy: string,
  volumeMounts: listBy(
    'mountPath',
    object({
      name: string,
      mountPath: string,
      subPath: string,
      subPathExpr: string,
      readOnly: boolean,
      mountPropagation: string,
    }),
  ),
  volumeDevices: listBy('devicePath', object({ name: string, devicePath: string })),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: object({ postStart: lifecycleHandler, preStop: lifecycleHandler, stopSignal: string }),
  terminationMessagePath: string,
  terminationMessagePolicy: string,
  imagePullPolicy: string,
  securityContext: object({ privileged: boolean, runAsUser: integer, runAsGroup: integer, runAsNonRoot: boolean }),
  stdin: boolean,
  stdinOnce: boolean,
  tty: boolean,
});

const fileItems = list(object({ key: string, path: string, mode: integer }));
const downwardItems = list(
  object({
    path: string,
    mode: integer,
    fieldRef: object({ apiVersion: string, fieldPath: string }),
    resourceFieldRef: object({ containerName: string, resource: string, divisor: quantity }),
  }),
);

export const volume: ObjectShape = {
  is: 'object',
  retainKeys: true,
  fields: {
    name: string,
    emptyDir: object({ medium: string, sizeLimit: quantity }),
    hostPath: object({ path: string, type: string }),
    configMap: object({ name: string, items: fileItems, defaultMode: integer, optional: boolean }),
    secret: object({ secretName: string, items: fileItems, defaultMode: integer, optional: boolean }),
    downwardAPI: object({ items: downwardItems, defaultMode: integer }),
    projected: object({
      defaultMode: integer,
      sources: list(
        object({
          configMap: object({ name: string, items: fileItems, optional: boolean }),
          secret: object({ name: string, items: fileItems, optional: boolean }),
          downwardAPI: object({ items: downwardItems }),
          serviceAccountToken: object({ audience: string, expirationSeconds: integer, path: string }),
        }),
      ),
    }),
    persistentVolumeClaim: object({ claimName: string, readOnly: boolean }),
  },
};

export const toleration = object({
  key: string,
  operator: string,
  value: string,
  effect: string,
  tolerationSeconds: integer,
});

export const podSpec = object({
  volumes: listBy('name', volume),
  initContainers: listBy('name', container),
  containers: listBy('name', container),
  ephemeralContainers: listBy('name', container),
  restartPolicy: string,
  terminationGracePeriodSeconds: integer,
  activeDeadlineSeconds: integer,
  dnsPolicy: string,
  dnsConfig: object({
    nameservers: list(string),
    searches: list(string),
    options: list(object({ name: string, value: string })),
  }),
  nodeSelector: stringMap,
  serviceAccountName: string,
  serviceAccount: string,
  automountServiceAccountToken: boolean,
  nodeName: string,
  hostNetwork: boolean,
  hostPID: boolean,
  hostIPC: boolean,
  hostUsers: boolean,
  shareProcessNamespace: boolean,
  securityContext: object({ runAsUser: integer, runAsGroup: integer, fsGroup: integer, runAsNonRoot: boolean }),
  imagePullSecrets: listBy('name', localObjectReference),
  hostname: string,
  subdomain: string,
  affinity: any,
  schedulerName: string,
  tolerations: list(toleration),
  hostAliases: listBy('ip', object({ ip: string, hostnames: list(string) })),
  priorityClassName: string,
  priority: integer,
  preemptionPolicy: string,
  readinessGates: list(object({ conditionType: string })),
  runtimeClassName: string,
  enableServiceLinks: boolean,
  overhead: quantities,
  topologySpreadConstraints: listBy(
    'topologyKey',
    object({ maxSkew: integer, topologyKey: string, whenUnsatisfiable: string, labelSelector }),
  ),
  schedulingGates: listBy('name', object({ name: string })),
  resourceClaims: listBy('name', object({ name: string })),
  resources,
});

export const podTemplate = object({ metadata: objectMeta, spec: podSpec });

const containerState = object({
  waiting: object({ reason: string, message: string }),
  running: object({ startedAt: string }),
  terminated: object({
    exitCode: integer,
    signal: integer,
    reason: string,
    message: string,
    startedAt: string,
    finishedAt: string,
    containerID: string,
  }),
});
const containerStatuses = list(
  object({
    name: string,
    state: containerState,
    lastState: containerState,
    ready: boolean,
    restartCount: integer,
    image: string,
    imageID: string,
    containerID: string,
    started: boolean,
  }),
);

export const podShape = kindShape({
  spec: podSpec,
  status: object({
    phase: string,
    conditions: listBy('type', object({ ...conditionFields, lastProbeTime: string })),
    message: string,
    reason: string,
    nominatedNodeName: string,
    hostIP: string,
    hostIPs: list(object({ ip: string })),
    podIP: string,
    podIPs: listBy('ip', object({ ip: string })),
    startTime: string,
    initContainerStatuses: containerStatuses,
    containerStatuses,
    ephemeralContainerStatuses: containerStatuses,
    qosClass: string,
    observedGeneration: integer,
  }),
});
