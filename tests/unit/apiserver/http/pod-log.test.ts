import test from 'ava';
import type { Pod } from '../../../../master/api/types.ts';
import { kubeletHost } from '../../../../master/apiserver/http/kubelet-proxy.ts';
import { chooseContainer, logQuery } from '../../../../master/apiserver/http/pod-log.ts';

const pod = (...names: string[]): Pod => ({
  metadata: { name: 'web' },
  spec: { containers: names.map((name) => ({ name })) },
});

test('the only container is the one that is meant', (t) => {
  t.is(chooseContainer(pod('a'), ''), 'a');
  t.is(chooseContainer(pod('a', 'b'), 'b'), 'b');
});

test('of several containers one must be named, and it must be there', (t) => {
  t.throws(() => chooseContainer(pod('a', 'b'), ''), {
    message: 'a container name must be specified for pod web, choose one of: [a b]',
  });
  t.throws(() => chooseContainer(pod('a'), 'x'), { message: 'container x is not valid for pod web' });
});

test('log options are checked and passed on', (t) => {
  t.is(logQuery(new URLSearchParams('follow=true&tailLines=5&container=a')).toString(), 'follow=true&tailLines=5');
  t.throws(() => logQuery(new URLSearchParams('tailLines=-1')), { message: /tailLines: Invalid value: -1/ });
  t.throws(() => logQuery(new URLSearchParams('limitBytes=0')), { message: /must be greater than 0/ });
});

test('a kubelet is reached by the most wanted of the addresses that its node has', (t) => {
  const node = {
    metadata: { name: 'node-1' },
    status: {
      addresses: [
        { type: 'InternalIP', address: '10.0.0.1' },
        { type: 'Hostname', address: 'node-1' },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10255 } },
    },
  };
  t.is(kubeletHost(node, ['Hostname', 'InternalIP']), 'node-1:10255');
  t.is(kubeletHost(node, ['ExternalIP', 'InternalIP']), '10.0.0.1:10255');
  t.throws(() => kubeletHost(node, ['ExternalIP']), { message: /no preferred addresses found/ });
});
