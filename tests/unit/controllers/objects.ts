/** Small objects for the tests of the controllers' decisions. */
import type { Node, Pod, ReplicationController, Service } from '../../../master/api/types.ts';

export const at = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

export interface PodSketch {
  name: string;
  node?: string;
  phase?: string;
  ready?: boolean;
  /** Seconds since the epoch. */
  readySince?: number;
  created?: number;
  restarts?: number;
  cost?: string;
  labels?: Record<string, string>;
  owner?: string;
  terminating?: boolean;
  ip?: string;
  resourceVersion?: string;
  ports?: { name: string; containerPort: number; protocol?: string }[];
}

export function pod(sketch: PodSketch): Pod {
  const { name, node, ready = false, readySince = 0, created = 0, restarts = 0 } = sketch;
  return {
    metadata: {
      namespace: 'default',
      name,
      uid: `uid-${name}`,
      resourceVersion: sketch.resourceVersion ?? '1',
      creationTimestamp: at(created),
      labels: sketch.labels ?? { app: 'web' },
      ...(sketch.cost && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': sketch.cost } }),
      ...(sketch.terminating && { deletionTimestamp: at(0) }),
      ...(sketch.owner && {
        ownerReferences: [
          { apiVersion: 'v1', kind: 'ReplicationController', name: 'web', uid: sketch.owner, controller: true },
        ],
      }),
    },
    spec: {
      containers: [{ name: 'c', ...(sketch.ports && { ports: sketch.ports }) }],
      ...(node && { nodeName: node }),
    },
    status: {
      phase: sketch.phase ?? 'Running',
      ...(sketch.ip && { podIP: sketch.ip, podIPs: [{ ip: sketch.ip }] }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at(readySince) }],
      containerStatuses: [
        { name: 'c', restartCount: restarts, image: '', imageID: '', ready, lastState: {}, state: {} },
      ],
    },
  };
}

export function controller(sketch: { replicas?: number; minReadySeconds?: number; terminating?: boolean } = {}) {
  return {
    metadata: {
      namespace: 'default',
      name: 'web',
      uid: 'rc-1',
      generation: 3,
      ...(sketch.terminating && { deletionTimestamp: at(0) }),
    },
    spec: {
      replicas: sketch.replicas ?? 3,
      minReadySeconds: sketch.minReadySeconds ?? 0,
      selector: { app: 'web' },
      template: { metadata: { labels: { app: 'web', tier: 'front' } }, spec: { containers: [{ name: 'c' }] } },
    },
  } satisfies ReplicationController;
}

export function service(spec: Service['spec'] = {}, labels: Record<string, string> = {}): Service {
  return {
    metadata: { namespace: 'default', name: 'web', uid: 'svc-1', labels },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  };
}

export function node(name: string, ready: 'True' | 'False' | 'Unknown' | undefined, spec: Node['spec'] = {}): Node {
  const conditions = ready === undefined ? [] : [{ type: 'Ready', status: ready, lastHeartbeatTime: at(0) }];
  return { metadata: { name, uid: `uid-${name}`, creationTimestamp: at(0) }, spec, status: { conditions } };
}
