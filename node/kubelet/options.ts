/** The kubelet's command line. Names are those of Kubernetes' kubelet and of its configuration file. */
import { InvalidArgumentError } from 'commander';
import { commaList, command, durationMs, portNumber, wholeNumber } from '../../master/api/flags.ts';
import { isQuantity } from '../../master/api/quantity.ts';
import type { Taint } from '../../master/api/types.ts';

export interface KubeletFlags {
  hostnameOverride: string;
  nodeIp?: string;
  containerRuntime: 'docker' | 'simulated';
  containerRuntimeEndpoint: string;
  podInfraContainerImage: string;
  podNetwork: string;
  podBridge: string;
  bootstrapKubeconfig: string;
  kubeconfig?: string;
  master: string[];
  clientCaFile: string;
  rootDir: string;
  address: string;
  port: number;
  healthzBindAddress: string;
  healthzPort: number;
  maxPods: number;
  nodeLabels: Record<string, string>;
  registerWithTaints: Taint[];
  capacity: Record<string, string>;
  imagesDir: string;
  resolvConf: string;
  clusterDns: string[];
  clusterDomain: string;
  nodeStatusUpdateFrequency: number;
  nodeStatusReportFrequency: number;
  nodeLeaseRenewInterval: number;
  nodeLeaseDurationSeconds: number;
  containerRestartBackOff: number;
  containerRestartBackOffMax: number;
  simulatedNodes: number;
  simulatedStartDelay: number;
  logLevel: string;
}

export const kubeletCommand = (defaultName: string) =>
  command('kubelet', 'Runs the pods that are bound to this node.')
    .option('--hostname-override <name>', 'the name of this node', defaultName)
    .option('--node-ip <ip>', "this node's address; found by itself if left out")
    .option(
      '--container-runtime <runtime>',
      'docker, or simulated, which starts nothing',
      oneOf('docker', 'simulated'),
      'docker',
    )
    .option('--container-runtime-endpoint <socket>', "the engine's socket", '/var/run/docker.sock')
    .option('--pod-infra-container-image <image>', 'the image of sandboxes', 'trimaster/pause:1')
    .option('--pod-network <name>', "the engine's network for pods", 'pods')
    .option('--pod-bridge <name>', "that network's bridge", 'tm0')
    .option(
      '--bootstrap-kubeconfig <file>',
      'where the API is, and the token to ask for a certificate with',
      '/etc/trimaster/pki/bootstrap.conf',
    )
    .option('--kubeconfig <file>', 'written with the certificate; <root-dir>/kubelet.conf if left out')
    .option('--master <urls>', 'API servers instead of that of the kubeconfig, with commas', commaList, [])
    .option('--client-ca-file <file>', 'the authority of clients and of kubelets', '/etc/trimaster/pki/ca.crt')
    .option('--root-dir <dir>', 'where volumes and certificates are kept', '/var/lib/trimaster')
    .option('--address <address>', 'where the kubelet serves', '0.0.0.0')
    .option('--port <port>', 'logs, pods and statistics over TLS; 0 for none', portNumber, 10_250)
    .option('--healthz-bind-address <address>', 'where health is served', '0.0.0.0')
    .option('--healthz-port <port>', 'health and metrics without TLS; 0 for none', portNumber, 10_248)
    .option('--max-pods <count>', 'how many pods at most', wholeNumber, 110)
    .option('--node-labels <labels>', 'name=value, with commas', pairs, {})
    .option('--register-with-taints <taints>', 'key=value:effect, with commas', taints, [])
    .option('--capacity <resources>', 'instead of what the machine has, such as cpu=4,memory=8Gi', quantities, {})
    .option('--images-dir <dir>', 'archives to load into the engine at the start', '/usr/share/trimaster/images')
    .option('--resolv-conf <file>', 'how pods resolve names; empty for the engine’s own', '/etc/resolv.conf')
    .option(
      '--cluster-dns <ips>',
      'resolvers of pods that ask for the cluster’s; the Service kube-system/kube-dns, if there is one, if left out',
      commaList,
      [],
    )
    .option('--cluster-domain <domain>', 'the domain of the names of Services and pods', 'cluster.local')
    .option(
      '--node-status-update-frequency <duration>',
      "how often the node's status is computed; a change is told at once",
      durationMs,
      10_000,
    )
    .option(
      '--node-status-report-frequency <duration>',
      'how often it is told although nothing changed',
      durationMs,
      10_000,
    )
    .option('--node-lease-renew-interval <duration>', "how often the node's lease is renewed", durationMs, 2_000)
    .option('--node-lease-duration-seconds <seconds>', 'how long the lease is good', wholeNumber, 12)
    .option(
      '--container-restart-back-off <duration>',
      'the first delay before a container is started again',
      durationMs,
      10_000,
    )
    .option('--container-restart-back-off-max <duration>', 'the longest', durationMs, 300_000)
    .option('--simulated-nodes <count>', 'host so many nodes <name>-0001… with the simulated runtime', wholeNumber, 0)
    .option('--simulated-start-delay <duration>', 'how long a simulated container takes to start', durationMs, 100);

function oneOf(...choices: string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text;
    throw new InvalidArgumentError(`It is one of ${choices.join(', ')}.`);
  };
}

function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    commaList(text).map((part) => {
      const at = part.indexOf('=');
      if (at <= 0) throw new InvalidArgumentError(`${part} is not name=value.`);
      return [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

function quantities(text: string): Record<string, string> {
  const found = pairs(text);
  for (const [name, value] of Object.entries(found)) {
    if (!isQuantity(value)) throw new InvalidArgumentError(`${value} is no quantity of ${name}.`);
  }
  return found;
}

function taints(text: string): Taint[] {
  return commaList(text).map((part) => {
    const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(part);
    if (!match) throw new InvalidArgumentError(`${part} is not key=value:effect.`);
    const [, key = '', value, effect = ''] = match;
    return { key, effect, ...(value ? { value } : {}) };
  });
}
