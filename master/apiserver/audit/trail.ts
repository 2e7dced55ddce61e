/**
 * The audit log: who did what, when, from where, and what came of it (https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/).
 *
 * Purpose: one line of JSON (audit.k8s.io/v1 Event) for each stage of each request that the policy wants recorded.
 * Guarantees: a request that is refused is recorded too; lines of one request are in order and share its audit ID.
 * Not its business: a server without a policy and a path has no trail, and its requests do not pass through here.
 */
import type { IncomingMessage } from 'node:http';
import type { KubeObject, Status } from '../../api/types.ts';
import { userInfo } from '../auth/access-reviews.ts';
import type { Impersonated } from '../auth/impersonate.ts';
import type { Attributes } from '../auth/rbac/rules.ts';
import type { UserInfo } from '../registry/context.ts';
import type { LineSink } from './log-file.ts';
import type { AuditPolicy, Stage, Verdict } from './policy.ts';

/** A request as the trail needs it. */
export interface Audited {
  readonly request: IncomingMessage;
  readonly info: Attributes & { readonly version: string };
  /** Who asks: whoever authenticated, not whom he impersonates. */
  readonly user: UserInfo;
  /** Where the connection comes from. */
  readonly remoteAddress: string;
  /** What the answer names the request. */
  readonly auditId: string;
}

export class AuditTrail {
  readonly #policy: AuditPolicy;
  readonly #sink: LineSink;
  #lines = 0;

  constructor(policy: AuditPolicy, sink: LineSink) {
    this.#policy = policy;
    this.#sink = sink;
  }

  /** Begins to record a request; undefined where the policy does not want it. */
  begin(audited: Audited): AuditRecord | undefined {
    const verdict = this.#policy.verdictOn(audited.user, audited.info);
    if (!verdict) return undefined;
    const record = new AuditRecord(audited, verdict, this.#write);
    record.stage('RequestReceived');
    return record;
  }

  /** A request whose credentials nobody vouches for. */
  unauthenticated(audited: Audited, status: Status): void {
    const verdict = this.#policy.verdictOn(audited.user, audited.info);
    if (!verdict) return;
    const record = new AuditRecord(audited, { ...verdict, level: 'Metadata' }, this.#write);
    record.status({ ...status, message: `Authentication failed, attempted: bearer, x509: ${status.message}` });
    record.stage('ResponseStarted');
  }

  /** In Prometheus' text format, under Kubernetes' name. */
  metricsText(): string {
    const name = 'apiserver_audit_event_total';
    const help = 'Counter of audit events generated and sent to the audit backend.';
    return `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${this.#lines}\n`;
  }

  /** Resolves when everything is written. */
  close(): Promise<void> {
    return this.#sink.close();
  }

  readonly #write = (line: string): void => {
    this.#lines += 1;
    this.#sink.write(line);
  };
}

/** One request's entries in the log. */
export class AuditRecord {
  readonly #audited: Audited;
  readonly #verdict: Verdict;
  readonly #write: (line: string) => void;
  readonly #receivedAt = microTime();
  /** What is said of the request beside its facts; admission adds to it. */
  readonly annotations = new Map<string, string>();
  #impersonated: Impersonated | undefined;
  #object: KubeObject['metadata'];
  #request: string | undefined;
  #response: string | undefined;
  #status: Partial<Status> | undefined;
  #ended = false;

  constructor(audited: Audited, verdict: Verdict, write: (line: string) => void) {
    this.#audited = audited;
    this.#verdict = verdict;
    this.#write = write;
  }

  impersonating(impersonated: Impersonated): void {
    this.#impersonated = impersonated;
  }

  decided(allowed: boolean, reason: string): void {
    this.annotations.set('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    this.annotations.set('authorization.k8s.io/reason', reason);
  }

  /** The object or patch of a request, as it was sent. To be called before anything is changed in it. */
  sent(value: unknown): void {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isObject) this.#object = (value as KubeObject).metadata;
    if (this.#verdict.level !== 'Metadata') this.#request = this.#json(value);
  }

  /** The JSON of the answer's object. */
  answered(json: Buffer | string): void {
    if (this.#verdict.level !== 'RequestResponse') return;
    const text = json.toString().trimEnd();
    this.#response = this.#verdict.omitManagedFields ? this.#json(JSON.parse(text)) : text;
  }

  /** An answer that is a Status. */
  status({ status, message, reason, details, code }: Status): void {
    this.#status = { metadata: {}, status, message, reason, details, code };
    if (this.#verdict.level === 'RequestResponse') {
      this.#response = JSON.stringify({ kind: 'Status', apiVersion: 'v1', ...this.#status });
    }
  }

  /** A request that met an error which nobody foresaw; that is its end in the log. */
  panicked(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.status({ status: 'Failure', reason: 'InternalError', message: `APIServer panic'd: ${why}`, code: 500 });
    this.stage('Panic');
    this.#ended = true;
  }

  /** Writes the entry of a stage. `code` is the answer's, once there is one. */
  stage(stage: Stage, code?: number): void {
    if (this.#ended || this.#verdict.omitStages.has(stage)) return;
    const { request, info, user, remoteAddress, auditId } = this.#audited;
    const event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: this.#verdict.level,
      auditID: auditId,
      stage,
      requestURI: request.url,
      verb: info.verb,
      user: userInfo(user),
      impersonatedUser: this.#impersonated && userInfo(this.#impersonated.user),
      authenticationMetadata: this.#impersonated?.constraint
        ? { impersonationConstraint: this.#impersonated.constraint }
        : undefined,
      sourceIPs: sourceAddresses(request, remoteAddress),
      userAgent: request.headers['user-agent'],
      objectRef: info.isResource ? objectReference(info, this.#object) : undefined,
      responseStatus: this.#status ?? (code === undefined ? undefined : { metadata: {}, code }),
    };
    const tail = {
      requestReceivedTimestamp: this.#receivedAt,
      stageTimestamp: microTime(),
      annotations: this.annotations.size > 0 ? Object.fromEntries(this.annotations) : undefined,
    };
    const bodies = [
      this.#request === undefined ? '' : `,"requestObject":${this.#request}`,
      this.#response === undefined || stage !== 'ResponseComplete' ? '' : `,"responseObject":${this.#response}`,
    ];
    this.#write(`${JSON.stringify(event).slice(0, -1)}${bodies.join('')},${JSON.stringify(tail).slice(1)}`);
  }

  #json(value: unknown): string {
    return JSON.stringify(this.#verdict.omitManagedFields ? withoutManagedFields(value) : value);
  }
}

/** The same for the items of a list. */
function withoutManagedFields(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { metadata, items }: { metadata?: unknown; items?: unknown } = value;
  const copy: Record<string, unknown> = { ...value };
  if (typeof metadata === 'object' && metadata !== null) copy.metadata = { ...metadata, managedFields: undefined };
  if (Array.isArray(items)) copy.items = items.map(withoutManagedFields);
  return copy;
}

/** What the proxies on the way say, which the client may have made up, and at last where the connection comes from. */
function sourceAddresses({ headers }: IncomingMessage, remoteAddress: string): string[] {
  const forwarded = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
  const real = String(headers['x-real-ip'] ?? '').trim();
  const said = forwarded.length > 0 || real === '' ? forwarded : [real];
  return said.at(-1) === remoteAddress ? said : [...said, remoteAddress];
}

function objectReference(
  { resource, namespace, name, group, version, subresource }: Audited['info'],
  sent: KubeObject['metadata'],
) {
  const some = (text: string | undefined) => (text ? text : undefined);
  return {
    resource,
    namespace: some(namespace) ?? some(sent?.namespace),
    name: some(name) ?? some(sent?.name),
    uid: some(sent?.uid),
    apiGroup: some(group),
    apiVersion: version,
    resourceVersion: some(sent?.resourceVersion),
    subresource: some(subresource),
  };
}

/** Now, as Kubernetes' MicroTime. */
const microTime = (): string => new Date().toISOString().replace('Z', '000Z');
