/**
 * autoscaling/v1 HorizontalPodAutoscalers: one percentage of CPU has a field; all other metrics, the behaviour and the
 * conditions stand in annotations, in the form that Kubernetes gave them there.
 */
import { versionKinds } from '../../../api/kinds.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  KubeObject,
  MetricSpec,
  MetricStatus,
} from '../../../api/types.ts';
import type { Column } from '../context.ts';
import { isRecord, shapeOf } from '../schema/shape.ts';
import { columnsThrough, type ServedVersion } from './served-version.ts';

type Hpa = HorizontalPodAutoscaler;
type HpaV1 = HorizontalPodAutoscalerV1;
type Json = Record<string, unknown>;

const prefix = 'autoscaling.alpha.kubernetes.io/';
const kept = { metrics: `${prefix}metrics`, current: `${prefix}current-metrics` };
const keptAsItIs = { conditions: `${prefix}conditions`, behavior: `${prefix}behavior` };
const annotations = [...Object.values(kept), ...Object.values(keptAsItIs)];

export function autoscalingV1(columns: readonly Column[]): ServedVersion {
  return {
    kind: versionKinds.horizontalpodautoscalersV1,
    shape: shapeOf(versionKinds.horizontalpodautoscalersV1),
    columns: columnsThrough(toV2, columns),
    fromStored: fromV2,
    toStored: toV2,
  };
}

/** An autoscaling/v2 object in autoscaling/v1. */
export function fromV2(object: KubeObject): Partial<HpaV1> {
  const { spec, status, metadata, ...rest }: Partial<Hpa> = object;
  const { metrics = [], behavior, ...specRest } = spec ?? { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };
  const { currentMetrics = [], conditions, currentReplicas = 0, ...statusRest } = status ?? { desiredReplicas: 0 };
  const cpu = metrics.find(isCpu);
  const currentCpu = currentMetrics.find(isCpu);
  const others = metrics.filter((metric) => metric !== cpu).map((metric) => flattened(metric, 'target'));
  const notes: Json = {
    ...(others.length > 0 && { [kept.metrics]: JSON.stringify(others) }),
    ...(currentMetrics.length > 0 && {
      [kept.current]: JSON.stringify(currentMetrics.map((metric) => flattened(metric, 'current'))),
    }),
    ...(conditions?.length && { [keptAsItIs.conditions]: JSON.stringify(conditions) }),
    ...(behavior && { [keptAsItIs.behavior]: JSON.stringify(behavior) }),
  };
  const percentage = cpu?.resource?.target.averageUtilization;
  const current = currentCpu?.resource?.current.averageUtilization;
  return {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, notes),
    ...(spec && {
      spec: { ...specRest, ...(percentage !== undefined && { targetCPUUtilizationPercentage: percentage }) },
    }),
    ...(status && {
      status: {
        ...statusRest,
        currentReplicas,
        ...(current !== undefined && { currentCPUUtilizationPercentage: current }),
      },
    }),
  };
}

/** An autoscaling/v1 object in autoscaling/v2. An annotation that cannot be read says nothing. */
export function toV2(object: KubeObject): Hpa {
  const { spec, status, metadata, ...rest }: Partial<HpaV1> = object;
  const note = (name: string): unknown => parsed(metadata?.annotations?.[name]);
  const { targetCPUUtilizationPercentage, ...specRest } = spec ?? {
    maxReplicas: 0,
    scaleTargetRef: { kind: '', name: '' },
  };
  const { currentCPUUtilizationPercentage, ...statusRest } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const metrics: unknown[] = records(note(kept.metrics)).map((metric) => nested(metric, 'target'));
  if (targetCPUUtilizationPercentage !== undefined) {
    const target = { type: 'Utilization', averageUtilization: targetCPUUtilizationPercentage };
    metrics.push({ type: 'Resource', resource: { name: 'cpu', target } });
  }
  const currentMetrics: unknown[] = records(note(kept.current)).map((metric) => nested(metric, 'current'));
  if (currentMetrics.length === 0 && currentCPUUtilizationPercentage !== undefined) {
    const current = { averageUtilization: currentCPUUtilizationPercentage };
    currentMetrics.push({ type: 'Resource', resource: { name: 'cpu', current } });
  }
  const conditions = records(note(keptAsItIs.conditions));
  const behavior = note(keptAsItIs.behavior);
  const shown = {
    ...rest,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(metadata, {}),
    ...(spec && {
      spec: { ...specRest, ...(metrics.length > 0 && { metrics }), ...(isRecord(behavior) && { behavior }) },
    }),
    ...(status && {
      status: {
        ...statusRest,
        ...(currentMetrics.length > 0 && { currentMetrics }),
        ...(conditions.length > 0 && { conditions }),
      },
    }),
  };
  return shown as Hpa;
}

function isCpu(metric: MetricSpec | MetricStatus): boolean {
  const values = metric.resource && ('target' in metric.resource ? metric.resource.target : metric.resource.current);
  return metric.type === 'Resource' && metric.resource?.name === 'cpu' && values?.averageUtilization !== undefined;
}

/** The field of a metric's source, by its type. */
const sources: Readonly<Record<string, string>> = {
  Resource: 'resource',
  ContainerResource: 'containerResource',
  Pods: 'pods',
  Object: 'object',
  External: 'external',
};

type Side = 'target' | 'current';

/** What the values of a metric are called in v1: `targetAverageValue`; but for objects the average has no prefix. */
function valueNames(source: string, side: Side): readonly (readonly [v2: string, v1: string])[] {
  return [
    ['averageUtilization', `${side}AverageUtilization`],
    ['averageValue', source === 'object' ? 'averageValue' : `${side}AverageValue`],
    ['value', `${side}Value`],
  ];
}

const selectorName = (source: string): string => (source === 'external' ? 'metricSelector' : 'selector');

/** A metric as v1 writes it: what v2 nests lies side by side. */
function flattened(metric: MetricSpec | MetricStatus, side: Side): Json {
  const source = sources[metric.type] ?? '';
  const held: unknown = Object.entries(metric).find(([name]) => name === source)?.[1];
  if (!isRecord(held)) return { type: metric.type };
  const { metric: identifier, describedObject, target, current, ...own } = held;
  const out: Json = { ...own };
  if (isRecord(identifier)) {
    out.metricName = identifier.name;
    if (identifier.selector) out[selectorName(source)] = identifier.selector;
  }
  if (describedObject) out.target = describedObject;
  const values = side === 'target' ? target : current;
  for (const [v2, v1] of valueNames(source, side)) {
    if (isRecord(values) && values[v2] !== undefined) out[v1] = values[v2];
  }
  return { type: metric.type, [source]: out };
}

/** The way back. */
function nested(metric: Json, side: Side): Json {
  const source = sources[String(metric.type)] ?? '';
  const held = metric[source];
  if (!isRecord(held)) return { type: metric.type };
  const values: Json = {};
  const own = { ...held };
  for (const [v2, v1] of valueNames(source, side)) {
    if (own[v1] !== undefined) values[v2] = own[v1];
    delete own[v1];
  }
  if (side === 'target') {
    const { averageUtilization, averageValue } = values;
    values.type =
      averageUtilization !== undefined ? 'Utilization' : averageValue !== undefined ? 'AverageValue' : 'Value';
  }
  const selector = own[selectorName(source)];
  const { metricName, target: describedObject } = own;
  for (const name of ['metricName', 'target', selectorName(source)]) delete own[name];
  return {
    type: metric.type,
    [source]: {
      ...own,
      ...(metricName !== undefined && { metric: { name: metricName, ...(selector !== undefined && { selector }) } }),
      ...(describedObject !== undefined && { describedObject }),
      [side]: values,
    },
  };
}

function withAnnotations(metadata: KubeObject['metadata'], notes: Json): NonNullable<KubeObject['metadata']> {
  const { annotations: before, ...rest } = metadata ?? {};
  const others = Object.entries(before ?? {}).filter(([name]) => !annotations.includes(name));
  const all = { ...Object.fromEntries(others), ...notes } as Record<string, string>;
  return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const records = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isRecord) : []);
