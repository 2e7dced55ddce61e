/** Events (core/v1): what components say about objects. */
import { kinds } from '../../../api/kinds.ts';
import type { Event } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { column, wideColumn } from '../columns/common.ts';
import { since } from '../columns/human-duration.ts';
import type { Column } from '../context.ts';
import type { Strategy } from '../strategy.ts';
import { eventsV1 } from '../versions/events-v1.ts';

/** Selectable fields, and where they are read. */
const fields: Readonly<Record<string, (event: Event) => string | undefined>> = {
  'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind,
  'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace,
  'involvedObject.name': ({ involvedObject }) => involvedObject?.name,
  'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid,
  'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion,
  'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion,
  'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath,
  reason: ({ reason }) => reason,
  reportingComponent: ({ reportingComponent }) => reportingComponent,
  source: ({ source, reportingComponent }) => source?.component || reportingComponent,
  type: ({ type }) => type,
};

const columns: readonly Column[] = [
  column<Event>('Last Seen', 'Time when this event was last observed', lastSeen),
  column<Event>(
    'Type',
    'Type of this event (Normal, Warning), new types could be added in the future',
    ({ type }) => type ?? '',
  ),
  column<Event>('Reason', 'Why this event happened', ({ reason }) => reason ?? ''),
  column<Event>('Object', 'What this event is about', objectText),
  wideColumn<Event>(
    'Subobject',
    'The part of the object that this event is about',
    ({ involvedObject }) => involvedObject?.fieldPath ?? '',
  ),
  wideColumn<Event>('Source', 'The component that reports this event', sourceText),
  column<Event>('Message', 'What happened', ({ message }) => (message ?? '').trim()),
  wideColumn<Event>('First Seen', 'Time when this event was first observed', firstSeen),
  { name: 'Count', type: 'integer', description: 'How often it was observed', priority: 1, value: countOf },
  wideColumn<Event>('Name', 'Name of this event', ({ metadata }) => metadata?.name ?? ''),
];

export const eventStrategy: Strategy<Event> = {
  kind: kinds.events,
  columns,
  versions: [eventsV1(columns)],
  fieldNames: Object.keys(fields),
  fieldValue: (event, field) => fields[field]?.(event) ?? '',
  nameErrors: isDns1123Subdomain,
  createsOnUpdate: true,

  validate({ metadata, involvedObject }, errors) {
    // An event stands with its object; that of an object without a namespace stands in `default`.
    const namespace = involvedObject?.namespace ?? '';
    const expected = namespace === '' ? ['default', 'kube-system'] : [namespace];
    if (!expected.includes(metadata?.namespace ?? '')) {
      errors.invalid('involvedObject.namespace', namespace, 'does not match event.namespace');
    }
  },
};

function lastSeen(event: Event, now: number): string {
  const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime;
  const count = event.series?.count ?? event.count ?? 0;
  if (count <= 1) return since(last ?? event.firstTimestamp, now);
  return `${since(last, now)} (x${count} over ${firstSeen(event, now)})`;
}

function firstSeen({ firstTimestamp, eventTime }: Event, now: number): string {
  return since(firstTimestamp ?? eventTime, now);
}

function countOf({ series, count }: Event): number {
  return series?.count ?? count ?? 1;
}

function objectText({ involvedObject }: Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase();
  return involvedObject?.name ? `${kind}/${involvedObject.name}` : kind;
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || '';
  const host = source?.host || reportingInstance || '';
  return host === '' ? component : `${component}, ${host}`;
}
