import test from 'ava';
import type { Node, Pod } from '../../../../master/api/types.ts';
import { rejectionOf, requestsOf } from '../../../../node/kubelet/pods/admission.ts';
import { container, podWith } from './pods.ts';

const node: Node = {
  metadata: { name: 'node-1', labels: { disk: 'ssd' } },
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3' } },
};

const asking = (cpu: string, memory = '0'): Pod =>
  podWith({ containers: [container('main', { resources: { requests: { cpu, memory } } })] });

test('a pod that fits beside the others is admitted', (t) => {
  t.is(rejectionOf(asking('1'), [asking('1')], node), undefined);
});

test('a pod that does not fit is rejected in Kubernetes’ words', (t) => {
  t.deepEqual(rejectionOf(asking('1500m'), [asking('1')], node), {
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  t.is(rejectionOf(asking('0', '2Gi'), [], node)?.reason, 'OutOfmemory');
  t.is(rejectionOf(asking('0'), [asking('0'), asking('0'), asking('0')], node)?.reason, 'OutOfpods');
});

test('a pod for other nodes is rejected, and so is one whose host port is taken', (t) => {
  t.is(rejectionOf(podWith({ nodeSelector: { disk: 'hdd' } }), [], node)?.reason, 'NodeAffinity');
  const port = podWith({ containers: [container('main', { ports: [{ containerPort: 80, hostPort: 80 }] })] });
  t.is(rejectionOf(port, [], node), undefined);
  t.is(rejectionOf(port, [port], node)?.reason, 'NodePorts');
});

test('the largest init container counts where it asks for more than the main ones, beside the sidecars', (t) => {
  const of = (name: string, cpu: string, more = {}) => container(name, { resources: { requests: { cpu } }, ...more });
  const pod = podWith({
    initContainers: [of('side', '100m', { restartPolicy: 'Always' }), of('big', '900m')],
    containers: [of('a', '300m'), of('b', '300m')],
  });
  t.is(requestsOf(pod).get('cpu'), 1000);
});
