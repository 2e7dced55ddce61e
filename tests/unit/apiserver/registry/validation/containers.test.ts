/** The rules of containers, each with one thing wrong. */
import test from 'ava';
import { errorsOf, podOf, type Row } from './pods-of.ts';

/** Wrong containers, with what is said after `spec.containers[0]`. */
const containers: Readonly<Record<string, readonly Row[]>> = {
  'names and images': [
    [
      { name: 'A' },
      ".name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ],
    [{ image: 'x:1 ' }, '.image: Invalid value: "x:1 ": must not have leading or trailing whitespace'],
    [
      { imagePullPolicy: 'x' },
      '.imagePullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      { terminationMessagePolicy: 'x' },
      '.terminationMessagePolicy: Unsupported value: "x": supported values: "FallbackToLogsOnError", "File"',
    ],
  ],
  ports: [
    [
      { ports: [{ containerPort: 1, hostPort: 70_000 }] },
      '.ports[0].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      { ports: [{ containerPort: 1, protocol: 'HTTP' }] },
      '.ports[0].protocol: Unsupported value: "HTTP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      {
        ports: [
          { containerPort: 1, name: 'a' },
          { containerPort: 2, name: 'a' },
        ],
      },
      '.ports[1].name: Duplicate value: "a"',
    ],
    [
      {
        ports: [
          { containerPort: 1, hostPort: 9 },
          { containerPort: 2, hostPort: 9 },
        ],
      },
      '.ports[1].hostPort: Duplicate value: "TCP//9"',
    ],
  ],
  environment: [
    [{ env: [{ name: '' }] }, '.env[0].name: Required value'],
    [
      { env: [{ name: 'a=b' }] },
      '.env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than \'=\'',
    ],
    [
      { env: [{ name: 'A', value: 'b', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }] },
      '.env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIp' } } }] },
      '.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "status.podIp": error converting fieldPath: field label not supported: status.podIp',
    ],
    [
      { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.phase' } } }] },
      '.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ],
    [
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.gpu' } } }] },
      '.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"',
    ],
    [
      { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '2' } } }] },
      '.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    ],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: '' } } }] },
      '.env[0].valueFrom.secretKeyRef.key: Required value',
    ],
    [{ envFrom: [{ configMapRef: { name: '' } }] }, '.envFrom[0].configMapRef.name: Required value'],
    [{ envFrom: [{}] }, '.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`'],
  ],
  probes: [
    [{ livenessProbe: {} }, '.livenessProbe: Required value: must specify a handler type'],
    [
      { livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } },
      '.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    [{ livenessProbe: { exec: {} } }, '.livenessProbe.exec.command: Required value'],
    [
      { livenessProbe: { tcpSocket: { port: 0 } } },
      '.livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    [
      { readinessProbe: { httpGet: { port: 'no_port' } } },
      '.readinessProbe.httpGet.port: Invalid value: "no_port": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
    ],
    [
      { readinessProbe: { httpGet: { port: 80, scheme: 'http' } } },
      '.readinessProbe.httpGet.scheme: Unsupported value: "http": supported values: "HTTP", "HTTPS"',
    ],
    [
      { readinessProbe: { httpGet: { port: 80, httpHeaders: [{ name: 'a b', value: '' }] } } },
      ".readinessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
    ],
    [
      { readinessProbe: { grpc: { port: 90_000 } } },
      '.readinessProbe.grpc.port: Invalid value: 90000: must be between 1 and 65535, inclusive',
    ],
    [
      { startupProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } },
      '.startupProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      { livenessProbe: { tcpSocket: { port: 1 }, periodSeconds: -1 } },
      '.livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      { readinessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 1 } },
      '.readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes',
    ],
    [{ lifecycle: { preStop: {} } }, '.lifecycle.preStop: Required value: must specify a handler type'],
    [
      { lifecycle: { preStop: { sleep: { seconds: 31 } } } },
      '.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
    ],
  ],
  resources: [
    [
      { resources: { requests: { cpus: '1' } } },
      '.resources.requests[cpus]: Invalid value: "cpus": must be a standard resource type or fully qualified',
      '.resources.requests[cpus]: Invalid value: "cpus": must be a standard resource for containers',
    ],
    [
      { resources: { requests: { memory: '-1' } } },
      '.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      { resources: { limits: { 'example.com/gpu': '500m' } } },
      '.resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
      '.resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
    ],
    [
      { resources: { requests: { 'example.com/gpu': '1' } } },
      '.resources.limits: Required value: Limit must be set for non overcommitable resources',
    ],
    [
      { resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } },
      '.resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi',
    ],
    [{ resources: { limits: { 'hugepages-2Mi': '4Mi' } } }, '.resources: Forbidden: HugePages require cpu or memory'],
    [
      { resources: { claims: [{ name: 'gpu' }] } },
      '.resources.claims[0]: Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty',
    ],
    [
      { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'x' }] },
      '.resizePolicy: Unsupported value: "x": supported values: "NotRequired", "RestartContainer"',
    ],
  ],
  mounts: [
    [{ volumeMounts: [{ name: 'v', mountPath: '/v' }] }, '.volumeMounts[0].name: Not found: "v"'],
    [{ volumeDevices: [{ name: 'v', devicePath: '/v' }] }, '.volumeDevices[0].name: Not found: "v"'],
  ],
  security: [
    [
      { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
      '.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ],
    [
      { securityContext: { runAsUser: -1 } },
      '.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
    [
      { securityContext: { procMount: 'Unmasked' } },
      '.securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
    ],
    [
      { securityContext: { seccompProfile: { type: 'Localhost' } } },
      '.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost',
    ],
    [
      { securityContext: { seccompProfile: { type: 'x' } } },
      '.securityContext.seccompProfile.type: Unsupported value: "x": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
    ],
    [
      { securityContext: { appArmorProfile: { type: 'RuntimeDefault', localhostProfile: 'x' } } },
      '.securityContext.appArmorProfile.localhostProfile: Invalid value: "x": can only be set when AppArmor type is Localhost',
    ],
    [
      { securityContext: { windowsOptions: { runAsUserName: 'a\\b\\c' } } },
      '.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
    ],
  ],
  restarts: [
    [
      { restartPolicy: 'Sometimes' },
      '.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      { restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }] },
      '.restartPolicy: Required value: must specify restartPolicy when restart rules are used',
    ],
    [
      { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Stop' }] },
      '.restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart"',
      '.restartPolicyRules[0].exitCodes: Required value: must be specified',
    ],
  ],
};

for (const [what, rows] of Object.entries(containers)) {
  test(`of containers, what is wrong with ${what} is said in Kubernetes’ words`, (t) => {
    for (const [changes, ...errors] of rows) {
      t.deepEqual(
        errorsOf(podOf(changes)),
        errors.map((error) => `spec.containers[0]${error}`),
      );
    }
  });
}
