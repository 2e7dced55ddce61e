import { type StatusError, statusError } from '../../../api/errors.ts';

/** 415: the kind takes no strategic merge patches. */
export const noStrategicMerge = (): StatusError =>
  statusError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  );
