import test from 'ava';
import {
  alreadyExists,
  conflict,
  invalid,
  isConflict,
  isNotFound,
  modifiedMessage,
  notFound,
  tooManyRequests,
} from '../../../master/api/errors.ts';
import { kinds } from '../../../master/api/kinds.ts';

test('messages, reasons and codes are Kubernetes’ own', (t) => {
  t.is(notFound(kinds.pods, 'a').message, 'pods "a" not found');
  t.is(notFound(kinds.leases, 'a').message, 'leases.coordination.k8s.io "a" not found');
  t.is(alreadyExists(kinds.pods, 'a').code, 409);
  t.is(
    conflict(kinds.pods, 'a', modifiedMessage).message,
    'Operation cannot be fulfilled on pods "a": the object has been modified; please apply your changes to the latest version and try again',
  );
});

test('an invalid object’s causes name the fields', (t) => {
  const one = { reason: 'FieldValueRequired', field: 'spec.containers', message: 'Required value' } as const;
  const two = { reason: 'FieldValueInvalid', field: 'spec.x', message: 'Invalid value: 1: no' } as const;
  t.is(invalid(kinds.pods, 'a', [one]).message, 'Pod "a" is invalid: spec.containers: Required value');
  const error = invalid(kinds.pods, 'a', [one, two]);
  t.is(error.message, 'Pod "a" is invalid: [spec.containers: Required value, spec.x: Invalid value: 1: no]');
  t.is(error.status.details?.causes?.length, 2);
});

test('predicates tell reasons apart, and only patience is retryable', (t) => {
  t.true(isNotFound(notFound(kinds.pods, 'a')));
  t.false(isConflict(alreadyExists(kinds.pods, 'a')));
  t.true(tooManyRequests('busy', 1).retryable);
  t.false(notFound(kinds.pods, 'a').retryable);
});
