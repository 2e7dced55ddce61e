import type { IncomingMessage } from 'node:http';
import test from 'ava';
import { parsePolicy } from '../../../../master/apiserver/audit/policy.ts';
import { AuditTrail } from '../../../../master/apiserver/audit/trail.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';

const policy = parsePolicy('{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}');

test('an error that nobody foresaw is a panic, which ends what the log says of its request', (t) => {
  const lines: { stage: string; responseStatus?: object }[] = [];
  const trail = new AuditTrail(policy, { write: (line) => lines.push(JSON.parse(line)), close: async () => {} });
  const request: Pick<IncomingMessage, 'headers' | 'url'> = { headers: {}, url: '/version' };
  const audited = { info: parseRequest('GET', '/version'), user: { name: 'me', groups: [] }, remoteAddress: '::1' };
  const record = trail.begin({ ...audited, auditId: 'one', request: request as IncomingMessage });
  record?.panicked(new Error('unforeseen'));
  record?.stage('ResponseComplete', 500);
  t.deepEqual(
    lines.map(({ stage }) => stage),
    ['RequestReceived', 'Panic'],
  );
  t.like(lines[1]?.responseStatus, { code: 500, reason: 'InternalError', message: "APIServer panic'd: unforeseen" });
});
