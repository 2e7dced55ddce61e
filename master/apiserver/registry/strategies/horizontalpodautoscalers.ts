/** HorizontalPodAutoscalers (autoscaling): stored as v2, served as v1 too. */
import { kinds } from '../../../api/kinds.ts';
import { isQuantity, milliValue } from '../../../api/quantity.ts';
import type { HorizontalPodAutoscaler, MetricSpec } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { metricsText } from '../columns/hpa.ts';
import type { Column } from '../context.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { pathSegmentErrors, validateLabels } from '../validation/metadata.ts';
import { autoscalingV1 } from '../versions/autoscaling-v1.ts';
import { withStatus } from './with-status.ts';

type Hpa = HorizontalPodAutoscaler;
type Spec = NonNullable<Hpa['spec']>;
type ScalingRules = NonNullable<NonNullable<Spec['behavior']>['scaleUp']>;

const columns: readonly Column[] = [
  nameColumn,
  column<Hpa>('Reference', 'The object that is scaled.', ({ spec }) => {
    const { kind = '', name = '' } = spec?.scaleTargetRef ?? {};
    return `${kind}/${name}`;
  }),
  column<Hpa>('Targets', 'The metrics by which it is scaled.', metricsText),
  column<Hpa>('MinPods', 'The lower limit of the number of replicas.', ({ spec }) =>
    spec?.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
  ),
  column<Hpa>('MaxPods', 'The upper limit of the number of replicas.', ({ spec }) => String(spec?.maxReplicas ?? 0)),
  column<Hpa>('Replicas', 'The current number of replicas.', ({ status }) => String(status?.currentReplicas ?? 0)),
  ageColumn,
];

export const hpaStrategy: Strategy<Hpa> = {
  kind: kinds.horizontalpodautoscalers,
  columns,
  versions: [autoscalingV1(columns)],
  nameErrors: isDns1123Subdomain,
  ...withStatus<Hpa>(
    () => ({ desiredReplicas: 0 }),
    ({ status }, _old, errors) => {
      for (const field of ['currentReplicas', 'desiredReplicas'] as const) {
        const value = status?.[field] ?? 0;
        if (value < 0) errors.invalid(`status.${field}`, value, 'must be greater than or equal to 0');
      }
    },
  ),

  setDefaults({ spec }: Partial<Hpa>) {
    if (!spec) return;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) {
      const target = { type: 'Utilization', averageUtilization: 80 };
      spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
    }
    if (!spec.behavior) return;
    spec.behavior.scaleUp = {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
      ...spec.behavior.scaleUp,
    };
    spec.behavior.scaleDown = {
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      ...spec.behavior.scaleDown,
    };
  },
  validate({ spec }: Partial<Hpa>, errors) {
    const { minReplicas = 1, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec ?? {};
    if (minReplicas < 1) errors.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1');
    if (maxReplicas < 1) errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0');
    if (maxReplicas < minReplicas) {
      errors.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
    }
    validateReference(scaleTargetRef, 'spec.scaleTargetRef', errors);
    metrics.forEach((metric, index) => {
      validateMetric(metric, `spec.metrics[${index}]`, errors);
    });
    if (behavior?.scaleUp) validateRules(behavior.scaleUp, 'spec.behavior.scaleUp', errors);
    if (behavior?.scaleDown) validateRules(behavior.scaleDown, 'spec.behavior.scaleDown', errors);
  },
};

function validateReference(
  reference: Partial<Spec['scaleTargetRef']> | undefined,
  field: string,
  errors: FieldErrors,
): void {
  for (const part of ['kind', 'name'] as const) {
    const value = reference?.[part] ?? '';
    if (value === '') errors.required(`${field}.${part}`);
    else
      errors.invalidFor(
        `${field}.${part}`,
        value,
        pathSegmentErrors(value, () => []),
      );
  }
}

const sources = {
  Resource: 'resource',
  ContainerResource: 'containerResource',
  Pods: 'pods',
  Object: 'object',
  External: 'external',
} as const;
const isType = (type: string): type is keyof typeof sources => Object.hasOwn(sources, type);

function validateMetric(metric: MetricSpec, field: string, errors: FieldErrors): void {
  const { type = '' } = metric;
  if (type === '') {
    errors.required(`${field}.type`, 'must specify a metric source type');
    return;
  }
  if (!isType(type)) {
    errors.notSupported(`${field}.type`, type, Object.keys(sources));
    return;
  }
  const wanted = sources[type];
  for (const source of Object.values(sources)) {
    if (source !== wanted && metric[source]) {
      errors.forbidden(`${field}.${source}`, 'must populate the given metric source only');
    }
  }
  const held = metric[wanted];
  if (!held) {
    errors.required(`${field}.${wanted}`, 'must populate information for the given metric source');
    return;
  }
  const at = `${field}.${wanted}`;
  if ('name' in held || wanted === 'resource' || wanted === 'containerResource') {
    if (!('name' in held) || !held.name) errors.required(`${at}.name`, 'must specify a resource name');
    if (wanted === 'containerResource' && !metric.containerResource?.container) {
      errors.required(`${at}.container`, 'must specify a container');
    }
  } else {
    const { name = '', selector } = 'metric' in held ? (held.metric ?? {}) : {};
    if (name === '') errors.required(`${at}.metric.name`, 'must specify a metric name');
    else {
      const messages = pathSegmentErrors(name, () => []);
      errors.invalidFor(`${at}.metric.name`, name, messages);
    }
    validateLabels(selector?.matchLabels, `${at}.metric.selector.matchLabels`, errors);
  }
  if (wanted === 'object') validateReference(metric.object?.describedObject, `${at}.describedObject`, errors);
  validateTarget(held.target, `${at}.target`, wanted, errors);
}

type Target = NonNullable<MetricSpec['resource']>['target'];

function validateTarget(
  target: Partial<Target> | undefined,
  field: string,
  source: (typeof sources)[keyof typeof sources],
  errors: FieldErrors,
): void {
  const { type = '', averageUtilization, averageValue, value } = target ?? {};
  if (!target) {
    errors.required(field, 'must specify a metric target');
    return;
  }
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    errors.invalid(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue');
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.invalid(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0');
  }
  for (const [name, quantity] of Object.entries({ averageValue, value })) {
    if (quantity !== undefined && isQuantity(quantity) && milliValue(quantity) <= 0) {
      errors.invalid(`${field}.${name}`, quantity, 'must be positive');
    }
  }
  if (source === 'resource' || source === 'containerResource') {
    if (averageUtilization === undefined && averageValue === undefined) {
      errors.required(`${field}.averageUtilization`, 'must set either a target raw value or a target utilization');
    } else if (averageUtilization !== undefined && averageValue !== undefined) {
      errors.forbidden(`${field}.averageValue`, 'may not set both a target raw value and a target utilization');
    }
  } else if (source === 'pods') {
    if (averageValue === undefined)
      errors.required(`${field}.averageValue`, 'must specify a positive target averageValue');
  } else if (averageValue === undefined && value === undefined) {
    errors.required(`${field}.averageValue`, 'must set either a target value for metric or a per-pod target');
  } else if (source === 'external' && averageValue !== undefined && value !== undefined) {
    errors.forbidden(`${field}.value`, 'may not set both a target value for metric and a per-pod target');
  }
}

const hour = 3600;
const longestPeriod = 1800;

function validateRules(rules: ScalingRules, field: string, errors: FieldErrors): void {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  if (tolerance !== undefined && isQuantity(tolerance) && milliValue(tolerance) < 0) {
    errors.invalid(`${field}.tolerance`, tolerance, 'must be greater or equal to zero');
  }
  if (window !== undefined && window < 0) {
    errors.invalid(`${field}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero');
  }
  if (window !== undefined && window > hour) {
    errors.invalid(`${field}.stabilizationWindowSeconds`, window, `must be less than or equal to ${hour}`);
  }
  if (selectPolicy && !['Max', 'Min', 'Disabled'].includes(selectPolicy)) {
    errors.notSupported(`${field}.selectPolicy`, selectPolicy, ['Max', 'Min', 'Disabled']);
  }
  if (policies.length === 0) errors.required(`${field}.policies`, 'must specify at least one Policy');
  policies.forEach(({ type = '', value = 0, periodSeconds = 0 }, index) => {
    const at = `${field}.policies[${index}]`;
    if (type !== 'Pods' && type !== 'Percent') errors.notSupported(`${at}.type`, type, ['Pods', 'Percent']);
    if (value <= 0) errors.invalid(`${at}.value`, value, 'must be greater than zero');
    if (periodSeconds <= 0) errors.invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero');
    if (periodSeconds > longestPeriod) {
      errors.invalid(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${longestPeriod}`);
    }
  });
}
