import test from 'ava';
import { parsePolicy } from '../../../../master/apiserver/audit/policy.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';

const policy = parsePolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - { level: None, users: [quiet] }
  - { level: RequestResponse, omitManagedFields: false, resources: [{ group: '', resources: [pods, 'services/*'] }] }
  - { level: None, resources: [{ group: '', resources: [configmaps], resourceNames: [controller-leader] }] }
  - { level: Request, namespaces: [kube-system], verbs: [create, update], resources: [{ group: '' }] }
  - { level: Metadata, resources: [{ group: apps }, { group: '*', resources: ['*/status'] }], omitStages: [ResponseStarted] }
  - { level: Metadata, userGroups: ['system:authenticated'], nonResourceURLs: ['/api*', /version] }
`);

function levelOf(method: string, url: string, user = 'me'): string {
  const who = { name: user, groups: user === 'nobody' ? [] : ['system:authenticated'] };
  return policy.verdictOn(who, parseRequest(method, url))?.level ?? 'None';
}

test('the first rule that fits decides, and what none fits is not recorded', (t) => {
  t.is(levelOf('GET', '/api/v1/namespaces/a/pods/x'), 'RequestResponse');
  t.is(levelOf('GET', '/api/v1/namespaces/a/pods/x', 'quiet'), 'None');
  t.is(levelOf('GET', '/api/v1/namespaces/a/pods/x/log'), 'None');
  t.is(levelOf('GET', '/api/v1/namespaces/a/pods/x/status'), 'Metadata');
  t.is(levelOf('GET', '/api/v1/namespaces/a/services/x/status'), 'RequestResponse');
  t.is(levelOf('PUT', '/api/v1/namespaces/kube-system/configmaps/controller-leader'), 'None');
  t.is(levelOf('PUT', '/api/v1/namespaces/kube-system/configmaps/x'), 'Request');
  t.is(levelOf('PUT', '/api/v1/namespaces/a/configmaps/x'), 'None');
  t.is(levelOf('GET', '/apis/apps/v1/deployments'), 'Metadata');
  t.is(levelOf('GET', '/apis/batch/v1/namespaces/a/jobs/x/status'), 'Metadata');
  t.is(levelOf('GET', '/version'), 'Metadata');
  t.is(levelOf('GET', '/apis'), 'Metadata');
  t.is(levelOf('GET', '/version', 'nobody'), 'None');
  t.is(levelOf('GET', '/healthz'), 'None');
});

test('stages and managed fields are left out by the policy or by its rule', (t) => {
  const of = (url: string) => policy.verdictOn({ name: 'me', groups: [] }, parseRequest('GET', url));
  const pods = of('/api/v1/pods');
  t.deepEqual([...(pods?.omitStages ?? [])], ['RequestReceived']);
  t.false(pods?.omitManagedFields);
  const apps = of('/apis/apps/v1/deployments');
  t.deepEqual([...(apps?.omitStages ?? [])], ['RequestReceived', 'ResponseStarted']);
  t.true(apps?.omitManagedFields);
});

test('a policy that is none is refused with what is wrong', (t) => {
  const wrong = (rules: string) => () =>
    parsePolicy(`{ apiVersion: audit.k8s.io/v1, kind: Policy, rules: [${rules}] }`);
  t.throws(() => parsePolicy(''), { message: /must be a Policy/ });
  t.throws(wrong(''), { message: /at least one rule/ });
  t.throws(wrong('{ level: Some }'), { message: /rules\[0\].level/ });
  t.throws(wrong('{ level: None, omitStages: [Never] }'), { message: /Never is none of/ });
  t.throws(wrong("{ level: None, nonResourceURLs: ['/a*b'] }"), { message: /no \* but at its end/ });
  t.throws(wrong("{ level: None, nonResourceURLs: ['/a'], namespaces: [b] }"), { message: /not both/ });
});
