/** events.k8s.io/v1: the events of core/v1 under other names of their fields (KEP-383). */
import { versionKinds } from '../../../api/kinds.ts';
import type { Event, EventsV1Event, KubeObject } from '../../../api/types.ts';
import { isQualifiedName } from '../../../api/validation-names.ts';
import type { Column } from '../context.ts';
import { shapeOf } from '../schema/shape.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { columnsThrough, type ServedVersion } from './served-version.ts';

/** Selectable fields, and where they are read. */
const fields: Readonly<Record<string, (event: EventsV1Event) => string | undefined>> = {
  'regarding.kind': ({ regarding }) => regarding?.kind,
  'regarding.namespace': ({ regarding }) => regarding?.namespace,
  'regarding.name': ({ regarding }) => regarding?.name,
  'regarding.uid': ({ regarding }) => regarding?.uid,
  'regarding.apiVersion': ({ regarding }) => regarding?.apiVersion,
  'regarding.resourceVersion': ({ regarding }) => regarding?.resourceVersion,
  'regarding.fieldPath': ({ regarding }) => regarding?.fieldPath,
  reason: ({ reason }) => reason,
  reportingController: ({ reportingController }) => reportingController,
  type: ({ type }) => type,
};

const longest = 128;
const longestNote = 1024;

export function eventsV1(columns: readonly Column[]): ServedVersion {
  return {
    kind: versionKinds.eventsV1,
    shape: shapeOf(versionKinds.eventsV1),
    columns: columnsThrough(toCore, columns),
    fieldNames: Object.keys(fields),
    fieldValue: (event: EventsV1Event, field) => fields[field]?.(event) ?? '',
    fromStored: fromCore,
    toStored: toCore,
    validateNew,
  };
}

/** A core/v1 event in events.k8s.io/v1. */
export function fromCore(event: KubeObject): EventsV1Event {
  const {
    involvedObject: regarding,
    message: note,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    reportingComponent: reportingController,
    eventTime,
    ...same
  } = event as Event;
  return {
    ...same,
    apiVersion: 'events.k8s.io/v1',
    // The version's schema has no event without one; Kubernetes answers null where nobody said it.
    ...given({ regarding, note, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp }),
    ...given({ deprecatedCount, reportingController, eventTime }),
  } as EventsV1Event;
}

/** An events.k8s.io/v1 event in core/v1. */
export function toCore(event: KubeObject): Event {
  const {
    regarding: involvedObject,
    note: message,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
    reportingController: reportingComponent,
    ...same
  } = event as EventsV1Event;
  return {
    ...same,
    apiVersion: 'v1',
    ...given({ involvedObject, message, source, firstTimestamp, lastTimestamp, count, reportingComponent }),
  } as Event;
}

/** As Kubernetes' `ValidateEventCreate` for this version, which is stricter than core/v1 ever was. */
function validateNew(object: KubeObject, errors: FieldErrors): void {
  const event = object as EventsV1Event;
  if (!event.eventTime) errors.required('eventTime');
  if (!event.reportingController) errors.required('reportingController');
  else errors.invalidFor('reportingController', event.reportingController, isQualifiedName(event.reportingController));
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const value = event[field] ?? '';
    if (value === '') errors.required(field);
    else if (value.length > longest) errors.invalid(field, '', `can have at most ${longest} characters`);
  }
  if ((event.note ?? '').length > longestNote) {
    errors.invalid('note', '', `can have at most ${longestNote} characters`);
  }
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.invalid('type', '', `has invalid value: ${event.type ?? ''}`);
  }
  if (event.deprecatedFirstTimestamp) errors.invalid('deprecatedFirstTimestamp', '', 'needs to be unset');
  if (event.deprecatedLastTimestamp) errors.invalid('deprecatedLastTimestamp', '', 'needs to be unset');
  if (event.deprecatedCount) errors.invalid('deprecatedCount', '', 'needs to be unset');
  if (event.deprecatedSource && Object.keys(event.deprecatedSource).length > 0) {
    errors.invalid('deprecatedSource', '', 'needs to be unset');
  }
  if (event.series) {
    if ((event.series.count ?? 0) < 2) errors.invalid('series.count', '', 'should be at least 2');
    if (!event.series.lastObservedTime) errors.required('series.lastObservedTime');
  }
}

/** The fields that have a value. */
function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
