/** The processes of a node and their command lines. Pure but for the paths of this installation. */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from '../master/api/process-supervisor.ts';
import { troubleOnPort } from './health.ts';
import type { NodeConfig } from './options.ts';

const here = dirname(fileURLToPath(import.meta.url));

/** In the order in which they start. kube-proxy stops first, then the kubelet, then the engine. */
export function nodeProcesses(config: NodeConfig): ProcessSpec[] {
  const engine = config.runtime === 'docker' ? [dockerd(config)] : [];
  return [
    ...engine,
    {
      name: 'kubelet',
      stopLevel: 1,
      ...component('kubelet', config, kubeletArgs(config)),
      ready: () => isWell(config.kubeletHealthzPort),
    },
    {
      name: 'kube-proxy',
      stopLevel: 2,
      ...component('proxy', config, proxyArgs(config)),
      ready: () => isWell(config.proxyHealthzPort),
    },
  ];
}

/** Where the kubelet writes the kubeconfig with the node's certificate, with which kube-proxy asks for its own. */
export const kubeconfigPath = ({ dataDir }: NodeConfig): string => join(dataDir, 'kubelet.conf');

/**
 * The node's own engine. Addresses, routes and rules of pods are made by this project, so the engine makes none; its
 * containers outlive it, so that it can be killed alone.
 */
function dockerd(config: NodeConfig): ProcessSpec {
  return {
    name: 'dockerd',
    stopLevel: 0,
    command: 'dockerd',
    args: [
      `--host=unix://${config.dockerSocket}`,
      `--data-root=${config.dockerDataDir}`,
      ...['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-masq=false', '--live-restore'],
      // Without a proxy for published ports it lets a pod reach itself through its bridge, as through its own Service.
      '--userland-proxy=false',
      ...['--log-level=warn', '--log-opt=max-size=10m', '--log-opt=max-file=3'],
      ...config.dockerdArg,
    ],
  };
}

function kubeletArgs(config: NodeConfig): string[] {
  return [
    ...['--hostname-override', config.name, '--container-runtime', config.runtime],
    ...['--container-runtime-endpoint', config.dockerSocket],
    ...['--bootstrap-kubeconfig', join(config.pkiDir, 'bootstrap.conf')],
    ...['--client-ca-file', join(config.pkiDir, 'ca.crt')],
    ...['--kubeconfig', kubeconfigPath(config), '--root-dir', resolve(config.dataDir)],
    ...['--master', balancerUrl(config)],
    ...['--port', String(config.kubeletPort), '--healthz-port', String(config.kubeletHealthzPort)],
    ...config.kubeletArg,
  ];
}

/** Simulated pods have no packets to lead anywhere, and the rules would be the host's own. */
function proxyArgs(config: NodeConfig): string[] {
  return [
    ...['--hostname-override', config.name, '--kubeconfig', join(config.dataDir, 'kube-proxy.conf')],
    ...['--bootstrap-kubeconfig', kubeconfigPath(config)],
    ...['--master', balancerUrl(config), '--cluster-cidr', config.clusterCidr],
    ...['--proxy-mode', config.runtime === 'docker' ? 'iptables' : 'none'],
    ...['--healthz-port', String(config.proxyHealthzPort), '--metrics-port', String(config.proxyMetricsPort)],
    ...config.proxyArg,
  ];
}

function component(folder: string, config: NodeConfig, args: string[]): Pick<ProcessSpec, 'command' | 'args'> {
  return { command: process.execPath, args: [join(here, folder, 'main.ts'), ...args, '--log-level', config.logLevel] };
}

const balancerUrl = ({ balancerPort }: NodeConfig): string => `https://127.0.0.1:${balancerPort}`;

const isWell = async (port: number): Promise<boolean> => (await troubleOnPort(port)) === undefined;
