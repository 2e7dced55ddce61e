/** How kubectl prints the metrics of a HorizontalPodAutoscaler: what is, of what is wanted. */
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../../api/types.ts';

const unknown = '<unknown>';
const auto = '<auto>';
const shown = 2;

/** `cpu: 12%/70%, memory: 3Mi/10Mi + 1 more...` */
export function metricsText({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec?.metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]));
  const text = texts.slice(0, shown).join(', ');
  return texts.length > shown ? `${text} + ${texts.length - shown} more...` : text;
}

function metricText(metric: MetricSpec, current: MetricStatus | undefined): string {
  switch (metric.type) {
    case 'External':
      return valueText(metric.external?.target, current?.external?.current);
    case 'Object':
      return valueText(metric.object?.target, current?.object?.current);
    case 'Pods':
      return `${current?.pods?.current?.averageValue ?? unknown}/${metric.pods?.target?.averageValue ?? ''}`;
    case 'Resource':
      return resourceText(metric.resource, current?.resource?.current);
    case 'ContainerResource':
      return resourceText(metric.containerResource, current?.containerResource?.current);
    default:
      return '<unknown type>';
  }
}

type Target = NonNullable<MetricSpec['external']>['target'];
type Current = NonNullable<MetricStatus['external']>['current'];

function valueText(target: Target | undefined, current: Current | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`;
  return `${current?.value ?? unknown}/${target?.value ?? ''}`;
}

function resourceText(source: { name: string; target: Target } | undefined, current: Current | undefined): string {
  const { name = '', target } = source ?? {};
  if (target?.averageValue !== undefined) return `${name}: ${current?.averageValue ?? unknown}/${target.averageValue}`;
  const is = current?.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`;
  const wanted = target?.averageUtilization === undefined ? auto : `${target.averageUtilization}%`;
  return `${name}: ${is}/${wanted}`;
}
