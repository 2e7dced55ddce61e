/**
 * The server's metrics, under Kubernetes' names. Counting a request costs a map look-up and a few additions: labels and
 * lines are only put together when /metrics is asked for.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry as Metrics } from 'prom-client';
import { type DurationSeries, Durations } from '../store/durations.ts';
import type { Handler } from './exchange.ts';
import type { RequestInfo } from './request-info.ts';
import { sendBytes } from './respond.ts';
import type { Watches } from './watch-routes.ts';

export class ServerMetrics {
  readonly registry = new Metrics();
  readonly #series = new Map<string, Series>();
  readonly #durations = new Durations(
    'apiserver_request_duration_seconds',
    'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
    bounds,
  );
  readonly #texts: (() => string)[] = [() => this.#durations.text()];
  #reading = 0;
  #mutating = 0;

  constructor(watches: Watches) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const series = this.#series;
    new Counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labelNames: [...requestLabels, 'code'],
      registers,
      collect() {
        this.reset();
        for (const { durations, codes } of series.values()) {
          for (const [code, count] of codes) this.inc({ ...durations.labels, code: String(code) }, count);
        }
      },
    });
    const inFlight = (): [string, number][] => [
      ['readOnly', this.#reading],
      ['mutating', this.#mutating],
    ];
    new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Number of requests being handled now, by kind of request.',
      labelNames: ['request_kind'],
      registers,
      collect() {
        for (const [kind, count] of inFlight()) this.set({ request_kind: kind }, count);
      },
    });
    new Gauge({
      name: 'apiserver_registered_watchers',
      help: 'Number of currently registered watchers for a given resource.',
      labelNames: ['group', 'version', 'kind'],
      registers,
      collect() {
        this.reset();
        for (const { kind, open } of watches.tallies()) {
          this.set({ group: kind.group, version: kind.version, kind: kind.kind }, open);
        }
      },
    });
    new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource and scope.',
      labelNames: ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'],
      registers,
      collect() {
        this.reset();
        for (const { kind, open } of watches.tallies()) {
          const { group, version, resource } = kind;
          const labels = {
            verb: 'WATCH',
            group,
            version,
            resource,
            subresource: '',
            scope: '',
            component: 'apiserver',
          };
          this.set(labels, open);
        }
      },
    });
    new Counter({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent in watch clients.',
      labelNames: ['group', 'version', 'kind'],
      registers,
      collect() {
        this.reset();
        for (const { kind, events } of watches.tallies()) {
          this.inc({ group: kind.group, version: kind.version, kind: kind.kind }, events);
        }
      },
    });
  }

  /** A request begins. Watches are not counted as in flight: they stay. */
  begin(info: RequestInfo): void {
    if (info.verb !== 'watch') this.#count(info, 1);
  }

  /** A request has been answered. `known`: it met a route, so that its names are of a bounded set. */
  end(info: RequestInfo, code: number, seconds: number, known: boolean): void {
    if (info.verb !== 'watch') this.#count(info, -1);
    const scope = scopeOf(info);
    const dryRun = info.query.size > 0 && info.query.get('dryRun') === 'All' ? 'All' : '';
    const key = known
      ? `${info.verb} ${info.group}/${info.version}/${info.resource}/${info.isResource ? info.subresource : info.path} ${scope} ${dryRun}`
      : info.method;
    let series = this.#series.get(key);
    if (series === undefined) {
      const labels = known ? labelsOf(info, scope, dryRun) : unknownLabels(info);
      series = { durations: this.#durations.begin(key, labels), codes: new Map() };
      this.#series.set(key, series);
    }
    series.codes.set(code, (series.codes.get(code) ?? 0) + 1);
    this.#durations.observe(series.durations, seconds);
  }

  /** GET /metrics */
  readonly route: Handler = async ({ response }) => {
    const text = await this.text();
    sendBytes(response, 200, this.registry.contentType, Buffer.from(text));
  };

  /** All metrics as Prometheus reads them. */
  async text(): Promise<string> {
    return [await this.registry.metrics(), ...this.#texts.map((text) => text())].join('\n');
  }

  /** Adds metrics that are put together elsewhere. */
  add(text: () => string): void {
    this.#texts.push(text);
  }

  #count({ verb }: RequestInfo, by: number): void {
    if (verb === 'get' || verb === 'list' || verb === 'head') this.#reading += by;
    else this.#mutating += by;
  }
}

type Labels = Record<(typeof requestLabels)[number], string>;

/** All requests with the same labels. */
interface Series {
  readonly durations: DurationSeries;
  readonly codes: Map<number, number>;
}

const requestLabels = ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;

/** Seconds; Kubernetes' own. */
const bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

const verbs: Record<string, string> = { create: 'POST', update: 'PUT' };

function labelsOf(info: RequestInfo, scope: string, dryRun: string): Labels {
  const { verb, group, version, resource, subresource } = info;
  return {
    verb: verbs[verb] ?? verb.toUpperCase(),
    dry_run: dryRun,
    group,
    version,
    resource,
    subresource: info.isResource ? subresource : info.path,
    scope,
    component: 'apiserver',
  };
}

function unknownLabels({ method }: RequestInfo): Labels {
  return {
    verb: method,
    dry_run: '',
    group: '',
    version: '',
    resource: '',
    subresource: '',
    scope: '',
    component: 'apiserver',
  };
}

function scopeOf({ isResource, name, namespace, verb }: RequestInfo): string {
  if (!isResource) return '';
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}
