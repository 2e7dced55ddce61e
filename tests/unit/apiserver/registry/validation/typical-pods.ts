/** Specs of pods as well-known charts and guides write them: each uses other parts of the API. */
import { parse } from 'yaml';

const text = `
web:
  serviceAccountName: web
  securityContext: { runAsNonRoot: true, runAsUser: 1001, fsGroup: 1001, fsGroupChangePolicy: OnRootMismatch, supplementalGroups: [], sysctls: [], seccompProfile: { type: RuntimeDefault } }
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 1
          podAffinityTerm: { topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app.kubernetes.io/name: nginx } } }
  containers:
    - name: nginx
      image: docker.io/bitnami/nginx:1.27.4-debian-12-r6
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] }, privileged: false, readOnlyRootFilesystem: true, runAsNonRoot: true, seLinuxOptions: {} }
      env:
        - { name: BITNAMI_DEBUG, value: "false" }
        - name: POD_IP
          valueFrom: { fieldRef: { fieldPath: status.podIP } }
        - name: GOMEMLIMIT
          valueFrom: { resourceFieldRef: { resource: limits.memory, divisor: "1" } }
        - name: PASSWORD
          valueFrom: { secretKeyRef: { name: web, key: password, optional: true } }
      envFrom: [{ configMapRef: { name: web-env } }, { secretRef: { name: web-secret }, prefix: S_ }]
      ports: [{ name: http, containerPort: 8080 }, { name: https, containerPort: 8443 }]
      livenessProbe: { failureThreshold: 6, initialDelaySeconds: 30, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 5, tcpSocket: { port: http } }
      readinessProbe: { httpGet: { path: /, port: http, httpHeaders: [{ name: X-Probe, value: "1" }] }, successThreshold: 2 }
      resources: { limits: { cpu: 150m, ephemeral-storage: 2Gi, memory: 192Mi }, requests: { cpu: 100m, ephemeral-storage: 50Mi, memory: 128Mi } }
      volumeMounts:
        - { name: empty-dir, mountPath: /opt/bitnami/nginx/conf, subPath: app-conf-dir }
        - { name: empty-dir, mountPath: /tmp, subPath: tmp-dir }
        - { name: certificate, mountPath: /certs, readOnly: true, recursiveReadOnly: IfPossible }
  volumes:
    - { name: empty-dir, emptyDir: { medium: Memory, sizeLimit: 64Mi } }
    - name: certificate
      secret: { secretName: web-tls, defaultMode: 420, items: [{ key: tls.crt, path: server.crt }, { key: tls.key, path: server.key }] }
  imagePullSecrets: [{ name: registry }]
database:
  serviceAccountName: database
  terminationGracePeriodSeconds: 120
  initContainers:
    - name: init-chmod
      image: busybox
      command: [sh, -c, "chown -R 999 /data"]
      securityContext: { runAsUser: 0 }
      volumeMounts: [{ name: data, mountPath: /data }]
    - name: exporter
      image: exporter:v1
      restartPolicy: Always
      ports: [{ name: metrics, containerPort: 9187 }]
      startupProbe: { httpGet: { path: /healthz, port: metrics } }
  containers:
    - name: postgres
      image: postgres@sha256:0000000000000000000000000000000000000000000000000000000000000000
      lifecycle: { preStop: { exec: { command: [/bin/sh, -c, pg_ctl stop -m fast] } }, postStart: { httpGet: { port: 8008, path: /ready } } }
      livenessProbe: { exec: { command: [pg_isready] }, terminationGracePeriodSeconds: 10 }
      readinessProbe: { grpc: { port: 9090, service: ready } }
      volumeMounts: [{ name: data, mountPath: /var/lib/postgresql/data }, { name: shm, mountPath: /dev/shm }, { name: block, mountPath: /x, subPathExpr: $(POD_NAME) }]
  topologySpreadConstraints:
    - { maxSkew: 1, minDomains: 2, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: db } }, matchLabelKeys: [pod-template-hash] }
    - { maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: db } } }
  volumes:
    - { name: data, persistentVolumeClaim: { claimName: data-database-0 } }
    - { name: shm, emptyDir: { medium: Memory } }
    - name: block
      ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: b } }, spec: { accessModes: [ReadWriteOnce], storageClassName: fast, resources: { requests: { storage: 1Gi } } } } }
agent:
  serviceAccountName: agent
  hostNetwork: true
  hostPID: true
  dnsPolicy: ClusterFirstWithHostNet
  priorityClassName: system-node-critical
  nodeSelector: { kubernetes.io/os: linux }
  os: { name: linux }
  tolerations: [{ operator: Exists }, { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300 }, { key: a, value: b, effect: NoSchedule }]
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions: [{ key: type, operator: NotIn, values: [virtual-kubelet] }, { key: cores, operator: Gt, values: ["2"] }]
          - matchFields: [{ key: metadata.name, operator: In, values: [node-1] }]
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, preference: { matchExpressions: [{ key: zone, operator: Exists }] } }]
  containers:
    - name: node-exporter
      image: quay.io/prometheus/node-exporter:v1.9.0
      args: ["--path.procfs=/host/proc"]
      ports: [{ name: http-metrics, containerPort: 9100, protocol: TCP }]
      securityContext: { privileged: true, capabilities: { add: [SYS_TIME] }, appArmorProfile: { type: Unconfined } }
      volumeMounts: [{ name: root, mountPath: /host/root, mountPropagation: HostToContainer, readOnly: true }, { name: plugins, mountPath: /plugins, mountPropagation: Bidirectional }]
  volumes: [{ name: root, hostPath: { path: / } }, { name: plugins, hostPath: { path: /var/lib/kubelet/plugins, type: DirectoryOrCreate } }]
projected:
  serviceAccountName: projected
  hostUsers: false
  setHostnameAsFQDN: true
  hostname: a
  subdomain: b
  dnsConfig: { nameservers: [1.1.1.1], searches: [my.dns.search.suffix, _sip._tcp.local., .], options: [{ name: ndots, value: "2" }] }
  hostAliases: [{ ip: 127.0.0.1, hostnames: [foo.local] }]
  readinessGates: [{ conditionType: www.example.com/feature-1 }]
  schedulingGates: [{ name: example.com/foo }]
  resourceClaims: [{ name: gpu, resourceClaimTemplateName: gpu }]
  overhead: { cpu: 250m }
  resources: { requests: { cpu: "1", memory: 1Gi }, limits: { cpu: "2" } }
  containers:
    - name: c
      image: c
      restartPolicy: Never
      restartPolicyRules: [{ action: Restart, exitCodes: { operator: In, values: [42] } }]
      resources: { claims: [{ name: gpu, request: one }], limits: { nvidia.com/gpu: "1", hugepages-2Mi: 100Mi, memory: 128Mi } }
      resizePolicy: [{ resourceName: cpu, restartPolicy: NotRequired }, { resourceName: memory, restartPolicy: RestartContainer }]
      securityContext: { procMount: Unmasked, seccompProfile: { type: Localhost, localhostProfile: profiles/audit.json } }
      env:
        - { name: my.var-1, valueFrom: { fieldRef: { fieldPath: "metadata.annotations['example.com/a']" } } }
        - { name: HASH, valueFrom: { fieldRef: { fieldPath: "metadata.labels['pod-template-hash']" } } }
        - { name: HUGE, valueFrom: { resourceFieldRef: { resource: limits.hugepages-2Mi, divisor: 1Mi } } }
      volumeDevices: [{ name: block, devicePath: /dev/xvda }]
      volumeMounts: [{ name: all, mountPath: /projected }, { name: image, mountPath: /image }]
  volumes:
    - { name: block, persistentVolumeClaim: { claimName: block } }
    - { name: image, image: { reference: quay.io/crio/artifact:v2 } }
    - name: all
      projected:
        sources:
          - { serviceAccountToken: { path: token, audience: vault, expirationSeconds: 7200 } }
          - { configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt, mode: 256 }] } }
          - { secret: { name: s, optional: true } }
          - downwardAPI: { items: [{ path: labels, fieldRef: { fieldPath: metadata.labels } }, { path: cpu, resourceFieldRef: { containerName: c, resource: limits.cpu, divisor: 1m } }] }
          - { clusterTrustBundle: { name: example, path: bundle.pem } }
          - { podCertificate: { signerName: example.com/s, keyType: ED25519, credentialBundlePath: bundle } }
`;

export const typicalPods: Readonly<Record<string, unknown>> = parse(text);
