/** One valid object of many kinds, with as many fields as a mutation should find to spoil. Only tests of bad input read this. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Example {
  /** The collection's path. */
  readonly path: string;
  readonly object: { [key: string]: Json };
}

const inDefault = (resource: string, group = ''): string =>
  `${group === '' ? '/api/v1' : `/apis/${group}`}/namespaces/default/${resource}`;

const podSpec: Json = {
  serviceAccountName: 'default',
  nodeSelector: { a: 'b' },
  tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 5 }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }],
      },
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { labelSelector: { matchLabels: { a: 'b' } }, topologyKey: 'kubernetes.io/hostname' },
      ],
    },
  },
  securityContext: { runAsUser: 5, fsGroup: 6 },
  volumes: [
    { name: 'v', emptyDir: { sizeLimit: '1Mi' } },
    { name: 'w', projected: { sources: [{ configMap: { name: 'x' } }, { serviceAccountToken: { path: 't' } }] } },
    { name: 'x', secret: { secretName: 's', items: [{ key: 'k', path: 'p' }] } },
  ],
  containers: [
    {
      name: 'c',
      image: 'x:1',
      command: ['a'],
      env: [{ name: 'E', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } },
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
      livenessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 5 },
    },
  ],
};
const labels = { a: 'b' };
const selector = { matchLabels: labels };
const template: Json = { metadata: { labels }, spec: podSpec };
const jobTemplate: Json = { metadata: { labels }, spec: { ...podSpec, restartPolicy: 'Never' } };

export const examples: Readonly<Record<string, Example>> = {
  ConfigMap: {
    path: inDefault('configmaps'),
    object: { data: { a: 'b' }, binaryData: { c: 'eA==' }, immutable: false },
  },
  Secret: { path: inDefault('secrets'), object: { data: { a: 'eA==' }, stringData: { b: 'x' }, type: 'Opaque' } },
  Pod: { path: inDefault('pods'), object: { spec: podSpec } },
  ReplicationController: {
    path: inDefault('replicationcontrollers'),
    object: { spec: { replicas: 2, selector: labels, template } },
  },
  Service: {
    path: inDefault('services'),
    object: {
      spec: {
        type: 'NodePort',
        selector: labels,
        externalIPs: ['1.2.3.4'],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
        ports: [
          { name: 'a', port: 80, targetPort: 'http' },
          { name: 'b', port: 81, protocol: 'UDP' },
        ],
      },
    },
  },
  Deployment: {
    path: inDefault('deployments', 'apps/v1'),
    object: {
      spec: {
        replicas: 2,
        selector,
        template,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
      },
    },
  },
  StatefulSet: {
    path: inDefault('statefulsets', 'apps/v1'),
    object: { spec: { serviceName: 's', replicas: 1, selector, template, podManagementPolicy: 'Parallel' } },
  },
  DaemonSet: { path: inDefault('daemonsets', 'apps/v1'), object: { spec: { selector, template } } },
  Job: {
    path: inDefault('jobs', 'batch/v1'),
    object: { spec: { completions: 2, parallelism: 1, backoffLimit: 3, template: jobTemplate } },
  },
  CronJob: {
    path: inDefault('cronjobs', 'batch/v1'),
    object: {
      spec: { schedule: '*/5 * * * *', concurrencyPolicy: 'Forbid', jobTemplate: { spec: { template: jobTemplate } } },
    },
  },
  HorizontalPodAutoscaler: {
    path: inDefault('horizontalpodautoscalers', 'autoscaling/v2'),
    object: {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
        minReplicas: 1,
        maxReplicas: 3,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    },
  },
  Ingress: {
    path: inDefault('ingresses', 'networking.k8s.io/v1'),
    object: {
      spec: {
        ingressClassName: 'c',
        tls: [{ hosts: ['a.example'], secretName: 's' }],
        rules: [
          {
            host: 'a.example',
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 's', port: { number: 80 } } } }],
            },
          },
        ],
      },
    },
  },
  NetworkPolicy: {
    path: inDefault('networkpolicies', 'networking.k8s.io/v1'),
    object: {
      spec: {
        podSelector: selector,
        policyTypes: ['Ingress'],
        ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80 }] }],
      },
    },
  },
  PodDisruptionBudget: {
    path: inDefault('poddisruptionbudgets', 'policy/v1'),
    object: { spec: { minAvailable: '50%', selector } },
  },
  PersistentVolumeClaim: {
    path: inDefault('persistentvolumeclaims'),
    object: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
  },
  ResourceQuota: { path: inDefault('resourcequotas'), object: { spec: { hard: { pods: '5', 'requests.cpu': '2' } } } },
  LimitRange: {
    path: inDefault('limitranges'),
    object: { spec: { limits: [{ type: 'Container', default: { cpu: '1' }, max: { cpu: '2' } }] } },
  },
  Role: {
    path: inDefault('roles', 'rbac.authorization.k8s.io/v1'),
    object: { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] }] },
  },
  RoleBinding: {
    path: inDefault('rolebindings', 'rbac.authorization.k8s.io/v1'),
    object: {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'a' }],
    },
  },
  Lease: {
    path: inDefault('leases', 'coordination.k8s.io/v1'),
    object: { spec: { holderIdentity: 'a', leaseDurationSeconds: 5, renewTime: '2026-01-01T00:00:00.000000Z' } },
  },
  EndpointSlice: {
    path: inDefault('endpointslices', 'discovery.k8s.io/v1'),
    object: {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['1.2.3.4'], conditions: { ready: true } }],
      ports: [{ name: 'a', port: 80, protocol: 'TCP' }],
    },
  },
  StorageClass: {
    path: '/apis/storage.k8s.io/v1/storageclasses',
    object: { provisioner: 'example.com/a', parameters: { a: 'b' }, reclaimPolicy: 'Delete' },
  },
  PersistentVolume: {
    path: '/api/v1/persistentvolumes',
    object: {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/a' },
        claimRef: { namespace: 'default', name: 'a' },
      },
    },
  },
  PriorityClass: { path: '/apis/scheduling.k8s.io/v1/priorityclasses', object: { value: 5, description: 'a' } },
  FlowSchema: {
    path: '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
    object: {
      spec: {
        priorityLevelConfiguration: { name: 'global-default' },
        matchingPrecedence: 500,
        distinguisherMethod: { type: 'ByUser' },
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: 'x' } }],
            resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
          },
        ],
      },
    },
  },
  ValidatingWebhookConfiguration: {
    path: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
    object: {
      webhooks: [
        {
          name: 'a.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Ignore',
          clientConfig: { url: 'https://127.0.0.1:1/' },
          namespaceSelector: { matchLabels: { never: 'matches' } },
          rules: [{ apiGroups: ['never'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothings'] }],
        },
      ],
    },
  },
  CustomResourceDefinition: {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    object: {
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList', shortNames: ['th'] },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 1 } } } },
              },
            },
            additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
          },
        ],
      },
    },
  },
};
