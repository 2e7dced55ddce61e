/** The command line of a node. */
import { hostname } from 'node:os';
import { Option } from 'commander';
import { commaList, command, durationMs, portNumber } from '../master/api/flags.ts';

export interface NodeConfig {
  name: string;
  apiservers: string[];
  pkiDir: string;
  dataDir: string;
  runtime: 'docker' | 'simulated';
  dockerDataDir: string;
  dockerSocket: string;
  balancerPort: number;
  kubeletPort: number;
  kubeletHealthzPort: number;
  proxyHealthzPort: number;
  proxyMetricsPort: number;
  clusterCidr: string;
  drain: number;
  dockerdArg: string[];
  kubeletArg: string[];
  proxyArg: string[];
  health?: boolean;
  logLevel: string;
}

const collect = (value: string, values: string[]): string[] => [...values, value];

export const nodeCommand = () =>
  command('node', 'Runs one node of the cluster: its way to the masters, container engine, kubelet, kube-proxy.')
    .option('--health', 'ask the processes how they are: a line for each, exit code 1 if one is not well')
    .option('--name <name>', 'the name of this node', hostname().toLowerCase())
    .option('--apiservers <urls>', 'URLs of all API servers, with commas', commaList, [])
    .option(
      '--pki-dir <dir>',
      "the cluster's authority (ca.crt) and the token to join with (bootstrap.conf)",
      '/etc/trimaster/pki',
    )
    .option('--data-dir <dir>', "the node's certificates and its pods' volumes", '/var/lib/trimaster')
    .addOption(
      new Option('--runtime <runtime>', 'docker starts an engine of its own; simulated starts nothing')
        .choices(['docker', 'simulated'])
        .default('docker'),
    )
    .option('--docker-data-dir <dir>', "where the node's engine keeps images and containers", '/var/lib/docker')
    .option('--docker-socket <path>', "where the node's engine listens", '/var/run/docker.sock')
    .option('--balancer-port <port>', "the node's own way to the masters, on 127.0.0.1", portNumber, 6_443)
    .option('--kubelet-port <port>', 'kubelet: logs, pods, statistics', portNumber, 10_250)
    .option('--kubelet-healthz-port <port>', 'kubelet: health and metrics', portNumber, 10_248)
    .option('--proxy-healthz-port <port>', 'kube-proxy: health', portNumber, 10_256)
    .option('--proxy-metrics-port <port>', 'kube-proxy: metrics', portNumber, 10_249)
    .option('--cluster-cidr <cidr>', 'addresses of all pods', '10.244.0.0/16')
    .option('--drain <duration>', 'how long connections to the masters may go on at the end', durationMs, 0)
    .option('--dockerd-arg <arg>', 'one more argument for dockerd; may be repeated', collect, [])
    .option('--kubelet-arg <arg>', 'one more argument for the kubelet; may be repeated', collect, [])
    .option('--proxy-arg <arg>', 'one more argument for kube-proxy; may be repeated', collect, []);
